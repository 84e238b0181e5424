"""The claims of docs/articles/vae.md, checked on snippets/vae.py."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
import torch
from sklearn.decomposition import PCA
from torch import Generator, Tensor, nn
from torch.autograd.functional import jacobian
from torch.distributions import Independent, Normal, kl_divergence
from torch.testing import assert_close

from snippets.vae import (
    VAE,
    Autoencoder,
    gaussian_kl,
    linear_vae_optimum,
    log_aggregate,
    naive_penalty,
    network,
    noise_cost,
    reparameterize,
    standardize,
    surgery,
)

pytestmark = pytest.mark.usefixtures("reproducible")  # one seed, float64

D, LATENT, ROWS = 5, 3, 7


def far_from_initial(module: Any, std: float = 0.5) -> Any:
    """Draw every parameter anew, so that no law below holds by accident."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=std)
    return module


def ellipses(rows: int = ROWS, latent: int = LATENT) -> tuple[Tensor, Tensor]:
    """Centres and log-variances that differ in every entry."""
    return 1.5 * torch.randn(rows, latent), torch.randn(rows, latent)


def numerical_jacobian(function: Any, x: Tensor) -> Tensor:
    """Central differences: no autograd."""
    step = 1e-5 * torch.eye(len(x))
    moves = [function((x + e)[None]) - function((x - e)[None]) for e in step]
    return torch.cat(moves).T.detach() / 2e-5


# The two penalties


@pytest.mark.parametrize("mu", [-1.5, 0.0, 0.7])
@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0, 2.0])
def test_kl_is_that_of_quadrature(mu: float, sigma: float) -> None:
    """vae:kl: the integral of q log(q / p) by SciPy, to 1e-10."""
    law: Any = scipy.stats.norm
    q, p = law(mu, sigma), law()
    integral: Any = scipy.integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)),
        mu - 12 * sigma,
        mu + 12 * sigma,
        epsabs=1e-13,
        limit=400,
        points=[mu],
    )
    found = gaussian_kl(torch.tensor([[mu]]), torch.tensor([[2 * math.log(sigma)]]))
    assert abs(found.item() - integral[0]) < 1e-10


def test_kl_is_that_of_torch_summed_over_latents() -> None:
    """vae:kl: torch.distributions, in float64 and in float32, at sizes from 1e-9 to 1e9."""
    mean, log_var = 3 * torch.randn(200, LATENT), 40 * torch.rand(200, LATENT) - 20
    p = Independent(Normal(torch.zeros(LATENT), 1.0), 1)
    for dtype in (torch.float64, torch.float32):
        q = Independent(Normal(mean, (log_var / 2).exp()), 1)
        found = gaussian_kl(mean.to(dtype), log_var.to(dtype))
        assert found.dtype == dtype
        assert_close(found.double(), kl_divergence(q, p), rtol=2e-6, atol=0)


def test_kl_keeps_its_digits_next_to_the_unit_circle() -> None:
    """vae:kl-expansion: at log-variances of 1e-6, v^2 / 4 to six digits and never below 0."""
    log_var = torch.tensor([[1e-6], [-1e-6], [0.0]])
    found = gaussian_kl(0 * log_var, log_var)
    assert_close(found[:2], torch.full((2,), 2.5e-13), rtol=1e-5, atol=0)
    assert found[2] == 0
    small = 1e-4 * torch.randn(100_000, 1, dtype=torch.float32)
    assert (gaussian_kl(0 * small, small) >= 0).all()


def test_naive_penalty_is_a_squared_distance() -> None:
    """vae:naive: NumPy's norm of (mu, sigma) from (0, 1)."""
    mean, log_var = ellipses()
    std = (log_var / 2).exp()
    both = np.concatenate([mean.numpy(), std.numpy() - 1], 1)
    expected = np.linalg.norm(both, axis=1) ** 2
    np.testing.assert_allclose(naive_penalty(mean, std).numpy(), expected)
    assert naive_penalty(mean, torch.ones_like(mean)).shape == (ROWS,)


def test_kl_is_half_the_naive_penalty_on_mu_and_all_of_it_on_sigma() -> None:
    """vae:kl-expansion: the remainder, and its third order by polynomial fit in NumPy."""
    sigma = torch.linspace(0.9, 1.1, 2001)[:, None]
    off = (sigma - 1)[:, 0]
    kl = gaussian_kl(0 * sigma, 2 * sigma.log())
    assert ((kl - naive_penalty(0 * sigma, sigma)).abs() <= 0.37 * off.abs() ** 3 + 1e-16).all()
    terms = np.polynomial.polynomial.polyfit(off.numpy(), kl.numpy(), 9)
    np.testing.assert_allclose(terms[:5], [0, 0, 1, -1 / 3, 1 / 4], atol=1e-6)
    mean = torch.randn(50, 1)
    one = torch.ones_like(mean)
    assert_close(2 * gaussian_kl(mean, 0 * mean), naive_penalty(mean, one))


def test_only_the_kl_forbids_a_point() -> None:
    """vae:barrier: 13.3155 at 1e-6, minus log sigma minus 1/2; the naive penalty stays below 1."""
    sigma = torch.logspace(-1, -12, 12)[:, None]
    kl = gaussian_kl(0 * sigma, 2 * sigma.log())
    assert abs(kl[5].item() - 13.3155) < 1e-3
    expected = -np.log(sigma.numpy()[:, 0]) - 0.5 + sigma.numpy()[:, 0] ** 2 / 2
    np.testing.assert_allclose(kl.numpy(), expected, rtol=1e-12)
    assert (naive_penalty(0 * sigma, sigma) < 1).all()
    assert naive_penalty(sigma[:1], 0 * sigma[:1]).item() == pytest.approx(1.01), "a point may be"


