"""Routing, and a step of the network, beside the obvious implementation and beside einsum."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks.duels import Duel, Growth, Step, Work, with_gradients
from snippets import capsules
from snippets.capsules import MatrixCapsules, em_routing, spread_loss
from snippets.moments import Cloud
from snippets.rivals import broadcast_routing

SIZES = (128, 144, 16, 16)  # of votes: batch, children, parents, numbers a pose
PRICES = {"beta_u": 0.0, "beta_a": 0.0}


class BroadcastCloud(Cloud):
    """Moments and distances by products as large as the points, made anew at each use."""

    def moments(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of each cloud; weights sum to 1 over points."""
        mean = (weights[..., None] * self.points).sum(2)
        squares = (self.points - mean[:, :, None]).square()
        return mean, (weights[..., None] * squares).sum(2)

    def distances(self, mean: Tensor, scale: Tensor) -> Tensor:
        """Sum over axes of scale times the squared difference from mean."""
        return ((self.points - mean[:, :, None]).square() * scale[:, :, None]).sum(-1)


class EinsumCloud(Cloud):
    """Moments and distances by einsum, which picks the order of its products by itself."""

    def moments(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of each cloud; weights sum to 1 over points."""
        mean = torch.einsum("bcn,bcnd->bcd", weights, self.points)
        return mean, torch.einsum("bcn,bcnd->bcd", weights, self.squares(mean))

    def distances(self, mean: Tensor, scale: Tensor) -> Tensor:
        """Sum over axes of scale times the squared difference from mean."""
        return torch.einsum("bcnd,bcd->bcn", self.squares(mean), scale)


@contextmanager
def whole(cloud: type[Cloud]) -> Iterator[None]:
    """Route the whole batch at once with clouds of a kind, gradients by autograd."""

    def at_once(
        function: Callable, points: Tensor, rows: Sequence[Tensor], shared: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        return function(cloud(points), *rows, *shared)

    with patch.object(capsules, "by_portions", at_once):
        yield


def _routed(function: Callable, votes: Tensor, activations: Tensor) -> list[Tensor]:
    poses, active, _ = function(votes, activations, **PRICES)
    return [poses, active]


def _votes(*sizes: int) -> list[Tensor]:
    torch.manual_seed(0)
    return [torch.randn(sizes), torch.rand(sizes[:2])]


def routing(small: bool, *, learn: bool) -> Duel:
    """Three iterations on votes of shape (128, 144, 16, 16), forward, or forward and backward."""
    inputs = _votes(4, 72, 4, 16) if small else _votes(*SIZES)

    def call(function: Callable) -> Work:
        if learn:
            return with_gradients(partial(_routed, function), inputs)
        return torch.no_grad()(lambda: _routed(function, *inputs))

    rivals = {"broadcast": call(broadcast_routing), "einsum": whole(EinsumCloud)(call(em_routing))}
    return Duel(call(em_routing), rivals, memory=True, tolerance=1e-3)


def network(small: bool, *, of_lab: bool) -> Duel:
    """A step of Adam on the spread loss of 32 images: the paper's small network, or the lab's."""
    torch.manual_seed(0)
    images = torch.rand(4 if small else 32, 1, 28, 28)
    target = torch.arange(len(images)) % 10
    net = MatrixCapsules(10)
    if small or of_lab:
        types = (2, 2, 2) if small else (2, 8, 8)
        net = MatrixCapsules(10, features=4 if small else 32, types=types, strides=(3, 2, 1))

    def step() -> Work:
        model = deepcopy(net)
        return Step(model, lambda: spread_loss(model(images), target, margin=0.5))

    rivals = {"broadcast": whole(BroadcastCloud)(step()), "einsum": whole(EinsumCloud)(step())}
    return Duel(step(), rivals, memory=True, tolerance=1e-3, calls=1)


DUELS = {
    "routing": partial(routing, learn=False),
    "routing, with gradients": partial(routing, learn=True),
    "training step": partial(network, of_lab=False),
    "training step, lab": partial(network, of_lab=True),
}


def _learnt(*sizes: int) -> Work:
    return with_gradients(partial(_routed, em_routing), _votes(*sizes))


GROWTH = {
    "routing, batch": Growth(
        lambda n: _learnt(n, 72, 8, 16), (8, 16, 32, 64, 128, 256), "batch", 1, 1
    ),
    "routing, children": Growth(
        lambda n: _learnt(32, n, 8, 16), (18, 36, 72, 144, 288, 576), "children", 1, 1
    ),
    "routing, parents": Growth(
        lambda n: _learnt(32, 72, n, 16), (2, 4, 8, 16, 32, 64), "parents", 1, 1
    ),
    "routing, pose": Growth(
        lambda n: _learnt(32, 72, 8, n), (4, 8, 16, 32, 64, 128), "numbers a pose", 1, 1
    ),
}
