"""What capsules are compared with, and on what: a CNN, other digits, loops.

Article:  docs/articles/capsules.md, whose lab measures with it.
Source:   Sabour, Frosst and Hinton (2017) for overlapping digits.
Shapes:   images (batch, 1, 28, 28), grey levels 0 to 1.
Units:    angles in degrees, moves in pixels, scales and shears in parts.
"""

import math
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn
from torch.nn.functional import (
    affine_grid,
    cross_entropy,
    grid_sample,
    logsigmoid,
)

from snippets.capsules import Routing, cost, em_routing, spread_loss
from snippets.checks import (
    require,
    require_count,
    require_counts,
    require_finite,
    require_integers,
    require_shape,
)
from snippets.moments import Cloud, log_joint, m_step
from snippets.training import fit

Images = Float[Tensor, "batch 1 h w"]
Labels = Int64[Tensor, "batch"]


# --8<-- [start:broadcast]
def broadcast_routing(
    votes: Float[Tensor, "batch children parents d"],
    activations: Float[Tensor, "batch children"],
    *,
    beta_u: float | Tensor,
    beta_a: float | Tensor,
    iterations: int = 3,
    inverse_temperature: float = 0.01,
) -> Routing:
    """Route as one would write it down, a temporary for each operation."""
    R = torch.full_like(votes[..., 0], 1 / votes.shape[2])
    means, variances, active = votes[:, :1], votes[:, :1], votes[:, 0, :, 0]
    for step in range(iterations):
        if step:
            distances = (votes - means).square() / (2 * variances)
            volume = (2 * math.pi * variances).log() / 2
            logs = active.log()[:, None] - (distances + volume).sum(-1)
            R = logs.softmax(-1)
        weights = (R * activations[:, :, None])[..., None]
        mass = weights.sum(1, keepdim=True)
        means = (weights * votes).sum(1, keepdim=True) / mass
        squares = (votes - means).square()
        variances = (weights * squares).sum(1, keepdim=True) / mass + 1e-10
        costs = beta_u + variances[:, 0].log().sum(-1) / 2 / votes.shape[-1]
        costs = votes.shape[-1] * costs * mass[:, 0, :, 0]
        active = torch.sigmoid(inverse_temperature * (beta_a - costs))
    return Routing(means[:, 0], active, R)


# --8<-- [end:broadcast]
def convnet(
    classes: int, *, channels: tuple[int, int, int] = (32, 24, 30)
) -> nn.Sequential:
    """Build a CNN of the geometry of a small capsule network.

    The defaults have the weights of `MatrixCapsules(10, features=32,
    types=(2, 8, 8), strides=(3, 2, 1))`, to one in a hundred.
    """
    require_counts(classes=classes)
    first, second, third = channels
    return nn.Sequential(
        nn.Conv2d(1, first, 5, 3), nn.ReLU(),
        nn.Conv2d(first, second, 3, 2), nn.ReLU(),
        nn.Conv2d(second, third, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(third, classes),
    )  # fmt: skip


def classify(
    model: nn.Module, images: Images, labels: Labels, *, rate: float,
    epochs: int, seed: int, spread: bool, batch_size: int = 32,
) -> nn.Module:  # fmt: skip
    """Train a classifier with Adam, its rate one cycle up and down to zero.

    With `spread` by the spread loss, whose margin grows from 0.2 to 0.9 in
    the first seven tenths of the steps; without, by the cross-entropy.
    """
    require_counts(epochs=epochs, batch_size=batch_size)
    adam = torch.optim.Adam(model.parameters(), fused=True)
    steps = epochs * math.ceil(len(images) / batch_size)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        adam, rate, steps, pct_start=0.2
    )
    taken = [0]

    def loss(x: Tensor, y: Tensor) -> Tensor:
        if not spread:
            return cross_entropy(model(x), y)
        share = min(1.0, taken[0] / (0.7 * steps))
        taken[0] += 1
        return spread_loss(model(x), y, margin=0.2 + 0.7 * share)

    fit(
        model, loss, [images, labels], adam, epochs=epochs, schedule=cycle,
        batch_size=batch_size, generator=Generator().manual_seed(seed),
    )  # fmt: skip
    return model.cpu().eval().requires_grad_(False)


@torch.no_grad()
def percent_wrong(
    model: nn.Module, images: Images, labels: Int64[Tensor, "batch *several"]
) -> float:
    """Return the per cent of images that a classifier does not read right.

    Of an image with several labels, all must have the highest scores.
    """
    require_shape("labels", labels, (len(images), *labels.shape[1:]))
    require_counts(images=len(images))
    scores = torch.cat([model(part) for part in images.split(250)])
    require_finite("scores", scores)
    require_integers("labels", labels, 0, scores.shape[1] - 1)
    wanted = labels.reshape(len(labels), -1).sort(1).values
    read = scores.topk(wanted.shape[1]).indices.sort(1).values
    return 100 * (read != wanted).any(1).double().mean().item()