# Ellipses and their noise


def test_draws_have_the_mean_and_the_variance_of_their_ellipse() -> None:
    """vae:reparameterize, vae:ellipse: moments within 5 standard errors; KS against SciPy."""
    mean, log_var, count = torch.tensor([-2.0, 0.3]), torch.tensor([-3.0, 1.4]), 100_000
    z = reparameterize(mean.expand(count, 2), log_var.expand(count, 2))
    std = (log_var / 2).exp()
    assert ((z.mean(0) - mean).abs() < 5 * std / count**0.5).all()
    error = (2 / count) ** 0.5 * std**2
    assert ((z.var(0) - std**2).abs() < 5 * error).all()
    assert abs(z.T.corrcoef()[0, 1]) < 5 / count**0.5
    for latent in (0, 1):
        law = scipy.stats.norm(mean[latent].item(), std[latent].item())
        assert scipy.stats.kstest(z[:20_000, latent].numpy(), law.cdf).pvalue > 0.01


def test_gradients_reach_centre_and_size() -> None:
    """vae:reparameterize: dz/dmu = 1 and dz/dv = (z - mu) / 2, by autograd and differences."""
    mean, log_var = (each.requires_grad_() for each in ellipses())
    draw = lambda mean, log_var: reparameterize(  # noqa: E731
        mean, log_var, generator=Generator().manual_seed(3)
    )
    assert torch.autograd.gradcheck(draw, (mean, log_var))
    z = draw(mean, log_var)
    by_mean, by_size = torch.autograd.grad(z.sum(), (mean, log_var))
    assert_close(by_mean, torch.ones_like(mean))
    assert_close(by_size, (z - mean).detach() / 2)


def test_noise_adds_the_same_to_every_linear_reconstruction() -> None:
    """vae:noise-linear: 400,000 draws within 4 standard errors of the sum of sigma^2 |w|^2."""
    decoder, x, draws = nn.Linear(LATENT, D), torch.randn(D), 400_000
    mean, log_var = ellipses(1)
    with torch.no_grad():
        z = reparameterize(mean.expand(draws, -1), log_var.expand(draws, -1))
        errors = (x - decoder(z)).square().sum(1)
        cost = (log_var.exp() * decoder.weight.square().sum(0)).sum()
        expected = (x - decoder(mean)).square().sum() + cost
        assert (errors.mean() - expected).abs() < 4 * errors.std() / draws**0.5
        assert_close(noise_cost(decoder, mean, (log_var / 2).exp()), cost[None])


def test_small_noise_costs_its_size_times_the_slope_of_the_decoder() -> None:
    """vae:noise-cost: central differences row by row, then 200,000 antithetic draws within 1%."""
    decoder = far_from_initial(nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, D)))
    mean, std = torch.randn(4, 2), 0.03 * torch.rand(4, 2)
    found = noise_cost(decoder, mean, std).detach()
    for row in range(4):
        slopes = numerical_jacobian(decoder, mean[row]).square().sum(0)
        assert_close(found[row], (std[row] ** 2 * slopes).sum(), rtol=1e-6, atol=0)
    with torch.no_grad():
        half = torch.randn(100_000, 1, 2)
        noise = torch.cat([half, -half]) * std
        moved = decoder(mean) - decoder((mean + noise).flatten(0, 1)).unflatten(0, (-1, 4))
        inflation = moved.square().sum(-1).mean(0)
    assert (inflation / found - 1).abs().max() < 0.01


# What an optimum looks like


def test_standardize_is_the_affine_map_of_least_kl() -> None:
    """vae:rescaling, vae:centred, vae:unit-moments: LBFGS over all maps, and the gain."""
    mean, log_var = ellipses(50)
    mean = mean + torch.tensor([1.0, 0.0, -3.0])
    better, smaller = standardize(mean, log_var)
    assert better.mean(0).abs().max() < 1e-12
    moments = better.square().mean(0) + smaller.exp().mean(0)
    assert (moments - 1).abs().max() < 1e-12
    shift, log_scale = (torch.zeros(LATENT, requires_grad=True) for _ in "ab")
    lbfgs = torch.optim.LBFGS([shift, log_scale], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        lbfgs.zero_grad()
        moved = (mean - shift) * log_scale.exp()
        loss = gaussian_kl(moved, log_var + 2 * log_scale).mean()
        loss.backward()
        return loss

    lbfgs.step(closure)  # pyright: ignore[reportArgumentType]
    assert_close(gaussian_kl(better, smaller).mean(), closure().detach())
    assert_close(better, ((mean - shift) * log_scale.exp()).detach(), atol=1e-4, rtol=1e-4)
    M = (mean - mean.mean(0)).square().mean(0) + log_var.exp().mean(0)
    gain = ((M - 1 - M.log()) / 2).sum() + mean.mean(0).square().sum() / 2
    assert_close(gaussian_kl(mean, log_var).mean() - gain, gaussian_kl(better, smaller).mean())


def test_kl_of_an_optimum_is_the_log_volume_of_its_ellipses() -> None:
    """vae:volume: slogdet of the covariances, as NumPy sees them."""
    mean, log_var = standardize(*ellipses(50))
    covariances = np.stack([np.diag(row) for row in log_var.exp().numpy()])
    volumes = np.linalg.slogdet(covariances).logabsdet / 2
    assert abs(gaussian_kl(mean, log_var).mean().item() + volumes.mean()) < 1e-12


@pytest.mark.parametrize("seed", [0, 1])
def test_moments_of_a_trained_vae_add_up_to_one(seed: int) -> None:
    """vae:unit-moments, vae:centred: a tanh VAE on a curved sheet; the AE's codes do not."""
    torch.manual_seed(seed)
    angle, height = 3 * torch.rand(256), torch.rand(256)
    x = torch.stack([angle.cos(), angle.sin(), height, angle * height], 1)
    four = x.repeat(4, 1)  # as many draws a step: with one, noise hides the last gain
    model = VAE(4, 2, hidden=(24,), decoder_variance=0.02)
    plain = Autoencoder(4, 2, hidden=(24,))
    for each in (model, plain):
        each.encoder[1] = each.decoder[1] = nn.Tanh()
        adam = torch.optim.Adam(each.parameters(), 0.02)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, 900)
        for _ in range(900):
            vae = isinstance(each, VAE)
            loss = each.loss(four).total if vae else (x - each(x)).square().sum(1).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            decay.step()
    with torch.no_grad():
        mean, log_var = model.encode(x)
        moments = mean.square().mean(0) + log_var.exp().mean(0)
        assert (moments - 1).abs().max() < 0.05
        assert mean.mean(0).abs().max() < 0.05
        assert mean.square().mean(0).min() > 0.5  # and no latent is asleep
        assert (plain.encode(x).square().mean(0) - 1).abs().max() > 0.2


