"""The claims of docs/articles/nice.md, checked on snippets/nice.py."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import torch
import zuko
from torch import Tensor, distributions, nn
from torch.autograd.functional import jacobian
from torch.testing import assert_close

from snippets.nice import (
    NICE,
    AdditiveCoupling,
    Prior,
    Scaling,
    bits_per_dim,
    dequantize,
    gaussian_log_prob,
    logistic_draw,
    logistic_log_prob,
    merge,
    optimal_log_scale,
    shift_network,
    split,
)

pytestmark = pytest.mark.usefixtures("reproducible")  # one seed, float64

D = 6
PRIORS: list[Prior] = ["logistic", "gaussian"]


def far_from_identity(module: Any, std: float = 0.5) -> Any:
    """Draw every parameter anew, so that no law below holds by accident."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=std)
    return module


def flow(features: int = D, std: float = 0.5, **options: Any) -> Any:
    return far_from_identity(NICE(features, hidden=8, hidden_layers=2, **options), std)


class Widening(nn.Module):
    """A shift that returns float64, whatever it is given."""

    def forward(self, kept: Tensor) -> Tensor:
        return kept.double()


def numerical_jacobian(function, x: Tensor) -> np.ndarray:
    """Central differences: no autograd."""
    step = 1e-5 * torch.eye(len(x))
    columns = (function(x + step) - function(x - step)) / 2e-5
    return columns.T.detach().numpy()


@pytest.fixture(params=["couples even", "couples odd", "scales", "stack"])
def bijection(request: pytest.FixtureRequest) -> Any:
    half = D // 2
    return {
        "couples even": lambda: far_from_identity(AdditiveCoupling(shift_network(half, [8]))),
        "couples odd": lambda: far_from_identity(
            AdditiveCoupling(shift_network(half, [8]), keep_odd=True)
        ),
        "scales": lambda: far_from_identity(Scaling(D)),
        "stack": flow,
    }[request.param]()


# The layers


def test_split_takes_every_other_feature() -> None:
    """nice:split, by Python's own slices."""
    x = torch.arange(24.0).reshape(2, 2, D)
    even, odd = split(x)
    assert torch.equal(even, x[..., ::2])
    assert torch.equal(odd, x[..., 1::2])
    assert torch.equal(merge(even, odd), x)


@pytest.mark.parametrize("keep_odd", [False, True])
def test_coupling_adds_to_one_half_a_function_of_the_other(keep_odd: bool) -> None:
    """nice:coupling, with a linear shift written out in NumPy."""
    shift = nn.Linear(2, 2)
    x = torch.randn(4)
    z, _ = AdditiveCoupling(shift, keep_odd=keep_odd)(x)
    weight, bias, expected = shift.weight.detach().numpy(), shift.bias.detach().numpy(), x.numpy()
    kept, moved = ([1, 3], [0, 2]) if keep_odd else ([0, 2], [1, 3])
    expected = expected.copy()
    expected[moved] += weight @ expected[kept] + bias
    np.testing.assert_allclose(z.detach().numpy(), expected)


def test_stack_agrees_with_zuko_on_the_same_weights() -> None:
    """nice:coupling, nice:change-of-variables: zuko's layers in a TransformedDistribution."""
    ours = flow(prior="gaussian")
    steps: Any = [distributions.AffineTransform(0.0, ours.scaling.log_scale.exp(), event_dim=1)]
    for index, coupling in reversed(list(enumerate(ours.couplings))):
        mask: Any = torch.arange(D) % 2 == index % 2
        steps.append(
            zuko.transforms.CouplingTransform(
                lambda kept, m=coupling.shift: zuko.transforms.DependentTransform(
                    zuko.transforms.AdditiveTransform(m(kept)), 1
                ),
                mask,
            )
        )
    theirs = distributions.ComposeTransform(steps[::-1])
    x = 3 * torch.randn(100, D)
    z, log_det = ours(x)
    assert_close(z, theirs(x))
    assert_close(log_det, theirs.log_abs_det_jacobian(x, z))
    base = distributions.Independent(distributions.Normal(torch.zeros(D), 1.0), 1)
    assert_close(
        ours.log_prob(x), distributions.TransformedDistribution(base, theirs.inv).log_prob(x)
    )


