"""Matrix capsules: a Gaussian mixture, fitted to votes inside a network.

Article:  docs/articles/capsules.md; `capsules:...` names an equation of it.
Source:   Hinton, Sabour and Frosst (2018), OpenReview HJWLfGWRb.
Shapes:   votes (batch, children, parents, d); poses are 4 by 4, so d is 16.
Units:    log-densities, costs and description lengths in nats.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from snippets.checks import require_counts
from snippets.moments import (
    Cloud,
    by_portions,
    log_joint,
    m_step,
    share_windows,
    window_places,
)
from snippets.refusals import Check

Votes = Float[Tensor, "batch children parents d"]
PerVote = Float[Tensor, "batch parents children"]
PerAxis = Float[Tensor, "batch parents d"]
PerParent = Float[Tensor, "batch parents"]
Images = Float[Tensor, "batch channels height width"]


# --8<-- [start:gmm]
def gmm_em_step(
    points: Float[Tensor, "n d"],
    means: Float[Tensor, "k d"],
    variances: Float[Tensor, "k d"],
    weights: Float[Tensor, "k"],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Take one step of EM for a diagonal `capsules:mixture`.

    The E-step is `capsules:e-step`, one-hot at small variances
    (`capsules:k-means`); the M-step is `capsules:m-step` and
    `capsules:mixing`. The likelihood never falls: `capsules:monotone`.

    Returns new means, variances (at least 1e-10) and weights, and the
    responsibilities (n, k) of the old ones.
    """
    Check.mixture(points, means, variances, weights)
    cloud = Cloud(points.expand(1, len(means), *points.shape))
    log_weights = weights.clamp(min=torch.finfo(weights.dtype).tiny).log()
    logs = log_joint(cloud, means[None], variances[None], log_weights[None])
    log_R = logs.log_softmax(1)
    mass, means, variances = m_step(cloud, log_R, torch.ones_like(log_R))
    return means[0], variances[0], mass[0] / len(points), log_R[0].exp().T


# --8<-- [end:gmm]
# --8<-- [start:route]
def cost(mass: PerParent, variances: PerAxis, beta_u: Tensor) -> PerParent:
    """Nats to describe the votes of each parent by it: `capsules:cost`.

    The mass times the entropy of the fitted Gaussian (`capsules:entropy`,
    `capsules:integral`), whose constant beta_u takes in: `capsules:betas`.
    It depends on the axes: `capsules:rotation`.
    """
    return (beta_u[..., None] + variances.log() / 2).sum(-1) * mass


def route(
    cloud: Cloud,
    activations: Float[Tensor, "batch #parents children"],
    beta_u: Tensor,
    beta_a: Tensor,
    *,
    iterations: int,
    inverse_temperature: float,
    share: Callable[[PerVote], PerVote],
) -> tuple[PerAxis, PerParent, PerVote]:
    """Alternate `capsules:route-m` and `capsules:route-e`.

    The activation, `capsules:activation`, stands where a mixture has weights;
    its logit counts nats saved, `capsules:description`. `share` turns logits
    of a child into its log-responsibilities.
    """

    def fit(logs: PerVote) -> tuple[PerAxis, PerAxis, PerParent]:
        mass, means, variances = m_step(cloud, logs, activations)
        gain = beta_a - cost(mass, variances, beta_u)
        return means, variances, inverse_temperature * gain

    log_R = share(torch.zeros_like(cloud.points[..., 0]))
    means, variances, logit = fit(log_R)
    for _ in range(iterations - 1):
        log_R = share(log_joint(cloud, means, variances, logsigmoid(logit)))
        means, variances, logit = fit(log_R)
    return means, logit.sigmoid(), log_R.exp()


# --8<-- [end:route]
class Routing(NamedTuple):
    """What routing finds: parents, and how each child divides itself."""

    poses: PerAxis
    activations: PerParent
    responsibilities: Float[Tensor, "batch children parents"]