# The loss


def test_loss_is_minus_the_elbo_of_torch() -> None:
    """vae:elbo, vae:decoder: log-densities of torch.distributions at the same draw."""
    model = far_from_initial(VAE(D, LATENT, hidden=(8, 4), decoder_variance=0.3))
    x = 2 * torch.randn(ROWS, D)
    mean, log_var = model.encode(x)
    z = reparameterize(mean, log_var, generator=Generator().manual_seed(5))
    loss = model.loss(x, generator=Generator().manual_seed(5))
    log_likelihood = Normal(model.decode(z), 0.3**0.5).log_prob(x).sum(1).mean()
    kl = kl_divergence(Normal(mean, (log_var / 2).exp()), Normal(0.0, 1.0)).sum(1).mean()
    assert_close(loss.reconstruction, -log_likelihood)
    assert_close(loss.kl, kl)
    assert_close(loss.total, kl - log_likelihood)


def test_elbo_bounds_the_likelihood_from_below() -> None:
    """vae:elbo: log p(x) by quadrature over a one-dimensional latent."""
    model = far_from_initial(VAE(2, 1, hidden=(6,), decoder_variance=0.4), 0.8)
    x, grid = torch.randn(20, 2), torch.linspace(-9, 9, 4001)
    with torch.no_grad():
        means = model.decode(grid[:, None])
        joint = Normal(means, 0.4**0.5).log_prob(x[:, None]).sum(-1)
        log_p = (joint + Normal(0.0, 1.0).log_prob(grid)).logsumexp(1)
        log_p = log_p + math.log(grid[1] - grid[0])
        draws = [model.loss(x).total for _ in range(2000)]
        mean, log_var = model.encode(x)
        width = (log_var / 2).exp()
        q = Normal(mean, width).log_prob(grid).exp() * (grid[1] - grid[0])
        gap = q * (Normal(mean, width).log_prob(grid) - joint - Normal(0.0, 1.0).log_prob(grid))
    elbo, error = -torch.stack(draws).mean(), torch.stack(draws).std() / 2000**0.5
    assert elbo + 4 * error < log_p.mean()
    assert (elbo + gap.sum(1).mean()).abs() < 4 * error


@pytest.mark.parametrize("weight", [0.3, 1, 4])
@pytest.mark.parametrize("features", [1, 6])
def test_weights_of_the_loss_imply_a_decoder_variance(weight: float, features: int) -> None:
    """vae:implied-variance: gradients of the hand-written losses are those of the ELBO, scaled."""
    for error_weight in (1, 1 / features):  # a sum over features, and a mean
        variance = weight / (2 * error_weight)
        model = far_from_initial(VAE(features, 2, hidden=(4,), decoder_variance=variance))
        x = torch.randn(ROWS, features)
        mean, log_var = model.encode(x)
        z = reparameterize(mean, log_var, generator=Generator().manual_seed(1))
        error = (x - model.decode(z)).square().sum(1).mean()
        kl = kl_divergence(Normal(mean, (log_var / 2).exp()), Normal(0.0, 1.0)).sum(1).mean()
        by_hand = torch.autograd.grad(error_weight * error + weight * kl, model.parameters())
        total = model.loss(x, generator=Generator().manual_seed(1)).total
        for ours, theirs in zip(
            torch.autograd.grad(total, model.parameters()), by_hand, strict=True
        ):
            assert_close(weight * ours, theirs)


# The linear VAE


def correlated(rows: int = 400, features: int = 6) -> Tensor:
    """Return data with PCA variances that are spread over two decades, mean not 0."""
    turn = torch.linalg.qr(torch.randn(features, features)).Q
    scales = torch.logspace(0.5, -0.8, features)
    return torch.randn(rows, features) * scales @ turn + torch.randn(features)


def set_to_ppca(model: Any, x: Tensor, latent: int, s2: float) -> None:
    """Give a linear VAE the weights of probabilistic PCA, from scikit-learn's PCA."""
    pca = PCA(latent).fit(x.numpy())
    lam = torch.as_tensor(pca.explained_variance_) * (len(x) - 1) / len(x)
    axes, centre = torch.as_tensor(pca.components_), torch.as_tensor(pca.mean_)
    alive = lam > s2
    gain = torch.where(alive, lam - s2, 0).sqrt()
    std = torch.where(alive, (s2 / lam).sqrt(), 1)
    with torch.no_grad():
        model.decoder[0].weight.copy_((gain[:, None] * axes).T)
        model.decoder[0].bias.copy_(centre)
        into = gain[:, None] / lam[:, None] * axes
        model.encoder[0].weight.copy_(torch.cat([into, 0 * into]))
        model.encoder[0].bias.copy_(torch.cat([-into @ centre, 2 * std.log()]))


