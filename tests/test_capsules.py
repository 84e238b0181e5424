"""The claims of docs/articles/capsules.md, checked on snippets/capsules.py."""

import itertools
import math
import warnings
from typing import Any

import numpy as np
import pytest
import scipy.spatial
import scipy.special
import scipy.stats
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor, distributions
from torch.testing import assert_close

from snippets import moments
from snippets.capsules import (
    Capsules,
    ClassCapsules,
    ConvCapsules,
    MatrixCapsules,
    PrimaryCapsules,
    cost,
    em_routing,
    gmm_em_step,
    spread_loss,
)
from snippets.moments import Cloud, log_joint, m_step, share_windows, window_places

pytestmark = pytest.mark.usefixtures("reproducible")  # one seed, float64


def blobs(n: int = 80, d: int = 3, k: int = 3) -> Tensor:
    """Points around k centres, of unequal spread along the axes."""
    centres = 2 * torch.randn(k, d)
    return centres[torch.arange(n) % k] + torch.randn(n, d) * (0.3 + torch.rand(d))


def start(points: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Means, variances and weights of k Gaussians, no two alike."""
    means = points[torch.randperm(len(points))[:k]].clone()
    variances = 0.2 + torch.rand(k, points.shape[1])
    return means, variances, torch.distributions.Dirichlet(torch.ones(k)).sample()


def log_likelihood(points: Tensor, means: Tensor, variances: Tensor, weights: Tensor) -> Tensor:
    """Mean log-density of a mixture, by torch.distributions."""
    parts = distributions.Independent(distributions.Normal(means, variances.sqrt()), 1)
    kinds: Any = distributions.Categorical(weights)
    return distributions.MixtureSameFamily(kinds, parts).log_prob(points).mean()


def sklearn_step(points: Tensor, *parameters: Tensor) -> tuple[Any, np.ndarray]:
    """One step of scikit-learn's EM, and its responsibilities before it."""
    means, variances, weights = (each.numpy() for each in parameters)
    model = GaussianMixture(
        len(means), covariance_type="diag", reg_covar=0, tol=0, max_iter=1,
        init_params="random_from_data", random_state=0,
        means_init=means, precisions_init=1 / variances, weights_init=weights,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(points.numpy())
    densities = scipy.stats.norm(means[:, None], np.sqrt(variances)[:, None])
    logs = densities.logpdf(points.numpy()).sum(-1).T + np.log(weights)  # pyright: ignore
    return model, scipy.special.softmax(logs, axis=1)


def procedure(
    votes: Any, activations: Any, beta_u: Any, beta_a: Any, iterations: int, slope: float,
    mask: Any = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Procedure 1 of the paper for one sample, parent by parent, in NumPy and SciPy.

    `mask` (children, parents) says who votes for whom.
    """
    children, parents, d = votes.shape
    mask = np.ones((children, parents), bool) if mask is None else mask
    R = mask / mask.sum(1, keepdims=True)
    beta_u, beta_a = (np.broadcast_to(beta, parents) for beta in (beta_u, beta_a))
    mean, sigma, active = np.zeros((parents, d)), np.zeros((parents, d)), np.zeros(parents)
    for step in range(iterations):
        if step:
            logs = np.full((children, parents), -np.inf)
            for i, j in np.argwhere(mask):
                density: Any = scipy.stats.norm(mean[j], sigma[j])
                logs[i, j] = np.log(active[j]) + density.logpdf(votes[i, j]).sum()
            R = scipy.special.softmax(logs, axis=1)
        for j in range(parents):
            r = R[:, j] * activations
            mean[j] = np.average(votes[:, j], axis=0, weights=r)
            sigma[j] = np.sqrt(np.average((votes[:, j] - mean[j]) ** 2, axis=0, weights=r))
            costs = (beta_u[j] + np.log(sigma[j])) * r.sum()
            active[j] = scipy.special.expit(slope * (beta_a[j] - costs.sum()))
    return mean, active, R


def batch_of_votes(batch: int = 2, children: int = 12, parents: int = 3, d: int = 4) -> Any:
    """Votes around places that differ, of active and less active children."""
    votes = torch.randn(batch, 1, parents, d) + torch.randn(batch, children, parents, d)
    return votes, 0.1 + 0.9 * torch.rand(batch, children)


# The mixture


@pytest.mark.parametrize(("n", "d", "k"), [(80, 3, 3), (50, 16, 2), (40, 1, 4), (20, 2, 1)])
def test_steps_of_em_are_those_of_sklearn(n: int, d: int, k: int) -> None:
    """capsules:e-step, capsules:m-step, capsules:mixing: five steps, to 1e-8."""
    points = blobs(n, d, max(k, 2))
    ours = start(points, k)
    for _ in range(5):
        model, before = sklearn_step(points, *ours)
        *ours, R = gmm_em_step(points, *ours)
        theirs = (model.means_, model.covariances_, model.weights_, before)
        for mine, other in zip((*ours, R), theirs, strict=True):
            np.testing.assert_allclose(mine.numpy(), other, atol=1e-8, rtol=1e-8)


def test_a_routing_step_with_weights_for_activations_is_a_step_of_em() -> None:
    """capsules:route-e, capsules:route-m with a_i = 1, a_j = pi_j: sklearn, over 15 steps."""
    points, k = blobs(120, 5), 3
    means, variances, weights = start(points, k)
    cloud = Cloud(points.expand(1, k, *points.shape))
    for _ in range(15):
        model, before = sklearn_step(points, means, variances, weights)
        logs = log_joint(cloud, means[None], variances[None], weights[None].log())
        R = logs.log_softmax(1)
        mass, mean, variance = m_step(cloud, R, torch.ones_like(R))
        means, variances, weights = mean[0], variance[0], mass[0] / len(points)
        np.testing.assert_allclose(R[0].exp().T.numpy(), before, atol=1e-10)
        np.testing.assert_allclose(means.numpy(), model.means_, atol=1e-10)
        np.testing.assert_allclose(variances.numpy(), model.covariances_, atol=1e-10)


def test_log_joint_is_the_mixtures_term() -> None:
    """capsules:mixture: SciPy's densities, and log_prob of torch's mixture."""
    points, k = blobs(30, 4), 3
    means, variances, weights = start(points, k)
    cloud = Cloud(points.expand(1, k, *points.shape))
    logs = log_joint(cloud, means[None], variances[None], weights[None].log())[0]
    for j, i in itertools.product(range(k), range(30)):
        covariance = np.diag(variances[j].numpy())
        density = scipy.stats.multivariate_normal(means[j].numpy(), covariance)  # pyright: ignore
        expected = np.log(weights[j].item()) + density.logpdf(points[i].numpy())
        assert abs(logs[j, i].item() - expected) < 1e-10
    by_torch = log_likelihood(points, means, variances, weights)
    assert_close(logs.logsumexp(0).mean(), by_torch)


def test_weighted_moments_are_where_the_weighted_likelihood_is_flat() -> None:
    """capsules:m-step: autograd through torch.distributions; the gradient is below 1e-8."""
    points, weights = blobs(60, 5), torch.rand(60)
    cloud = Cloud(points[None, None])
    mass, mean, variance = m_step(cloud, torch.zeros(1, 1, 60), weights[None, None])
    assert_close(mass, weights.sum()[None, None])
    mean, std = mean[0, 0].requires_grad_(), variance[0, 0].sqrt().requires_grad_()
    normal = distributions.Normal(mean, std)
    (weights[:, None] * normal.log_prob(points)).sum().backward()
    for slope in (mean.grad, std.grad):
        assert slope is not None
        assert slope.abs().max() < 1e-8


def falls(seed: int, slope: float | None) -> bool:
    """Whether the mixture's log-likelihood falls at one of 10 steps from random R.

    Its weights are those of EM, or with a slope the activations of routing, normalised.
    """
    torch.manual_seed(seed)
    points = blobs(300, 2, 3)
    cloud = Cloud(points.expand(1, 3, *points.shape))
    R, seen = torch.distributions.Dirichlet(torch.ones(3)).sample((300,)).T.log()[None], []
    for _ in range(10):
        mass, means, variances = m_step(cloud, R, torch.ones_like(R))
        prior = mass / 300
        if slope:
            active = torch.sigmoid(-slope * cost(mass, variances, torch.tensor(0.0)))
            prior = active / active.sum()
        seen.append(log_likelihood(points, means[0], variances[0], prior[0]))
        R = log_joint(cloud, means, variances, prior.log()).log_softmax(1)
    return bool((torch.stack(seen).diff() < -1e-10).any())


def test_em_never_lowers_the_likelihood_and_routing_often_does() -> None:
    """capsules:monotone: torch's mixture over 40 seeds; routing at 0.1 falls in most of them."""
    assert not any(falls(seed, None) for seed in range(40))
    assert sum(falls(seed, 0.1) for seed in range(40)) > 20


def test_small_variances_make_k_means() -> None:
    """capsules:k-means: nearest centre by SciPy's cdist, and its softmax; then Lloyd's mean."""
    points, sigma = blobs(500, 2, 4), 0.01
    centres = points[:4].clone()
    variances = torch.full_like(centres, sigma**2)
    means, _, weights, R = gmm_em_step(points, centres, variances, torch.full((4,), 0.25))
    squared = scipy.spatial.distance.cdist(points.numpy(), centres.numpy(), "sqeuclidean")
    assert (R.argmax(1).numpy() == squared.argmin(1)).all()
    expected = scipy.special.softmax(-squared / (2 * sigma**2), axis=1)
    np.testing.assert_allclose(R.numpy(), expected, atol=1e-9)
    two = np.sort(squared, axis=1)[:, :2]
    clear = (two[:, 1] - two[:, 0]) > 2 * sigma**2 * math.log(4e5)
    assert clear.mean() > 0.99
    assert (1 - R.max(1).values)[torch.from_numpy(clear)].max() < 1e-5
    for j in range(4):
        own = points[torch.from_numpy(squared.argmin(1) == j)]
        assert_close(means[j], own.mean(0), atol=2e-3, rtol=0)
        assert abs(weights[j].item() - len(own) / 500) < 2e-3


def test_no_variance_is_moved_and_a_lonely_point_has_one() -> None:
    """capsules:m-step at its edge: variances of 1e-8 stay, that of one point is at most 1e-9."""
    points = torch.cat([torch.randn(50, 1) * 1e-4, torch.tensor([[5.0]])])
    means, variances = torch.tensor([[0.0], [5.0]]), torch.tensor([[1e-8], [1e-8]])
    _, variances, weights, _ = gmm_em_step(points, means, variances, torch.tensor([0.5, 0.5]))
    assert_close(variances[0], points[:50].var(0, correction=0))
    assert 0 < variances[1] <= 1e-9
    assert_close(weights, torch.tensor([50 / 51, 1 / 51]))


def test_a_weight_of_zero_stays_finite() -> None:
    """capsules:e-step at its edge: a component of weight 0 gets nothing, and no nan."""
    points = blobs(30, 2)
    means, variances, _ = start(points, 2)
    for weights in ([1.0, 0.0], [0.0, 1.0]):
        found = gmm_em_step(points, means, variances, torch.tensor(weights))
        assert all(each.isfinite().all() for each in found)
        assert_close(found[2], torch.tensor(weights))


def test_densities_of_sixteen_axes_need_logarithms() -> None:
    """capsules:log-density: SciPy's 58.98 and -4941.0 at sigma 0.01; exp is 0 in float32."""
    density: Any = scipy.stats.norm(0, 0.01)
    direction = np.ones(16) / 4
    expected = [density.logpdf(0 * direction).sum(), density.logpdf(direction).sum()]
    np.testing.assert_allclose(expected, [58.98, -4941.0], atol=0.02)
    points = torch.stack([torch.zeros(16), torch.ones(16) / 4])
    cloud, zero = Cloud(points[None, None]), torch.zeros(1, 1, 16)
    logs = log_joint(cloud, zero, torch.full_like(zero, 1e-4), torch.zeros(1, 1))
    np.testing.assert_allclose(logs[0, 0].numpy(), expected)
    assert logs.float().exp()[0, 0, 1] == 0


# Routing


@pytest.mark.parametrize("iterations", [1, 2, 3, 5])
@pytest.mark.parametrize(
    ("shape", "slope"), [((2, 12, 3, 4), 0.01), ((1, 15, 2, 16), 0.03), ((3, 20, 1, 1), 1)]
)
def test_routing_is_procedure_1(iterations: int, shape: Any, slope: float) -> None:
    """capsules:route-m, capsules:route-e, capsules:cost, capsules:activation: NumPy, by loops."""
    votes, activations = batch_of_votes(*shape)
    beta_u, beta_a = torch.randn(shape[2]), torch.randn(shape[2])
    found = em_routing(
        votes, activations, beta_u=beta_u, beta_a=beta_a, iterations=iterations,
        inverse_temperature=slope,
    )  # fmt: skip
    for n in range(shape[0]):
        arrays: Any = tuple(x.numpy() for x in (votes[n], activations[n], beta_u, beta_a))
        expected = procedure(*arrays, iterations, slope)  # pyright: ignore
        for mine, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine[n].numpy(), other, atol=1e-9, rtol=1e-9)


def test_defaults_and_plain_numbers() -> None:
    """capsules:activation: three M-steps at a slope of 0.01; whole numbers will do."""
    votes, activations = batch_of_votes()
    found = em_routing(votes, activations, beta_u=1, beta_a=-2)
    expected = procedure(votes[0].numpy(), activations[0].numpy(), 1.0, -2.0, 3, 0.01)
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine[0].numpy(), other, atol=1e-9)
    again = em_routing(votes, activations, beta_u=torch.tensor(1.0), beta_a=torch.tensor(-2))
    assert_close(again, found)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [0, 1, 5])
