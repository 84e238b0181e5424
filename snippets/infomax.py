"""Deep InfoMax: features that know their image, and nothing reconstructed.

Article:  docs/articles/infomax.md; `infomax:...` names one of its equations.
Source:   Hjelm and others (2019), https://arxiv.org/abs/1808.06670.
Shapes:   images (batch, channels, h, w), codes (batch, latent), n or m scores.
Units:    information, divergences and bounds in nats, summed over features.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from einops import rearrange, repeat
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn
from torch.nn.functional import logsigmoid

from snippets.checks import (
    require,
    require_alike,
    require_amounts,
    require_count,
    require_counts,
    require_dtype,
    require_features,
    require_integers,
    require_shape,
    require_vectors,
)
from snippets.convolutions import Codes, Encoder, Maps, Pictures
from snippets.vae import gaussian_kl, reparameterize

Points = Float[Tensor, "*batch D"]
Scores = Float[Tensor, "*batch"]
Scalar = Float[Tensor, ""]
Joint = Float[Tensor, "n"]
Product = Float[Tensor, "m"]
Order = Int64[Tensor, "count"]
Number = TypeVar("Number", float, Tensor)


# --8<-- [start:gaussian]
def gaussian_mutual_information(rho: Number, dims: int = 1) -> Number:
    """I(x; z) of independent Gaussian pairs: `infomax:gaussian-information`.

    `infomax:information` in closed form, for `dims` pairs, each of
    correlation rho: a number, or a tensor of them.
    """
    require_counts(dims=dims)
    single = not torch.is_tensor(rho)
    r: Any = torch.tensor(rho, dtype=torch.float64) if single else rho
    require_dtype("rho", r)
    within = bool((r.abs() < 1).all())
    require(within, "rho", "above -1 and below 1", r.tolist())
    nats: Any = dims / 2 * (torch.log1p(-r) + torch.log1p(r)).abs()
    return nats.item() if single else nats


def gaussian_pmi(x: Points, z: Points, rho: float) -> Scores:
    """Log p(x, z) / (p(x) p(z)) of Gaussian pairs: `infomax:gaussian-pmi`.

    The score at which every bound below is best; its mean over true pairs is
    their mutual information.
    """
    require(x.ndim > 0, "rank of x", "at least 1", x.ndim)
    require_alike("z", z, "x", x)
    information = gaussian_mutual_information(rho, x.shape[-1])
    quadratic = 2 * x * z - rho * (x.square() + z.square())
    return information + rho / (2 - 2 * rho**2) * quadratic.sum(-1)


# --8<-- [end:gaussian]
class Channel(NamedTuple):
    """Divergences of a channel: price = information + mismatch."""

    information: Scores
    mismatch: Scores
    price: Scores


# --8<-- [start:channel]
def linear_channel(gain: Scores, std: Scores) -> Channel:
    """Divergences of z = gain x + std noise, x standard normal.

    I(x; z), KL(p(z) || q) and E KL(p(z|x) || q), with q standard normal: the
    terms of `infomax:split`. Weighted mismatch less information has no
    minimum, as std may always fall further: `infomax:no-minimum`.
    """
    require_alike("std", std, "gain", gain)
    require(bool((std > 0).all()), "std", "positive", std.tolist())
    variance = gain.square() + std.square()
    information = (variance.log() - 2 * std.log()) / 2
    mismatch = (variance - 1 - variance.log()) / 2
    price = (variance - 1 - 2 * std.log()) / 2
    return Channel(information, mismatch, price)


# --8<-- [end:channel]
# --8<-- [start:bounds]
def dv_bound(joint: Joint, product: Product) -> Scalar:
    """Donsker and Varadhan's bound on I, from scores: `infomax:dv`.

    The logarithm stands outside the mean. From m scores it can exceed I, and
    beats the spread of the scores by at most log m: `infomax:log-samples`.
    """
    require_vectors(joint=joint, product=product)
    return joint.mean() - product.logsumexp(0) + math.log(len(product))


def nwj_bound(joint: Joint, product: Product) -> Scalar:
    """Nguyen, Wainwright and Jordan's bound on I: `infomax:nwj`.

    It is `infomax:variational` for KL: unbiased, and never above `dv_bound`
    of the same scores (`infomax:order`). A score of 89 takes it below what
    float32 can hold, to minus infinity.
    """
    require_vectors(joint=joint, product=product)
    return joint.mean() + 1 - product.exp().mean()


def jsd_bound(joint: Joint, product: Product) -> Scalar:
    """Bound the Jensen-Shannon divergence, not I: `infomax:jsd`.

    It is `infomax:variational` for the divergence of `infomax:js`, and never
    above log 2. A GAN's discriminator maximises the same.
    """
    require_vectors(joint=joint, product=product)
    right = logsigmoid(joint).mean() + logsigmoid(-product).mean()
    return math.log(2) + right / 2


# --8<-- [end:bounds]
# --8<-- [start:infonce]
def infonce_bound(scores: Float[Tensor, "n n"]) -> Scalar:
    """Bound I by how well each row picks its own column: `infomax:infonce`.

    Row i scores one x with n codes, the i-th of which is its own. No
    estimate exceeds log n: `infomax:log-k`.
    """
    require_dtype("scores", scores)
    require(scores.ndim == 2, "rank of scores", 2, scores.ndim)  # noqa: PLR2004
    require_counts(**{"rows of scores": len(scores)})
    require_shape("scores", scores, (len(scores), len(scores)))
    return scores.log_softmax(1).diagonal().mean() + math.log(len(scores))


# --8<-- [end:infonce]
# --8<-- [start:derangement]
def derangement(count: int, *, generator: Generator | None = None) -> Order:
    """Draw a permutation without fixed points, all of them equally likely.

    A plain shuffle leaves one pair in its place on average, a negative that
    is none, and caps the score: `infomax:false-negatives`.
    """
    require_count("count", count, 2)
    device = generator.device if generator else None
    places = torch.arange(count, device=device)
    while True:
        order = torch.randperm(count, generator=generator, device=device)
        if not (order == places).any():
            return order


# --8<-- [end:derangement]
class PriorLosses(NamedTuple):
    """What each side of the game minimises."""

    discriminator: Scalar
    encoder: Scalar


# --8<-- [start:prior]
def prior_losses(prior: Joint, code: Product) -> PriorLosses:
    """Losses that match codes to a prior by a game: `infomax:game`.

    From scores of draws of the prior and of codes. Each side steps on its own
    loss: the sign differs, and with it the sign of the gradient that reaches
    the codes (`infomax:fooled`).
    """
    told_apart = jsd_bound(prior, code)
    return PriorLosses(discriminator=-told_apart, encoder=told_apart)


# --8<-- [end:prior]
# --8<-- [start:critic]
class Critic(nn.Module):
    """Score pairs by three dense layers, the first of the concatenated pair.

    Trained by any of the bounds, the score is the PMI, `infomax:pmi`; with k
    negatives a pair it is lower by log k: `infomax:shifted`.
    """

    def __init__(self, left: int, right: int, *, hidden: int = 128) -> None:
        super().__init__()
        require_counts(left=left, right=right, hidden=hidden)
        self.left = nn.Linear(left, hidden)
        self.right = nn.Linear(right, hidden, bias=False)
        inner = (nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.top = nn.Sequential(*inner, nn.Linear(hidden, 1))

    def forward(self, left: Points, right: Float[Tensor, "*batch d"]) -> Scores:
        """Return one score a pair."""
        require_features("left", left, self.left.weight)
        require_features("right", right, self.right.weight)
        require_shape("right", right, (*left.shape[:-1], right.shape[-1]))
        return self.top(self.left(left) + self.right(right)).squeeze(-1)

    def told_apart(self, left: Points, right: Tensor, others: Order) -> Scalar:
        """Bound the JS of pairs and of those that `others` makes of them."""
        joint = self(left, right)
        require_shape("others", others, left.shape[:1])
        require_integers("others", others, 0, len(left) - 1)
        product = self(left[others], right)
        return jsd_bound(joint.flatten(), product.flatten())


# --8<-- [end:critic]
class Loss(NamedTuple):
    """Batch means in nats: what is minimised, two bounds of JS, the price."""

    total: Scalar
    global_jsd: Scalar
    local_jsd: Scalar
    prior: Scalar


class DeepInfoMax(nn.Module):
    """Train codes to tell their own image from others: `infomax:objective`.

    Weights multiply nats: the two bounds are at most log 2 each, the KL is
    summed over the latents. More of a bound is no promise of better features,
    as `infomax:invariance` says.

    Args:
        channels: Of the images.
        latent: Width of the code.
        widths: Of the encoder's convolutions; the last is that of a patch.
        hidden: Width of the critics.
        global_weight: Of the bound for pairs of whole map and code.
        local_weight: Of the bound for pairs of one patch and the code.
        prior_weight: Of E KL(p(z|x) || N(0, I)).
    """

    # --8<-- [start:model]
    def __init__(
        self,
        channels: int,
        latent: int,
        *,
        widths: Sequence[int] = (8, 16, 32),
        hidden: int = 128,
        global_weight: float = 0.5,
        local_weight: float = 1.0,
        prior_weight: float = 1e-4,
    ) -> None:
        super().__init__()
        require_amounts(global_weight=global_weight, prior_weight=prior_weight)
        require_amounts(local_weight=local_weight)
        self.weights = (global_weight, local_weight, prior_weight)
        self.encoder = Encoder(channels, latent, widths=widths)
        self.global_critic = Critic(4 * widths[-1], latent, hidden=hidden)
        self.local_critic = Critic(widths[-1], latent, hidden=hidden)
        self.pool = nn.AdaptiveAvgPool2d(2)

    # --8<-- [end:model]
    def encode(self, images: Pictures) -> tuple[Codes, Codes, Maps]:
        """Return mean and log-variance of each code, and the map of patches.

        The mean is the feature to use; training sees draws around it.
        """
        return self.encoder(images)

    # --8<-- [start:loss]
    def loss(
        self, images: Pictures, *, generator: Generator | None = None
    ) -> Loss:
        """Draw codes, pair them anew, and return the objective.

        Negatives pair a code with the map of another image of the batch, for
        the whole map and for each of its patches: `infomax:local`. The price
        of a code is `infomax:price`.
        """
        mean, log_var, feature_map = self.encode(images)
        require(len(mean) > 1, "number of images", "at least 2", len(mean))
        z = reparameterize(mean, log_var, generator=generator)
        others = derangement(len(z), generator=generator)
        whole = rearrange(self.pool(feature_map), "b f h w -> b (f h w)")
        patches = rearrange(feature_map, "b f h w -> b (h w) f")
        each = repeat(z, "b l -> b p l", p=patches.shape[1])
        global_jsd = self.global_critic.told_apart(whole, z, others)
        local_jsd = self.local_critic.told_apart(patches, each, others)
        prior = gaussian_kl(mean, log_var).mean()
        alpha, beta, gamma = self.weights
        total = gamma * prior - alpha * global_jsd - beta * local_jsd
        return Loss(total, global_jsd, local_jsd, prior)

    # --8<-- [end:loss]