def exact_loss(model: Any, x: Tensor) -> Tensor:
    """Return the loss of a linear VAE, with the mean over all noise in closed form."""
    mean, log_var = model.encode(x)
    weight, s2 = model.decoder[0].weight, model.decoder_variance
    error = (x - model.decode(mean)).square().sum(1)
    error = error + (log_var.exp() * weight.square().sum(0)).sum(1)
    nats = error / (2 * s2) + x.shape[1] / 2 * math.log(2 * math.pi * s2)
    return (nats + gaussian_kl(mean, log_var)).mean()


@pytest.mark.parametrize("s2", [0.02, 0.5, 3])
def test_linear_optimum_is_probabilistic_pca(s2: float) -> None:
    """vae:linear-std, vae:ppca: zero gradient, scikit-learn's likelihood, no way down."""
    x, latent = correlated(), 4
    model: Any = VAE(6, latent, hidden=(), decoder_variance=s2)
    set_to_ppca(model, x, latent, s2)
    best = exact_loss(model, x)
    gradients = torch.autograd.grad(best, [*model.parameters()])
    assert max(each.abs().max().item() for each in gradients) < 1e-9
    with torch.no_grad():
        mean, log_var = model.encode(x)
        eigenvalues = torch.linalg.eigvalsh((x - x.mean(0)).T @ (x - x.mean(0)) / len(x)).flip(0)
        std, active = linear_vae_optimum(eigenvalues[:latent], decoder_variance=s2)
        assert_close((log_var / 2).exp(), std.expand(len(x), -1))
        assert torch.equal(active, eigenvalues[:latent] > s2)
        weight = model.decoder[0].weight
        covariance = weight @ weight.T + s2 * torch.eye(6)  # of x under the model
        normal: Any = scipy.stats.multivariate_normal
        likelihood = normal(x.mean(0).numpy(), covariance.numpy())
        assert abs(best.item() + likelihood.logpdf(x.numpy()).mean()) < 1e-9
        moments = mean.square().mean(0) + log_var.exp().mean(0)
        assert (moments - 1).abs().max() < 1e-12
        rate = torch.where(active, (eigenvalues[:latent] / s2).log() / 2, 0)
        assert_close(gaussian_kl(mean, log_var).mean(), rate.sum())
        start = [parameter.clone() for parameter in model.parameters()]
        lower = 0
        for trial in range(2000):
            size = 10.0 ** -(trial % 5)
            for parameter, at in zip(model.parameters(), start, strict=True):
                parameter.copy_(at + size * torch.randn_like(at))
            lower += int(exact_loss(model, x) < best - 1e-12)
    assert lower == 0


def test_ppca_is_that_of_scikit_learn() -> None:
    """vae:ppca: at its own noise, PCA.get_covariance is the covariance of the linear VAE."""
    x, latent = correlated(), 3
    pca = PCA(latent).fit(x.numpy())
    s2 = float(pca.noise_variance_)
    lam = torch.as_tensor(pca.explained_variance_)
    weight = torch.as_tensor(pca.components_).T * (lam - s2).sqrt()
    assert_close(weight @ weight.T + s2 * torch.eye(6), torch.as_tensor(pca.get_covariance()))
    std, active = linear_vae_optimum(lam, decoder_variance=s2)
    assert active.all()
    posterior = torch.linalg.inv(torch.eye(latent) + weight.T @ weight / s2)  # Gauss's own
    assert_close(posterior, torch.diag(std**2))


def test_training_finds_the_closed_form() -> None:
    """vae:linear-std, vae:threshold: Adam from a random start, sizes within 2%, one latent off."""
    x = correlated(features=5)
    lam = torch.linalg.eigvalsh((x - x.mean(0)).T @ (x - x.mean(0)) / len(x)).flip(0)
    s2 = (lam[2] * lam[3]).sqrt().item()
    model = VAE(5, 4, hidden=(), decoder_variance=s2)
    adam = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(3000):
        loss = exact_loss(model, x)
        adam.zero_grad()
        loss.backward()
        adam.step()
    std = (model.encode(x)[1] / 2).exp().mean(0).sort().values.detach()
    expected, active = linear_vae_optimum(lam[:4], decoder_variance=s2)
    assert active.tolist() == [True, True, True, False]
    assert_close(std, expected.sort().values, rtol=0.02, atol=0)


def test_a_direction_at_the_threshold_is_off() -> None:
    """vae:threshold: lambda = s^2 is off, the next number above is on; in both dtypes."""
    for dtype in (torch.float32, torch.float64):
        one = torch.tensor(0.1, dtype=dtype)
        above = torch.nextafter(one, one + 1)
        std, active = linear_vae_optimum(torch.stack([one, above, 0 * one]), decoder_variance=0.1)
        assert active.tolist() == [False, True, False]
        assert std.dtype == dtype
        assert std[0] == std[2] == 1
        assert std[1] <= 1
    std, active = linear_vae_optimum(torch.tensor([3.0, 2.0, 0.5]), decoder_variance=2)
    assert active.tolist() == [True, False, False]
    assert_close(std, torch.tensor([(2 / 3) ** 0.5, 1.0, 1.0]))