def test_shapes_dtypes_and_samples(dtype: torch.dtype, batch: int) -> None:
    """capsules:route-e: sums of 1 over parents; no sample sees another; views will do."""
    votes, activations = (x.to(dtype) for x in batch_of_votes(max(batch, 1), 7, 4, 16))
    votes, activations = votes[:batch], activations[:batch]
    routing = em_routing(votes, activations, beta_u=0.1, beta_a=0.2)
    assert [tuple(x.shape) for x in routing] == [(batch, 4, 16), (batch, 4), (batch, 7, 4)]
    assert {x.dtype for x in routing} == {dtype}
    assert_close(routing.responsibilities.sum(-1), torch.ones(batch, 7, dtype=dtype))
    strided = votes.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
    assert_close(em_routing(strided, activations, beta_u=0.1, beta_a=0.2), routing)
    for n in range(batch):
        alone = em_routing(votes[n : n + 1], activations[n : n + 1], beta_u=0.1, beta_a=0.2)
        assert_close(alone, type(routing)(*(x[n : n + 1] for x in routing)))


def test_order_of_children_and_parents_is_no_information() -> None:
    """capsules:route-m, capsules:route-e: permuted votes give permuted answers."""
    votes, activations = batch_of_votes(2, 9, 4, 5)
    beta = torch.randn(4)
    found = em_routing(votes, activations, beta_u=beta, beta_a=0.0)
    i, j = torch.randperm(9), torch.randperm(4)
    moved = em_routing(votes[:, i][:, :, j], activations[:, i], beta_u=beta[j], beta_a=0.0)
    assert_close(moved.poses, found.poses[:, j])
    assert_close(moved.activations, found.activations[:, j])
    assert_close(moved.responsibilities, found.responsibilities[:, i][:, :, j])


