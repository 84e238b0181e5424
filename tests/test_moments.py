"""Moments, distances and portions of snippets/moments.py, against NumPy and autograd."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from snippets import moments
from snippets.capsules import em_routing
from snippets.moments import Cloud, TapedCloud, by_portions, window_places
from snippets.rivals import broadcast_routing
from tools.price import cost_of

pytestmark = pytest.mark.usefixtures("reproducible")  # one seed, float64


def cloud_and_weights() -> tuple[Tensor, Tensor]:
    points, weights = torch.randn(2, 3, 7, 4), torch.rand(2, 3, 7)
    return points, weights / weights.sum(-1, keepdim=True)


@pytest.mark.parametrize("kind", [Cloud, TapedCloud])
def test_moments_and_distances_are_numpys(kind: Any) -> None:
    """np.average and np.cov by cloud; distances axis by axis."""
    points, weights = cloud_and_weights()
    cloud, scale = kind(points), torch.rand(2, 3, 4)
    mean, variance = cloud.moments(weights)
    distances = cloud.distances(mean, scale)
    for b, c in np.ndindex(2, 3):
        x, w = points[b, c].numpy(), weights[b, c].numpy()
        np.testing.assert_allclose(mean[b, c].numpy(), np.average(x, axis=0, weights=w))
        covariance = np.cov(x.T, aweights=w, ddof=0)
        np.testing.assert_allclose(variance[b, c].numpy(), np.diag(covariance))
        expected = ((x - mean[b, c].numpy()) ** 2) @ scale[b, c].numpy()
        np.testing.assert_allclose(distances[b, c].numpy(), expected)


def test_moments_far_from_zero_keep_their_digits() -> None:
    """In float32, at 100 with a spread of 0.01: E x^2 - (E x)^2 would be noise."""
    exact = 100 + 0.01 * torch.randn(1, 1, 50, 2)
    points = exact.float()
    equal = torch.full((1, 1, 50), 0.02, dtype=torch.float32)
    _, variance = Cloud(points).moments(equal)
    assert_close(
        variance[0, 0].double(), points[0, 0].double().var(0, correction=0), rtol=1e-4, atol=0
    )
    naive = (points**2).mean(2) - points.mean(2) ** 2
    assert (naive[0, 0] / variance[0, 0] - 1).abs().max() > 1


def test_squares_are_made_once_a_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """A distance from the mean just found costs no new squares."""
    points, weights = cloud_and_weights()
    cloud, count = Cloud(points), []
    subtract = Tensor.__sub__
    monkeypatch.setattr(Tensor, "__sub__", lambda x, y: count.append(1) or subtract(x, y))
    mean, variance = cloud.moments(weights)
    cloud.distances(mean, variance)
    assert len(count) == 1
    cloud.distances(mean + 1, variance)
    assert len(count) == 2


def two_uses(cloud: Cloud, weights: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    mean, variance = cloud.moments(weights)
    distances = cloud.distances(mean.sin() + variance, scale)
    again = cloud.moments(distances.softmax(-1))
    return distances.square(), again[0] * again[1]


def test_factors_multiply_out_to_autograds_gradient() -> None:
    """Two uses of the points, each with its own mean; the same again after a second pass."""
    points, weights = cloud_and_weights()
    scale, results = torch.rand(2, 3, 4), []
    for taped in (False, True):
        leaves = [x.clone().requires_grad_() for x in (points, weights, scale)]
        cloud = TapedCloud(leaves[0].detach()) if taped else Cloud(leaves[0])
        total = sum((x * x).sum() for x in two_uses(cloud, *leaves[1:]))
        wanted = leaves[1:] if taped else leaves
        found = torch.autograd.grad(total, wanted, retain_graph=True)  # pyright: ignore
        if isinstance(cloud, TapedCloud):
            found = (cloud.gradient(), *found)
            torch.autograd.grad(total, wanted)  # pyright: ignore
            assert_close(cloud.gradient(), found[0])
        results.append(found)
    # Of one cloud, weights that do not sum to 1 would move the variance with the mean.
    plain, taped = results
    assert_close(taped[0], plain[0])
    assert_close(taped[2], plain[2])
    inside = [x - (x * weights).sum(-1, keepdim=True) for x in (plain[1], taped[1])]
    assert_close(*inside)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_portions_join_to_the_whole(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values, and gradients of points, rows and what is shared; 5 samples, a last one alone."""
    points, rows, shared = torch.randn(5, 2, 6, 3), torch.rand(5, 1, 6), torch.rand(2)

    def function(cloud: Cloud, rows: Tensor, shared: Tensor) -> Any:
        mean, variance = cloud.moments(rows.expand(-1, 2, -1).softmax(-1))
        scaled = shared[:, None] * variance
        return cloud.distances(mean, scaled), scaled, torch.ones_like(mean)

    results = []
    for small in (10**6, 0):
        monkeypatch.setattr(moments, "SMALL", small)
        monkeypatch.setattr(moments, "CACHED", size * 36)
        leaves = [x.clone().requires_grad_() for x in (points, rows, shared)]
        outputs = by_portions(function, leaves[0], leaves[1:2], leaves[2:])
        assert outputs[0].shape == (5, 2, 6)
        sum((x * x).sum() for x in outputs[:2]).backward()  # pyright: ignore
        with torch.no_grad():
            assert_close(by_portions(function, leaves[0], leaves[1:2], leaves[2:]), outputs)
        results.append([x.grad for x in leaves])
    assert_close(*results)