def affine_digits(images: Images, *, generator: Generator) -> Images:
    """Turn, shear, scale and move each image a little, and not alike.

    Up to 20 degrees, shears of 0.2, scales of 0.8 to 1.2, 3 pixels.
    """
    n, _, height, width = images.shape
    require(height == width, "images", "square", (height, width))
    draw = 2 * torch.rand(6, n, generator=generator).to(images) - 1
    angle, shear = math.radians(20) * draw[0], 0.2 * draw[1]
    across, up = 1 / (1 + 0.2 * draw[2]), 1 / (1 + 0.2 * draw[3])
    top = [across * angle.cos(), across * (shear - angle.sin())]
    low = [up * angle.sin(), up * angle.cos()]
    moves = 6 / width * draw[4:]
    rows = [
        torch.stack([*row, m], 1)
        for row, m in zip((top, low), moves, strict=True)
    ]
    grid = affine_grid(torch.stack(rows, 1), list(images.shape), False)
    return grid_sample(images, grid, align_corners=False)


def overlapping_pairs(
    images: Images, labels: Labels, *, count: int, generator: Generator
) -> tuple[Float[Tensor, "count 1 h w"], Int64[Tensor, "count 2"]]:
    """Lay two different digits over each other, 4 pixels apart each way.

    They move 2 pixels in opposite directions; ink does not add up.
    """
    require_counts(count=count)
    order = torch.randint(len(labels), (20 * count, 2), generator=generator)
    order = order[labels[order[:, 0]] != labels[order[:, 1]]][:count]
    require(len(order) == count, "labels", "of several classes", count)
    signs = 2 * torch.randint(2, (count, 2), generator=generator) - 1
    both: list[Any] = [[], []]
    for pair, sign in zip(order.tolist(), (2 * signs).tolist(), strict=True):
        for side, place in enumerate(pair):
            move = [step * (1 - 2 * side) for step in sign]
            both[side].append(torch.roll(images[place], move, (1, 2)))
    first, second = (torch.stack(each) for each in both)
    return torch.maximum(first, second), labels[order]


def knots(
    places: Float[Tensor, "parents d"],
    *,
    members: int,
    strays: int,
    spread: float,
    generator: Generator,
) -> tuple[Float[Tensor, "1 children parents d"], Int64[Tensor, "children"]]:
    """Draw votes that agree, for each parent those of its own children only.

    All others are standard normal. Also returns whose child each is; strays
    come last and belong to nobody, the number of parents.
    """
    require_counts(members=members)
    require_count("strays", strays, 0)
    parents, d = places.shape
    belongs = torch.arange(parents).repeat_interleave(members)
    belongs = torch.cat([belongs, torch.full((strays,), parents)])
    votes = torch.randn(len(belongs), parents, d, generator=generator)
    for parent, place in enumerate(places):
        noise = torch.randn(members, d, generator=generator)
        votes[belongs == parent, parent] = place + spread * noise
    return votes[None], belongs


def fitted(
    votes: Float[Tensor, "1 children parents d"],
    activations: Float[Tensor, "1 children"],
    parents: list[int],
    axes: list[int],
    **how: Any,
) -> tuple[Routing, list[tuple[Tensor, ...]]]:
    """Route one sample; return for some parents what a picture of them needs.

    Votes, responsibilities, mean and deviations, on two axes.
    """
    routing, group = em_routing(votes, activations, **how), []
    for parent in parents:
        shares = routing.responsibilities[0, :, parent].detach()
        own = votes[0, :, parent][:, axes].detach()
        r = (shares * activations[0] / (shares * activations[0]).sum()).detach()
        mean, variance = Cloud(own[None, None]).moments(r[None, None])
        group.append((own, shares, mean[0, 0], variance[0, 0].sqrt()))
    return routing, group


def likelihoods(
    points: Float[Tensor, "n d"],
    start: Float[Tensor, "n k"],
    *,
    slope: float | None,
    steps: int,
) -> Float[Tensor, "steps"]:
    """Mean log-likelihood of a mixture after each M-step, from `start`.

    Its weights are those of EM, or with a slope the activations of routing at
    prices of 0, normalised. `start` holds the first responsibilities.
    """
    require_counts(steps=steps)
    cloud = Cloud(points.expand(1, start.shape[1], *points.shape))
    logs, curve = start.T.log()[None], []
    for _ in range(steps):
        mass, means, variances = m_step(cloud, logs, torch.ones_like(logs))
        prior = mass.log()
        if slope is not None:
            price = cost(mass, variances, torch.zeros_like(mass[0]))
            prior = logsigmoid(-slope * price)
        joint = log_joint(cloud, means, variances, prior.log_softmax(-1))
        curve.append(joint.logsumexp(1).mean())
        logs = joint.log_softmax(1)
    return torch.stack(curve)