@pytest.mark.parametrize("portions", [False, True])
def test_gradients_are_those_of_differences(portions: bool, monkeypatch: Any) -> None:
    """capsules:route-m, capsules:route-e: gradcheck of all four inputs, both ways of working."""
    if portions:
        monkeypatch.setattr(moments, "SMALL", 0)
        monkeypatch.setattr(moments, "CACHED", 8 * 2 * 3)
    votes, activations = batch_of_votes(3, 8, 2, 3)
    betas = torch.randn(2), torch.randn(())
    inputs = [x.requires_grad_() for x in (votes, activations, *betas)]

    def run(votes: Tensor, activations: Tensor, beta_u: Tensor, beta_a: Tensor) -> Any:
        return tuple(em_routing(
            votes, activations, beta_u=beta_u, beta_a=beta_a, inverse_temperature=0.2
        ))  # fmt: skip

    assert torch.autograd.gradcheck(run, inputs, fast_mode=portions)


def test_portions_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """capsules:route-m: values and gradients of the fast way, against plain autograd."""
    results = []
    votes, activations = batch_of_votes(11, 30, 5, 16)
    for small in (10**9, 0):
        monkeypatch.setattr(moments, "SMALL", small)
        monkeypatch.setattr(moments, "CACHED", 4 * 30 * 5 * 16)
        leaves = [x.clone().requires_grad_() for x in (votes, activations)]
        beta = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5], requires_grad=True)
        routing = em_routing(*leaves, beta_u=beta, beta_a=beta.sum(), iterations=4)  # pyright: ignore
        weighed = [(x * torch.linspace(-1, 1, x[0].numel()).view(x[0].shape)) for x in routing]
        sum(each.sum() for each in weighed).backward()  # pyright: ignore
        with torch.no_grad():
            assert_close(em_routing(*leaves, beta_u=beta, beta_a=beta.sum(), iterations=4), routing)  # pyright: ignore
        results.append([*routing, *(x.grad for x in (*leaves, beta))])
    assert_close(*results)


