"""The claims of docs/articles/infomax.md, checked on snippets/infomax.py."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.special
import scipy.stats
import torch
from scipy.spatial.distance import jensenshannon
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score
from torch import Tensor, distributions, nn
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

from snippets.infomax import (
    Critic,
    DeepInfoMax,
    derangement,
    dv_bound,
    gaussian_mutual_information,
    gaussian_pmi,
    infonce_bound,
    jsd_bound,
    linear_channel,
    nwj_bound,
    prior_losses,
)

pytestmark = pytest.mark.usefixtures("reproducible")  # one seed, float64

LOG_2 = math.log(2)
NORMAL: Any = scipy.stats.multivariate_normal
BOUNDS = [dv_bound, nwj_bound, jsd_bound]
RHOS = [0.3, 0.6, 0.8, 0.95]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pairs(rho: float, count: int, dims: int = 1) -> tuple[Tensor, Tensor]:
    """Draws of (x, z), by NumPy's own generator."""
    random = np.random.default_rng(round(1000 * rho) + dims)
    x, noise = random.standard_normal((2, count, dims))
    return torch.as_tensor(x), torch.as_tensor(rho * x + math.sqrt(1 - rho**2) * noise)


def best_scores(rho: float, count: int, dims: int = 1) -> tuple[Tensor, Tensor]:
    """The optimal scores of true pairs and of independent ones."""
    x, z = pairs(rho, count, dims)
    other = torch.as_tensor(np.random.default_rng(1).standard_normal((count, dims)))
    return gaussian_pmi(x, z, rho), gaussian_pmi(x, other, rho)


