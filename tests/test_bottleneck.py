"""The claims of docs/articles/bottleneck.md, checked on snippets/bottleneck.py."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.stats
import torch
from einops import rearrange
from sklearn.metrics import mutual_info_score
from torch import Tensor, distributions, nn
from torch.testing import assert_close

from snippets.bottleneck import (
    VIB,
    aggregate_moments,
    circle_path,
    draw_code,
    dual_update,
    gaussian_rate,
    information_bottleneck,
    mutual_information,
    threshold_penalties,
)

pytestmark = pytest.mark.usefixtures("reproducible")  # one seed, float64

D, K, C = 6, 3, 4


def far_from_start(module: Any, std: float = 0.5) -> Any:
    """Draw every parameter anew, so that no law below holds by accident."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=std)
    return module


def network(**options: Any) -> Any:
    return far_from_start(VIB(D, K, C, **{"hidden": (8, 5), **options}))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def kl(p: np.ndarray, q: np.ndarray) -> float:
    return float(scipy.stats.entropy(p.ravel(), q.ravel()))


def random_joint(rows: int = 5, columns: int = 4) -> Tensor:
    joint = torch.rand(rows, columns) ** 3
    return joint / joint.sum()


def clouds(count: int = 400) -> tuple[Tensor, Tensor]:
    """Four classes at the corners of a square, in the plane, with a little overlap."""
    y = torch.arange(count) % 4
    corners = torch.tensor([[2.0, 2.0], [-2.0, 2.0], [-2.0, -2.0], [2.0, -2.0]])
    return corners[y] + 0.7 * torch.randn(count, 2), y


def trained(beta: float, steps: int = 500, **dual: float) -> Any:
    """A small VIB on the four clouds; with `target` and `step`, beta follows the dual update."""
    torch.manual_seed(1)
    x, y = clouds()
    model = VIB(2, 2, 4, hidden=(32,))
    adam = torch.optim.Adam(model.parameters(), 0.02)
    fade = torch.optim.lr_scheduler.LinearLR(adam, 1.0, 0.05, steps)
    trace = []
    for _ in range(steps):
        loss = model.loss(x, y, beta=beta)
        adam.zero_grad()
        loss.total.backward()
        adam.step()
        fade.step()
        if dual:
            beta = dual_update(beta, loss.rate.item(), target=dual["target"], step=dual["step"])
        trace.append((loss.rate.item(), beta))
    return model, x, y, trace


# The code and its price


def test_rate_is_the_divergence_that_torch_computes() -> None:
    """bottleneck:rate, against torch.distributions, far from and close to the prior."""
    for scale in (1e-4, 1.0, 5.0):
        mean, log_var = scale * torch.randn(2, 7, K), scale * torch.randn(2, 7, K)
        posterior = distributions.Normal(mean, (log_var / 2).exp())
        expected = distributions.kl_divergence(posterior, distributions.Normal(0.0, 1.0)).sum(-1)
        assert_close(gaussian_rate(mean, log_var), expected, rtol=1e-7, atol=1e-15)


def test_rate_keeps_its_digits_close_to_the_prior() -> None:
    """bottleneck:rate in float32, where exp(v) - 1 - v rounds: v^2 / 4 + v^3 / 12, by series."""
    for size in (1e-2, -1e-3, 1e-3):
        log_var = torch.tensor([size], dtype=torch.float32)
        found = gaussian_rate(torch.zeros_like(log_var), log_var).item()
        assert found == pytest.approx(size**2 / 4 + size**3 / 12, rel=1e-3)


def test_rate_of_128_dimensions_with_mean_one_is_64() -> None:
    """bottleneck:rate, claim 9 of the layer: half a nat a dimension, none at the prior."""
    ones, zeros = torch.ones(128), torch.zeros(128)
    assert gaussian_rate(ones, zeros) == 64
    assert gaussian_rate(zeros, zeros) == 0
    assert gaussian_rate(zeros.float(), zeros.float()).dtype == torch.float32


def test_sampled_codes_have_the_moments_of_the_posterior() -> None:
    """bottleneck:sample, by Kolmogorov and Smirnov's test in each dimension."""
    mean, log_var = 3 * torch.randn(K), 2 * torch.randn(K)
    z = draw_code(mean.expand(20_000, K), log_var.expand(20_000, K), generator=seeded())
    for column, centre, spread in zip(z.T, mean, (log_var / 2).exp(), strict=True):
        fitted = scipy.stats.norm(centre.item(), spread.item())
        assert scipy.stats.kstest(column.numpy(), fitted.cdf).pvalue > 1e-3
    again = draw_code(mean.expand(20_000, K), log_var.expand(20_000, K), generator=seeded())
    assert torch.equal(z, again)


def test_same_generator_gives_same_noise_in_any_layout() -> None:
    """bottleneck:sample: memory may hold rows or columns first, or one row for all."""
    mean, log_var = torch.randn(7, K), torch.randn(7, K)
    z = draw_code(mean, log_var, generator=seeded())
    columns_first = (part.T.contiguous().T for part in (mean, log_var))
    assert torch.equal(draw_code(*columns_first, generator=seeded()), z)
    row = mean[0].expand(7, K)
    by_row = draw_code(row, row, generator=seeded())
    assert torch.equal(by_row, draw_code(row.clone(), row.clone(), generator=seeded()))


def test_sampled_codes_pass_gradients_to_mean_and_width() -> None:
    """bottleneck:sample: dz/dmean is 1, dz/dlog_var is half of z - mean, for the same noise."""
    mean, log_var = torch.randn(9, K, requires_grad=True), torch.randn(9, K, requires_grad=True)
    z = draw_code(mean, log_var)
    by_mean, by_log_var = torch.autograd.grad(z.sum(), (mean, log_var))
    assert_close(by_mean, torch.ones(9, K))
    assert_close(by_log_var, (z - mean).detach() / 2)