def test_single_precision_holds_at_small_spread() -> None:
    """capsules:log-density: sigma 0.01, d 16, two far clusters: float32 against NumPy's float64."""
    centres = 3 * torch.randn(2, 16)
    votes = centres[torch.arange(40) % 2][None, :, None] + 0.01 * torch.randn(1, 40, 3, 16)
    votes[:, :, 1] += torch.randn(16)
    activations = torch.rand(1, 40)
    votes[0, ::2, 0] += 0.5  # breaks the tie between parents
    single = (x.float().requires_grad_() for x in (votes, activations))
    found = em_routing(*single, beta_u=0.0, beta_a=0.0)
    exact = procedure(votes[0].float().double().numpy(), activations[0].float().double().numpy(),
                      0.0, 0.0, 3, 0.01)  # fmt: skip
    for mine, other in zip(found, exact, strict=True):
        np.testing.assert_allclose(mine[0].detach().double().numpy(), other, atol=2e-4)
    slopes = torch.autograd.grad(sum(x.square().sum() for x in found), found.poses)  # pyright: ignore
    assert all(slope.isfinite().all() for slope in slopes)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("portions", [False, True])
def test_edges_stay_finite(dtype: torch.dtype, portions: bool, monkeypatch: Any) -> None:
    """capsules:cost at its edge: one child, equal votes, no active child, far-off votes."""
    if portions:
        monkeypatch.setattr(moments, "SMALL", 0)
    spread = torch.randn(2, 6, 3, 16)
    cases = {
        "one child": (torch.randn(2, 1, 3, 16), torch.rand(2, 1)),
        "one parent": (torch.randn(2, 6, 1, 16), torch.rand(2, 6)),
        "equal votes": (torch.ones(2, 6, 3, 16), torch.rand(2, 6)),
        "nobody active": (spread, torch.zeros(2, 6)),
        "one of six active": (spread, torch.eye(6)[:2]),
        "far off": (1000 * spread, torch.ones(2, 6)),
        "minute": (1e-4 * spread, torch.ones(2, 6)),
    }
    for name, case in cases.items():
        votes, activations = (x.to(dtype).requires_grad_() for x in case)
        routing = em_routing(votes, activations, beta_u=0.3, beta_a=0.1)
        for x in (*routing, *torch.autograd.grad(sum(map(torch.sum, routing)), [votes])):  # pyright: ignore
            assert x.isfinite().all(), name
        sums = routing.responsibilities.sum(-1)
        assert_close(sums, torch.ones_like(sums), atol=1e-5, rtol=0)
    votes, activations = (x.to(dtype) for x in cases["nobody active"])
    routing = em_routing(votes, activations, beta_u=0.3, beta_a=0.5)
    expected = torch.tensor(0.01 * 0.5, dtype=dtype).sigmoid()
    assert_close(routing.activations, expected.expand(2, 3))


# The activation


def fitted(children: int = 50, d: int = 16) -> Any:
    """One parent's votes, weights that do not sum to 1, and their moments."""
    votes, r = torch.randn(children, d) * (0.2 + torch.rand(d)), torch.rand(children)
    mean = np.average(votes.numpy(), axis=0, weights=r.numpy())
    deviation = (votes.numpy() - mean) ** 2
    sigma = np.sqrt(np.average(deviation, axis=0, weights=r.numpy()))
    return votes, r, mean, sigma


def test_entropy_of_votes_is_log_widths_times_mass() -> None:
    """capsules:entropy: SciPy's log-densities; the original's form is off by d/2 (mass - 1)."""
    votes, r, mean, sigma = fitted()
    law: Any = scipy.stats.norm(mean, sigma)
    direct = -(r.numpy() * law.logpdf(votes.numpy()).sum(1)).sum()
    mass, d = r.sum().item(), 16
    variances = torch.tensor(sigma**2)[None, None]
    beta = torch.tensor((1 + math.log(2 * math.pi)) / 2)
    assert abs(cost(r.sum()[None, None], variances, beta).item() - direct) < 1e-9
    original = (np.log(sigma).sum() + d / 2 * math.log(2 * math.pi)) * mass + d / 2
    assert abs((direct - original) - d / 2 * (mass - 1)) < 1e-9
    assert abs(direct - original) > 1


def test_of_unit_mass_it_is_the_integral() -> None:
    """capsules:integral: torch.distributions' entropy, to 1e-12."""
    *_, sigma = fitted()
    variances, beta = torch.tensor(sigma**2), torch.tensor((1 + math.log(2 * math.pi)) / 2)
    found = cost(torch.ones(1, 1), variances[None, None], beta)
    normal = distributions.Normal(torch.zeros(16), torch.tensor(sigma))
    assert_close(found[0, 0], normal.entropy().sum(), atol=1e-12, rtol=0)
    assert_close(found[0, 0], torch.log(2 * math.pi * math.e * variances).sum() / 2)


def test_papers_two_forms_are_one_family() -> None:
    """capsules:betas, capsules:description: eq. (2) by SciPy's densities, through em_routing."""
    votes, r, mean, sigma = fitted()
    law: Any = scipy.stats.norm(mean, sigma)
    lengths = -(r.numpy()[:, None] * law.logpdf(votes.numpy())).sum(0)
    beta_u, beta_a, slope, mass, d = 1.7, -3.0, 0.02, r.sum().item(), 16
    off, on = -beta_u * mass, -beta_a + lengths.sum()
    expected = scipy.special.expit(slope * (off - on))
    ours = em_routing(
        votes[None, :, None], r[None], beta_a=beta_a, iterations=1, inverse_temperature=slope,
        beta_u=beta_u / d + (1 + math.log(2 * math.pi)) / 2,
    )  # fmt: skip
    assert abs(ours.activations.item() - expected) < 1e-9
    outside = beta_u + d / 2 * (1 + math.log(2 * math.pi))
    blog = scipy.special.expit(slope * (beta_a - (outside + np.log(sigma).sum()) * mass))
    assert abs(blog - expected) < 1e-9