def test_inverse_undoes_forward(bijection: Any) -> None:
    """nice:inverse, both ways round, on weights and points far from zero."""
    x = 3 * torch.randn(100, D)
    z, _ = bijection(x)
    assert (z - x).abs().max() > 1
    assert (bijection.inverse(z) - x).abs().max() < 1e-11
    assert (bijection(bijection.inverse(x))[0] - x).abs().max() < 1e-11


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 1e-4)])
def test_inverse_is_exact_at_full_size(dtype: torch.dtype, tolerance: float) -> None:
    """nice:inverse, with 784 features and the paper's nets of five layers of 1000."""
    stack = NICE(784).to(dtype)
    x = torch.rand(20, 784, dtype=dtype)
    with torch.no_grad():
        z, _ = stack(x)
        assert z.dtype == dtype
        assert (stack.inverse(z) - x).abs().max() < tolerance


def test_log_det_is_that_of_the_jacobian(bijection: Any) -> None:
    """nice:chain, nice:unit-det, nice:scaling-det: autograd and LU give the determinant."""
    x = torch.randn(D)
    _, log_det = bijection(x)
    matrix = jacobian(lambda x: bijection(x)[0], x)
    assert_close(log_det, torch.linalg.slogdet(matrix).logabsdet)


@pytest.mark.parametrize("keep_odd", [False, True])
def test_coupling_has_unit_determinant(keep_odd: bool) -> None:
    """nice:unit-det, by central differences in 16 dimensions; the map is no identity."""
    layer = AdditiveCoupling(shift_network(8, [8]), keep_odd=keep_odd)
    far_from_identity(layer)
    x = torch.randn(16)
    matrix = numerical_jacobian(lambda x: layer(x)[0], x)
    assert abs(np.linalg.det(matrix) - 1) < 1e-6
    assert np.abs(matrix - np.eye(16)).max() > 0.1
    assert layer(x)[1] == 0


def test_log_dets_add_up_along_the_stack() -> None:
    """nice:chain, by the product of the layers' numerical Jacobians; two of them change volumes."""
    stack = flow(16)
    stack.couplings[1] = far_from_identity(Scaling(16))
    x, product = torch.randn(16), np.eye(16)
    for layer in (*stack.couplings, stack.scaling):
        product = numerical_jacobian(lambda x, layer=layer: layer(x)[0], x) @ product
        x = layer(x)[0].detach()
    log_det = stack(torch.randn(16))[1].item()
    assert abs(np.linalg.slogdet(product).logabsdet - log_det) < 1e-6
    first, last = (
        layer.log_scale.detach().numpy() for layer in (stack.couplings[1], stack.scaling)
    )
    assert abs(log_det - first.sum() - last.sum()) < 1e-12


def test_scaling_multiplies_by_the_exponential() -> None:
    """nice:scaling, in NumPy."""
    layer = far_from_identity(Scaling(D))
    x = torch.randn(3, D)
    expected = np.exp(layer.log_scale.detach().numpy()) * x.numpy()
    np.testing.assert_allclose(layer(x)[0].detach().numpy(), expected)