def test_linear_optimum_at_extreme_scales() -> None:
    """vae:linear-std: float32 quotients would underflow; gradients stay finite at eigenvalue 0."""
    lam = torch.tensor([1e37, 1.0, 0.0], dtype=torch.float32, requires_grad=True)
    std, active = linear_vae_optimum(lam, decoder_variance=1e-12)
    expected = np.sqrt(np.array([1e-12, 1e-12]) / np.array([1e37, 1.0]))
    np.testing.assert_allclose(std[:2].detach().double().numpy(), expected, rtol=1e-6)
    assert active.tolist() == [True, True, False]
    (gradient,) = torch.autograd.grad(std.sum(), lam)
    assert gradient.isfinite().all()
    assert gradient[2] == 0


# Two terms of the KL


def mixture() -> tuple[Tensor, Tensor]:
    means = torch.tensor([[-2.0], [-0.4], [0.7], [1.9]])
    return means, 2 * torch.tensor([[0.3], [0.5], [0.2], [0.6]]).log()


def by_quadrature(mean: Tensor, log_var: Tensor) -> tuple[float, float]:
    """I and KL(q(z) || p) of a one-dimensional mixture, with SciPy throughout."""
    parts: Any = scipy.stats.norm(mean[:, 0].numpy(), np.exp(log_var[:, 0].numpy() / 2))

    def q(z: Any) -> Any:
        return parts.pdf(np.asarray(z)[..., None]).mean(-1)

    z = np.linspace(-9, 9, 40_001)
    density = q(z)
    entropy = scipy.integrate.trapezoid(scipy.special.entr(density), z)
    cross = -scipy.integrate.trapezoid(density * scipy.stats.norm.logpdf(z), z)
    information = entropy - parts.entropy().mean()
    return information, cross - entropy


def test_the_kl_is_information_plus_mismatch() -> None:
    """vae:surgery: both terms by quadrature, their sum in closed form."""
    mean, log_var = mixture()
    information, mismatch = by_quadrature(mean, log_var)
    assert abs(gaussian_kl(mean, log_var).mean().item() - information - mismatch) < 1e-8
    assert min(information, mismatch) > 0.01


def test_estimates_are_those_of_quadrature() -> None:
    """vae:estimate: 200,000 draws against SciPy, within 0.01."""
    mean, log_var = mixture()
    found = surgery(mean, log_var, draws=200_000)
    expected = by_quadrature(mean, log_var)
    assert np.abs(np.array([each.item() for each in found]) - expected).max() < 0.01


def test_few_draws_come_from_any_of_the_rows() -> None:
    """vae:estimate: 400 draws from 1,000 ellipses meet the last 500, whose mismatch is 4.5 nats."""
    mean = 3.0 * (torch.arange(1000) >= 500)[:, None]
    found = surgery(mean, torch.zeros(1000, 1), draws=400).mismatch
    assert abs(found.item() - by_quadrature(mean[::500], torch.zeros(2, 1))[1]) < 0.6


def test_log_aggregate_is_the_mixture_of_torch() -> None:
    """vae:aggregate: MixtureSameFamily, far tails included."""
    mean, log_var = ellipses(30)
    parts = Independent(Normal(mean, (log_var / 2).exp()), 1)
    weights = torch.distributions.Categorical(torch.ones(30))
    theirs = torch.distributions.MixtureSameFamily(weights, parts)
    z = torch.cat([3 * torch.randn(50, LATENT), torch.full((1, LATENT), 400.0)])
    assert_close(log_aggregate(z, mean, log_var), theirs.log_prob(z))


def test_log_aggregate_in_pieces_is_that_in_one() -> None:
    """vae:aggregate: so many rows that the draws are split."""
    mean, log_var = ellipses(30_000, 2)
    z = torch.randn(600, 2)
    whole = log_aggregate(z, mean, log_var)
    singly = torch.cat([log_aggregate(row[None], mean, log_var) for row in z[::100]])
    assert_close(whole[::100], singly)


def test_information_never_exceeds_the_log_of_the_rows() -> None:
    """vae:estimate: points a world apart carry log n; one row, or equal ones, nothing."""
    mean = 1e6 * torch.randn(64, 2)
    apart = surgery(mean, torch.zeros(64, 2), draws=500)
    assert_close(apart.information, torch.tensor(math.log(64)))
    same = surgery(torch.ones(9, 2), torch.zeros(9, 2), draws=4000)
    assert abs(same.information.item()) < 1e-12
    assert abs(same.mismatch.item() - 1) < 0.1  # |mu|^2 / 2, by hand


def test_areas_fill_the_prior_where_points_do_not() -> None:
    """vae:aggregate: 21 codes at normal quantiles; KL of their mixture to N(0, 1)."""
    levels = (np.arange(21) + 0.5) / 21
    codes = scipy.stats.norm.ppf(levels)
    z = np.linspace(-8, 8, 80_001)
    for sigma, expected in zip(
        (0.02, 0.1, 0.2, 0.3, 0.45), (0.869, 0.073, 0.020, 0.0093, 0.0034), strict=True
    ):
        scaled = codes * math.sqrt((1 - sigma**2) / codes.var())  # total variance 1
        mean, width = torch.as_tensor(scaled)[:, None], torch.full((21, 1), 2 * math.log(sigma))
        log_q = log_aggregate(torch.as_tensor(z)[:, None], mean, width).numpy()
        gap = np.exp(log_q) * (log_q - scipy.stats.norm.logpdf(z))
        assert abs(scipy.integrate.trapezoid(gap, z) / expected - 1) < 0.02
        empty = (np.exp(log_q) < 1e-3)[np.abs(z) < 2].mean()
        assert (empty > 0.3) == (sigma == 0.02)
        assert empty == 0 or sigma < 0.2