def test_followers_help_a_tight_cluster_and_harm_a_loose_one() -> None:
    """capsules:activation: the table of masses 1, 5, 20 by spreads 0.3, 1, 3."""
    expected = {
        0.3: (0.548, 0.724, 0.979), 1.0: (0.5, 0.5, 0.5), 3.0: (0.456, 0.293, 0.029),
    }  # fmt: skip
    for sigma, row in expected.items():
        for mass, active in zip((1, 5, 20), row, strict=True):
            signs = torch.tensor([1.0, -1.0]).repeat(mass)[None, :, None, None]
            votes = (sigma * signs).expand(1, 2 * mass, 1, 16)
            half = torch.full((1, 2 * mass), 0.5)
            found = em_routing(votes, half, beta_u=0, beta_a=0, iterations=1)
            assert abs(found.activations.item() - active) < 1e-3


def test_a_rotation_moves_poses_and_changes_the_cost() -> None:
    """capsules:rotation: T times every pose, T orthogonal from SciPy, weights fixed."""
    T = torch.tensor(scipy.stats.ortho_group(4, seed=0).rvs())
    poses, r = torch.randn(30, 4, 4) * (0.2 + torch.rand(4, 4)), torch.rand(30)
    found = []
    for each in (poses, T @ poses):
        cloud = Cloud(each.flatten(1)[None, None])
        found.append(m_step(cloud, torch.zeros(1, 1, 30), r[None, None]))
    (_, mean, variance), (_, turned, other) = found
    assert_close(turned.view(4, 4), T @ mean.view(4, 4), atol=1e-12, rtol=0)
    assert abs(variance.sum() - other.sum()) < 1e-12 * variance.sum() * 10
    assert abs(variance.log().sum() - other.log().sum()) > 0.01


def test_the_schedule_closes_in_on_its_end() -> None:
    """capsules:schedule: by the recursion lambda + (0.01 - lambda) / 20, from 0."""
    slope, expected = 0.0, []
    for _ in range(3):
        slope += (0.01 - slope) / 20
        expected.append(slope)
    closed = [0.01 * (1 - 0.95 ** (t + 1)) for t in range(3)]
    np.testing.assert_allclose(closed, expected, rtol=1e-12)
    np.testing.assert_allclose(closed, [5.0e-4, 9.75e-4, 1.426e-3], atol=5e-7)


# The layers


def capsules(size: int = 5, types: int = 2, batch: int = 2) -> Capsules:
    return Capsules(
        torch.randn(batch, size, size, types, 4, 4), torch.rand(batch, size, size, types)
    )


def test_a_vote_is_a_big_map_of_few_weights() -> None:
    """capsules:kronecker, capsules:votes: np.kron on column-major vectors, and by loops."""
    layer, maps = ClassCapsules(2, 3), capsules(1, 2, 1)
    votes = layer.votes(maps)[0].detach()
    for t, j in itertools.product(range(2), range(3)):
        P, W = maps.poses[0, 0, 0, t].numpy(), layer.transforms[0, t, j].detach().numpy()
        big = np.kron(W.T, np.eye(4))
        assert np.count_nonzero(big) == 64
        pose = (big @ P.flatten(order="F")).reshape(4, 4, order="F")
        np.testing.assert_allclose(pose, P @ W, atol=1e-12)
        pose[:2, 3] += 0.5
        np.testing.assert_allclose(votes[t, j].view(4, 4).numpy(), pose, atol=1e-12)


def test_class_capsules_add_the_place_of_a_child() -> None:
    """capsules:coordinates: row and column, in parts of the map, by a double loop."""
    layer = ClassCapsules(2, 3)
    maps = Capsules(torch.randn(1, 1, 1, 2, 4, 4).expand(1, 4, 2, 2, 4, 4), torch.rand(1, 4, 2, 2))
    votes = layer.votes(maps).detach().view(4, 2, 2, 3, 4, 4)
    for row, column in itertools.product(range(4), range(2)):
        moved = votes[row, column] - votes[0, 0]
        expected = torch.zeros_like(moved)
        expected[..., 0, 3], expected[..., 1, 3] = row / 4, column / 2
        assert_close(moved, expected)
    assert_close(layer(maps), em_routing(
        layer.votes(maps), maps.activations.flatten(1), beta_u=0, beta_a=0
    ))  # fmt: skip


@pytest.mark.parametrize(("size", "kernel", "stride"), [(5, 3, 2), (5, 4, 1), (5, 3, 1), (6, 3, 2)])
def test_conv_capsules_are_procedure_1_with_a_mask(size: int, kernel: int, stride: int) -> None:
    """capsules:competition, capsules:votes: NumPy over all pairs of children and parents."""
    layer, maps, side = ConvCapsules(2, 3, kernel=kernel, stride=stride), capsules(size), 0
    with torch.no_grad():
        layer.betas["beta_u"].fill_(0.3), layer.betas["beta_a"].fill_(-0.7)
    found = layer(maps)
    side = (size - kernel) // stride + 1
    mask = np.zeros((size, size, 2, side, side, 3), bool)
    votes = np.zeros((*mask.shape, 4, 4))
    W = layer.transforms.detach().numpy().reshape(kernel, kernel, 2, 3, 4, 4)
    for y, x, dy, dx in itertools.product(range(side), range(side), range(kernel), range(kernel)):
        child = (stride * y + dy, stride * x + dx)
        mask[(*child, slice(None), y, x)] = True
        for t, j in itertools.product(range(2), range(3)):
            votes[(*child, t, y, x, j)] = maps.poses[0, *child, t].numpy() @ W[dy, dx, t, j]
    seen = mask.any((3, 4, 5)).flatten()
    mask, votes = mask.reshape(seen.size, -1)[seen], votes.reshape(seen.size, -1, 16)[seen]
    a = maps.activations[0].flatten().numpy()[seen]
    mean, active, _ = procedure(votes, a, 0.3, -0.7, 3, 0.01, mask)
    poses, activations = (x[0].detach().numpy() for x in found)
    np.testing.assert_allclose(poses, mean.reshape(side, side, 3, 4, 4), atol=1e-9)
    np.testing.assert_allclose(activations, active.reshape(side, side, 3), atol=1e-9)


