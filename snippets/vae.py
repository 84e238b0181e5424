"""VAE: give each code a size, and pull all sizes towards one shape.

Article:  docs/articles/vae.md; `vae:...` below names one of its equations.
Paper:    Kingma and Welling (2014), https://arxiv.org/abs/1312.6114.
Shapes:   one batch axis; D features in, `latent` numbers a code.
Units:    divergences and log-densities in nats, summed over features.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn
from torch.autograd.functional import jvp

from snippets.checks import (
    require,
    require_alike,
    require_counts,
    require_dtype,
    require_finite,
    require_shape,
    require_widths,
)

Features = Float[Tensor, "batch D"]
Codes = Float[Tensor, "batch latent"]
Nats = Float[Tensor, "batch"]
Latents = Float[Tensor, "latent"]
Same = Float[Tensor, "*shape"]
Scalar = Float[Tensor, ""]
Decoder = Callable[[Codes], Features]


# --8<-- [start:penalties]
def gaussian_kl(mean: Codes, log_var: Codes) -> Nats:
    """KL divergence of an ellipse from the standard Gaussian: `vae:kl`.

    Near the unit circle it is almost the naive penalty, `vae:kl-expansion`;
    towards a point it grows without end, `vae:barrier`.
    """
    _check_pair("log_var", log_var, mean)
    return (mean.square() + log_var.expm1() - log_var).sum(-1) / 2


def naive_penalty(mean: Codes, std: Codes) -> Nats:
    """Squared distance of an ellipse from the unit circle: `vae:naive`."""
    _check_pair("std", std, mean)
    _check_all(std >= 0, "std", "at least 0", std)
    return (mean.square() + (std - 1).square()).sum(-1)


# --8<-- [end:penalties]
# --8<-- [start:reparameterize]
def reparameterize(
    mean: Same, log_var: Same, *, generator: Generator | None = None
) -> Same:
    """Draw a code from each ellipse (`vae:ellipse`): `vae:reparameterize`."""
    require_alike("log_var", log_var, "mean", mean)
    noise = mean.new_empty(mean.shape).normal_(generator=generator)
    return mean + (log_var / 2).exp() * noise


# --8<-- [end:reparameterize]
def noise_cost(decode: Decoder, mean: Codes, std: Codes) -> Nats:
    """Squared error that small noise in the codes adds: `vae:noise-cost`.

    For a linear decoder it is all that any noise adds: `vae:noise-linear`.
    """
    _check_pair("std", std, mean)
    require_finite("mean", mean)  # slopes of a ReLU would hide it
    axes = rearrange(std.diag_embed(), "b a l -> a b l")
    moves: list = [jvp(decode, mean, axis)[1] for axis in axes]
    return torch.stack(moves).square().sum((0, 2))


def standardize(mean: Codes, log_var: Codes) -> tuple[Codes, Codes]:
    """Shift and stretch each latent so that the mean KL is least.

    A decoder can undo it, so it is a gain for nothing: `vae:rescaling`. At an
    optimum none is left (`vae:centred`, `vae:unit-moments`), and the KL is
    the log-volume of the ellipses: `vae:volume`.
    """
    _check_pair("log_var", log_var, mean, 1)
    centred = mean - mean.mean(0)
    moments = centred.square().mean(0) + log_var.exp().mean(0)
    return centred / moments.sqrt(), log_var - moments.log()


# --8<-- [start:autoencoder]
def network(widths: Sequence[int]) -> nn.Sequential:
    """Chain linear layers of these widths, with a ReLU between any two."""
    require_widths("widths", widths, 2)
    modules: list[nn.Module] = []
    for incoming, outgoing in pairwise(widths):
        modules += [nn.Linear(incoming, outgoing), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


class Autoencoder(nn.Module):
    """Map each sample to a point, and the point back: `vae:autoencoder`.

    The encoder has hidden layers of the widths `hidden`, the decoder mirrors
    it; without any, both are linear.
    """

    def __init__(
        self, features: int, latent: int, *, hidden: Sequence[int] = (256,)
    ) -> None:
        super().__init__()
        _check_sizes(features, latent, hidden)
        self.encoder = network([features, *hidden, latent])
        self.decoder = network([latent, *reversed(hidden), features])

    def encode(self, x: Features) -> Codes:
        """Return the code of each sample."""
        return _apply(self.encoder, "x", x)

    def decode(self, z: Codes) -> Features:
        """Return what each code stands for."""
        return _apply(self.decoder, "z", z)

    def forward(self, x: Features) -> Features:
        """Return the reconstruction of each sample."""
        return self.decode(self.encode(x))


# --8<-- [end:autoencoder]
class Loss(NamedTuple):
    """Means over a batch, in nats: total = reconstruction + kl."""

    total: Scalar
    reconstruction: Scalar
    kl: Scalar


class Surgery(NamedTuple):
    """The parts of the mean KL, in nats: `vae:surgery`."""

    information: Scalar
    mismatch: Scalar


class VAE(nn.Module):
    """Map each sample to an ellipse, and every point in it back.

    It is built as an `Autoencoder` is; `decoder_variance` is s^2, the variance
    of each feature about the decoder's mean: `vae:decoder`. At beta / 2 the
    loss is, up to constants, that of `vae:implied-variance`.
    """

    # --8<-- [start:vae]
    def __init__(
        self,
        features: int,
        latent: int,
        *,
        hidden: Sequence[int] = (256,),
        decoder_variance: float = 0.5,
    ) -> None:
        super().__init__()
        _check_sizes(features, latent, hidden)
        _check_variance(decoder_variance)
        self.decoder_variance = decoder_variance
        self.encoder = network([features, *hidden, 2 * latent])
        self.decoder = network([latent, *reversed(hidden), features])

    def encode(self, x: Features) -> tuple[Codes, Codes]:
        """Return the centre of each ellipse and its log-variances."""
        both = _apply(self.encoder, "x", x)
        mean, log_var = rearrange(both, "b (two l) -> two b l", two=2)
        return mean, log_var

    def decode(self, z: Codes) -> Features:
        """Return the mean of the samples that each code stands for."""
        return _apply(self.decoder, "z", z)

    # --8<-- [end:vae]
    # --8<-- [start:loss]
    def loss(self, x: Features, *, generator: Generator | None = None) -> Loss:
        """Return minus the ELBO, `vae:elbo`, by one draw from each ellipse."""
        mean, log_var = self.encode(x)
        require(len(x) > 0, "rows of x", "at least 1", 0)
        z = reparameterize(mean, log_var, generator=generator)
        error = (x - self.decode(z)).square().sum(-1).mean()
        variance = self.decoder_variance
        constant = x.shape[1] / 2 * math.log(2 * math.pi * variance)
        reconstruction = error / (2 * variance) + constant
        kl = gaussian_kl(mean, log_var).mean()
        return Loss(reconstruction + kl, reconstruction, kl)

    # --8<-- [end:loss]
    @torch.no_grad()
    def sample(
        self, count: int, *, generator: Generator | None = None
    ) -> Features:
        """Decode draws of the prior (mind where they lie: `vae:shell`)."""
        require_counts(count=count)
        weight = next(self.decoder.parameters())
        prior = weight.new_zeros(count, weight.shape[1])
        return self.decode(reparameterize(prior, prior, generator=generator))


# --8<-- [start:linear]
def linear_vae_optimum(
    eigenvalues: Latents, *, decoder_variance: float
) -> tuple[Latents, Bool[Tensor, "latent"]]:
    """Return sizes of the ellipses of the best linear VAE, and what lives.

    Along an eigenvector of the data's covariance the size is `vae:linear-std`
    if its eigenvalue exceeds the decoder variance, else 1: `vae:threshold`.
    The decoder that goes with it is probabilistic PCA: `vae:ppca`.
    """
    require_dtype("eigenvalues", eigenvalues)
    require(eigenvalues.ndim == 1, "rank of eigenvalues", 1, eigenvalues.ndim)
    _check_variance(decoder_variance)
    possible = (eigenvalues >= 0) & eigenvalues.isfinite()
    _check_all(possible, "eigenvalues", "finite and at least 0", eigenvalues)
    active = eigenvalues > decoder_variance
    # Roots before the quotient, which could underflow where they do not.
    above = torch.where(active, eigenvalues, 1)
    std = math.sqrt(decoder_variance) / above.sqrt()
    return torch.where(active, std, 1), active


# --8<-- [end:linear]
# --8<-- [start:surgery]
def _log_normal(z: Tensor) -> Tensor:
    return -(z.square() + math.log(2 * math.pi)).sum(-1) / 2


def log_aggregate(
    z: Float[Tensor, "draws latent"], mean: Codes, log_var: Codes
) -> Float[Tensor, "draws"]:
    """Log-density at z of the mixture of all ellipses: `vae:aggregate`."""
    _check_pair("log_var", log_var, mean, 1)
    require(z.ndim > 0, "rank of z", 2, 0)
    require_shape("z", z, (len(z), mean.shape[1]))
    require_dtype("z", z, mean.dtype)
    inverse, parts = (-log_var / 2).exp(), []
    for some in z.split(max(1, 2**24 // mean.numel())):  # spares memory
        each = _log_normal((some[:, None] - mean) * inverse)
        parts.append((each - log_var.sum(1) / 2).logsumexp(1))
    return torch.cat(parts) - math.log(len(mean))


def surgery(
    mean: Codes, log_var: Codes, *, draws: int = 1000,
    generator: Generator | None = None,
) -> Surgery:  # fmt: skip
    """Estimate I(x; z) and KL(q(z) || p) from draws: `vae:estimate`.

    The information is that between a draw and which of the n ellipses it came
    from. It cannot exceed log n.
    """
    require_counts(draws=draws)
    _check_pair("log_var", log_var, mean, 1)
    options = {"generator": generator, "device": mean.device}
    rows = torch.randint(len(mean), (draws,), **options)
    centre, size = mean[rows], log_var[rows]
    z = reparameterize(centre, size, generator=generator)
    own = _log_normal((z - centre) / (size / 2).exp()) - size.sum(1) / 2
    every = log_aggregate(z, mean, log_var)
    return Surgery((own - every).mean(), (every - _log_normal(z)).mean())


# --8<-- [end:surgery]
def _apply(net: nn.Sequential, name: str, x: Tensor) -> Tensor:
    weight = next(net.parameters())
    require(x.ndim == 2, f"rank of {name}", 2, x.ndim)  # noqa: PLR2004
    require_shape(name, x, (len(x), weight.shape[1]))
    require_dtype(name, x, weight.dtype)
    return net(x)


def _check_pair(name: str, other: Tensor, mean: Tensor, rows: int = 0) -> None:
    require(mean.ndim == 2, "rank of mean", 2, mean.ndim)  # noqa: PLR2004
    require(len(mean) >= rows, "rows of mean", f"at least {rows}", len(mean))
    require_alike(name, other, "mean", mean)


def _check_all(met: Tensor, name: str, expected: str, x: Tensor) -> None:
    require(bool(met.all()), name, expected, x[~met][:1].tolist())


def _check_sizes(features: int, latent: int, hidden: Sequence[int]) -> None:
    require_counts(features=features, latent=latent)
    require_widths("hidden", hidden)


def _check_variance(s2: float) -> None:
    require(0 < s2 < math.inf, "decoder_variance", "positive and finite", s2)