def test_the_unit_disc_is_a_shell() -> None:
    """vae:shell: SciPy's chi distribution, and the prior that `sample` draws from."""
    assert abs(scipy.stats.chi(2).cdf(1) - (1 - math.exp(-0.5))) < 1e-12
    assert abs(scipy.stats.chi(10).cdf(1) - 1.7e-4) < 5e-6
    for latent, spread in ((2, 0.655), (100, 0.706), (1000, 0.707)):
        law = scipy.stats.chi(latent)
        assert abs(law.std() - spread) < 1e-3
        assert abs(law.mean() - latent**0.5) < 0.4 / latent**0.5
        model: Any = VAE(latent, latent, hidden=())
        nn.init.eye_(model.decoder[0].weight)
        nn.init.zeros_(model.decoder[0].bias)
        radius = model.sample(2000).norm(dim=1).numpy()
        assert scipy.stats.kstest(radius, law.cdf).pvalue > 0.01


# The networks


def test_autoencoder_minimises_what_it_says() -> None:
    """vae:autoencoder: a linear one, by Adam, leaves what PCA leaves."""
    x, loss = correlated(features=5), torch.tensor(math.inf)
    model = Autoencoder(5, 2, hidden=())
    adam = torch.optim.Adam(model.parameters(), 0.03)
    for _ in range(1500):
        loss = (x - model(x)).square().sum(1).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    pca = PCA(2).fit(x.numpy())
    kept = pca.inverse_transform(pca.transform(x.numpy()))
    floor = ((x.numpy() - kept) ** 2).sum(1).mean()
    assert floor - 1e-9 <= loss.item() < 1.001 * floor


@pytest.mark.parametrize("hidden", [(), (7,), [7, 4]])
def test_decoder_mirrors_the_encoder(hidden: Any) -> None:
    """vae:autoencoder, vae:ellipse: widths, and ReLUs between any two layers but after none."""
    for model, codes in ((Autoencoder(D, 2, hidden=hidden), 2), (VAE(D, 2, hidden=hidden), 4)):
        for net, widths in (
            (model.encoder, [D, *hidden, codes]),
            (model.decoder, [2, *hidden[::-1], D]),
        ):
            linear: list[Any] = [each for each in net if isinstance(each, nn.Linear)]
            assert [linear[0].in_features, *(each.out_features for each in linear)] == widths
            kinds = [type(each) for each in net]
            assert kinds == ([nn.Linear, nn.ReLU] * len(linear))[:-1]
    net: Any = network([2, 3, 1])
    x = torch.randn(4, 2)
    weights = [each.detach().numpy() for each in (net[0].weight, net[2].weight)]
    biases = [each.detach().numpy() for each in (net[0].bias, net[2].bias)]
    inner = np.maximum(x.numpy() @ weights[0].T + biases[0], 0)
    np.testing.assert_allclose(net(x).detach().numpy(), inner @ weights[1].T + biases[1])


def test_defaults_are_a_layer_of_256_and_the_plain_squared_error() -> None:
    """vae:autoencoder, vae:implied-variance: at beta = 1 the error has weight 1, beside log pi."""
    model: Any = VAE(D, LATENT)
    plain: Any = Autoencoder(D, LATENT)
    for net in (plain.encoder, plain.decoder, model.encoder, model.decoder):
        assert len(net) == 3
        assert net[0].out_features == 256
    x = torch.randn(ROWS, D)
    z = reparameterize(*model.encode(x), generator=Generator().manual_seed(2))
    error = (x - model.decode(z)).square().sum(1).mean()
    found = model.loss(x, generator=Generator().manual_seed(2)).reconstruction
    assert_close(found, error + D / 2 * math.log(math.pi))


def test_encode_parts_centres_from_sizes() -> None:
    """vae:ellipse: the first half of the last layer is the centre, the other the log-variance."""
    model = far_from_initial(VAE(D, LATENT, hidden=()))
    x = torch.randn(ROWS, D)
    mean, log_var = model.encode(x)
    out = (x @ model.encoder[0].weight.T + model.encoder[0].bias).detach()
    assert_close(mean.detach(), out[:, :LATENT])
    assert_close(log_var.detach(), out[:, LATENT:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (4, 1, 3), (4, 9, 2), (2, 3, 12)])
def test_shapes_dtypes_and_layouts(dtype: torch.dtype, sizes: tuple[int, int, int]) -> None:
    rows, features, latent = sizes
    x = torch.randn(features, rows, dtype=dtype).T  # not contiguous
    plain = Autoencoder(features, latent).to(dtype)
    model = VAE(features, latent, hidden=(), decoder_variance=1).to(dtype)
    mean, log_var = model.encode(x)
    loss = model.loss(x)
    assert plain.encode(x).shape == mean.shape == log_var.shape == (rows, latent)
    assert plain(x).shape == model.decode(mean).shape == (rows, features)
    assert model.sample(3).shape == (3, features)
    assert gaussian_kl(mean, log_var).shape == naive_penalty(mean, log_var.exp()).shape == (rows,)
    every = [plain(x), mean, model.sample(1), *loss, gaussian_kl(mean, log_var)]
    every += [reparameterize(mean, log_var), *surgery(mean, log_var, draws=2)]
    every += [*standardize(mean, log_var), noise_cost(model.decode, mean, log_var.exp())]
    assert {each.dtype for each in every} == {dtype}
    assert [each.shape for each in loss] == [()] * 3
    assert_close(loss.total, loss.reconstruction + loss.kl)


