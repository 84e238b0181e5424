"""Gaussians fitted to many small clouds, with a gradient assembled once.

Article:  docs/articles/capsules.md, whose routing spends its time here.
Source:   Dempster, Laird and Rubin (1977) for the two steps of EM.
Shapes:   clouds of n points in d dimensions, (batch, clouds, n, d).
Units:    log-densities in nats, summed over axes.
"""

# pyright: reportIncompatibleMethodOverride=false
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, Int64
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

Points = Float[Tensor, "batch clouds n d"]
PerPoint = Float[Tensor, "batch clouds n"]
Moment = Float[Tensor, "batch clouds d"]
PerCloud = Float[Tensor, "batch clouds"]

FLOOR = 1e-10  # the least variance: one point alone has none

SMALL = 2**14  # numbers that are left to autograd, and all it can do
CACHED = 2**20  # numbers that a processor's cache holds with their squares
HELD = 2**28  # the same for an accelerator, which prefers large portions


# --8<-- [start:cloud]
class Cloud:
    """Points that are asked for moments and distances again and again.

    Both need the squares of points less mean: they are kept until the mean
    is another, and are the one temporary as large as the points. Squares of
    differences stay exact where E x^2 - (E x)^2 would cancel.
    """

    def __init__(self, points: Points) -> None:
        self.points = points
        self.forget()

    def forget(self) -> None:
        """Let the squares go."""
        self._mean: Tensor | None = None
        self._squares = self.points

    def squares(self, mean: Moment) -> Points:
        """Squared difference of each point and its cloud's mean, by axis."""
        if mean is not self._mean:
            self._mean = mean
            difference = self.points - mean[:, :, None]
            kept = difference.requires_grad  # by autograd, for its own use
            self._squares = (
                difference.square() if kept else difference.square_()
            )
        return self._squares

    def moments(self, weights: PerPoint) -> tuple[Moment, Moment]:
        """Mean and variance of each cloud; weights sum to 1 over points."""
        mean = _combine(weights, self.points)
        return mean, _combine(weights, self.squares(mean))

    def distances(self, mean: Moment, scale: Moment) -> PerPoint:
        """Sum over axes of scale times the squared difference from mean."""
        return _project(self.squares(mean), scale)


def _combine(weights: PerPoint, points: Points) -> Moment:
    return (weights[:, :, None] @ points)[:, :, 0]


def _project(points: Points, scale: Moment) -> PerPoint:
    # A column on the right would take four times as long.
    return (scale[:, :, None] @ points.mT)[:, :, 0]


# --8<-- [end:cloud]
# --8<-- [start:steps]
def log_joint(
    cloud: Cloud, means: Moment, variances: Moment, log_prior: PerCloud
) -> PerPoint:
    """Log of prior times Gaussian density, at each point of each cloud.

    Its softmax over clouds are the responsibilities of the E-step, and its
    log-sum-exp over clouds is the log-likelihood.
    """
    volume = (2 * math.pi * variances).log().sum(-1) / 2
    distances = cloud.distances(means, -0.5 / variances)
    return distances + (log_prior - volume)[:, :, None]


def m_step(
    cloud: Cloud,
    log_responsibilities: PerPoint,
    activations: Float[Tensor, "batch #clouds n"],
) -> tuple[PerCloud, Moment, Moment]:
    """Mass, means and variances of what each cloud is responsible for.

    Activations weigh the points. A cloud that gets nothing has mass 0 and
    mean 0; no variance is below 1e-10.
    """
    mass = (log_responsibilities.exp() * activations).sum(-1)
    # A softmax over points first: a mass may underflow, its shares do not.
    shares = log_responsibilities.softmax(-1) * activations
    total = shares.sum(-1, keepdim=True)
    shares = shares / torch.where(total > 0, total, 1)
    means, variances = cloud.moments(shares)
    return mass, means, variances.clamp(min=FLOOR)


# --8<-- [end:steps]
# --8<-- [start:share]
def window_places(
    height: int, width: int, kernel: int, stride: int
) -> Int64[Tensor, "positions offsets"]:
    """Places that each position of a convolution sees, counted by rows."""
    places = torch.arange(height * width).view(height, width)
    for axis in (0, 1):
        places = places.unfold(axis, kernel, stride)
    return rearrange(places, "h w x y -> (h w) (x y)")


def share_windows(
    logs: PerPoint,
    windows: Int64[Tensor, "positions offsets"],
    places: int,
) -> PerPoint:
    """Normalise over all clouds that see a point, wherever they are.

    `windows` (positions, offsets) says which of the `places` a position sees;
    clouds are (positions types), their points (offsets types).
    """
    p, k = windows.shape
    z = rearrange(logs, "b (p j) (k t) -> b (p k) t j", p=p, k=k)
    each, index = z.logsumexp(-1), windows.flatten()
    none = each.new_zeros(len(each), places, each.shape[-1])
    rows = index[:, None].expand_as(each)
    top = (none - math.inf).scatter_reduce(1, rows, each.detach(), "amax")
    top = top[:, index]
    total = none.index_add(1, index, (each - top).exp())[:, index]
    logs = z - (total.log() + top)[..., None]
    return rearrange(logs, "b (p k) t j -> b (p j) (k t)", p=p)