@pytest.mark.parametrize("features", [6, 784, 10])
def test_reversal_of_features_keeps_volumes_and_may_flip_their_sign(features: int) -> None:
    """nice:unit-det speaks of |det|: a reversal between layers has the sign (-1)^(D // 2)."""
    sign, log_det = np.linalg.slogdet(np.eye(features)[::-1])
    assert log_det == 0
    assert sign == (-1) ** (features // 2)


def test_without_a_swap_one_half_never_moves() -> None:
    """nice:three-layers, the case of no alternation: z1 = x1 bit for bit."""
    layers = [far_from_identity(AdditiveCoupling(shift_network(3, [8]))) for _ in range(4)]
    x = torch.randn(100, D)
    z = x
    for layer in layers:
        z, _ = layer(z)
    assert torch.equal(z[:, ::2], x[:, ::2])
    assert not torch.isclose(z[:, 1::2], x[:, 1::2]).any()


@pytest.mark.parametrize("couplings", [1, 2, 3, 4])
def test_three_couplings_let_everything_depend_on_everything(couplings: int) -> None:
    """nice:three-layers, by the blocks of the numerical Jacobian; A is the even half."""
    stack = flow(couplings=couplings, std=1.0)
    nn.init.zeros_(stack.scaling.log_scale)
    matrix = numerical_jacobian(lambda x: stack(x)[0], torch.randn(D))
    a_a, a_b = matrix[::2, ::2], matrix[::2, 1::2]
    b_a, b_b = matrix[1::2, ::2], matrix[1::2, 1::2]
    identity = np.eye(D // 2)

    def close(block: np.ndarray, value: np.ndarray) -> bool:
        return bool(np.abs(block - value).max() < 1e-6)

    assert not close(b_a, 0 * identity)
    assert close(a_b, 0 * identity) == (couplings == 1)
    assert close(a_a, identity) == (couplings == 1)
    assert close(b_b, identity) == (couplings <= 2)


# The density


def on_a_grid(half_width: float, points: int) -> tuple[Tensor, float]:
    axis = torch.linspace(-half_width, half_width, points)
    cell = (2 * half_width / (points - 1)) ** 2
    return torch.cartesian_prod(axis, axis), cell


@pytest.mark.parametrize(("prior", "half_width"), [("gaussian", 15), ("logistic", 40)])
def test_density_integrates_to_one(prior: Prior, half_width: float) -> None:
    """nice:likelihood, by the trapezium rule: exact for a smooth flow, if the square is wide."""
    stack = flow(2, prior=prior)
    for coupling in stack.couplings:
        coupling.shift[1] = coupling.shift[3] = nn.Tanh()
    grid, cell = on_a_grid(half_width, 801)
    with torch.no_grad():
        mass = stack.log_prob(grid).exp().sum() * cell
        without_log_det = (stack.log_prob(grid) - stack(grid)[1]).exp().sum() * cell
    assert abs(mass - 1) < 1e-6
    # A forgotten determinant is no small slip: the mass is off by its whole factor.
    product = stack.scaling.log_scale.exp().prod().item()
    assert abs(product - 1) > 0.1
    assert abs(without_log_det * product - 1) < 1e-6


@pytest.mark.parametrize("prior", PRIORS)
def test_couplings_alone_never_exceed_the_mode_of_the_prior(prior: str) -> None:
    """nice:mode-bound, with SciPy's peak; gradient ascent on x finds it, and nothing above."""
    stack = flow(prior=prior)
    nn.init.zeros_(stack.scaling.log_scale)
    family = {"logistic": scipy.stats.logistic, "gaussian": scipy.stats.norm}[prior]
    peak = D * family.logpdf(0)
    x = torch.randn(200, D, requires_grad=True)
    ascent = torch.optim.Adam([x], lr=0.05)
    for _ in range(300):
        ascent.zero_grad()
        log_p = stack.log_prob(x)
        (-log_p.sum()).backward()
        ascent.step()
    assert peak - 0.01 < stack.log_prob(x).max() <= peak


def test_logistic_log_prob_is_that_of_two_libraries() -> None:
    """nice:logistic, against torch.distributions and SciPy, far tails included."""
    z = torch.cat([torch.linspace(-30, 30, 121), torch.tensor([-800.0, 800.0])])[:, None]
    assert_close(logistic_log_prob(z)[:, None], torch.as_tensor(scipy.stats.logistic.logpdf(z)))
    base = distributions.Uniform(torch.zeros(D), 1.0)
    theirs = distributions.TransformedDistribution(base, distributions.SigmoidTransform().inv)
    z = 3 * torch.randn(50, D)
    assert_close(logistic_log_prob(z), theirs.log_prob(z).sum(-1))


def test_gaussian_log_prob_is_that_of_torch() -> None:
    """nice:gaussian, against torch.distributions."""
    z = 3 * torch.randn(50, D)
    assert_close(gaussian_log_prob(z), distributions.Normal(0.0, 1.0).log_prob(z).sum(-1))


@pytest.mark.parametrize("prior", PRIORS)
def test_scaling_is_a_prior_with_learned_widths(prior: Prior) -> None:
    """nice:prior-widths: SciPy's densities of h with scale exp(-s), no scaling layer at all."""
    stack = flow(prior=prior)
    x = torch.randn(50, D)
    with torch.no_grad():
        h = x
        for coupling in stack.couplings:
            h, _ = coupling(h)
        widths = np.exp(-stack.scaling.log_scale.numpy())
    family = {"logistic": scipy.stats.logistic, "gaussian": scipy.stats.norm}[prior]
    expected = family(scale=widths).logpdf(h.numpy()).sum(-1)
    assert np.abs(stack.log_prob(x).detach().numpy() - expected).max() < 1e-12
    np.testing.assert_allclose(stack.scaling.widths().detach().numpy(), widths)


def skewed(count: int = 500) -> Tensor:
    return torch.randn(count, D).exp() * torch.logspace(-3, 3, D) - 0.1


@pytest.mark.parametrize("prior", PRIORS)
def test_optimal_scale_is_what_a_numerical_optimiser_finds(prior: Prior) -> None:
    """nice:optimal-scale, nice:optimal-scale-logistic: Brent's method on SciPy's likelihood."""
    h = skewed()
    family = {"logistic": scipy.stats.logistic, "gaussian": scipy.stats.norm}[prior]
    minimise: Any = scipy.optimize.minimize_scalar
    found = [
        minimise(
            lambda s, column=column: -family.logpdf(column, scale=math.exp(-s)).mean(),
            bracket=(-12, 12),
            tol=1e-12,
        ).x
        for column in h.T.numpy()
    ]
    s = optimal_log_scale(h, prior=prior)
    np.testing.assert_allclose(s.numpy(), found, atol=1e-6)


def test_optimal_scale_leaves_unit_moments() -> None:
    """nice:optimal-scale, nice:optimal-scale-logistic: the two stationarity conditions."""
    h = skewed()
    z = h * optimal_log_scale(h, prior="gaussian").exp()
    assert (z.square().mean(0) - 1).abs().max() < 1e-8
    z = h * optimal_log_scale(h, prior="logistic").exp()
    assert ((z * (z / 2).tanh()).mean(0) - 1).abs().max() < 1e-8


@pytest.mark.parametrize("prior", PRIORS)
def test_trained_scales_are_optimal(prior: Prior) -> None:
    """nice:optimal-scale after gradient descent on a whole flow: moments within 0.05 of 1."""
    x = torch.randn(200, 4) * torch.tensor([0.1, 1.0, 2.0, 5.0])
    stack = flow(4, std=0.1, prior=prior)
    optimizer = torch.optim.LBFGS(stack.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = -stack.log_prob(x).mean()
        loss.backward()
        return loss

    optimizer.step(closure)  # pyright: ignore[reportArgumentType]
    z = stack(x)[0].detach()
    moment = z.square() if prior == "gaussian" else z * (z / 2).tanh()
    assert (moment.mean(0) - 1).abs().max() < 0.05


# Pixels


def test_no_pixels_are_dequantized_to_none() -> None:
    assert dequantize(torch.zeros(0, 784, dtype=torch.uint8)).shape == (0, 784)


def test_dequantized_pixels_stay_in_their_cells() -> None:
    """nice:dequantize, in float32: below 1, and floor gives every pixel back."""
    torch.set_default_dtype(torch.float32)
    every, top = torch.arange(256).repeat(1000), torch.full((1_000_000,), 255)
    pixels = torch.cat([every, top]).to(torch.uint8)
    x = dequantize(pixels)
    assert x.dtype == torch.float32
    assert x.min() >= 0
    assert x.max() < 1
    assert torch.equal((x * 256).floor().to(torch.uint8), pixels)
    # What the obvious line does instead, on the same number of draws.
    obvious = (pixels + torch.rand(pixels.shape)) / 256
    assert obvious.max() == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("levels", [2, 3, 129, 256, 65536])
def test_largest_noise_stays_below_the_next_level(
    dtype: torch.dtype, levels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nice:dequantize, at the largest draw there is, in integers of Python."""
    torch.set_default_dtype(dtype)
    monkeypatch.setattr(torch, "randint", lambda high, shape, **_: torch.full(shape, high - 1))
    x = dequantize(torch.arange(levels), levels=levels)
    assert [int(value * levels) for value in x.tolist()] == list(range(levels))
    assert 1 - torch.finfo(dtype).eps * levels <= x[-1] < 1
    # And its grid is no coarser than the pixels' own.
    finest = np.spacing(np.array(levels - 1, dtype=str(dtype).removeprefix("torch."))).item()
    assert abs((1 - x[0].item() * levels) / finest - 1) < 0.6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("levels", [2, 10, 256])
def test_noise_is_uniform(dtype: torch.dtype, levels: int) -> None:
    """nice:dequantize, by a Kolmogorov-Smirnov test within the top cell."""
    torch.set_default_dtype(dtype)
    pixels = torch.full((20_000,), levels - 1)
    u = dequantize(pixels, levels=levels).double() * levels - pixels
    assert scipy.stats.kstest(u.numpy(), "uniform").pvalue > 0.01


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_dequantize_takes_all_integers_and_a_generator(dtype: torch.dtype) -> None:
    """nice:dequantize: the default dtype comes back; equal generators give equal noise."""
    pixels = torch.randint(0, 16, (3, 4, 4)).to(dtype)
    first, second, third = (
        dequantize(pixels, levels=16, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert first.dtype == torch.float64
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_noise_bounds_the_discrete_likelihood_from_below() -> None:
    """nice:noise-bound, with the probability of every cell by a fine Riemann sum."""
    levels, fine = 4, 100
    stack = flow(2, std=1.0)
    offsets = (torch.arange(fine) + 0.5) / fine
    cells = torch.cartesian_prod(torch.arange(levels), torch.arange(levels))
    u = torch.cartesian_prod(offsets, offsets)
    with torch.no_grad():
        log_density = stack.log_prob((cells[:, None] + u) / levels)
    log_probability = log_density.exp().mean(1).log() - 2 * math.log(levels)
    bound = log_density.mean(1) - 2 * math.log(levels)
    assert (bound < log_probability).all()
    # And dequantize draws the u of the bound.
    drawn = dequantize(cells[:, None].expand(-1, 20_000, -1), levels=levels)
    with torch.no_grad():
        spread, mean = torch.std_mean(stack.log_prob(drawn), 1)
    assert ((mean - log_density.mean(1)).abs() < 4 * spread / 20_000**0.5).all()


def test_bits_per_dim_of_published_likelihoods() -> None:
    """nice:bits: the paper's nats on MNIST and CIFAR-10 are 4.36 and 4.48 on leaderboards."""
    assert abs(bits_per_dim(torch.tensor(1980.50), 784) - 4.356) < 5e-4
    assert abs(bits_per_dim(torch.tensor(5371.78), 3072, levels=128) - 4.477) < 5e-4


def test_bits_per_dim_is_the_cross_entropy_of_pixels() -> None:
    """nice:bits, for a density constant on cells: SciPy's entropy of the histogram in bits."""
    probability = torch.tensor([0.1, 0.2, 0.3, 0.4])
    log_density = (probability * 4).log()
    bits = (probability * bits_per_dim(log_density, 1, levels=4)).sum()
    assert_close(bits.item(), scipy.stats.entropy(probability.numpy(), base=2))
    assert_close(bits_per_dim(2 * log_density, 2, levels=4), bits_per_dim(log_density, 1, levels=4))


def test_a_loss_of_minus_2200_is_1480_nats() -> None:
    """nice:likelihood, nice:gaussian: what the original's loss leaves out is 720.45 nats."""
    stack = NICE(784, hidden=4, hidden_layers=1, prior="gaussian")
    far_from_identity(stack, 0.1)
    x = torch.rand(5, 784)
    z = stack(x)[0]
    loss = z.square().sum(-1) / 2 - stack.scaling.log_scale.sum()
    constant = stack.log_prob(x) + loss
    assert_close(constant, torch.full((5,), -720.4477), atol=1e-3, rtol=0)
    assert abs(2200 + constant[0].item() - 1479.55) < 0.01


def test_noise_width_sets_the_likelihood_of_a_constant_pixel() -> None:
    """nice:optimal-scale, nice:noise-bound: noise of width 0.01 is worth 4.43 of 4.61 nats."""
    h = ((torch.arange(100_000) + 0.5) / 100_000 - 0.5)[:, None] * 0.01
    s = optimal_log_scale(h, prior="gaussian")
    log_prob = gaussian_log_prob(h * s.exp()).mean() + s
    assert abs(log_prob.item() - 4.429) < 5e-4
    assert abs((0.5 - s).item() - -5.348) < 5e-4
    assert abs(-scipy.stats.uniform(scale=0.01).entropy() * -1 - -4.605) < 5e-4


# Samples


def test_samples_follow_the_density() -> None:
    """nice:likelihood, by a KS test against the marginal that the grid gives."""
    for prior, half_width in (("gaussian", 15), ("logistic", 40)):
        stack = flow(2, prior=prior)
        grid, _ = on_a_grid(half_width, 1001)
        with torch.no_grad():
            joint = stack.log_prob(grid).exp().reshape(1001, 1001).numpy()
        x = stack.sample(2000).numpy()
        for axis in (0, 1):
            cumulative = np.cumsum(joint.sum(1 - axis))
            ticks = np.linspace(-half_width, half_width, 1001) + half_width / 1000
            result = scipy.stats.kstest(
                x[:, axis],
                lambda v, at=ticks, c=cumulative: np.interp(v, at, c / c[-1]),
            )
            assert result.pvalue > 0.01


@pytest.mark.parametrize("prior", PRIORS)
def test_latents_of_samples_follow_the_prior(prior: Prior) -> None:
    """nice:temperature: forward takes samples back to T times a draw, by a KS test."""
    stack = flow(prior=prior)
    x = stack.sample(2000, temperature=0.5)
    z = stack(x)[0].detach().flatten().numpy() / 0.5
    family = {"logistic": "logistic", "gaussian": "norm"}[prior]
    assert scipy.stats.kstest(z, family).pvalue > 0.01


def test_temperature_scales_the_latent_and_nothing_else() -> None:
    """nice:temperature, draw for draw; whole numbers will do."""
    stack = flow()
    warm, cold, mode = (
        stack(stack.sample(5, temperature=t, generator=torch.Generator().manual_seed(1)))[0]
        for t in (1, 0.75, 0)
    )
    assert_close(cold, 0.75 * warm)
    assert_close(mode, torch.zeros(5, D))


def test_temperature_shrinks_radius_and_entropy() -> None:
    """nice:temperature at 0.75 in 784 dimensions: 21 and 38 in radius, -225.5 nats."""
    for prior, radius in zip(PRIORS, (38.1, 21.0), strict=True):
        stack = NICE(784, hidden=1, hidden_layers=1, prior=prior)
        z = stack(stack.sample(500, temperature=0.75))[0]
        assert abs(z.norm(dim=-1).mean().item() - radius) < 0.3
    for family in (scipy.stats.logistic, scipy.stats.norm):
        shift = family(scale=0.75).entropy() - family.entropy()
        assert abs(784 * shift - -225.5) < 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logistic_draws_are_finite_and_logistic(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nice:logistic: KS against SciPy; u = 0 and the largest u below 1 stay finite."""
    z = logistic_draw(20_000, dtype=dtype)
    assert z.dtype == dtype
    assert scipy.stats.kstest(z.numpy(), "logistic").pvalue > 0.01
    eps = torch.finfo(dtype).eps
    extremes = torch.tensor([0.0, eps / 2, 1 - eps / 2], dtype=dtype)
    monkeypatch.setattr(torch, "rand", lambda *shape, **options: extremes)
    low, next_to_low, high = logistic_draw(3, dtype=dtype).tolist()
    assert -math.inf < low < next_to_low
    assert math.isclose(next_to_low, -high, rel_tol=1e-6)


def test_sampling_is_reproducible_and_leaves_no_graph() -> None:
    """nice:temperature: equal generators, equal samples; the global state is not touched."""
    stack = flow()
    state = torch.get_rng_state()
    first, second = (stack.sample(3, generator=torch.Generator().manual_seed(7)) for _ in "ab")
    assert torch.equal(first, second)
    assert torch.equal(state, torch.get_rng_state())
    assert not first.requires_grad
    assert not torch.equal(first, stack.sample(3))


# Shapes, sizes, refusals


@pytest.mark.parametrize("batch", [(), (1,), (5,), (2, 3), (0,)])
@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_batch_axes_give_what_single_samples_give(
    batch: tuple[int, ...], prior: Prior, dtype: torch.dtype
) -> None:
    """nice:likelihood, one sample at a time."""
    stack = flow(prior=prior).to(dtype)
    x = torch.randn(*batch, D, dtype=dtype)
    z, log_det = stack(x)
    log_prob = stack.log_prob(x)
    assert z.shape == x.shape == stack.inverse(z).shape
    assert log_det.shape == log_prob.shape == batch
    assert {z.dtype, log_det.dtype, log_prob.dtype, stack.sample(1).dtype} == {dtype}
    singly = [stack.log_prob(row) for row in x.reshape(-1, D)]
    if singly:
        assert_close(log_prob.flatten(), torch.stack(singly))


def test_couplings_take_expanded_and_strided_inputs_and_keep_their_dtype() -> None:
    """nice:coupling: layouts do not matter; a shift of whole or half numbers widens nothing."""
    layer = far_from_identity(AdditiveCoupling(shift_network(3, [8])))
    row, turned = torch.randn(D), torch.randn(D, 4).T
    assert_close(layer(row.expand(4, D))[0], layer(row)[0].expand(4, D))
    assert_close(layer(turned)[0], layer(turned.contiguous())[0])
    for shift in (torch.Tensor.bfloat16, torch.Tensor.long):
        low: Any = AdditiveCoupling(nn.Identity())
        low.shift.forward = shift
        z = low(row.float())[0]
        assert z.dtype == torch.float32
        assert torch.equal(z[1::2], row.float()[1::2] + shift(row.float()[::2]))


def test_log_prob_and_inverse_have_the_gradients_of_differences() -> None:
    """nice:likelihood: gradcheck, with respect to x and to every parameter."""
    for prior in PRIORS:
        stack = flow(prior=prior)
        x = torch.randn(3, D, requires_grad=True)
        assert torch.autograd.gradcheck(stack.log_prob, x)
        assert torch.autograd.gradcheck(stack.inverse, x)
        scale = stack.scaling.log_scale.detach().clone().requires_grad_()

        def at(s: Tensor, stack: Any = stack, x: Tensor = x) -> Tensor:
            return torch.func.functional_call(stack.scaling, {"log_scale": s}, x)[1].sum()

        assert torch.autograd.gradcheck(at, scale)


def test_parameter_count_of_the_original() -> None:
    """nice:coupling at the size of the original: 4 x 4,789,392 + 784 parameters."""
    stack = NICE(784, hidden=1000, hidden_layers=5, couplings=4)
    assert sum(parameter.numel() for parameter in stack.parameters()) == 19_158_352


def test_defaults_are_those_of_the_paper() -> None:
    """nice:three-layers: four couplings that alternate, five hidden layers of 1000, logistic."""
    stack: Any = NICE(4)
    assert [layer.keep_odd for layer in stack.couplings] == [False, True, False, True]
    widths = [layer.out_features for layer in stack.couplings[0].shift[::2]]
    assert widths == [1000, 1000, 1000, 1000, 1000, 2]
    assert stack.prior == "logistic"
    kinds = [type(layer) for layer in stack.couplings[0].shift]
    assert kinds == [nn.Linear, nn.ReLU] * 5 + [nn.Linear]


REFUSALS = {
    "odd x": (lambda: split(torch.randn(2, 5)), "last axis of x must be even, got 5"),
    "x without axes": (lambda: split(torch.tensor(1.0)), "rank of x must be at least 1, got 0"),
    "halves that differ": (
        lambda: merge(torch.randn(2, 3), torch.randn(1, 3)),
        r"shape of odd must be \(2, 3\), got \(1, 3\)",
    ),
    "a shift that would broadcast": (
        lambda: AdditiveCoupling(nn.Linear(3, 1))(torch.randn(2, D)),
        r"shape of value of shift must be \(2, 3\), got \(2, 1\)",
    ),
    "the same, inverse": (
        lambda: AdditiveCoupling(nn.Linear(3, 1)).inverse(torch.randn(2, D)),
        r"shape of value of shift must be \(2, 3\), got \(2, 1\)",
    ),
    "no features": (lambda: Scaling(0), "features must be at least 1, got 0"),
    "x for another scaling": (
        lambda: Scaling(D)(torch.randn(2, 1)),
        r"shape of x must be \(2, 6\), got \(2, 1\)",
    ),
    "z for another scaling": (
        lambda: Scaling(D).inverse(torch.randn(2, 1)),
        r"shape of z must be \(2, 6\), got \(2, 1\)",
    ),
    "odd features": (lambda: NICE(5), "features must be even, got 5"),
    "zero features": (lambda: NICE(0), "features must be at least 1, got 0"),
    "negative features": (lambda: NICE(-2), "features must be at least 1, got -2"),
    "no hidden units": (lambda: NICE(4, hidden=0), "hidden must be at least 1, got 0"),
    "no hidden layer": (
        lambda: NICE(4, hidden_layers=0),
        "hidden_layers must be at least 1, got 0",
    ),
    "no coupling": (lambda: NICE(4, couplings=0), "couplings must be at least 1, got 0"),
    "another prior": (
        lambda: NICE(4, prior="cauchy"),  # pyright: ignore[reportArgumentType]
        "prior must be logistic or gaussian, got 'cauchy'",
    ),
    "x for another flow": (
        lambda: flow().log_prob(torch.randn(2, 4)),
        r"shape of x must be \(2, 6\), got \(2, 4\)",
    ),
    "z for another flow": (
        lambda: flow().inverse(torch.randn(4)),
        r"shape of z must be \(6,\), got \(4,\)",
    ),
    "a number": (
        lambda: flow().log_prob(torch.tensor(1.0)),
        "rank of x must be at least 1, got 0",
    ),
    "no samples": (lambda: flow().sample(0), "count must be at least 1, got 0"),
    "negative temperature": (
        lambda: flow().sample(1, temperature=-1),
        "temperature must be finite and at least 0, got -1",
    ),
    "temperature nan": (
        lambda: flow().sample(1, temperature=math.nan),
        "temperature must be finite and at least 0, got nan",
    ),
    "temperature inf": (
        lambda: flow().sample(1, temperature=math.inf),
        "temperature must be finite and at least 0, got inf",
    ),
    "a dead feature": (
        lambda: optimal_log_scale(torch.tensor([[1.0, 0.0], [2.0, 0.0]])),
        "number of features of h that are always 0 must be 0, got 1",
    ),
    "h without a batch": (
        lambda: optimal_log_scale(torch.randn(3)),
        "rank of h must be 2, got 1",
    ),
    "scale for another prior": (
        lambda: optimal_log_scale(torch.randn(3, 2), prior="cauchy"),  # pyright: ignore[reportArgumentType]
        "prior must be logistic or gaussian, got 'cauchy'",
    ),
    "pixel too bright": (
        lambda: dequantize(torch.tensor([0, 256])),
        r"pixels must be 0 to 255, got \[0, 256\]",
    ),
    "pixel too bright for levels": (
        lambda: dequantize(torch.tensor([3, 8], dtype=torch.uint8), levels=8),
        r"pixels must be 0 to 7, got \[3, 8\]",
    ),
    "pixel below 0": (
        lambda: dequantize(torch.tensor([-1, 3])),
        r"pixels must be 0 to 255, got \[-1, 3\]",
    ),
    "one level": (
        lambda: dequantize(torch.tensor([0]), levels=1),
        "levels must be 2 to 65536, got 1",
    ),
    "half a level": (
        lambda: dequantize(torch.tensor([0]), levels=2.5),  # pyright: ignore[reportArgumentType]
        "levels must be 2 to 65536, got 2.5",
    ),
    "too many levels": (
        lambda: dequantize(torch.tensor([0]), levels=65537),
        "levels must be 2 to 65536, got 65537",
    ),
    "bits of no features": (
        lambda: bits_per_dim(torch.tensor(1.0), 0),
        "features must be at least 1, got 0",
    ),
    "bits of one level": (
        lambda: bits_per_dim(torch.tensor(1.0), 1, levels=1),
        "levels must be 2 to 65536, got 1",
    ),
}


@pytest.mark.refusal
@pytest.mark.parametrize("case", REFUSALS)
def test_refuses_bad_input(case: str) -> None:
    call, message = REFUSALS[case]
    with pytest.raises(ValueError, match=f"^{message}$"):
        call()


@pytest.mark.refusal
def test_whole_levels_may_come_as_a_float() -> None:
    """nice:dequantize: 16.0 is 16, and 2.5 is refused above."""
    pixels, seed, levels = torch.arange(16), torch.Generator(), 16
    whole: Any = float(levels)
    noisy = [dequantize(pixels, levels=n, generator=seed.manual_seed(1)) for n in (levels, whole)]
    assert torch.equal(*noisy)


WRONG_DTYPES = {
    "real pixels": (lambda: dequantize(torch.tensor([0.5])), "pixels must be integers"),
    "truth values": (lambda: dequantize(torch.tensor([True])), "pixels must be integers"),
    "single x, double flow": (
        lambda: flow().log_prob(torch.randn(D, dtype=torch.float32)),
        "x must be torch.float64, got torch.float32",
    ),
    "whole x": (
        lambda: Scaling(D)(torch.zeros(D, dtype=torch.int64)),
        "x must be torch.float64, got torch.int64",
    ),
    "single z, double flow": (
        lambda: flow().inverse(torch.randn(D, dtype=torch.float32)),
        "z must be torch.float64, got torch.float32",
    ),
    "whole x in a coupling": (
        lambda: AdditiveCoupling(nn.Identity())(torch.arange(D)),
        "x must be floating-point, got torch.int64",
    ),
    "complex z in a coupling": (
        lambda: AdditiveCoupling(nn.Identity()).inverse(torch.randn(D) * 1j),
        "x must be floating-point, got torch.complex128",
    ),
    "double shift of single x": (
        lambda: AdditiveCoupling(Widening())(torch.zeros(D, dtype=torch.float32)),
        "sum of x and shift must be torch.float32, got torch.float64",
    ),
}


@pytest.mark.refusal
@pytest.mark.parametrize("case", WRONG_DTYPES)
def test_refuses_wrong_dtypes(case: str) -> None:
    call, message = WRONG_DTYPES[case]
    with pytest.raises(TypeError, match=message):
        call()


def test_shapes_are_checked_under_pytest() -> None:
    """The hook of conftest.py is on: jaxtyping meets a wrong shape before the module does."""
    with pytest.raises(TypeError, match=r"[Tt]ype-check"):
        bits_per_dim(torch.zeros(2), torch.zeros(2))  # pyright: ignore[reportArgumentType]