def test_generators_make_draws_repeatable() -> None:
    """Equal generators, equal draws, and the global state is not touched; layouts do not matter."""
    model, x = VAE(D, 2), torch.randn(ROWS, D)
    mean, log_var = ellipses()
    state = torch.get_rng_state()
    for call in (
        lambda g: model.loss(x, generator=g).total,
        lambda g: model.sample(4, generator=g),
        lambda g: reparameterize(mean, log_var, generator=g),
        lambda g: surgery(mean, log_var, draws=9, generator=g).information,
    ):
        first, second, third = (call(Generator().manual_seed(seed)) for seed in (1, 1, 2))
        assert torch.equal(first, second)
        assert not torch.equal(first, third)
    assert torch.equal(state, torch.get_rng_state())
    assert not model.sample(1).requires_grad
    assert not torch.equal(model.sample(2), model.sample(2))
    turned, seed = mean.T.contiguous().T, Generator()
    drawn = [reparameterize(m, log_var, generator=seed.manual_seed(1)) for m in (mean, turned)]
    assert torch.equal(*drawn)


def test_samples_are_decoder_means() -> None:
    """vae:shell, vae:decoder: no decoder noise; equal draws of the prior, decoded in NumPy."""
    model = far_from_initial(VAE(D, LATENT, hidden=(), decoder_variance=100))
    z = torch.randn(6, LATENT, generator=Generator().manual_seed(4))
    found = model.sample(6, generator=Generator().manual_seed(4))
    weight, bias = (each.detach().numpy() for each in model.decoder.parameters())
    np.testing.assert_allclose(found.numpy(), z.numpy() @ weight.T + bias)


def test_empty_batches_have_no_penalty_and_no_draw() -> None:
    nothing = torch.zeros(0, 2)
    assert gaussian_kl(nothing, nothing).shape == naive_penalty(nothing, nothing).shape == (0,)
    assert reparameterize(nothing, nothing).shape == (0, 2)
    assert Autoencoder(D, 2).encode(torch.zeros(0, D)).shape == (0, 2)
    assert linear_vae_optimum(torch.zeros(0), decoder_variance=1)[0].shape == (0,)


def test_jacobian_of_the_decoder_is_what_noise_cost_uses() -> None:
    """vae:noise-cost, vae:noise-linear: autograd's full Jacobian of a ReLU decoder."""
    model = far_from_initial(VAE(D, 2, hidden=(8,)))
    mean, std = torch.randn(1, 2), torch.rand(1, 2)
    matrix: Any = jacobian(lambda z: model.decode(z)[0], mean)
    expected = (matrix[:, 0] * std).square().sum()
    assert_close(noise_cost(model.decode, mean, std)[0].detach(), expected)