def test_a_child_divides_itself_among_all_that_see_it() -> None:
    """capsules:competition: a dense softmax over masked parents, and sums of 1 by child."""
    windows = window_places(5, 5, 3, 2)
    logs = 40 * torch.randn(2, 4 * 3, 9 * 2)
    logs[0] *= 50
    R = share_windows(logs, windows, 25)
    dense = torch.full((2, 25, 2, 4, 3), -math.inf)
    back = torch.zeros(2, 25, 2)
    for p, k in itertools.product(range(4), range(9)):
        part = logs.view(2, 4, 3, 9, 2)[:, p, :, k]
        dense[:, windows[p, k], :, p] = part.transpose(1, 2)
        back[:, windows[p, k]] += R.view(2, 4, 3, 9, 2)[:, p, :, k].exp().sum(1)
    dense = dense.flatten(3).log_softmax(-1).view(2, 25, 2, 4, 3)
    for p, k in itertools.product(range(4), range(9)):
        found = R.view(2, 4, 3, 9, 2)[:, p, :, k].transpose(1, 2)
        assert_close(found, dense[:, windows[p, k], :, p])
    assert_close(back, torch.ones_like(back))
    alone = logs.view(2, 4, 3, 9, 2).softmax(2).sum(2)[0, :, :, 0]
    counts = torch.zeros(25).index_add(0, windows.flatten(), alone.flatten())
    assert sorted(set(counts.round(decimals=6).tolist())) == [1.0, 2.0, 4.0]


def test_primary_capsules_read_17_numbers() -> None:
    """capsules:votes: the poses that vote, from a 1 x 1 convolution written as a product."""
    layer, features = PrimaryCapsules(3, 2), torch.randn(2, 3, 4, 5)
    poses, activations = layer(features)
    weight, bias = (x.detach() for x in (layer.read.weight[:, :, 0, 0], layer.read.bias))  # pyright: ignore
    flat = (torch.einsum("oc,bchw->bhwo", weight, features) + bias).view(2, 4, 5, 17, 2)
    assert_close(poses.flatten(-2), flat[..., :16, :].transpose(-1, -2))
    assert_close(activations, torch.sigmoid(flat[..., 16, :]))


def test_the_network_is_the_papers_small_one() -> None:
    """capsules:votes: 16 weights a pair of types and place make 68 thousand in all."""
    model = MatrixCapsules(10)
    stem, primary = 5 * 5 * 64 + 64, (64 + 1) * 8 * 17
    routed = 16 * (9 * 8 * 16 + 9 * 16 * 16 + 16 * 10)
    assert sum(p.numel() for p in model.parameters()) == stem + primary + routed + 6 == 68_366
    norb = MatrixCapsules(5, channels=2, strides=(2, 2, 1))
    assert sum(p.numel() for p in norb.parameters()) == 68_366 + 1600 - 1280
    images = torch.rand(2, 1, 28, 28)
    assert [tuple(x.shape) for x in model.parts(images)] == [(2, 3, 3, 16, 4, 4), (2, 3, 3, 16)]
    small = MatrixCapsules(4, features=6, types=(2, 3, 4), strides=(3, 2, 1), iterations=2)
    for dtype in (torch.float32, torch.float64):
        found = small.to(dtype)(images[:1].to(dtype))
        assert found.shape == (1, 4)
        assert found.dtype == dtype
        assert ((found > 0) & (found < 1)).all()
    assert [m.settings["iterations"] for m in (small.first, small.second, small.classes)] == [2] * 3