def counts(size: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Two discrete distributions as whole counts, P over 997 and Q over 1009 draws."""
    random = np.random.default_rng(3)
    return tuple(  # pyright: ignore[reportReturnType]
        random.multinomial(total - size, random.dirichlet(np.ones(size))) + 1
        for total in (997, 1009)
    )


def repeated(t: np.ndarray, p: np.ndarray, q: np.ndarray) -> tuple[Tensor, Tensor]:
    """A score for each draw, so that means are exact expectations."""
    return torch.as_tensor(np.repeat(t, p)), torch.as_tensor(np.repeat(t, q))


def far_from_start(module: Any, std: float = 0.3) -> Any:
    """Draw every parameter anew, so that no law below holds by accident."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=std)
    return module


def jensen_shannon(rho: float) -> float:
    """JS of a correlated and an independent Gaussian pair: SciPy's densities, Simpson's rule."""
    grid = np.linspace(-8, 8, 801)
    points = np.stack(np.meshgrid(grid, grid), -1)
    log_p, log_q = (NORMAL(np.zeros(2), [[1, r], [r, 1]]).logpdf(points) for r in (rho, 0))
    log_m = np.logaddexp(log_p, log_q) - LOG_2
    values = (np.exp(log_p) * (log_p - log_m) + np.exp(log_q) * (log_q - log_m)) / 2
    return float(scipy.integrate.simpson(scipy.integrate.simpson(values, x=grid), x=grid))


# Information


@pytest.mark.parametrize("dims", [1, 3, 20])
@pytest.mark.parametrize("rho", [-0.7, 0.0, 0.3, 0.95])
def test_information_is_the_entropies_less_the_joint_one(rho: float, dims: int) -> None:
    """infomax:gaussian-information, infomax:information: three entropies by SciPy."""
    cov = np.kron(np.array([[1, rho], [rho, 1]]), np.eye(dims))
    each = NORMAL(np.zeros(dims), np.eye(dims)).entropy()
    joint = NORMAL(np.zeros(2 * dims), cov).entropy()
    assert math.isclose(
        gaussian_mutual_information(rho, dims), 2 * each - joint, rel_tol=1e-12, abs_tol=1e-12
    )


def test_information_of_the_brief_and_of_tensors() -> None:
    """infomax:gaussian-information: 0.5108 and 1.1640; tensors keep shape, dtype and gradient."""
    assert abs(gaussian_mutual_information(0.8) - 0.5108) < 5e-5
    assert abs(gaussian_mutual_information(0.95) - 1.1640) < 5e-5
    assert abs(gaussian_mutual_information(0.9, 20) - 16.61) < 5e-3
    assert gaussian_mutual_information(0) == 0
    for dtype in (torch.float32, torch.float64):
        rho = torch.tensor([[0.8, -0.8], [0.0, 0.5]], dtype=dtype, requires_grad=True)
        nats = gaussian_mutual_information(rho, dims=2)
        assert nats.dtype == dtype
        assert_close(nats, -torch.log(1 - rho**2))
        (slope,) = torch.autograd.grad(nats.sum(), rho)
        assert_close(slope, 2 * rho / (1 - rho**2))


@pytest.mark.parametrize("batch", [(), (1,), (7,), (2, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pmi_is_the_log_ratio_of_densities(batch: tuple[int, ...], dtype: torch.dtype) -> None:
    """infomax:pmi, infomax:gaussian-pmi, with the densities of torch.distributions."""
    rho, dims = -0.6, 3
    x, z = torch.randn(2, *batch, dims, dtype=dtype)
    joint = distributions.MultivariateNormal(
        torch.zeros(2, dtype=dtype), torch.tensor([[1, rho], [rho, 1]], dtype=dtype)
    )
    normal = distributions.Normal(torch.zeros((), dtype=dtype), 1)
    log_ratio = joint.log_prob(torch.stack([x, z], -1)) - normal.log_prob(x) - normal.log_prob(z)
    scores = gaussian_pmi(x, z, rho)
    assert scores.dtype == dtype
    assert scores.shape == batch
    assert_close(scores, log_ratio.sum(-1))


@pytest.mark.parametrize("rho", [-0.5, 0.3, 0.9])
def test_mean_pmi_is_the_information(rho: float) -> None:
    """infomax:information, infomax:pmi, by Gauss-Hermite quadrature over the joint."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    x, noise = (torch.as_tensor(each).reshape(-1, 1) for each in np.meshgrid(nodes, nodes))
    z = rho * x + math.sqrt(1 - rho**2) * noise
    mass = torch.as_tensor(np.outer(weights, weights).ravel() / weights.sum() ** 2)
    mean = (gaussian_pmi(x, z, rho) * mass).sum().item()
    assert math.isclose(mean, gaussian_mutual_information(rho), rel_tol=1e-10)


def test_information_survives_a_bijection() -> None:
    """infomax:invariance: relabelled counts by scikit-learn; z -> sinh z by change of variables."""
    random = np.random.default_rng(0)
    x, z = random.integers(0, 6, 500), random.integers(0, 4, 500)
    z = (z + x) % 4
    relabelled = np.array([3, 0, 2, 1])[z]
    assert math.isclose(mutual_info_score(x, z), mutual_info_score(x, relabelled))
    a, b = pairs(0.7, 1000)
    w = torch.sinh(b)
    log_slope = -torch.log1p(w.square()) / 2  # of arsinh, the way back
    joint = distributions.Normal(0.7 * a, math.sqrt(1 - 0.49)).log_prob(torch.asinh(w)) + log_slope
    alone = distributions.Normal(0.0, 1.0).log_prob(torch.asinh(w)) + log_slope
    assert_close((joint - alone)[:, 0], gaussian_pmi(a, b, 0.7))


# The split, and why it has no minimum


def test_channel_agrees_with_quadrature_and_torch_distributions() -> None:
    """infomax:split, claim 3: each term by another route, and the identity to 1e-12."""
    gain, std = torch.tensor([0.8, 0.3, -2.0, 0.0]), torch.tensor([0.6, 0.1, 1.0, 2.0])
    information, mismatch, price = linear_channel(gain, std)
    spread = (gain**2 + std**2).sqrt()
    for i, rho in enumerate((gain / spread).tolist()):
        assert abs(information[i] - gaussian_mutual_information(rho)) < 1e-12
    prior = distributions.Normal(0.0, 1.0)
    kl = distributions.kl_divergence(distributions.Normal(torch.zeros(4), spread), prior)
    assert_close(mismatch, kl, rtol=0, atol=1e-12)
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    x, mass = torch.as_tensor(nodes)[:, None], torch.as_tensor(weights / weights.sum())
    conditional = distributions.Normal(gain * x, std.expand(20, 4))
    by_hand = mass @ distributions.kl_divergence(conditional, prior)
    assert_close(price, by_hand, rtol=0, atol=1e-12)
    for weight in (0.1, 1.0, 7.0):
        left = -information + weight * mismatch
        right = -(1 + weight) * information + weight * price
        assert_close(left, right, rtol=0, atol=1e-12)


@pytest.mark.parametrize("weight", [0.25, 1.0, 3.0])
def test_objective_falls_without_end(weight: float) -> None:
    """infomax:no-minimum, claim 4: SciPy finds the best S; each tenth of std is worth ln 10."""

    def objective(log_gain: float, std: float) -> float:
        one = linear_channel(torch.tensor([math.exp(log_gain)]), torch.tensor([std]))
        return (weight * one.mismatch - one.information).item()

    lows = []
    for std in (1e-3, 1e-4, 1e-5):
        found: Any = scipy.optimize.minimize_scalar(objective, args=(std,), tol=1e-12)
        best = math.exp(2 * found.x) + std**2
        assert abs(best - (1 + weight) / weight) < 1e-5
        lows.append(found.fun)
    assert np.abs(np.diff(lows) + math.log(10)).max() < 1e-6


# Four estimators


def test_bounds_reach_their_divergences_at_the_log_ratio() -> None:
    """infomax:dv, infomax:nwj, infomax:jsd, infomax:js, exactly: SciPy on two discrete laws."""
    p, q = counts()
    a, b = p / p.sum(), q / q.sum()
    joint, product = repeated(np.log(a / b), p, q)
    kl, js = float(scipy.stats.entropy(a, b)), float(jensenshannon(a, b) ** 2)
    assert abs(dv_bound(joint, product) - kl) < 1e-12
    assert abs(nwj_bound(joint, product) - kl) < 1e-12
    assert abs(jsd_bound(joint, product) - js) < 1e-12


@pytest.mark.parametrize("bound", BOUNDS)
def test_any_other_score_lowers_the_bound(bound: Any) -> None:
    """infomax:variational: 200 perturbations; DV alone does not mind a constant."""
    p, q = counts()
    best = np.log((p / p.sum()) / (q / q.sum()))
    top = bound(*repeated(best, p, q))
    random = np.random.default_rng(5)
    for size in np.geomspace(1e-2, 10, 200):
        moved = best + size * random.standard_normal(len(best))
        assert bound(*repeated(moved, p, q)) < top
    shifted = bound(*repeated(best + 0.5, p, q))
    assert (shifted < top - 1e-3) != (bound is dv_bound)


def test_nwj_and_jsd_are_one_formula_with_two_conjugates() -> None:
    """infomax:variational: E_P[g] - E_Q[f*(g)], with f* by numerical maximisation."""
    p, q = counts()
    t = np.random.default_rng(6).standard_normal(len(p))

    def conjugate(f: Any, at: float) -> float:
        found: Any = scipy.optimize.minimize_scalar(
            lambda u: f(u) - at * u, bounds=(1e-9, 60), method="bounded", options={"xatol": 1e-12}
        )
        return -found.fun

    def kl(u: float) -> float:
        return u * math.log(u)

    def js(u: float) -> float:
        return (u * math.log(u) - (1 + u) * math.log((1 + u) / 2)) / 2

    a, b = p / p.sum(), q / q.sum()
    g = LOG_2 / 2 + np.log(scipy.special.expit(t)) / 2  # the range of JS's f'
    joint, product = repeated(t, p, q)
    by_kl = a @ (t + 1) - b @ np.array([conjugate(kl, each + 1) for each in t])
    by_js = a @ g - b @ np.array([conjugate(js, each) for each in g])
    assert abs(nwj_bound(joint, product) - by_kl) < 1e-8
    assert abs(jsd_bound(joint, product) - by_js) < 1e-8


@pytest.mark.parametrize("rho", [0.3, 0.8])
def test_jsd_bound_is_js_by_quadrature(rho: float) -> None:
    """infomax:js, infomax:jsd, claim 1: both sides on one grid, to 1e-8; less for any other T."""
    grid = torch.linspace(-8, 8, 1601)
    x, z = (each.reshape(-1, 1) for each in torch.meshgrid(grid, grid, indexing="ij"))
    t = gaussian_pmi(x, z, rho)
    log_q = distributions.Normal(0.0, 1.0).log_prob(torch.cat([x, z], 1)).sum(1)
    cell = (grid[1] - grid[0]).item() ** 2
    q, p = log_q.exp() * cell, (log_q + t).exp() * cell

    def expected(scores: Tensor) -> float:
        right = p @ -torch.log1p((-scores).exp()) + q @ -torch.log1p(scores.exp())
        return (LOG_2 + right / 2).item()

    js = jensen_shannon(rho)
    assert abs(expected(t) - js) < 1e-8
    for direction in (torch.ones_like(t), x[:, 0], (x * z)[:, 0], t.sin()):
        for step in (-0.3, 0.01, 0.3):
            assert expected(t + step * direction) < js
    # And jsd_bound is that expectation, from samples.
    joint, product = best_scores(rho, 400_000)
    assert abs(jsd_bound(joint, product) - js) < 0.003


def test_js_stops_at_log_two() -> None:
    """infomax:js, claim 2: disjoint supports give log 2, twice what the original prints."""
    joint, product = torch.full((5,), 100.0), torch.full((7,), -100.0)
    assert abs(jsd_bound(joint, product) - LOG_2) < 1e-6
    a, b = np.array([0.5, 0.5, 0, 0]), np.array([0, 0, 0.2, 0.8])
    assert abs(jensenshannon(a, b) ** 2 - LOG_2) < 1e-6
    for _ in range(20):
        assert jsd_bound(50 * torch.randn(9), 50 * torch.randn(4)) <= LOG_2


@pytest.mark.parametrize("rho", RHOS)
def test_bounds_are_the_information_of_gaussians(rho: float) -> None:
    """infomax:dv, infomax:nwj, claim 5: 400,000 samples, within 0.02, and never above by more."""
    joint, product = best_scores(rho, 400_000)
    information = gaussian_mutual_information(rho)
    for estimate in (joint.mean(), dv_bound(joint, product), nwj_bound(joint, product)):
        assert abs(estimate - information) < 0.02
        error = (joint.var() / 4e5 + product.exp().var() / 4e5).sqrt()
        assert estimate - information < 4 * error


@pytest.mark.parametrize("sizes", [(1, 1), (1, 9), (5, 3), (40, 40)])
def test_dv_is_never_below_nwj(sizes: tuple[int, int]) -> None:
    """infomax:order, claim 6: for any scores, from log u <= u - 1."""
    for scale in (0.1, 1.0, 10.0):
        joint, product = scale * torch.randn(sizes[0]), scale * torch.randn(sizes[1])
        assert dv_bound(joint, product) >= nwj_bound(joint, product)
    even = torch.zeros(4)
    assert dv_bound(even, even) == nwj_bound(even, even) == 0


def test_small_samples_bias_dv_upwards_and_leave_nwj_alone() -> None:
    """infomax:dv, infomax:nwj, claim 6: 4,000 estimates from 64 samples at rho 0.8."""
    joint, product = (each.reshape(4000, 64) for each in best_scores(0.8, 256_000))
    dv = torch.stack([dv_bound(a, b) for a, b in zip(joint, product, strict=True)])
    nwj = torch.stack([nwj_bound(a, b) for a, b in zip(joint, product, strict=True)])
    information, error = gaussian_mutual_information(0.8), 4000**-0.5
    assert dv.mean() - information > 4 * dv.std() * error
    assert 0.515 < dv.mean() < 0.535
    assert abs(nwj.mean() - information) < 4 * nwj.std() * error
    assert nwj.std() > dv.std()


def test_dv_exceeds_the_spread_of_scores_by_a_logarithm_at_most() -> None:
    """infomax:log-samples: a deterministic ceiling, met by a single product score."""
    for m in (1, 10, 1000):
        joint, product = 5 * torch.randn(30), 5 * torch.randn(m)
        spread = joint.mean() - product.max()
        assert spread - 1e-12 <= dv_bound(joint, product) <= spread + math.log(m) + 1e-12
    assert_close(dv_bound(joint, product[:1]), joint.mean() - product[0])


def test_twenty_dimensions_fool_both_bounds() -> None:
    """infomax:dv, infomax:nwj, claim 9: at I = 16.6 the optimal score overshoots, from 40,000."""
    estimates, x = [], np.random.default_rng(0)
    for _ in range(8):
        a, noise, other = (torch.as_tensor(x.standard_normal((40_000, 20))) for _ in range(3))
        b = 0.9 * a + math.sqrt(0.19) * noise
        scores = gaussian_pmi(a, b, 0.9), gaussian_pmi(a, other, 0.9)
        estimates.append([dv_bound(*scores), nwj_bound(*scores), scores[1].exp().mean()])
    dv, nwj, mean = torch.tensor(estimates).T
    information = gaussian_mutual_information(0.9, 20)
    assert 18 < dv.mean() < 23
    assert (dv > information).all()
    assert information < nwj.median() < information + 1.1
    assert mean.median() < 0.1  # an expectation of 1, in pairs that no sample holds


@pytest.mark.parametrize("n", [1, 2, 7, 64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_infonce_is_log_n_less_a_cross_entropy(n: int, dtype: torch.dtype) -> None:
    """infomax:infonce: torch's cross_entropy, and SciPy's logsumexp row by row."""
    scores = 4 * torch.randn(n, n, dtype=dtype)
    bound = infonce_bound(scores)
    assert bound.dtype == dtype
    assert bound.shape == ()
    assert_close(bound, math.log(n) - cross_entropy(scores, torch.arange(n)))
    rows = scores.numpy()
    by_hand = np.mean(np.diag(rows) - scipy.special.logsumexp(rows, 1)) + math.log(n)
    assert_close(bound.item(), float(by_hand), rtol=1e-5, atol=1e-6)
    assert_close(infonce_bound(scores.T.contiguous().T), bound)


def test_infonce_rows_choose_among_columns() -> None:
    """infomax:infonce: a constant added to a row changes nothing, one added to a column does."""
    scores, shift = torch.randn(5, 5), 10 * torch.randn(5)
    assert_close(infonce_bound(scores + shift[:, None]), infonce_bound(scores))
    assert abs(infonce_bound(scores + shift) - infonce_bound(scores)) > 0.1


@pytest.mark.parametrize("n", [2, 8, 64])
def test_infonce_never_exceeds_log_n(n: int) -> None:
    """infomax:log-k, claim 8: not by one bit, and it gets there when I is large."""
    for scale in (1.0, 100.0, 1e4):
        for dtype in (torch.float32, torch.float64):
            assert infonce_bound(scale * torch.randn(n, n, dtype=dtype)) <= math.log(n)
            ideal = scale * (2 * torch.eye(n, dtype=dtype) - 1)
            assert infonce_bound(ideal) <= math.log(n)
    x, z = (each.reshape(-1, n, 20) for each in pairs(0.9, 50 * n, dims=20))
    every = [
        infonce_bound(
            gaussian_pmi(a[:, None].expand(n, n, 20), b[None].expand(n, n, 20).contiguous(), 0.9)
        )
        for a, b in zip(x, z, strict=True)
    ]
    mean = torch.stack(every).mean().item()
    assert math.log(n) - 0.01 < mean <= math.log(n) < gaussian_mutual_information(0.9, 20)


def test_infonce_is_below_the_information_where_it_can_tell() -> None:
    """infomax:infonce: the mean over batches stays under I at rho 0.8, for any batch."""
    previous = 0.0
    for n in (2, 8, 64):
        x, z = (each.reshape(-1, n, 1) for each in pairs(0.8, 12_800))
        scores = gaussian_pmi(
            x[:, :, None].expand(-1, n, n, 1), z[:, None].expand(-1, n, n, 1).contiguous(), 0.8
        )
        every = torch.stack([infonce_bound(each) for each in scores])
        mean, error = every.mean(), every.std() / len(every) ** 0.5
        assert previous < mean < gaussian_mutual_information(0.8) + 3 * error
        previous = mean


@pytest.mark.parametrize(
    ("rho", "dims", "expected"),
    [(0.3, 1, 0.0121), (0.6, 1, 0.0581), (0.8, 1, 0.1339), (0.95, 1, 0.2922), (0.9, 20, 0.6923)],
)
def test_js_is_monotone_in_the_information_and_saturates(
    rho: float, dims: int, expected: float
) -> None:
    """infomax:jsd, infomax:js, claim 10: to 0.003."""
    assert abs(jsd_bound(*best_scores(rho, 100_000, dims)) - expected) < 0.003


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scores_of_a_hundred_keep_value_and_gradient(dtype: torch.dtype) -> None:
    """infomax:dv, infomax:jsd, infomax:infonce: scores of +-100, by hand."""
    joint = torch.tensor([100.0, -100.0], dtype=dtype, requires_grad=True)
    product = torch.tensor([100.0, -100.0, 0.0], dtype=dtype, requires_grad=True)
    dv = dv_bound(joint, product)
    assert_close(dv.item(), -100 + math.log(3), rtol=1e-6, atol=0)
    jsd = jsd_bound(joint, product)
    exact = LOG_2 + (-100 / 2 - (100 + LOG_2) / 3) / 2
    assert_close(jsd.item(), exact, rtol=1e-6, atol=0)
    by_joint, by_product = torch.autograd.grad(jsd, (joint, product))
    assert_close(by_joint, torch.tensor([0, 0.25], dtype=dtype))
    assert_close(by_product, torch.tensor([-1 / 6, 0, -1 / 12], dtype=dtype))
    assert_close(torch.autograd.grad(dv, product)[0], torch.tensor([-1.0, 0, 0], dtype=dtype))
    wrong = 100 - 200 * torch.eye(3, dtype=dtype)
    assert_close(infonce_bound(wrong).item(), -200 - LOG_2 + math.log(3), rtol=1e-6, atol=0)


def test_nwj_at_a_hundred() -> None:
    """infomax:nwj: exact in float64; in float32 the bound itself is out of reach, and no nan."""
    joint, product = torch.tensor([100.0, -100.0]), torch.tensor([100.0, -100.0])
    assert math.isclose(nwj_bound(joint, product).item(), 1 - math.exp(100) / 2)
    assert nwj_bound(joint.float(), product.float()) == -math.inf
    assert_close(nwj_bound(joint, -product.abs()).item(), 1.0)


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sizes", [(1, 1), (3, 8), (8, 3)])
def test_bounds_by_numpy(bound: Any, dtype: torch.dtype, sizes: tuple[int, int]) -> None:
    """infomax:dv, infomax:nwj, infomax:jsd, written out; strided; gradcheck."""
    joint = torch.randn(2 * sizes[0], dtype=dtype)[::2]
    product = torch.randn(2 * sizes[1], dtype=dtype)[::2]
    t, s = joint.numpy().astype(float), product.numpy().astype(float)
    expected = {
        dv_bound: t.mean() - math.log(np.exp(s).mean()),
        nwj_bound: t.mean() + 1 - np.exp(s).mean(),
        jsd_bound: LOG_2 - (np.log1p(np.exp(-t)).mean() + np.log1p(np.exp(s)).mean()) / 2,
    }[bound]
    value = bound(joint, product)
    assert value.dtype == dtype
    assert value.shape == ()
    assert_close(value.item(), expected, rtol=1e-5, atol=1e-6)
    if dtype == torch.float64:
        joint, product = joint.clone().requires_grad_(), product.clone().requires_grad_()
        assert torch.autograd.gradcheck(bound, (joint, product))


# Learned scores


def test_logistic_regression_learns_the_pmi() -> None:
    """infomax:pmi, infomax:jsd, claim 7: scikit-learn on (x, z, x^2, z^2, xz) at rho 0.8."""
    x, z = (each.numpy()[:, 0] for each in pairs(0.8, 200_000))
    order = np.random.default_rng(2).permutation(len(z))

    def features(x: np.ndarray, z: np.ndarray) -> np.ndarray:
        return np.stack([x, z, x * x, z * z, x * z], 1)

    inputs = np.concatenate([features(x, z), features(x, z[order])])
    labels = np.repeat([1, 0], len(x))
    model = LogisticRegression(C=1e6, max_iter=300).fit(inputs, labels)
    assert abs(model.coef_[0, 4] / (0.8 / (1 - 0.64)) - 1) < 0.03
    scores = torch.as_tensor(model.decision_function(features(x, z)))
    assert abs(scores.mean() - gaussian_mutual_information(0.8)) < 0.02
    pmi = gaussian_pmi(torch.as_tensor(x)[:, None], torch.as_tensor(z)[:, None], 0.8)
    assert (scores - pmi).abs().mean() < 0.05


def test_a_critic_learns_the_pmi_from_shuffled_pairs() -> None:
    """infomax:pmi, infomax:jsd: trained on one sample, its score on another is log p/q."""
    x, z = (each.float() for each in pairs(0.8, 20_000))
    critic = Critic(1, 1, hidden=32).float()
    adam = torch.optim.Adam(critic.parameters(), 5e-3)
    for step in range(400):
        rows = torch.arange(512) + 512 * step % 19_000
        bound = critic.told_apart(x[rows], z[rows], derangement(512))
        adam.zero_grad()
        (-bound).backward()
        adam.step()
    fresh = [each.float() for each in best_scores(0.8, 5000)]
    a, b = (each[:5000].float() for each in pairs(0.8, 5000, 1))
    learned, true = critic(a, b).detach(), gaussian_pmi(a, b, 0.8)
    assert (learned - true).abs().mean() < 0.2
    assert torch.corrcoef(torch.stack([learned, true]))[0, 1] > 0.95
    assert jsd_bound(learned, critic(a, b[derangement(5000)]).detach()) < 0.1339 + 0.02
    assert abs(learned.mean() - fresh[0].mean()) < 0.15


def test_more_negatives_shift_the_score() -> None:
    """infomax:shifted: SciPy maximises k negatives to a positive; the optimum is PMI - log k."""
    p, q = (each / each.sum() for each in counts())
    for k in (1, 5, 20):
        found: Any = scipy.optimize.minimize(
            lambda t, k=k: -(p @ -np.logaddexp(0, -t) + k * q @ -np.logaddexp(0, t)),
            np.zeros(len(p)),
            tol=1e-12,
        )
        assert np.abs(found.x - (np.log(p / q) - math.log(k))).max() < 1e-4


# Negatives


@pytest.mark.parametrize("count", [2, 3, 7, 64, 1000])
def test_derangements_move_every_place(count: int) -> None:
    """infomax:false-negatives, by looking; int64, a permutation, the caller's generator alone."""
    state = torch.get_rng_state()
    for seed in range(5):
        order = derangement(count, generator=seeded(seed))
        assert order.dtype == torch.int64
        assert order.sort().values.tolist() == list(range(count))
        assert not (order == torch.arange(count)).any()
        assert torch.equal(order, derangement(count, generator=seeded(seed)))
    assert torch.equal(state, torch.get_rng_state())


def test_all_derangements_are_equally_likely() -> None:
    """infomax:false-negatives: the nine of four places, by a chi-squared test."""
    drawn = Counter(tuple(derangement(4).tolist()) for _ in range(4500))
    assert len(drawn) == 9
    assert scipy.stats.chisquare(list(drawn.values())).pvalue > 0.001


def test_a_plain_shuffle_keeps_one_pair_and_caps_the_score() -> None:
    """infomax:false-negatives, claim 11: rate 1/B; SciPy finds the score that is left."""
    shuffles = torch.stack([torch.randperm(64) for _ in range(4000)])
    rate = (shuffles == torch.arange(64)).double().mean().item()
    assert abs(rate - 1 / 64) < 0.0015
    p, q = (each / each.sum() for each in counts())
    p = np.append(p * 0.5, 0.5)  # one outcome that never occurs among the negatives
    q = np.append(q, 1e-12)
    for batch in (4, 64):
        mixed = (1 - 1 / batch) * q + p / batch
        found: Any = scipy.optimize.minimize(
            lambda t, mixed=mixed: -(p @ -np.logaddexp(0, -t) + mixed @ -np.logaddexp(0, t)),
            np.zeros(len(p)),
            tol=1e-12,
        )
        expected = np.log(p / q) - np.log(1 - 1 / batch + p / q / batch)
        assert np.abs(found.x - expected).max() < 1e-3
        assert found.x.max() < math.log(batch) + 1e-3
        assert np.log(p / q).max() > 20


# The prior


@pytest.mark.parametrize("theta", [-1.5, -0.1, 0.4, 2.0])
def test_the_encoder_must_fool_the_discriminator(theta: float) -> None:
    """infomax:game, infomax:fooled: codes N(theta, 1); autograd against SciPy's quadrature."""

    def best(z: Tensor) -> Tensor:  # log prior/code, the discriminator's optimum
        return theta**2 / 2 - theta * z

    shift = torch.tensor(theta, requires_grad=True)
    noise = torch.as_tensor(scipy.stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000))
    losses = prior_losses(best(noise), best(shift + noise))
    (slope,) = torch.autograd.grad(losses.encoder, shift, retain_graph=True)
    (wrong,) = torch.autograd.grad(losses.discriminator, shift)

    def integrand(z: float) -> float:
        weight = scipy.special.expit(theta**2 / 2 - theta * z)
        return weight * scipy.stats.norm.pdf(z, theta)

    by_hand = theta / 2 * scipy.integrate.quad(integrand, -12, 12)[0]
    assert abs(slope - by_hand) < 1e-4
    assert slope * theta > 0  # a step down leads to the prior
    assert wrong == -slope  # and the other loss away from it
    assert losses.encoder == -losses.discriminator == jsd_bound(best(noise), best(theta + noise))


def test_the_game_pulls_codes_to_the_prior_and_the_slip_drives_them_off() -> None:
    """infomax:game, by playing it: the mean goes to 0, with one sign wrong it runs away."""
    ends = {}
    for name in ("encoder", "discriminator"):
        theta = torch.tensor(1.0, requires_grad=True)
        noise = torch.randn(4000)
        for _ in range(60):
            fixed = theta.detach()
            code = theta + noise
            losses = prior_losses(fixed**2 / 2 - fixed * noise, fixed**2 / 2 - fixed * code)
            (slope,) = torch.autograd.grad(getattr(losses, name), theta)
            theta = (theta - 0.3 * slope).detach().requires_grad_()
        ends[name] = theta.item()
    assert abs(ends["encoder"]) < 0.1
    assert ends["discriminator"] > 2


# The model


def model(**options: Any) -> Any:
    sizes = {"widths": (3, 5), "hidden": 7} | options
    return far_from_start(DeepInfoMax(2, 4, **sizes))


def score(critic: Any, left: np.ndarray, right: np.ndarray) -> float:
    """One score, written out from the weights of the concatenated layer."""
    weights = {name: each.detach().numpy() for name, each in critic.state_dict().items()}
    first = np.concatenate([weights["left.weight"], weights["right.weight"]], 1)
    h = np.maximum(first @ np.concatenate([left, right]) + weights["left.bias"], 0)
    h = np.maximum(weights["top.1.weight"] @ h + weights["top.1.bias"], 0)
    return (weights["top.3.weight"] @ h + weights["top.3.bias"]).item()


def test_loss_is_the_objective_written_out() -> None:
    """infomax:objective, infomax:local, infomax:price: NumPy loops from the same draws."""
    net = model(global_weight=0.3, local_weight=2, prior_weight=0.07)
    images = torch.randn(5, 2, 9, 12)
    loss = net.loss(images, generator=seeded(4))
    mean, log_var, feature_map = net.encode(images)
    draw = seeded(4)
    noise = torch.empty(5, 4).normal_(generator=draw)
    others = derangement(5, generator=draw).tolist()
    z = (mean + (log_var / 2).exp() * noise).detach().numpy()
    maps = feature_map.detach().numpy()
    assert maps.shape == (5, 5, 3, 3)

    def pooled(each: np.ndarray) -> np.ndarray:  # 3 by 3 to 2 by 2: windows of two
        corners = [each[:, i : i + 2, j : j + 2].mean((1, 2)) for i in (0, 1) for j in (0, 1)]
        return np.stack(corners, 1).ravel()

    def js(joint: list[float], product: list[float]) -> float:
        kept = np.mean(np.log(scipy.special.expit(joint)))
        return LOG_2 + (kept + np.mean(np.log(scipy.special.expit(-np.array(product))))) / 2

    whole = [
        [score(net.global_critic, pooled(maps[j]), z[i]) for i, j in enumerate(order)]
        for order in (range(5), others)
    ]
    local = [
        [
            score(net.local_critic, maps[j, :, row, column], z[i])
            for i, j in enumerate(order)
            for row in range(3)
            for column in range(3)
        ]
        for order in (range(5), others)
    ]
    posterior = distributions.Normal(mean, (log_var / 2).exp())
    price = distributions.kl_divergence(posterior, distributions.Normal(0.0, 1.0)).sum(1).mean()
    np.testing.assert_allclose(loss.global_jsd.item(), js(*whole))
    np.testing.assert_allclose(loss.local_jsd.item(), js(*local))
    assert_close(loss.prior, price)
    total = -0.3 * js(*whole) - 2 * js(*local) + 0.07 * price.item()
    np.testing.assert_allclose(loss.total.item(), total)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(28, 28), (8, 8), (5, 17), (1, 1)])
@pytest.mark.parametrize("batch", [2, 3, 9])
def test_loss_takes_any_image_and_reaches_every_parameter(
    dtype: torch.dtype, size: tuple[int, int], batch: int
) -> None:
    """infomax:objective: shapes, dtypes, layouts; gradients for all weights, and for the images."""
    net = DeepInfoMax(3, 6).to(dtype)
    images = torch.randn(batch, *size, 3, dtype=dtype).permute(0, 3, 1, 2).requires_grad_()
    loss = net.loss(images)
    mean, log_var, feature_map = net.encode(images)
    assert mean.shape == log_var.shape == (batch, 6)
    assert feature_map.shape[:2] == (batch, 32)
    assert all(part.shape == () and part.dtype == dtype for part in loss)
    assert loss.global_jsd <= LOG_2
    assert loss.local_jsd <= LOG_2
    assert loss.prior >= 0
    loss.total.backward()
    assert images.grad is not None
    slopes: list[Any] = [parameter.grad for parameter in net.parameters()]
    assert all(slope.isfinite().all() for slope in slopes)
    if size == (28, 28):
        assert all(slope.abs().sum() > 0 for slope in slopes)


def test_no_code_meets_its_own_image_among_the_negatives() -> None:
    """infomax:objective, infomax:false-negatives: two images, twenty seeds; only a swap will do."""
    net, images = model(), torch.randn(2, 2, 8, 8)
    mean, log_var, feature_map = net.encode(images)
    whole = net.pool(feature_map).flatten(1)
    for seed in range(20):
        noise = torch.empty(2, 4).normal_(generator=seeded(seed))
        z = mean + (log_var / 2).exp() * noise
        expected = jsd_bound(net.global_critic(whole, z), net.global_critic(whole.flip(0), z))
        assert_close(net.loss(images, generator=seeded(seed)).global_jsd, expected)


def test_map_of_a_digit_makes_seventeen_pairs() -> None:
    """infomax:local, claim 13: one whole and 4 by 4 patches of a 28 by 28 image."""
    net = DeepInfoMax(1, 8)
    _, _, feature_map = net.encode(torch.rand(2, 1, 28, 28))
    assert 1 + feature_map[0, 0].numel() == 17


def test_codes_of_an_image_do_not_depend_on_its_batch() -> None:
    """infomax:price: one image alone, in train and in evaluation mode; batches of one encode."""
    net = model()
    images = torch.randn(4, 2, 28, 28)
    whole = net.encode(images)
    for mode in (True, False):
        net.train(mode)
        for i in range(4):
            for part, one in zip(whole, net.encode(images[i : i + 1]), strict=True):
                assert_close(part[i : i + 1], one)


def test_loss_repeats_with_its_generator_only() -> None:
    """infomax:objective: equal generators, equal losses; the global state is not touched."""
    net, images = model(), torch.randn(6, 2, 8, 8)
    state = torch.get_rng_state()
    first, second = (net.loss(images, generator=seeded(3)) for _ in "ab")
    assert first == second
    assert torch.equal(state, torch.get_rng_state())
    assert net.loss(images, generator=seeded(5)).total != first.total


def test_weights_are_in_nats_summed_over_latents() -> None:
    """infomax:price, infomax:objective, claim 12: .01 on a mean over 256 is 3.9e-5 on the sum."""
    net = DeepInfoMax(1, 256, global_weight=0, local_weight=0, prior_weight=3.90625e-5)
    images = torch.rand(4, 1, 28, 28)
    mean, log_var, _ = net.encode(images)
    averaged = ((mean**2 + log_var.exp() - 1 - log_var) / 2).mean()  # over batch and dims
    assert abs(0.01 / 256 - 3.9e-5) < 1e-6
    assert_close(net.loss(images).total, 0.01 * averaged)
    whole = DeepInfoMax(1, 2, global_weight=1, local_weight=0, prior_weight=0)
    loss = whole.loss(images)
    assert loss.total == -loss.global_jsd


def test_training_raises_the_bounds() -> None:
    """infomax:objective: 60 steps on images that differ by one blot each."""
    images = 0.05 * torch.randn(64, 1, 8, 8)
    images[torch.arange(64), 0, torch.arange(64) // 8, torch.arange(64) % 8] += 3
    net = DeepInfoMax(1, 8, widths=(8, 16), hidden=32).double()
    adam = torch.optim.Adam(net.parameters(), 5e-3)
    for _ in range(80):
        adam.zero_grad()
        net.loss(images).total.backward()
        adam.step()
    loss = net.loss(images)
    assert loss.global_jsd > 0.2
    assert loss.local_jsd > 0.02


def test_critic_is_three_dense_layers_on_the_concatenation() -> None:
    """infomax:pmi: torch's own layers with the same weights, any batch axes."""
    critic = far_from_start(Critic(3, 2, hidden=6))
    joined = nn.Linear(5, 6)
    with torch.no_grad():
        joined.weight.copy_(torch.cat([critic.left.weight, critic.right.weight], 1))
        joined.bias.copy_(critic.left.bias)
    for batch in ((), (1,), (4, 3)):
        left, right = torch.randn(*batch, 3), torch.randn(*batch, 2)
        by_torch = critic.top(joined(torch.cat([left, right], -1)))[..., 0]
        assert critic(left, right).shape == batch
        assert_close(critic(left, right), by_torch)


def test_told_apart_moves_the_left_side() -> None:
    """infomax:jsd, infomax:local: scores by hand, one pair at a time."""
    critic, left, right = far_from_start(Critic(3, 2)), torch.randn(4, 3), torch.randn(4, 2)
    order = torch.tensor([1, 2, 3, 0])
    joint = torch.stack([critic(left[i], right[i]) for i in range(4)])
    product = torch.stack([critic(left[(i + 1) % 4], right[i]) for i in range(4)])
    assert_close(critic.told_apart(left, right, order), jsd_bound(joint, product))


# Refusals

ONE, TWO = torch.zeros(1), torch.zeros(2)
IMAGES = torch.zeros(3, 2, 8, 8)
REFUSALS = {
    "rho of one": (lambda: gaussian_mutual_information(1), "rho must be above -1 and below 1, got"),
    "rho nan": (lambda: gaussian_mutual_information(math.nan), "rho must be above -1"),
    "rhos": (lambda: gaussian_mutual_information(torch.tensor([0, -1.5])), "rho must be above -1"),
    "no dims": (lambda: gaussian_mutual_information(0.5, 0), "dims must be at least 1, got 0"),
    "pmi of a fixed pair": (lambda: gaussian_pmi(TWO, TWO, -1.0), "rho must be above -1"),
    "pmi that would broadcast": (
        lambda: gaussian_pmi(torch.zeros(4, 1), torch.zeros(1, 1), 0.5),
        r"shape of z must be \(4, 1\), got \(1, 1\)",
    ),
    "channel without noise": (lambda: linear_channel(TWO, TWO), "std must be positive, got"),
    "channel that would broadcast": (
        lambda: linear_channel(TWO, ONE + 1),
        r"shape of std must be \(2,\), got \(1,\)",
    ),
    "dv without joint": (lambda: dv_bound(TWO[:0], TWO), "length of joint must be at least 1"),
    "nwj without product": (lambda: nwj_bound(TWO, TWO[:0]), "length of product must be at least"),
    "jsd of a matrix": (lambda: jsd_bound(TWO[None], TWO), "rank of joint must be 1, got 2"),
    "jsd of a number": (lambda: jsd_bound(TWO, TWO.sum()), "rank of product must be 1, got 0"),
    "dv of a matrix": (lambda: dv_bound(TWO, TWO[None]), "rank of product must be 1, got 2"),
    "infonce of a row": (lambda: infonce_bound(TWO), "rank of scores must be 2, got 1"),
    "infonce not square": (
        lambda: infonce_bound(torch.zeros(2, 3)),
        r"shape of scores must be \(2, 2\), got \(2, 3\)",
    ),
    "infonce of nothing": (
        lambda: infonce_bound(torch.zeros(0, 0)),
        "rows of scores must be at least 1, got 0",
    ),
    "nothing to derange": (lambda: derangement(0), "count must be at least 2, got 0"),
    "one to derange": (lambda: derangement(1), "count must be at least 2, got 1"),
    "prior without codes": (lambda: prior_losses(TWO, TWO[:0]), "length of product must be at"),
    "no left": (lambda: Critic(0, 2), "left must be at least 1, got 0"),
    "no right": (lambda: Critic(2, 0), "right must be at least 1, got 0"),
    "no hidden": (lambda: Critic(2, 2, hidden=0), "hidden must be at least 1, got 0"),
    "a pair that would broadcast": (
        lambda: Critic(2, 2).double()(torch.zeros(4, 2), torch.zeros(1, 2)),
        r"shape of right must be \(4, 2\), got \(1, 2\)",
    ),
    "no channels": (lambda: DeepInfoMax(0, 4), "channels must be at least 1, got 0"),
    "no latent": (lambda: DeepInfoMax(1, 0), "latent must be at least 1, got 0"),
    "no widths": (
        lambda: DeepInfoMax(1, 4, widths=()),
        "length of widths must be at least 1, got 0",
    ),
    "no width": (
        lambda: DeepInfoMax(1, 4, widths=(4, 0)),
        r"widths\[1\] must be at least 1, got 0",
    ),
    "no hidden units": (lambda: DeepInfoMax(1, 4, hidden=0), "hidden must be at least 1, got 0"),
    "negative global weight": (
        lambda: DeepInfoMax(1, 4, global_weight=-1),
        "global_weight must be finite and at least 0, got -1",
    ),
    "infinite local weight": (
        lambda: DeepInfoMax(1, 4, local_weight=math.inf),
        "local_weight must be finite and at least 0, got inf",
    ),
    "prior weight nan": (
        lambda: DeepInfoMax(1, 4, prior_weight=math.nan),
        "prior_weight must be finite and at least 0, got nan",
    ),
    "one image": (lambda: model().loss(IMAGES[:1].double()), "number of images must be at least 2"),
    "no image": (lambda: model().encode(IMAGES[:0]), "images must be not empty, got"),
    "an image without a batch": (
        lambda: model().loss(IMAGES[0]),
        "rank of images must be 4, got 3",
    ),
    "images of other channels": (
        lambda: model().encode(IMAGES[:, :1]),
        r"shape of images must be \(3, 2, 8, 8\), got \(3, 1, 8, 8\)",
    ),
}


@pytest.mark.refusal
@pytest.mark.parametrize("case", REFUSALS)
def test_refuses_bad_input(case: str) -> None:
    call, message = REFUSALS[case]
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


WHOLE = torch.zeros(2, dtype=torch.int64)
WRONG_DTYPES = {
    "whole rho": (lambda: gaussian_mutual_information(WHOLE), "rho must be float32 or"),
    "whole z": (lambda: gaussian_pmi(TWO, WHOLE, 0.5), "z must be torch.float32, got torch.i"),
    "whole joint": (lambda: jsd_bound(WHOLE, TWO), "joint must be float32 or float64"),
    "half scores": (lambda: infonce_bound(torch.zeros(2, 2).half()), "scores must be float3"),
    "mixed scores": (lambda: dv_bound(TWO, TWO.double()), "product must be torch.float32, got"),
    "mixed channel": (lambda: linear_channel(TWO, TWO.double() + 1), "std must be torch.float32"),
    "bytes": (lambda: model().loss(IMAGES.to(torch.uint8)), "images must be torch.float64"),
    "single images, double model": (
        lambda: model().encode(IMAGES.float()),
        "images must be torch.float64, got torch.float32",
    ),
}


@pytest.mark.refusal
@pytest.mark.parametrize("case", WRONG_DTYPES)
def test_refuses_wrong_dtypes(case: str) -> None:
    call, message = WRONG_DTYPES[case]
    with pytest.raises(TypeError, match=f"^{message}"):
        call()


def test_shapes_are_checked_under_pytest() -> None:
    """The hook of conftest.py is on: jaxtyping meets a wrong shape before the module does."""
    with pytest.raises(TypeError, match=r"[Tt]ype-check"):
        infonce_bound(torch.zeros(2, 3))