REFUSALS = {
    "kl: one row for three": (
        lambda: gaussian_kl(torch.randn(3, 2), torch.randn(1, 2)),
        r"shape of log_var must be \(3, 2\), got \(1, 2\)",
    ),
    "kl: one column for two": (
        lambda: gaussian_kl(torch.randn(3, 2), torch.randn(3, 1)),
        r"shape of log_var must be \(3, 2\), got \(3, 1\)",
    ),
    "kl of a vector": (
        lambda: gaussian_kl(torch.randn(2), torch.randn(2)),
        "rank of mean must be 2, got 1",
    ),
    "kl of a stack": (
        lambda: gaussian_kl(torch.randn(2, 2, 2), torch.randn(2, 2, 2)),
        "rank of mean must be 2, got 3",
    ),
    "naive: shapes": (
        lambda: naive_penalty(torch.randn(3, 2), torch.ones(3, 1)),
        r"shape of std must be \(3, 2\), got \(3, 1\)",
    ),
    "naive: rank": (
        lambda: naive_penalty(torch.randn(3), torch.ones(3)),
        "rank of mean must be 2, got 1",
    ),
    "naive: negative size": (
        lambda: naive_penalty(torch.zeros(1, 2), torch.tensor([[-1.0, 2.0]])),
        r"std must be at least 0, got \[-1.0\]",
    ),
    "naive: size nan": (
        lambda: naive_penalty(torch.zeros(1, 2), torch.tensor([[1.0, math.nan]])),
        r"std must be at least 0, got \[nan\]",
    ),
    "draw: shapes": (
        lambda: reparameterize(torch.randn(3, 2), torch.randn(3, 1)),
        r"shape of log_var must be \(3, 2\), got \(3, 1\)",
    ),
    "draw: a number": (
        lambda: reparameterize(torch.randn(3, 2), torch.tensor(0.0)),
        r"shape of log_var must be \(3, 2\), got \(\)",
    ),
    "cost: shapes": (
        lambda: noise_cost(nn.Linear(2, 4), torch.randn(3, 2), torch.ones(2, 3)),
        r"shape of std must be \(3, 2\), got \(2, 3\)",
    ),
    "standardize: no rows": (
        lambda: standardize(torch.zeros(0, 2), torch.zeros(0, 2)),
        "rows of mean must be at least 1, got 0",
    ),
    "no features": (lambda: VAE(0, 2), "features must be at least 1, got 0"),
    "no latent": (lambda: VAE(D, 0), "latent must be at least 1, got 0"),
    "negative latent": (lambda: Autoencoder(D, -1), "latent must be at least 1, got -1"),
    "no features, AE": (lambda: Autoencoder(0, 1), "features must be at least 1, got 0"),
    "hidden of nothing": (
        lambda: VAE(D, 2, hidden=(8, 0)),
        r"hidden\[1\] must be at least 1, got 0",
    ),
    "hidden is a number": (
        lambda: Autoencoder(D, 2, hidden=8),  # pyright: ignore[reportArgumentType]
        "hidden must be a sequence of widths, got 8",
    ),
    "x for another autoencoder": (
        lambda: Autoencoder(D, 2)(torch.randn(3, 4)),
        r"shape of x must be \(3, 5\), got \(3, 4\)",
    ),
    "a single x": (lambda: Autoencoder(D, 2)(torch.randn(D)), "rank of x must be 2, got 1"),
    "images that are not flat": (
        lambda: VAE(784, 2).loss(torch.randn(3, 28, 28)),
        "rank of x must be 2, got 3",
    ),
    "x for another vae": (
        lambda: VAE(D, 2).encode(torch.randn(3, 1)),
        r"shape of x must be \(3, 5\), got \(3, 1\)",
    ),
    "z for another vae": (
        lambda: VAE(D, 2).decode(torch.randn(3, 1)),
        r"shape of z must be \(3, 2\), got \(3, 1\)",
    ),
    "z for another autoencoder": (
        lambda: Autoencoder(D, 2).decode(torch.randn(2)),
        "rank of z must be 2, got 1",
    ),
    "an empty batch": (
        lambda: VAE(D, 2).loss(torch.zeros(0, D)),
        "rows of x must be at least 1, got 0",
    ),
    "no samples": (lambda: VAE(D, 2).sample(0), "count must be at least 1, got 0"),
    **{
        f"decoder variance {bad}": (
            lambda bad=bad: VAE(D, 2, decoder_variance=bad),
            f"decoder_variance must be positive and finite, got {bad}",
        )
        for bad in (0, -0.5, math.nan, math.inf)
    },
    **{
        f"optimum at variance {bad}": (
            lambda bad=bad: linear_vae_optimum(torch.ones(2), decoder_variance=bad),
            f"decoder_variance must be positive and finite, got {bad}",
        )
        for bad in (0, -1, math.nan, math.inf)
    },
    **{
        f"an eigenvalue of {bad}": (
            lambda bad=bad: linear_vae_optimum(torch.tensor([1.0, bad]), decoder_variance=1),
            rf"eigenvalues must be finite and at least 0, got \[{bad}\]",
        )
        for bad in (-1e-9, math.nan, math.inf)
    },
    "eigenvalues in a matrix": (
        lambda: linear_vae_optimum(torch.eye(2), decoder_variance=1),
        "rank of eigenvalues must be 1, got 2",
    ),
    "surgery without draws": (
        lambda: surgery(torch.ones(3, 2), torch.ones(3, 2), draws=0),
        "draws must be at least 1, got 0",
    ),
    "surgery without rows": (
        lambda: surgery(torch.zeros(0, 2), torch.zeros(0, 2)),
        "rows of mean must be at least 1, got 0",
    ),
    "surgery: shapes": (
        lambda: surgery(torch.ones(3, 2), torch.ones(3, 1)),
        r"shape of log_var must be \(3, 2\), got \(3, 1\)",
    ),
    "a mixture of none": (
        lambda: log_aggregate(torch.ones(1, 2), torch.zeros(0, 2), torch.zeros(0, 2)),
        "rows of mean must be at least 1, got 0",
    ),
    "z of another width": (
        lambda: log_aggregate(torch.ones(1, 1), torch.ones(3, 2), torch.ones(3, 2)),
        r"shape of z must be \(1, 2\), got \(1, 1\)",
    ),
}


@pytest.mark.refusal
@pytest.mark.parametrize("case", REFUSALS)
def test_refuses_bad_input(case: str) -> None:
    call, message = REFUSALS[case]
    with pytest.raises(ValueError, match=f"^{message}$"):
        call()


WRONG_DTYPES = {
    "whole mean": (
        lambda: gaussian_kl(torch.zeros(2, 2, dtype=torch.int64), torch.zeros(2, 2)),
        "mean must be float32 or float64, got torch.int64",
    ),
    "whole std": (
        lambda: naive_penalty(torch.zeros(2, 2), torch.ones(2, 2, dtype=torch.int64)),
        "std must be torch.float64, got torch.int64",
    ),
    "mixed": (
        lambda: gaussian_kl(torch.zeros(2, 2), torch.zeros(2, 2, dtype=torch.float32)),
        "log_var must be torch.float64, got torch.float32",
    ),
    "a whole draw": (
        lambda: reparameterize(*[torch.zeros(2, 2, dtype=torch.int64)] * 2),
        "mean must be float32 or float64, got torch.int64",
    ),
    "pixels": (
        lambda: VAE(D, 2).loss(torch.zeros(3, D, dtype=torch.uint8)),
        "x must be torch.float64, got torch.uint8",
    ),
    "single x, double model": (
        lambda: Autoencoder(D, 2)(torch.zeros(3, D, dtype=torch.float32)),
        "x must be torch.float64, got torch.float32",
    ),
    "whole eigenvalues": (
        lambda: linear_vae_optimum(torch.tensor([3, 1]), decoder_variance=1),
        "eigenvalues must be float32 or float64, got torch.int64",
    ),
}


@pytest.mark.refusal
@pytest.mark.parametrize("case", WRONG_DTYPES)
def test_refuses_wrong_dtypes(case: str) -> None:
    call, message = WRONG_DTYPES[case]
    with pytest.raises(TypeError, match=f"^{message}$"):
        call()


def test_shapes_are_checked_under_pytest() -> None:
    """The hook of conftest.py is on: jaxtyping meets a wrong shape before the module does."""
    with pytest.raises(TypeError, match=r"[Tt]ype-check"):
        gaussian_kl(torch.zeros(2, 3), torch.zeros(2, 2))