# --8<-- [start:em_routing]
def em_routing(
    votes: Votes,
    activations: Float[Tensor, "batch children"],
    *,
    beta_u: float | Tensor,
    beta_a: float | Tensor,
    iterations: int = 3,
    inverse_temperature: float = 0.01,
) -> Routing:
    """Fit a Gaussian to the votes for each parent: the paper's Procedure 1.

    Responsibilities are those of the last M-step, in logarithms until then:
    densities of 16 axes leave the range of floats, `capsules:log-density`.

    Args:
        votes: What each child says of the pose of each parent.
        activations: Of the children, from 0 to 1.
        beta_u: Price of a dimension of a vote, one or one a parent.
        beta_a: Worth of an active parent, one or one a parent.
        iterations: M-steps; between each two lies an E-step.
        inverse_temperature: Slope of the activation, the same throughout: a
            schedule such as `capsules:schedule` is the caller's.
    """
    Check.votes(votes, activations)
    settings = Check.settings(iterations, inverse_temperature)
    both = {"beta_u": beta_u, "beta_a": beta_a}
    betas = [Check.beta(*each, votes) for each in both.items()]
    run = partial(route, share=partial(torch.log_softmax, dim=1), **settings)
    clouds = rearrange(votes, "b i j d -> b j i d")
    poses, parents, R = by_portions(run, clouds, [activations[:, None]], betas)
    return Routing(poses, parents, rearrange(R, "b j i -> b i j"))


# --8<-- [end:em_routing]
class Capsules(NamedTuple):
    """A map of capsules: 4 by 4 poses, and activations from 0 to 1."""

    poses: Float[Tensor, "batch height width types 4 4"]
    activations: Float[Tensor, "batch height width types"]


class PrimaryCapsules(nn.Module):
    """Read poses and activations off a feature map, by a 1 x 1 convolution."""

    def __init__(self, channels: int, types: int) -> None:
        super().__init__()
        require_counts(channels=channels, types=types)
        self.read = nn.Conv2d(channels, 17 * types, 1)

    def forward(self, features: Images) -> Capsules:
        """Turn each place of the map into one capsule of each type."""
        Check.images("features", features, self.read)
        both = rearrange(self.read(features), "b (n t) h w -> b h w t n", n=17)
        poses = both[..., :16].unflatten(-1, (4, 4))
        return Capsules(poses, both[..., 16].sigmoid())


# --8<-- [start:conv]
class ConvCapsules(nn.Module):
    """Route windows of a map of capsules to the capsules of the next map.

    A vote, `capsules:votes`, takes 16 weights, where a map of flattened poses
    has 256 (`capsules:kronecker`). A child divides itself among the parents
    of all windows that hold it: `capsules:competition`.
    """

    def __init__(
        self, children: int, parents: int, *, kernel: int = 3, stride: int = 1,
        iterations: int = 3, inverse_temperature: float = 0.01,
    ) -> None:  # fmt: skip
        super().__init__()
        require_counts(children=children, parents=parents)
        require_counts(kernel=kernel, stride=stride)
        self.kernel, self.stride = kernel, stride
        self.settings = Check.settings(iterations, inverse_temperature)
        self.transforms, self.betas = _weights(kernel**2, children, parents)

    def forward(self, capsules: Capsules) -> Capsules:
        """Route one map to the next."""
        Check.capsules(capsules, self.transforms, self.kernel)
        height, width = capsules.activations.shape[1:3]
        sizes = (height, width, self.kernel, self.stride)
        windows = window_places(*sizes).to(self.transforms.device)
        poses, a = (each.flatten(1, 2)[:, windows] for each in capsules)
        votes = torch.einsum("bpktxy,ktjyz->bpjktxz", poses, self.transforms)
        clouds = rearrange(votes, "b p j k t x z -> b (p j) (k t) (x z)")
        a = repeat(a, "b p k t -> b (p j) (k t)", j=votes.shape[2])
        share = partial(share_windows, windows=windows, places=height * width)
        run = partial(route, share=share, **self.settings)
        prices = [self.betas["beta_u"], self.betas["beta_a"]]
        poses, a, _ = by_portions(run, clouds, [a], prices)
        rows = (height - self.kernel) // self.stride + 1
        sizes = {"h": rows, "j": votes.shape[2]}
        poses = rearrange(poses, "b (h w j) (x z) -> b h w j x z", x=4, **sizes)
        return Capsules(poses, rearrange(a, "b (h w j) -> b h w j", **sizes))