def test_large_clouds_cannot_be_differentiated_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """And say so, rather than give a wrong second derivative; small ones can."""
    votes = torch.randn(2, 8, 2, 3, requires_grad=True)
    for small in (10**6, 0):
        monkeypatch.setattr(moments, "SMALL", small)
        total = em_routing(votes, torch.ones(2, 8), beta_u=0, beta_a=0).poses.square().sum()
        (slope,) = torch.autograd.grad(total, votes, create_graph=True)
        if small:
            torch.autograd.grad(slope.square().sum(), votes)
        else:
            with pytest.raises(RuntimeError, match="once_differentiable"):
                slope.square().sum().backward()


class Largest(TorchDispatchMode):
    """Note the largest tensor that any operation makes anew."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        there = {x.untyped_storage().data_ptr() for x in args if isinstance(x, Tensor)}
        for each in made if isinstance(made, tuple | list) else [made]:
            if isinstance(each, Tensor) and each.untyped_storage().data_ptr() not in there:
                self.numbers = max(self.numbers, each.numel())
        return made


def test_no_temporary_is_as_large_as_the_votes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without gradients, nothing is larger than a portion; with them, only the gradient is."""
    monkeypatch.setattr(moments, "CACHED", 2**14)
    votes, activations = torch.randn(64, 32, 4, 16), torch.rand(64, 32)
    with Largest() as largest:
        em_routing(votes, activations, beta_u=0, beta_a=0)
    assert largest.numbers <= 2**14
    routing = em_routing(votes.requires_grad_(), activations, beta_u=0, beta_a=0)
    with Largest() as largest:
        routing.poses.sum().backward()
    assert largest.numbers == votes.numel()


def test_memory_is_at_most_half_of_that_of_broadcasting() -> None:
    """By PyTorch's profiler, with gradients and without: four times the votes at most."""
    votes, a = torch.randn(128, 144, 16, 16, dtype=torch.float32), torch.rand(128, 144).float()
    held = {}
    for name, function in (("ours", em_routing), ("plain", broadcast_routing)):

        def call(x: Tensor, function: Any = function) -> Tensor:
            return function(x, a, beta_u=0.0, beta_a=0.0).poses

        held[name] = [cost_of(call, votes, learn, calls=1)[1] for learn in (False, True)]
    ours, plain = ([each / votes.nbytes for each in held[name]] for name in ("ours", "plain"))
    assert ours[0] < 1
    assert ours[1] < 4.2
    assert all(2 * mine < other for mine, other in zip(ours, plain, strict=True))


@pytest.mark.parametrize(("height", "width", "kernel", "stride"), [(5, 5, 3, 2), (4, 6, 2, 1)])
def test_windows_are_those_of_unfold(height: int, width: int, kernel: int, stride: int) -> None:
    """torch.nn.functional.unfold of a map that holds its own numbers."""
    numbers = torch.arange(height * width, dtype=torch.float64).view(1, 1, height, width)
    expected = torch.nn.functional.unfold(numbers, kernel, stride=stride)[0].T.long()
    assert torch.equal(window_places(height, width, kernel, stride), expected)