def test_the_network_learns() -> None:
    """capsules:spread: 30 steps of Adam on four bars, from chance to all right."""
    torch.manual_seed(1)
    model = MatrixCapsules(4, features=8, types=(2, 4, 4), strides=(3, 2, 1), iterations=2)
    target = torch.arange(32) % 4
    images = torch.zeros(32, 1, 28, 28)
    for n, kind in enumerate(target.tolist()):
        place = 6 + 2 * (n // 4)
        images[n, 0, slice(*((place, place + 3), (5, 23))[kind % 2 :][0])] += kind < 2
        images[n, 0, :, place : place + 3] += kind >= 2
        images[n, 0] *= 1 if kind % 2 else 0.5
    adam = torch.optim.Adam(model.parameters(), 0.02)
    losses = []
    for _ in range(30):
        loss = spread_loss(model(images), target, margin=0.5)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 3
    assert (model(images).argmax(1) == target).double().mean() > 0.9


@pytest.mark.parametrize("margin", [0.2, 0.9, 1])
def test_spread_loss_is_torchs_margin_loss_squared(margin: float) -> None:
    """capsules:spread: multi_margin_loss with p = 2, times the classes it divides by."""
    activations, target = torch.rand(20, 7, requires_grad=True), torch.randint(0, 7, (20,))
    found = spread_loss(activations, target, margin=margin)
    theirs = 7 * torch.nn.functional.multi_margin_loss(activations, target, p=2, margin=margin)
    assert_close(found, theirs)
    by_us, by_them = (torch.autograd.grad(x, activations)[0] for x in (found, theirs))
    assert_close(by_us, by_them)


def test_spread_loss_by_hand() -> None:
    """capsules:spread: three classes, two samples, by hand; without squares it would be 0.75."""
    activations = torch.tensor([[0.5, 0.4, 0.1], [0.9, 0.2, 0.3]])
    found = spread_loss(activations, torch.tensor([0, 2]), margin=0.5)
    assert abs(found.item() - (0.16 + 0.01 + 1.21 + 0.16) / 2) < 1e-12
    assert abs(spread_loss(activations[:1], torch.tensor([0]), margin=0.1).item()) < 1e-30


# What is refused

V, A = torch.rand(2, 5, 3, 4), torch.rand(2, 5)
MEANS, WIDE, EQUAL = torch.rand(2, 3), torch.ones(2, 3), torch.full((2,), 0.5)
X = torch.rand(9, 3)


def route(votes: Any = V, activations: Any = A, **changed: Any) -> Any:
    how: Any = {"beta_u": 0.0, "beta_a": 0.0} | changed
    return em_routing(votes, activations, **how)


def gmm(points: Any = X, means: Any = MEANS, variances: Any = WIDE, weights: Any = EQUAL) -> Any:
    return gmm_em_step(points, means, variances, weights)


def tensor(*shape: int) -> Tensor:
    return torch.zeros(shape)


SCORES, TARGET = torch.rand(2, 3), torch.tensor([0, 2])
REFUSALS: dict[str, Any] = {
    "votes of rank 3": (lambda: route(tensor(2, 5, 3)), "rank of votes must be 4, got 3"),
    "activations for others": (
        lambda: route(activations=tensor(2, 4)),
        r"shape of activations must be \(2, 5\), got \(2, 4\)",
    ),
    "activations that would broadcast": (
        lambda: route(activations=tensor(1, 5)),
        r"shape of activations must be \(2, 5\), got \(1, 5\)",
    ),
    "activations above 1": (
        lambda: route(activations=A + 1),
        r"activations must be from 0 to 1, got \[.*\]",
    ),
    "activations below 0": (
        lambda: route(activations=A - 1),
        r"activations must be from 0 to 1, got \[.*\]",
    ),
    "activations nan": (
        lambda: route(activations=A * math.nan),
        r"activations must be from 0 to 1, got \[nan, nan\]",
    ),
    "no children": (
        lambda: route(tensor(2, 0, 3, 4), tensor(2, 0)),
        "children must be at least 1, got 0",
    ),
    "no parents": (lambda: route(tensor(2, 5, 0, 4)), "parents must be at least 1, got 0"),
    "no axes": (lambda: route(tensor(2, 5, 3, 0)), "d must be at least 1, got 0"),
    "beta_u for others": (
        lambda: route(beta_u=tensor(2)),
        r"shape of beta_u must be \(\) or \(3,\), got \(2,\)",
    ),
    "beta_a of rank 2": (
        lambda: route(beta_a=tensor(1, 3)),
        r"shape of beta_a must be \(\) or \(3,\), got \(1, 3\)",
    ),
    "beta_u that would broadcast": (
        lambda: route(beta_u=tensor(1)),
        r"shape of beta_u must be \(\) or \(3,\), got \(1,\)",
    ),
    "beta_a nan": (lambda: route(beta_a=math.nan), "beta_a must be finite, got nan"),
    "beta_u infinite": (lambda: route(beta_u=math.inf), "beta_u must be finite, got inf"),
    "no iterations": (lambda: route(iterations=0), "iterations must be at least 1, got 0"),
    "temperature 0": (
        lambda: route(inverse_temperature=0),
        "inverse_temperature must be finite and above 0, got 0",
    ),
    "temperature nan": (
        lambda: route(inverse_temperature=math.nan),
        "inverse_temperature must be finite and above 0, got nan",
    ),
    "temperature infinite": (
        lambda: route(inverse_temperature=math.inf),
        "inverse_temperature must be finite and above 0, got inf",
    ),
    "points of rank 1": (lambda: gmm(points=tensor(3)), "rank of points must be 2, got 1"),
    "no points": (lambda: gmm(points=tensor(0, 3)), "points must be at least 1, got 0"),
    "no components": (
        lambda: gmm(means=tensor(0, 3), variances=tensor(0, 3), weights=tensor(0)),
        "weights must be at least 1, got 0",
    ),
    "weights of rank 2": (lambda: gmm(weights=tensor(1, 2)), "rank of weights must be 1, got 2"),
    "means of other points": (
        lambda: gmm(means=tensor(2, 4)),
        r"shape of means must be \(2, 3\), got \(2, 4\)",
    ),
    "one variance for all axes": (
        lambda: gmm(variances=torch.ones(2, 1)),
        r"shape of variances must be \(2, 3\), got \(2, 1\)",
    ),
    "weights for others": (
        lambda: gmm(weights=torch.ones(1)),
        r"shape of means must be \(1, 3\), got \(2, 3\)",
    ),
    "variance 0": (
        lambda: gmm(variances=0 * WIDE),
        r"variances must be finite and above 0, got .*",
    ),
    "variance nan": (
        lambda: gmm(variances=math.nan * WIDE),
        r"variances must be finite and above 0, got .*",
    ),
    "weights of sum 2": (
        lambda: gmm(weights=2 * EQUAL),
        r"weights must be non-negative with sum 1, got \[1.0, 1.0\]",
    ),
    "a negative weight": (
        lambda: gmm(weights=torch.tensor([1.5, -0.5])),
        r"weights must be non-negative with sum 1, got \[1.5, -0.5\]",
    ),
    "no channels": (lambda: PrimaryCapsules(0, 2), "channels must be at least 1, got 0"),
    "no types": (lambda: PrimaryCapsules(2, 0), "types must be at least 1, got 0"),
    "features for another layer": (
        lambda: PrimaryCapsules(2, 2)(tensor(1, 3, 4, 4)),
        "channels of features must be 2, got 3",
    ),
    "features of rank 3": (
        lambda: PrimaryCapsules(2, 2)(tensor(2, 4, 4)),
        "rank of features must be 4, got 3",
    ),
    "conv without children": (lambda: ConvCapsules(0, 2), "children must be at least 1, got 0"),
    "conv without parents": (lambda: ConvCapsules(2, 0), "parents must be at least 1, got 0"),
    "kernel 0": (lambda: ConvCapsules(2, 2, kernel=0), "kernel must be at least 1, got 0"),
    "stride 0": (lambda: ConvCapsules(2, 2, stride=0), "stride must be at least 1, got 0"),
    "conv without iterations": (
        lambda: ConvCapsules(2, 2, iterations=0),
        "iterations must be at least 1, got 0",
    ),
    "conv temperature": (
        lambda: ConvCapsules(2, 2, inverse_temperature=-1),
        "inverse_temperature must be finite and above 0, got -1",
    ),
    "a map of other types": (
        lambda: ConvCapsules(3, 2)(capsules()),
        "types of capsules must be 3, got 2",
    ),
    "a map below the kernel": (
        lambda: ConvCapsules(2, 2)(capsules(2)),
        r"size of the map must be at least 3, got \[2, 2\]",
    ),
    "poses that are no squares": (
        lambda: ConvCapsules(2, 2)(Capsules(tensor(1, 3, 3, 2, 16, 1), tensor(1, 3, 3, 2))),
        r"shape of poses must be \(1, 3, 3, 2, 4, 4\), got \(1, 3, 3, 2, 16, 1\)",
    ),
    "a map without types": (
        lambda: ConvCapsules(2, 2)(Capsules(tensor(1, 3, 3, 4, 4), tensor(1, 3, 3))),
        "rank of activations must be 4, got 3",
    ),
    "a map too active": (
        lambda: ClassCapsules(2, 2)(Capsules(tensor(1, 1, 1, 2, 4, 4), 2 + tensor(1, 1, 1, 2))),
        r"activations must be from 0 to 1, got \[2.0, 2.0\]",
    ),
    "classes without children": (lambda: ClassCapsules(0, 2), "children must be at least 1, got 0"),
    "no classes": (lambda: ClassCapsules(2, 0), "classes must be at least 1, got 0"),
    "classes without iterations": (
        lambda: ClassCapsules(2, 2, iterations=0),
        "iterations must be at least 1, got 0",
    ),
    "network without classes": (lambda: MatrixCapsules(0), "classes must be at least 1, got 0"),
    "network without channels": (
        lambda: MatrixCapsules(2, channels=0),
        "channels must be at least 1, got 0",
    ),
    "network without features": (
        lambda: MatrixCapsules(2, features=0),
        "features must be at least 1, got 0",
    ),
    "network without types": (
        lambda: MatrixCapsules(2, types=(0, 1, 1)),
        r"types\[0\] must be at least 1, got 0",
    ),
    "network without stride": (
        lambda: MatrixCapsules(2, strides=(0, 1, 1)),
        r"strides\[0\] must be at least 1, got 0",
    ),
    "network temperature": (
        lambda: MatrixCapsules(2, inverse_temperature=0),
        "inverse_temperature must be finite and above 0, got 0",
    ),
    "images of rank 3": (
        lambda: MatrixCapsules(2)(tensor(1, 28, 28)),
        "rank of images must be 4, got 3",
    ),
    "images in colour": (
        lambda: MatrixCapsules(2)(tensor(1, 3, 28, 28)),
        "channels of images must be 1, got 3",
    ),
    "images too small": (
        lambda: MatrixCapsules(2)(tensor(1, 1, 4, 9)),
        r"size of images must be at least 5, got \[4, 9\]",
    ),
    "a target beyond": (
        lambda: spread_loss(SCORES, torch.tensor([0, 3]), margin=0.2),
        r"target must be 0 to 2, got \[0, 3\]",
    ),
    "a target below": (
        lambda: spread_loss(SCORES, torch.tensor([-1, 1]), margin=0.2),
        r"target must be 0 to 2, got \[-1, 1\]",
    ),
    "targets for others": (
        lambda: spread_loss(SCORES, TARGET[:1], margin=0.2),
        r"shape of target must be \(2,\), got \(1,\)",
    ),
    "scores of rank 1": (
        lambda: spread_loss(SCORES[0], TARGET, margin=0.2),
        "rank of activations must be 2, got 1",
    ),
    "no samples": (
        lambda: spread_loss(SCORES[:0], TARGET[:0], margin=0.2),
        "length of target must be at least 1, got 0",
    ),
    "margin 0": (
        lambda: spread_loss(SCORES, TARGET, margin=0),
        "margin must be above 0, at most 1, got 0",
    ),
    "margin out of reach": (
        lambda: spread_loss(SCORES, TARGET, margin=1.5),
        "margin must be above 0, at most 1, got 1.5",
    ),
    "margin nan": (
        lambda: spread_loss(SCORES, TARGET, margin=math.nan),
        "margin must be above 0, at most 1, got nan",
    ),
}


@pytest.mark.refusal
@pytest.mark.parametrize("case", REFUSALS)
def test_refuses_bad_input(case: str) -> None:
    call, message = REFUSALS[case]
    torch.set_default_dtype(torch.float32)
    with pytest.raises(ValueError, match=f"^{message}$"):
        call()


WRONG_DTYPES: dict[str, Any] = {
    "whole votes": (lambda: route(V.long()), "votes must be float32 or float64, got torch.int64"),
    "half votes": (lambda: route(V.half()), "votes must be float32 or float64, got torch.float16"),
    "activations of another": (
        lambda: route(activations=A.double()),
        "activations must be torch.float32, got torch.float64",
    ),
    "whole points": (lambda: gmm(points=X.long()), "points must be float32 or float64"),
    "means of another": (lambda: gmm(means=MEANS.double()), "means must be torch.float32"),
    "variances of another": (lambda: gmm(variances=WIDE.double()), "variances must be"),
    "weights of another": (lambda: gmm(weights=EQUAL.double()), "weights must be torch.float32"),
    "features of another": (
        lambda: PrimaryCapsules(2, 2)(tensor(1, 2, 4, 4).double()),
        "features must be torch.float32",
    ),
    "poses of another": (
        lambda: ConvCapsules(2, 2)(Capsules(*(x.double() for x in capsules()))),
        "poses must be torch.float32",
    ),
    "images of another": (
        lambda: MatrixCapsules(2)(tensor(1, 1, 28, 28).double()),
        "images must be torch.float32",
    ),
    "whole scores": (
        lambda: spread_loss(SCORES.long(), TARGET, margin=0.2),
        "activations must be float32 or float64",
    ),
    "real targets": (
        lambda: spread_loss(SCORES, TARGET.float(), margin=0.2),
        "target must be integers",
    ),
}


@pytest.mark.refusal
@pytest.mark.parametrize("case", WRONG_DTYPES)
def test_refuses_wrong_dtypes(case: str) -> None:
    call, message = WRONG_DTYPES[case]
    torch.set_default_dtype(torch.float32)
    with pytest.raises(TypeError, match=message):
        call()