# --8<-- [end:conv]
# --8<-- [start:classes]
class ClassCapsules(nn.Module):
    """Route all of a map to one capsule a class, wherever its parts lie.

    The places share one map a pair of types; a vote gets its child's place
    added to its last column: `capsules:coordinates`.
    """

    def __init__(
        self, children: int, classes: int, *, iterations: int = 3,
        inverse_temperature: float = 0.01,
    ) -> None:  # fmt: skip
        super().__init__()
        require_counts(children=children, classes=classes)
        self.settings = Check.settings(iterations, inverse_temperature)
        self.transforms, self.betas = _weights(1, children, classes)

    def votes(self, capsules: Capsules) -> Votes:
        """Pose of each class, as each capsule of the map sees it."""
        Check.capsules(capsules, self.transforms, 1)
        poses, (maps,) = capsules.poses, self.transforms
        votes = torch.einsum("bhwtxy,tjyz->bjhwtxz", poses, maps)
        for axis, count in enumerate(poses.shape[1:3]):
            place = (torch.arange(count).to(votes) + 0.5) / count
            votes[..., axis, 3] += place.view(-1, *[1] * (2 - axis))
        return rearrange(votes, "b j h w t x z -> b (h w t) j (x z)")

    def forward(self, capsules: Capsules) -> Routing:
        """Route a map to the classes."""
        votes, a = self.votes(capsules), capsules.activations.flatten(1)
        return em_routing(votes, a, **self.betas, **self.settings)


# --8<-- [end:classes]
# --8<-- [start:network]
class MatrixCapsules(nn.Module):
    """A stem, primary capsules, two routed maps, and a capsule for each class.

    The defaults are the paper's small network, with 68,000 weights: A = 64
    features, then B = 8 and C = D = 16 types of capsules.
    """

    def __init__(
        self, classes: int, *, channels: int = 1, features: int = 64,
        types: tuple[int, int, int] = (8, 16, 16),
        strides: tuple[int, int, int] = (2, 2, 1),
        iterations: int = 3, inverse_temperature: float = 0.01,
    ) -> None:  # fmt: skip
        super().__init__()
        require_counts(channels=channels, features=features)
        Check.stack(types, strides)
        how = Check.settings(iterations, inverse_temperature)
        self.stem = nn.Conv2d(channels, features, 5, strides[0])
        self.primary = PrimaryCapsules(features, types[0])
        self.first = ConvCapsules(*types[:2], stride=strides[1], **how)
        self.second = ConvCapsules(*types[1:], stride=strides[2], **how)
        self.classes = ClassCapsules(types[2], classes, **how)

    def parts(self, images: Images) -> Capsules:
        """Return the capsules that vote for classes."""
        Check.images("images", images, self.stem)
        return self.second(self.first(self.primary(self.stem(images).relu())))

    def forward(self, images: Images) -> Float[Tensor, "batch classes"]:
        """Return the activation of each class."""
        return self.classes(self.parts(images)).activations


# --8<-- [end:network]
# --8<-- [start:spread]
def spread_loss(
    activations: Float[Tensor, "batch classes"],
    target: Integer[Tensor, "batch"],
    *,
    margin: float,
) -> Float[Tensor, ""]:
    """Square what each wrong class lacks to the margin: `capsules:spread`."""
    Check.targets(activations, target, margin)
    place = target[:, None].long()
    lacking = (margin - (activations.gather(1, place) - activations)).relu()
    return lacking.scatter(1, place, 0).square().sum(1).mean()


# --8<-- [end:spread]
def _weights(*sizes: int) -> tuple[nn.Parameter, nn.ParameterDict]:
    """Draw maps that keep the size of a pose, and prices of 0."""
    maps = nn.Parameter(torch.randn(*sizes, 4, 4) / 2)
    prices = {"beta_u": torch.zeros(()), "beta_a": torch.zeros(())}
    return maps, nn.ParameterDict(prices)