# --8<-- [end:share]
# --8<-- [start:taped]
class TapedCloud(Cloud):
    """A cloud whose gradient is written down as factors, and multiplied last.

    Each use adds left ⊗ shift + points * (left ⊗ slope) to the gradient, with
    one number a point in `left` and one an axis in the others. A sum of n
    such terms is two products of thin matrices.
    """

    def __init__(self, points: Points) -> None:
        super().__init__(points)
        self.factors: list[tuple[Tensor, Tensor, Tensor]] = []

    def moments(self, weights: PerPoint) -> tuple[Moment, Moment]:
        """Mean and variance of each cloud; weights sum to 1 over points."""
        return _Moments.apply(weights, self)  # pyright: ignore

    def distances(self, mean: Moment, scale: Moment) -> PerPoint:
        """Sum over axes of scale times the squared difference from mean."""
        return _Distances.apply(mean, scale, self)  # pyright: ignore

    def gradient(self) -> Points:
        """Multiply out the factors that a backward pass has left."""
        left, shift, slope = zip(*self.factors, strict=True)
        self.factors.clear()
        left = torch.stack(left, -2).mT
        slopes = left @ torch.stack(slope, -2)
        return torch.addcmul(left @ torch.stack(shift, -2), self.points, slopes)


# --8<-- [end:taped]
class _Moments(Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, cloud: TapedCloud) -> Any:
        mean, variance = Cloud.moments(cloud, weights)
        ctx.save_for_backward(weights, mean)
        ctx.cloud = cloud
        return mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (weights, mean), cloud = ctx.saved_tensors, ctx.cloud
        # Of a tensor that is expanded, bmm would copy one matrix at a time.
        by_mean, by_variance = (each.contiguous() for each in gradients)
        shift = by_mean - 2 * mean * by_variance
        cloud.factors.append((weights, shift, 2 * by_variance))
        # The weighted differences from the mean add up to 0, so the variance
        # does not change with it.
        by_weights = _project(cloud.points, by_mean)
        by_weights += _project(cloud.squares(mean), by_variance)
        return by_weights, None


class _Distances(Function):
    @staticmethod
    def forward(
        ctx: Any, mean: Tensor, scale: Tensor, cloud: TapedCloud
    ) -> Any:
        ctx.save_for_backward(mean, scale)
        ctx.cloud = cloud
        return Cloud.distances(cloud, mean, scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (mean, scale), (by_distance,) = ctx.saved_tensors, gradients
        cloud = ctx.cloud
        cloud.factors.append((by_distance, -2 * scale * mean, 2 * scale))
        total = by_distance.sum(-1, keepdim=True)
        pull = _combine(by_distance, cloud.points) - mean * total
        by_scale = _combine(by_distance, cloud.squares(mean))
        return -2 * scale * pull, by_scale, None


# --8<-- [start:portions]
def by_portions(
    function: Callable[..., tuple[Tensor, ...]],
    points: Points,
    rows: Sequence[Tensor],
    shared: Sequence[Tensor],
) -> tuple[Tensor, ...]:
    """Apply function(cloud, *rows, *shared) to portions of the batch.

    Samples must not depend on each other. A portion and its squares fit the
    processor's cache, and no temporary is larger. Gradients are those of
    autograd; of more than 2^14 numbers they cannot be differentiated again.
    """
    inputs = (points, *rows, *shared)
    if points.numel() <= SMALL:
        return function(Cloud(points), *rows, *shared)
    room = CACHED if points.device.type == "cpu" else HELD
    size = max(1, room * len(points) // points.numel())
    if torch.is_grad_enabled() and any(each.requires_grad for each in inputs):
        run: Any = _Portions.apply
        return run(function, size, len(rows), *inputs)
    split = zip(*(each.split(size) for each in (points, *rows)), strict=True)
    parts = [function(Cloud(x.contiguous()), *r, *shared) for x, *r in split]
    return tuple(torch.cat(each) for each in zip(*parts, strict=True))


class _Portions(Function):
    """Run a function of clouds; keep its small graphs, and no other squares."""

    @staticmethod
    def forward(ctx: Any, function: Any, size: int, rows: int, *inputs: Any):
        ctx.size, ctx.rows, ctx.kept, ctx.points = size, rows, [], inputs[0]
        split = zip(*(x.split(size) for x in inputs[: 1 + rows]), strict=True)
        for points, *own in split:
            cloud = TapedCloud(points.contiguous())
            leaves = [x.detach() for x in (*own, *inputs[1 + rows :])]
            with torch.enable_grad():
                outputs = function(cloud, *(x.requires_grad_() for x in leaves))
            cloud.forget()
            ctx.kept.append((cloud, leaves, outputs))
        every = zip(*(outputs for *_, outputs in ctx.kept), strict=True)
        return tuple(torch.cat([x.detach() for x in each]) for each in every)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        by_points, found = torch.empty_like(ctx.points), []
        places = by_points.split(ctx.size)
        seeds = zip(*(each.split(ctx.size) for each in gradients), strict=True)
        for place, kept, seed in zip(places, ctx.kept, seeds, strict=True):
            cloud, leaves, outputs = kept
            alive = [n for n, each in enumerate(outputs) if each.requires_grad]
            ends, seed = ([x[n] for n in alive] for x in (outputs, seed))
            how: Any = {"retain_graph": True, "materialize_grads": True}
            found.append(torch.autograd.grad(ends, leaves, seed, **how))
            place.copy_(cloud.gradient())
            cloud.forget()
        columns = list(zip(*found, strict=True))
        by_rows = [torch.cat(each) for each in columns[: ctx.rows]]
        by_shared = [torch.stack(each).sum(0) for each in columns[ctx.rows :]]
        return None, None, None, by_points, *by_rows, *by_shared


# --8<-- [end:portions]