def in_numpy(model: Any, x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The encoder, written out."""
    h = x.numpy()
    for layer in model.trunk:
        if isinstance(layer, nn.Linear):
            weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
            h = np.maximum(h @ weight.T + bias, 0)
    code = h @ model.code.weight.detach().numpy().T + model.code.bias.detach().numpy()
    return code[..., :K], code[..., K:]


@pytest.mark.parametrize("shape", [(50,), (1,), (2, 5)])
def test_loss_is_cross_entropy_plus_beta_times_rate(shape: tuple[int, ...]) -> None:
    """bottleneck:vib, in NumPy and SciPy from the same noise; sums over K, means over samples."""
    model, x = network(), torch.randn(*shape, D)
    y = torch.randint(C, shape)
    mean, log_var = in_numpy(model, x)
    noise = torch.empty(*shape, K).normal_(generator=seeded(3)).numpy()
    z = mean + np.exp(log_var / 2) * noise
    head = model.classifier
    logits = z @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    log_q = logits - scipy.special.logsumexp(logits, -1, keepdims=True)
    error = -np.take_along_axis(log_q, y.numpy()[..., None], -1).mean()
    rate = (mean**2 + np.exp(log_var) - 1 - log_var).sum(-1).mean() / 2
    loss = model.loss(x, y, beta=0.3, generator=seeded(3))
    np.testing.assert_allclose(loss.cross_entropy.item(), error)
    np.testing.assert_allclose(loss.rate.item(), rate)
    np.testing.assert_allclose(loss.total.item(), error + 0.3 * rate)
    assert model.loss(x, y, beta=0, generator=seeded(3)).total.item() == pytest.approx(error)


def test_loss_takes_any_integer_labels_and_layouts() -> None:
    """bottleneck:vib: uint8 labels, strided x, float32 and float64, gradients for all weights."""
    for dtype in (torch.float32, torch.float64):
        model = network().to(dtype)
        x = torch.randn(D, 40, dtype=dtype).T.requires_grad_()
        y = torch.randint(C, (40,))
        loss = model.loss(x, y, beta=1, generator=seeded())
        small = model.loss(x, y.to(torch.uint8), beta=1.0, generator=seeded())
        assert loss.total == small.total
        assert {part.dtype for part in loss} == {dtype}
        loss.total.backward()
        assert x.grad is not None
        assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_network_is_the_papers_by_default() -> None:
    """bottleneck:vib at the size of the paper: 1024-1024-2K with ReLUs, a linear classifier."""
    model: Any = VIB(784, 256, 10)
    widths = [(layer.in_features, layer.out_features) for layer in model.trunk[::2]]
    assert widths == [(784, 1024), (1024, 1024)]
    assert (model.code.out_features, model.classifier.in_features) == (512, 256)
    assert [type(layer) for layer in model.trunk] == [nn.Linear, nn.ReLU] * 2
    plain = VIB(3, 2, 4, hidden=())
    assert plain(torch.randn(5, 3)).shape == (5, 4)


def test_forward_is_one_linear_map_of_the_last_hidden_layer() -> None:
    """bottleneck:one-linear-map, claim 10: the product of the two matrices, in NumPy."""
    model, x = network(), torch.randn(20, D)
    first, last = model.code, model.classifier
    a, b = first.weight.detach().numpy()[:K], first.bias.detach().numpy()[:K]
    c, d = last.weight.detach().numpy(), last.bias.detach().numpy()
    h = model.trunk(x).detach().numpy()
    expected = h @ (c @ a).T + (c @ b + d)
    assert np.abs(model(x).detach().numpy() - expected).max() < 1e-12
    mean, _ = model.encode(x)
    assert torch.equal(model(x), model.classifier(mean))  # claim 9: no noise at test time


def test_averaging_draws_costs_less_than_one_draw() -> None:
    """bottleneck:draws, by Jensen, sample by sample and on average; the gap is there."""
    model, x, y = network(), torch.randn(200, D), torch.randint(C, (200,))
    z = torch.stack([draw_code(*model.encode(x)) for _ in range(12)])
    q = model.classifier(z).softmax(-1)
    right = q[:, torch.arange(200), y]
    one, averaged = -right.log().mean(0), -right.mean(0).log()
    assert (averaged <= one + 1e-12).all()
    assert averaged.mean() < one.mean() - 0.1


# Two bounds


def test_objective_with_its_own_input_as_label_is_that_of_a_vae() -> None:
    """bottleneck:vae, claim 1: a linear-Gaussian pair, both sides in closed form, H(x) between."""
    a, s, c, r, t = 0.8, 0.6, 0.7, 0.5, 1.3  # z = ax + s e, q(x|z) = N(cz, r^2), x ~ N(0, t^2)
    joint = np.array([[t**2, a * t**2], [a * t**2, a**2 * t**2 + s**2]])
    model = np.array([[c**2 + r**2, c], [c, 1.0]])  # z ~ N(0, 1), then x = cz + r e
    p, q = (
        distributions.MultivariateNormal(torch.zeros(2), torch.as_tensor(matrix))
        for matrix in (joint, model)
    )
    whole = distributions.kl_divergence(p, q).item()
    wrong = (1 - c * a) ** 2 * t**2 + c**2 * s**2  # E (x - cz)^2
    reconstruction = math.log(2 * math.pi * r**2) / 2 + wrong / (2 * r**2)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    x = torch.as_tensor(t * nodes)[:, None]
    rates = gaussian_rate(a * x, torch.full_like(x, 2 * math.log(s)))
    rate = (rates.numpy() * weights).sum() / weights.sum()
    entropy = scipy.stats.norm(scale=t).entropy()
    assert abs(whole - (reconstruction + rate - entropy)) < 1e-12


@pytest.mark.parametrize(("a", "s"), [(0.8, 0.6), (0.3, 0.1), (2.0, 1.0)])
def test_rate_exceeds_information_by_the_gap_of_the_aggregate(a: float, s: float) -> None:
    """bottleneck:rate-bound, claim 2: I of a Gaussian channel, torch's KL of p(z) to the prior."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    x = torch.as_tensor(nodes)[:, None]
    rates = gaussian_rate(a * x, torch.full_like(x, 2 * math.log(s)))
    rate = float((rates.numpy() * weights).sum() / weights.sum())
    information = math.log(1 + a**2 / s**2) / 2
    aggregate = distributions.Normal(0.0, math.hypot(a, s))
    gap = distributions.kl_divergence(aggregate, distributions.Normal(0.0, 1.0)).item()
    assert abs(rate - information - gap) < 1e-12
    assert (gap < 1e-12) == math.isclose(a**2 + s**2, 1)  # tight where p(z) is the prior


def test_cross_entropy_bounds_relevance_from_below() -> None:
    """bottleneck:relevance-bound, on random discrete tables: the gap is a KL from SciPy."""
    joint = random_joint().numpy()
    encoder, classifier = np.random.default_rng(0).dirichlet(np.ones(4), size=(2, 5))[:, :4]
    encoder = np.random.default_rng(1).dirichlet(np.ones(3), size=5)
    classifier = np.random.default_rng(2).dirichlet(np.ones(4), size=3)
    zy = encoder.T @ joint
    error = -(zy * np.log(classifier)).sum()
    relevance = mutual_information(torch.as_tensor(zy)).item()
    gap = sum(zy[k].sum() * kl(zy[k], classifier[k]) for k in range(3))
    assert gap > 0.01
    assert abs(relevance - gap - (scipy.stats.entropy(joint.sum(0)) - error)) < 1e-12


def test_aggregate_moments_are_those_of_samples() -> None:
    """bottleneck:aggregate, against NumPy's covariance of a million codes."""
    mean, log_var = torch.randn(40, K) + 1, torch.randn(40, K)
    z = draw_code(mean.repeat(25_000, 1), log_var.repeat(25_000, 1), generator=seeded()).numpy()
    centre, covariance = aggregate_moments(mean, log_var)
    np.testing.assert_allclose(centre.numpy(), z.mean(0), atol=0.01)
    np.testing.assert_allclose(covariance.numpy(), np.cov(z.T), atol=0.03)
    assert aggregate_moments(mean[:1], log_var[:1])[1].equal(log_var[0].exp().diag())


def test_best_stretch_of_a_code_leaves_second_moments_of_one() -> None:
    """bottleneck:unit-moment, by Nelder and Mead; the classifier undoes the stretch for free."""
    model, x = network(), torch.randn(60, D)
    mean, log_var = (part.detach() for part in model.encode(x))

    def rate(stretch: np.ndarray) -> float:
        s = torch.as_tensor(stretch)
        return gaussian_rate(s.exp() * mean, log_var + 2 * s).mean().item()

    how = {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 9000, "maxfev": 9000}
    best = scipy.optimize.minimize(rate, np.zeros(K), method="Nelder-Mead", options=how)
    s = torch.as_tensor(best.x)
    centre, covariance = aggregate_moments(s.exp() * mean, log_var + 2 * s)
    assert_close(centre.square() + covariance.diagonal(), torch.ones(K), atol=1e-5, rtol=0)
    before = model.classifier(draw_code(mean, log_var, generator=seeded()))
    with torch.no_grad():
        model.classifier.weight /= s.exp()
    after = model.classifier(draw_code(s.exp() * mean, log_var + 2 * s, generator=seeded()))
    assert_close(before, after)


def test_rotation_leaves_the_rate_and_the_diagonal_cut_lowers_it() -> None:
    """bottleneck:rotation, bottleneck:axes, claim 11: full covariances in torch.distributions."""
    mean, log_var = torch.randn(K), torch.randn(K)
    turn = torch.linalg.qr(torch.randn(K, K)).Q
    covariance = turn @ log_var.exp().diag() @ turn.T
    prior = distributions.MultivariateNormal(torch.zeros(K), torch.eye(K))
    turned = distributions.MultivariateNormal(turn @ mean, covariance)
    rate = gaussian_rate(mean, log_var)
    assert_close(distributions.kl_divergence(turned, prior), rate)
    cut = gaussian_rate(turn @ mean, covariance.diagonal().log())
    _, log_det = np.linalg.slogdet(covariance.numpy())
    difference = np.log(np.diag(covariance.numpy())).sum() / 2 - log_det / 2
    assert difference > 0.1
    assert_close((rate - cut).item(), difference)


# Collapse, and what training finds


def test_no_network_beats_the_bound_by_data_processing() -> None:
    """bottleneck:collapse, bottleneck:floor: networks drawn anew, labels that depend on x."""
    x = torch.randn(20_000, D)
    for std in (0.05, 0.3, 1.0):
        model = far_from_start(VIB(D, K, C, hidden=(8,)), std)
        y = model(x).argmax(1) if std > 0.1 else torch.randint(C, (len(x),))
        entropy = float(scipy.stats.entropy(np.bincount(y.numpy(), minlength=C)))
        for beta in (0.3, 1.0, 2.0):
            loss = model.loss(x, y, beta=beta)
            assert loss.cross_entropy >= entropy - loss.rate - 0.02
            assert loss.total >= entropy + (beta - 1) * loss.rate - 0.02
            assert loss.total >= min(1, beta) * entropy - 0.02


@pytest.mark.parametrize("beta", [0.1, 0.5, 0.9, 1.0, 1.5, 4.0])
def test_floor_is_reached_when_x_decides_y(beta: float) -> None:
    """bottleneck:floor, bottleneck:collapse: the discrete solution on labels without noise."""
    joint = torch.block_diag(*torch.rand(3, 4).unbind())[:, None].reshape(3, 12).T
    joint = joint / joint.sum()
    entropy = float(scipy.stats.entropy(joint.sum(0).numpy()))
    starts = [
        information_bottleneck(joint, beta=1 / beta, clusters=4, generator=seeded(k))
        for k in range(10)
    ]
    best = min((entropy - each.relevance + beta * each.rate).item() for each in starts)
    assert abs(best - min(1, beta) * entropy) < (1e-3 if beta == 1 else 1e-6)
    if beta > 1:
        assert all(each.rate < 1e-9 for each in starts)


def test_rate_falls_with_beta_and_collapses_at_one() -> None:
    """bottleneck:collapse, claims 3, 4 and 5: four clouds, a 2-d code, seven weights."""
    rates, mean_errors, sampled_errors, moments = {}, {}, {}, {}
    for beta in (1e-3, 1e-2, 0.1, 0.3, 0.6, 1.0, 2.0):
        model, x, y, _ = trained(beta)
        with torch.no_grad():
            mean, log_var = model.encode(x)
            losses = [model.loss(x, y, beta=beta) for _ in range(30)]
            z = draw_code(mean.repeat(30, 1), log_var.repeat(30, 1))
            mean_errors[beta] = (model(x).argmax(1) != y).double().mean().item()
            wrong = model.classifier(z).argmax(1) != y.repeat(30)
            sampled_errors[beta] = wrong.double().mean().item()
        rates[beta] = losses[0].rate.item()
        error = sum(each.cross_entropy.item() for each in losses) / 30
        assert error >= math.log(4) - rates[beta] - 0.02  # bottleneck:relevance-bound
        if beta >= 1:
            assert rates[beta] < 0.01
            assert abs(error - math.log(4)) < 0.01
        _, moments[beta] = aggregate_moments(mean, log_var)
    # bottleneck:unit-moment: a strong weight gets there soon, a weak one does not.
    assert all((moments[beta].diagonal() - 1).abs().max() < 0.1 for beta in (0.6, 1.0, 2.0))
    assert moments[1e-3].diagonal().min() > 3
    assert all(rates[a] > rates[b] for a, b in itertools.pairwise(list(rates)[:6]))
    assert max(mean_errors[beta] for beta in (1e-3, 0.1, 0.6)) < 0.02
    assert sampled_errors[0.6] > 0.15
    assert sampled_errors[1e-3] < 0.02


@pytest.mark.parametrize("target", [0.5, 1.0, 2.0])
def test_dual_update_solves_the_constrained_problem(target: float) -> None:
    """bottleneck:dual, on min exp(-2R)/2 + beta R: R = -log(beta)/2, so beta is exp(-2 target)."""
    beta = 0.5
    for _ in range(4000):
        beta = dual_update(beta, max(0.0, -math.log(max(beta, 1e-9)) / 2), target=target, step=0.01)
    assert beta == pytest.approx(math.exp(-2 * target), rel=1e-3)
    assert dual_update(0.1, 0.0, target=5, step=1) == 0
    assert dual_update(0, 3, target=1, step=0.5) == 1.0


@pytest.mark.parametrize("target", [1.0, 2.0, 3.0])
def test_dual_update_brings_a_network_to_its_rate(target: float) -> None:
    """bottleneck:dual, claim 12: the rate of a trained VIB, within a hundredth."""
    *_, trace = trained(0.3, steps=700, target=target, step=0.01)
    rate = sum(rate for rate, _ in trace[-100:]) / 100
    assert rate == pytest.approx(target, rel=0.01)
    assert 0 < trace[-1][1] < 1


def test_threshold_inside_the_expectation_is_another_penalty() -> None:
    """bottleneck:threshold, claim 6: a Gaussian pair of rho = .8, by Gauss-Hermite quadrature."""
    rho, threshold = 0.8, 0.5
    nodes, weights = np.polynomial.hermite_e.hermegauss(300)
    weights = weights / weights.sum()
    x = nodes[:, None]
    z = rho * x + math.sqrt(1 - rho**2) * nodes[None]
    log_ratio = scipy.stats.norm.logpdf(z, rho * x, math.sqrt(1 - rho**2))
    log_ratio = log_ratio - scipy.stats.norm.logpdf(z)
    mass = weights[:, None] * weights[None]
    information = -math.log(1 - rho**2) / 2
    assert (mass * log_ratio).sum() == pytest.approx(information, abs=1e-9)
    expected = (mass * np.maximum(log_ratio - threshold, 0)).sum()
    index = np.random.default_rng(0).choice(mass.size, 400_000, p=mass.ravel())
    inside, outside = threshold_penalties(
        torch.as_tensor(log_ratio.ravel()[index]), threshold=threshold
    )
    assert inside.item() == pytest.approx(expected, abs=3e-3)
    assert expected == pytest.approx(0.260, abs=3e-3)
    assert outside.item() == pytest.approx(information - threshold, abs=3e-3)
    none, zero = threshold_penalties(torch.as_tensor(log_ratio.ravel()[index]), threshold=1)
    assert none > 0.1
    assert zero == 0


# The discrete bottleneck


def test_information_is_what_scikit_learn_counts() -> None:
    """bottleneck:information, from a table of counts with empty cells, rows and columns."""
    counts = torch.randint(4, (6, 5))
    counts[2], counts[:, 1] = 0, 0
    expected: Any = mutual_info_score(None, None, contingency=counts.numpy())
    for dtype in (torch.float32, torch.float64):
        joint = counts.to(dtype) / counts.sum()
        found = mutual_information(joint)
        assert found.dtype == dtype
        assert found.item() == pytest.approx(expected, abs=1e-6)
    independent = torch.outer(random_joint().sum(1), random_joint().sum(0))
    assert 0 <= mutual_information(independent) < 1e-14


def information_of(table: np.ndarray) -> float:
    """Mutual information as a difference of SciPy's entropies."""
    rows, columns = (scipy.stats.entropy(table.sum(axis)) for axis in (0, 1))
    return float(rows + columns - scipy.stats.entropy(table.ravel()))


def lagrangian(encoder: np.ndarray, joint: np.ndarray, beta: float) -> float:
    """The functional in NumPy."""
    rate = information_of(joint.sum(1)[:, None] * encoder)
    return rate - beta * information_of(encoder.T @ joint)


@pytest.mark.parametrize("beta", [1.5, 3.0, 8.0])
def test_solution_is_what_a_numerical_optimiser_finds(beta: float) -> None:
    """bottleneck:lagrangian, by BFGS on the logits of the encoder: best of starts, both."""
    joint = random_joint(4, 3).numpy()

    def objective(logits: np.ndarray) -> float:
        encoder = scipy.special.softmax(logits.reshape(4, 3), 1)
        return lagrangian(encoder, joint, beta)

    draws = np.random.default_rng(0).normal(size=(4, 12), scale=2)
    theirs = min(scipy.optimize.minimize(objective, start).fun for start in draws)
    ours = []
    for seed in range(10):
        found = information_bottleneck(
            torch.as_tensor(joint), beta=beta, clusters=3, generator=seeded(seed)
        )
        value = lagrangian(found.encoder.numpy(), joint, beta)
        assert (found.rate - beta * found.relevance).item() == pytest.approx(value, abs=1e-12)
        assert_close(found.encoder.sum(1), torch.ones(4))
        ours.append(value)
    assert min(ours) <= theirs + 1e-6


def test_solution_obeys_its_own_equations() -> None:
    """bottleneck:self-consistent, with SciPy's KL; each round lowers bottleneck:lagrangian."""
    joint = random_joint(6, 4)
    found = information_bottleneck(
        joint, beta=6, clusters=4, iterations=20_000, generator=seeded(1)
    )
    encoder, p = found.encoder.numpy(), joint.numpy()
    p_x, zy = p.sum(1), encoder.T @ p
    exponent = np.array([[-6 * kl(row, column) for column in zy] for row in p])
    expected = scipy.special.softmax(np.log(p_x @ encoder) + exponent, 1)
    np.testing.assert_allclose(encoder, expected, atol=1e-9)
    values = [
        lagrangian(
            information_bottleneck(
                joint, beta=6, clusters=4, iterations=k, generator=seeded(1)
            ).encoder.numpy(),
            p,
            6,
        )
        for k in range(1, 40)
    ]
    assert all(after <= before + 1e-12 for before, after in itertools.pairwise(values))
    assert values[0] - values[-1] > 0.05


def test_more_weight_on_relevance_buys_more_of_both() -> None:
    """bottleneck:lagrangian: no code up to beta = 1, then along the curve up to I(x; y)."""
    joint = random_joint(6, 4)
    whole = mutual_information(joint).item()
    last = 0.0
    for beta in (0, 0.5, 1, 2, 5, 20, 1e3):
        starts = [
            information_bottleneck(joint, beta=beta, clusters=6, generator=seeded(k))
            for k in range(8)
        ]
        best = min(starts, key=lambda each: (each.rate - beta * each.relevance).item())
        assert 0 <= best.relevance <= best.rate + 1e-12  # data processing
        assert best.relevance <= whole + 1e-12
        assert best.relevance >= last - 1e-6
        last = best.relevance.item()
        if beta <= 1:
            assert best.rate < 1e-6
    assert last == pytest.approx(whole, abs=1e-6)


def test_inputs_that_predict_alike_share_a_code() -> None:
    """bottleneck:self-consistent at a large beta: six inputs, three kinds, a code for each kind."""
    kinds = torch.tensor([[0.9, 0.1, 0.0], [0.0, 0.8, 0.2], [0.1, 0.0, 0.9]])
    joint = kinds.repeat(2, 1) / 6
    best = max(
        (
            information_bottleneck(joint, beta=200, clusters=3, generator=seeded(k))
            for k in range(9)
        ),
        key=lambda each: each.relevance.item(),
    )
    assert_close(best.encoder[:3], best.encoder[3:])
    assert_close(best.rate.item(), math.log(3))
    assert_close(best.relevance, mutual_information(joint))


@pytest.mark.parametrize("beta", [0, 0.5, 7, 1e3])
@pytest.mark.parametrize("clusters", [1, 2, 9])
def test_solution_stands_zeros_and_extremes(beta: float, clusters: int) -> None:
    """bottleneck:self-consistent: empty cells, an input without mass, masses of 1e-200."""
    joint = random_joint()
    joint[0, 1:], joint[1], joint[2] = 0, 0, 1e-200
    joint = joint / joint.sum()
    for dtype in (torch.float32, torch.float64):
        given = joint.to(dtype)
        found = information_bottleneck(
            given, beta=beta, clusters=clusters, iterations=50, generator=seeded()
        )
        assert {part.dtype for part in found} == {dtype}
        assert found.encoder.shape == (5, clusters)
        assert torch.isfinite(found.encoder).all()
        assert_close(found.encoder.sum(1), torch.ones(5, dtype=dtype))
        p = given.double() / given.double().sum()
        zy = found.encoder.double().T @ p
        assert found.relevance.item() == pytest.approx(information_of(zy.numpy()), abs=1e-6)
        if clusters == 1 or beta == 0:
            assert found.rate < 1e-6


def test_solution_stands_the_largest_weight_there_is() -> None:
    """bottleneck:self-consistent: beta times a divergence of ln 10 would overflow."""
    flat = torch.full((10, 10), 0.01)
    for clusters, rest in itertools.product((1, 4, 30), (torch.eye(10) / 10, flat)):
        joint = torch.cat([torch.eye(10) / 10, rest]) / 2
        found = information_bottleneck(joint, beta=1.7e308, clusters=clusters, generator=seeded())
        assert_close(found.encoder.sum(1), torch.ones(20))
        assert 0 <= found.relevance <= found.rate + 1e-12


def test_a_joint_that_sums_to_one_within_rounding_is_brought_to_one() -> None:
    """bottleneck:information of the solution, from a joint that is 8e-6 too heavy."""
    joint = random_joint()
    exact, heavy = (
        information_bottleneck(each, beta=8, clusters=3, generator=seeded())
        for each in (joint, joint * (1 + 8e-6))
    )
    assert exact.rate > 0.1
    for one, other in zip(exact, heavy, strict=True):
        assert_close(one, other, atol=1e-9, rtol=0)


def test_information_has_gradients() -> None:
    """bottleneck:information, by gradcheck on tables that are brought to sum 1."""
    weights = random_joint().add(0.01).requires_grad_()
    assert torch.autograd.gradcheck(lambda w: mutual_information(w / w.sum()), weights)


def test_clusters_that_die_on_the_way_leave_no_trace() -> None:
    """bottleneck:self-consistent: some inputs empty clusters at once, others keep iterating."""
    joint = torch.block_diag(torch.tensor([[0.49, 0.51], [0.51, 0.49]]) / 20, 0.15 * torch.eye(6))
    for seed in range(6):
        found = information_bottleneck(joint, beta=1e3, clusters=12, generator=seeded(seed))
        assert_close(found.encoder.sum(1), torch.ones(8))
        used = found.encoder.sum(0) > 0
        assert 4 <= used.sum() < 12
        smaller = mutual_information(found.encoder[:, used].T @ joint)
        assert_close(found.relevance, smaller)


def test_without_weight_no_start_is_too_hard(monkeypatch: pytest.MonkeyPatch) -> None:
    """bottleneck:self-consistent at 0, from clusters that rule labels out: 0 times infinity."""
    hard = torch.eye(4)
    monkeypatch.setattr("snippets.bottleneck._random_start", lambda *_: hard.clone())
    found = information_bottleneck(torch.eye(4) / 4, beta=0, clusters=4)
    assert_close(found.encoder, torch.full((4, 4), 0.25))
    assert found.rate == 0


def test_solution_depends_on_its_generator_alone() -> None:
    """bottleneck:self-consistent from one start: same seed, same fixed point; no gradients."""
    joint = random_joint().requires_grad_()
    first, again, other = (
        information_bottleneck(joint, beta=4, clusters=3, iterations=9, generator=seeded(seed))
        for seed in (5, 5, 6)
    )
    assert torch.equal(first.encoder, again.encoder)
    assert not torch.equal(first.encoder, other.encoder)
    encoder, p = other.encoder.numpy(), joint.detach().numpy()  # long before convergence
    assert other.rate.item() == pytest.approx(information_of(p.sum(1)[:, None] * encoder))
    assert other.relevance.item() == pytest.approx(information_of(encoder.T @ p))
    assert not first.encoder.requires_grad


# Between two codes


def test_circle_keeps_the_normal_and_the_line_shrinks_it() -> None:
    """bottleneck:circle, bottleneck:line, claim 7: 256 dimensions, tests of SciPy."""
    a, b = torch.randn(2, 4000, 256).unbind()
    for t in (0.0, 0.25, 0.5, 0.8, 1.0):
        on_circle, on_line = circle_path(a, b, t), torch.lerp(a, b, t)
        expected = math.cos(math.pi * t / 2) * a + math.sin(math.pi * t / 2) * b
        assert_close(on_circle, expected, rtol=1e-12, atol=1e-13)
        variance = (1 - t) ** 2 + t**2
        assert on_line.var().item() == pytest.approx(variance, rel=0.01)
        assert on_circle.var().item() == pytest.approx(1, rel=0.01)
        assert on_circle.norm(dim=1).mean().item() == pytest.approx(15.98, abs=0.05)
    assert on_line.norm(dim=1).mean().item() == pytest.approx(15.98, abs=0.05)
    middle = torch.lerp(a, b, 0.5)
    assert middle.norm(dim=1).mean().item() == pytest.approx(11.3, abs=0.1)
    sample = circle_path(a, b, 0.3).flatten()[:20_000].numpy()
    assert scipy.stats.kstest(sample, scipy.stats.norm.cdf).pvalue > 1e-3


def test_circle_has_exact_ends_and_takes_one_t_for_a_code() -> None:
    """bottleneck:circle: a column of t, a strided a, single precision, gradients."""
    a, b = torch.randn(K, 5).T, torch.randn(5, K)
    assert torch.equal(circle_path(a, b, 0), a)
    assert torch.equal(circle_path(a, b, 1), b)
    t = torch.rand(5, 1)
    rows = [circle_path(a[k], b[k], t[k].item()) for k in range(5)]
    assert_close(circle_path(a, b, t), torch.stack(rows))
    steps = rearrange(torch.linspace(0, 1, 4), "steps -> steps 1 1")
    assert circle_path(a, b, steps).shape == (4, 5, K)
    assert circle_path(a.float(), b.float(), t).dtype == torch.float32
    start = a.clone().requires_grad_()
    (slope,) = torch.autograd.grad(circle_path(start, b, 0.5).sum(), start)
    assert_close(slope, torch.full((5, K), math.sqrt(0.5)))


def test_average_of_uniform_codes_is_a_triangle() -> None:
    """bottleneck:line, claim 8, another prior: variance 1/6, excess kurtosis -.6, by SciPy."""
    a, b = np.random.default_rng(0).uniform(-1, 1, (2, 1_000_000))
    assert ((a + b) / 2).var() == pytest.approx(1 / 6, abs=1e-3)
    assert scipy.stats.kurtosis((a + b) / 2) == pytest.approx(-0.6, abs=0.01)
    triangle = scipy.stats.triang(0.5, -1, 2)
    assert scipy.stats.kstest((a[:9000] + b[:9000]) / 2, triangle.cdf).pvalue > 1e-3


def test_uncorrelated_is_not_independent() -> None:
    """bottleneck:aggregate sees second moments only, claim 13: y = x^2 - 1 looks unrelated to x."""
    x = torch.randn(200_000)
    z = torch.stack([x, x.square() - 1], 1)
    _, covariance = aggregate_moments(z, torch.full_like(z, -40.0))
    correlation = covariance[0, 1] / covariance.diagonal().prod().sqrt()
    assert correlation.abs() < 7 / math.sqrt(len(x))
    assert np.corrcoef(z.T.numpy())[0, 1] == pytest.approx(correlation.item(), abs=1e-9)
    edges = torch.linspace(-3, 3, 13)
    table = torch.zeros(14, 14)
    cells = torch.bucketize(z.contiguous(), edges)
    table.index_put_((cells[:, 0], cells[:, 1]), torch.tensor(1.0 / len(x)), accumulate=True)
    assert mutual_information(table) > 0.5


REFUSALS: dict[str, tuple[Any, str]] = {
    "log_var of another shape": (
        lambda: gaussian_rate(torch.zeros(4, 3), torch.zeros(3)),
        r"shape of log_var must be \(4, 3\), got \(3,\)",
    ),
    "draws of another shape": (
        lambda: draw_code(torch.zeros(4, 3), torch.zeros(4, 1)),
        r"shape of log_var must be \(4, 3\), got \(4, 1\)",
    ),
    "moments of one code": (
        lambda: aggregate_moments(torch.zeros(3), torch.zeros(3)),
        "rank of mean must be 2, got 1",
    ),
    "moments of nothing": (
        lambda: aggregate_moments(torch.zeros(0, 3), torch.zeros(0, 3)),
        "length of mean must be at least 1, got 0",
    ),
    "no features": (lambda: VIB(0, 2, 3), "features must be at least 1, got 0"),
    "no latent": (lambda: VIB(2, 0, 3), "latent must be at least 1, got 0"),
    "no classes": (lambda: VIB(2, 2, -1), "classes must be at least 1, got -1"),
    "an empty layer": (
        lambda: VIB(2, 2, 3, hidden=(4, 0)),
        r"hidden\[1\] must be at least 1, got 0",
    ),
    "half a layer": (
        lambda: VIB(2, 2, 3, hidden=(2.5,)),  # pyright: ignore
        r"hidden\[0\] must be a whole number, got 2.5",
    ),
    "x of another width": (
        lambda: network()(torch.randn(2, 1)),
        r"shape of x must be \(2, 6\), got \(2, 1\)",
    ),
    "a number": (lambda: network()(torch.tensor(1.0)), r"shape of x must be \(6,\), got \(\)"),
    "labels of another length": (
        lambda: network().loss(torch.randn(2, D), torch.tensor([0]), beta=1),
        r"shape of y must be \(2,\), got \(1,\)",
    ),
    "labels in a column": (
        lambda: network().loss(torch.randn(2, D), torch.tensor([[0], [1]]), beta=1),
        r"shape of y must be \(2,\), got \(2, 1\)",
    ),
    "a label too high": (
        lambda: network().loss(torch.randn(2, D), torch.tensor([0, C]), beta=1),
        r"y must be 0 to 3, got \[0, 4\]",
    ),
    "a label to ignore": (
        lambda: network().loss(torch.randn(2, D), torch.tensor([-100, 1]), beta=1),
        r"y must be 0 to 3, got \[-100, 1\]",
    ),
    "an empty batch": (
        lambda: network().loss(torch.randn(0, D), torch.zeros(0, dtype=torch.int64), beta=1),
        "number of samples in x must be at least 1, got 0",
    ),
    "negative beta": (
        lambda: network().loss(torch.randn(1, D), torch.tensor([0]), beta=-0.1),
        "beta must be finite and at least 0, got -0.1",
    ),
    "beta nan": (
        lambda: network().loss(torch.randn(1, D), torch.tensor([0]), beta=math.nan),
        "beta must be finite and at least 0, got nan",
    ),
    "beta inf": (
        lambda: information_bottleneck(random_joint(), beta=math.inf, clusters=2),
        "beta must be finite and at least 0, got inf",
    ),
    "negative beta, discrete": (
        lambda: information_bottleneck(random_joint(), beta=-1, clusters=2),
        "beta must be finite and at least 0, got -1",
    ),
    "no clusters": (
        lambda: information_bottleneck(random_joint(), beta=1, clusters=0),
        "clusters must be at least 1, got 0",
    ),
    "no iterations": (
        lambda: information_bottleneck(random_joint(), beta=1, clusters=2, iterations=0),
        "iterations must be at least 1, got 0",
    ),
    "half a cluster": (
        lambda: information_bottleneck(random_joint(), beta=1, clusters=2.5),  # pyright: ignore
        "clusters must be a whole number, got 2.5",
    ),
    "iterations a truth value": (
        lambda: information_bottleneck(random_joint(), beta=1, clusters=2, iterations=True),
        "iterations must be a whole number, got True",
    ),
    "a joint of three variables": (
        lambda: information_bottleneck(torch.full((2, 2, 2), 0.125), beta=1, clusters=2),
        "rank of joint must be 2, got 3",
    ),
    "a joint without sum 1": (
        lambda: information_bottleneck(torch.full((2, 2), 0.3), beta=1, clusters=2),
        "joint must be non-negative with sum 1, got 1.2",
    ),
    "a negative joint": (
        lambda: mutual_information(torch.tensor([[0.75, -0.25], [0.25, 0.25]])),
        "joint must be non-negative with sum 1, got 1.0",
    ),
    "a joint that is not a number": (
        lambda: mutual_information(torch.tensor([[math.nan, 1.0]])),
        "joint must be non-negative with sum 1, got nan",
    ),
    "an empty joint": (
        lambda: mutual_information(torch.zeros(0, 3)),
        "joint must be non-negative with sum 1, got 0.0",
    ),
    "negative rate": (
        lambda: dual_update(1.0, -1.0, target=1, step=1),
        "rate must be finite and at least 0, got -1.0",
    ),
    "beta below zero": (
        lambda: dual_update(-1.0, 1.0, target=1, step=1),
        "beta must be finite and at least 0, got -1.0",
    ),
    "negative target": (
        lambda: dual_update(1.0, 1.0, target=-1, step=1),
        "target must be finite and at least 0, got -1",
    ),
    "negative step": (
        lambda: dual_update(1.0, 1.0, target=1, step=-1),
        "step must be finite and at least 0, got -1",
    ),
    "negative threshold": (
        lambda: threshold_penalties(torch.zeros(3), threshold=-1),
        "threshold must be finite and at least 0, got -1",
    ),
    "no samples": (
        lambda: threshold_penalties(torch.zeros(0), threshold=1),
        r"shape of pointwise must be \(1,\), got \(0,\)",
    ),
    "samples in a square": (
        lambda: threshold_penalties(torch.zeros(2, 2), threshold=1),
        r"shape of pointwise must be \(4,\), got \(2, 2\)",
    ),
    "ends that would broadcast": (
        lambda: circle_path(torch.zeros(2, 3), torch.zeros(3), 0.5),
        r"shape of b must be \(2, 3\), got \(3,\)",
    ),
    "t above 1": (lambda: circle_path(torch.zeros(3), torch.zeros(3), 1.5), "t must be 0 to 1.*"),
    "t below 0": (
        lambda: circle_path(torch.zeros(3), torch.zeros(3), torch.tensor([[0.5], [-0.1]])),
        "t must be 0 to 1.*",
    ),
    "t nan": (lambda: circle_path(torch.zeros(3), torch.zeros(3), math.nan), "t must be .* nan"),
    "t for features": (
        lambda: circle_path(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(3)),
        r"shape of t must be \(\), or end in 1, got \(3,\)",
    ),
    "t for other codes": (
        lambda: circle_path(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(4, 1)),
        r"shape of t must be \(\), or end in 1, got \(4, 1\)",
    ),
}


@pytest.mark.refusal
@pytest.mark.parametrize("case", REFUSALS)
def test_refuses_bad_input(case: str) -> None:
    call, message = REFUSALS[case]
    with pytest.raises(ValueError, match=f"^{message}$"):
        call()


WRONG_DTYPES: dict[str, tuple[Any, str]] = {
    "whole means": (
        lambda: gaussian_rate(torch.zeros(2, dtype=torch.int64), torch.zeros(2)),
        "mean must be float32 or float64, got torch.int64",
    ),
    "log_var of another precision": (
        lambda: gaussian_rate(torch.zeros(2), torch.zeros(2, dtype=torch.float32)),
        "log_var must be torch.float64, got torch.float32",
    ),
    "single x, double network": (
        lambda: network()(torch.zeros(2, D, dtype=torch.float32)),
        "x must be torch.float64, got torch.float32",
    ),
    "real labels": (
        lambda: network().loss(torch.zeros(1, D), torch.zeros(1), beta=1),
        "y must be integers, got torch.float64",
    ),
    "truth values": (
        lambda: network().loss(torch.zeros(1, D), torch.tensor([True]), beta=1),
        "y must be integers, got torch.bool",
    ),
    "counts for a joint": (
        lambda: mutual_information(torch.ones(1, 1, dtype=torch.int64)),
        "joint must be float32 or float64, got torch.int64",
    ),
    "whole ends": (
        lambda: circle_path(torch.zeros(3).long(), torch.zeros(3), 0.5),
        "a must be float32 or float64, got torch.int64",
    ),
    "half a penalty": (
        lambda: threshold_penalties(torch.zeros(3, dtype=torch.float16), threshold=1),
        "pointwise must be float32 or float64, got torch.float16",
    ),
}


@pytest.mark.refusal
@pytest.mark.parametrize("case", WRONG_DTYPES)
def test_refuses_wrong_dtypes(case: str) -> None:
    call, message = WRONG_DTYPES[case]
    with pytest.raises(TypeError, match=message):
        call()
