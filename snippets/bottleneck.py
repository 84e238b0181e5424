"""The information bottleneck: keep what predicts y, forget the rest of x.

Article:  docs/articles/bottleneck.md; `bottleneck:...` names an equation of it.
Source:   Alemi, Fischer, Dillon and Murphy (2017), arXiv:1612.00410; Tishby,
          Pereira and Bialek (1999), arXiv:physics/0004057.
Shapes:   D features, `latent` numbers a code, classes, after any batch axes; a
          discrete joint is (x, y), its encoder p(z|x) is (x, clusters).
Units:    rates, relevances, cross-entropies in nats, summed over features.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float, Integer
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from snippets.checks import (
    require,
    require_alike,
    require_amounts,
    require_counts,
    require_dtype,
    require_integers,
    require_shape,
    require_widths,
)

Features = Float[Tensor, "*batch D"]
Codes = Float[Tensor, "*batch latent"]
Labels = Integer[Tensor, "*batch"]
Point = Float[Tensor, "*shape"]
Random = Generator | None


# --8<-- [start:code]
def gaussian_rate(mean: Codes, log_var: Codes) -> Float[Tensor, "*batch"]:
    """KL from N(mean, diag exp(log_var)) to N(0, I): `bottleneck:rate`.

    Its mean over x is at least I(x; z), and exceeds it by the KL from the
    aggregate p(z) to N(0, I): `bottleneck:rate-bound`. A rotated posterior
    has the same rate (`bottleneck:rotation`), but is no longer diagonal; cut
    to its diagonal it would have a lower one (`bottleneck:axes`).
    """
    require_alike("log_var", log_var, "mean", mean)
    return (mean.square() + log_var.expm1() - log_var).sum(-1) / 2


def draw_code(
    mean: Codes, log_var: Codes, *, generator: Random = None
) -> Codes:
    """Draw z = mean + std * noise: `bottleneck:sample`.

    Probabilities averaged over draws cost fewer nats than those of one draw,
    `bottleneck:draws`; those of the mean code are neither.
    """
    require_alike("log_var", log_var, "mean", mean)
    noise = mean.new_empty(mean.shape).normal_(generator=generator)
    return mean + (log_var / 2).exp() * noise


def aggregate_moments(mean: Codes, log_var: Codes) -> tuple[Tensor, Tensor]:
    """Mean and covariance of the codes of all x: `bottleneck:aggregate`.

    The means' own covariance, plus the average of the posteriors' variances,
    from (batch, latent). At an optimum E z^2 is 1 in each dimension, for a
    classifier can undo any stretch: `bottleneck:unit-moment`.
    """
    require_alike("log_var", log_var, "mean", mean)
    require(mean.ndim == 2, "rank of mean", "2", mean.ndim)  # noqa: PLR2004
    require_counts(**{"length of mean": len(mean)})
    centre = mean.mean(0)
    between = (mean - centre).T @ (mean - centre) / len(mean)
    return centre, between + log_var.exp().mean(0).diag()


# --8<-- [end:code]
class Loss(NamedTuple):
    """The VIB loss and its parts, batch means in nats."""

    total: Float[Tensor, ""]
    cross_entropy: Float[Tensor, ""]
    rate: Float[Tensor, ""]


class VIB(nn.Module):
    """A classifier that reads its input through a noisy, taxed code.

    The encoder p(z|x) is a diagonal Gaussian, the classifier q(y|z) is linear
    in z, the prior q(z) is N(0, I). With the input in place of the label and
    a decoder in place of the classifier this is a VAE: `bottleneck:vae`.

    Args:
        features: D, the width of x.
        latent: Width of z.
        classes: Their number; labels are 0 to classes - 1.
        hidden: Widths of the encoder's hidden layers, which end on a ReLU.
    """

    def __init__(
        self,
        features: int,
        latent: int,
        classes: int,
        *,
        hidden: Sequence[int] = (1024, 1024),
    ) -> None:
        super().__init__()
        require_counts(features=features, latent=latent, classes=classes)
        require_widths("hidden", hidden)
        trunk: list[nn.Module] = []
        for incoming, outgoing in pairwise([features, *hidden]):
            trunk += [nn.Linear(incoming, outgoing), nn.ReLU()]
        self.features, self.classes = features, classes
        self.trunk = nn.Sequential(*trunk)
        self.code = nn.Linear([features, *hidden][-1], 2 * latent)
        self.classifier = nn.Linear(latent, classes)

    # --8<-- [start:vib]
    def encode(self, x: Features) -> tuple[Codes, Codes]:
        """Return the mean and the log-variance of p(z|x)."""
        require_dtype("x", x, self.code.weight.dtype)
        require_shape("x", x, (*x.shape[:-1], self.features))
        mean, log_var = self.code(self.trunk(x)).chunk(2, dim=-1)
        return mean, log_var

    def forward(self, x: Features) -> Float[Tensor, "*batch classes"]:
        """Return the logits of the mean code, without noise.

        Mean layer and classifier are then `bottleneck:one-linear-map`.
        """
        mean, _ = self.encode(x)
        return self.classifier(mean)

    def loss(
        self, x: Features, y: Labels, *, beta: float, generator: Random = None
    ) -> Loss:
        """Cross-entropy of one sampled code, and its rate: `bottleneck:vib`.

        H(y) less the first bounds I(z; y) from below, the second bounds
        I(x; z) from above: `bottleneck:relevance-bound`,
        `bottleneck:rate-bound`. The total stays above `bottleneck:floor`;
        from beta = 1 on, no encoder beats one that ignores x
        (`bottleneck:collapse`).
        """
        require_amounts(beta=beta)
        mean, log_var = self.encode(x)
        require(mean.numel() > 0, "number of samples in x", "at least 1", 0)
        require_shape("y", y, x.shape[:-1])
        require_integers("y", y, 0, self.classes - 1)
        logits = self.classifier(draw_code(mean, log_var, generator=generator))
        logits = logits.reshape(-1, self.classes)
        error = cross_entropy(logits, y.reshape(-1).long())
        rate = gaussian_rate(mean, log_var).mean()
        return Loss(error + beta * rate, error, rate)

    # --8<-- [end:vib]


# --8<-- [start:dual]
def dual_update(
    beta: float, rate: float, *, target: float, step: float
) -> float:
    """Raise beta while the rate exceeds its target: `bottleneck:dual`."""
    require_amounts(beta=beta, rate=rate, target=target, step=step)
    return max(0.0, float(beta + step * (rate - target)))


def threshold_penalties(
    pointwise: Float[Tensor, "n"], *, threshold: float
) -> tuple[Tensor, Tensor]:
    """Penalties for nats above a threshold: `bottleneck:threshold`.

    From log p(z|x)/p(z) of samples, whose mean is I(x; z): the threshold
    inside the expectation, and outside, which is never more.
    """
    require_dtype("pointwise", pointwise)
    require_amounts(threshold=threshold)
    require_shape("pointwise", pointwise, (max(1, pointwise.numel()),))
    excess = pointwise - threshold
    return excess.relu().mean(), excess.mean().relu()


# --8<-- [end:dual]
# --8<-- [start:circle]
def circle_path(a: Point, b: Point, t: float | Tensor) -> Tensor:
    """Go from a to b by cos(pi t/2) a + sin(pi t/2) b: `bottleneck:circle`.

    Independent standard normal ends stay standard normal on the way, where
    the straight line shrinks (`bottleneck:line`). If t, from 0 to 1, has axes,
    its last is 1: one t for a whole code.
    """
    require_alike("b", b, "a", a)
    if torch.is_tensor(t) and t.is_complex():
        raise TypeError(f"t must be real, got {t.dtype}")
    t = torch.as_tensor(t, dtype=torch.float64)
    require(bool(((t >= 0) & (t <= 1)).all()), "t", "0 to 1", t.tolist())
    t = t.to(a)
    pairs = zip(t.shape[::-1], a.shape[::-1], strict=False)
    fits = t.shape[-1:] in ((), (1,)) and all(m in (1, n) for m, n in pairs)
    require(fits, "shape of t", "(), or end in 1", tuple(t.shape))
    near, far = ((1 - t) * math.pi / 2).sin(), (t * math.pi / 2).sin()
    return near * a + far * b


# --8<-- [end:circle]
def mutual_information(joint: Float[Tensor, "x y"]) -> Float[Tensor, ""]:
    """I(x; y) of a discrete joint, by enumeration: `bottleneck:information`."""
    _require_joint(joint)
    p = joint.double()
    surprise = p.log() - p.sum(1, keepdim=True).log() - p.sum(0).log()
    return torch.where(p > 0, p * surprise, 0).sum().clamp(0).to(joint)


class Bottleneck(NamedTuple):
    """An encoder p(z|x), with the information it takes in and keeps."""

    encoder: Float[Tensor, "x clusters"]
    rate: Float[Tensor, ""]
    relevance: Float[Tensor, ""]


@torch.no_grad()
def information_bottleneck(
    joint: Float[Tensor, "x y"],
    *,
    beta: float,
    clusters: int,
    iterations: int = 1000,
    generator: Random = None,
) -> Bottleneck:
    """Minimise I(x; z) - beta I(z; y) over encoders: `bottleneck:lagrangian`.

    Each round of `bottleneck:self-consistent` lowers it, from one random
    start to a fixed point, maybe a local optimum: take the best of several.
    This beta weighs the relevance, that of `VIB.loss` the rate: its inverse.
    """
    _require_joint(joint)
    require_amounts(beta=beta)
    require_counts(clusters=clusters, iterations=iterations)
    p = joint.double() / joint.double().sum()
    encoder = _random_start(p, clusters, generator)
    for _ in range(iterations):
        before, encoder = encoder, _self_consistent(p, encoder, beta)
        if (encoder - before).abs().max() < STILL:
            break
    taken = mutual_information(p.sum(1, keepdim=True) * encoder)
    kept = mutual_information(encoder.T @ p)
    return Bottleneck(*(each.to(joint) for each in (encoder, taken, kept)))


def _random_start(p: Tensor, clusters: int, draw: Random) -> Tensor:
    """Draw an encoder in which each cluster has one x to lead it, if it can."""
    encoder = torch.rand(len(p), clusters, generator=draw, device=p.device)
    leaders = torch.randperm(len(p), generator=draw, device=p.device)[:clusters]
    encoder[leaders, torch.arange(len(leaders))] += 10 * clusters
    return encoder.to(p) / encoder.to(p).sum(1, keepdim=True)


# --8<-- [start:enumerate]
def _self_consistent(p: Tensor, encoder: Tensor, beta: float) -> Tensor:
    """Take p(z) and p(y|z) from the encoder, and from them the next one."""
    p_x, p_zy = p.sum(1), encoder.T @ p
    p_z = p_zy.sum(1)
    # A row without mass, or an empty cluster, may predict what it likes.
    y_given_x = torch.where(p_x[:, None] > 0, p / p_x[:, None], 0)
    y_given_z = torch.where(p_z[:, None] > 0, p_zy / p_z[:, None], 0)
    own = torch.special.xlogy(y_given_x, y_given_x).sum(1, keepdim=True)
    kl = own - torch.special.xlogy(y_given_x[:, None], y_given_z).sum(-1)
    kl = kl - kl.amin(1, keepdim=True)  # the same code, at any finite beta
    penalty = beta * kl if beta else torch.zeros_like(kl)
    return (p_z.log() - penalty).softmax(1)


# --8<-- [end:enumerate]
STILL = 1e-14  # a change of p(z|x) that is no change


def _require_joint(joint: Tensor) -> None:
    require_dtype("joint", joint)
    require(joint.ndim == 2, "rank of joint", "2", joint.ndim)  # noqa: PLR2004
    total = joint.sum().item()
    proper = bool((joint >= 0).all()) and math.isclose(total, 1, abs_tol=1e-5)
    require(proper, "joint", "non-negative with sum 1", total)
