"""Strided convolutions: the one encoder that every method of a lab trains.

Article:  none of its own; docs/articles/infomax.md builds on `Encoder`.
Source:   none; small enough for a laptop.
Shapes:   images are (batch, channels, h, w), codes (batch, latent).
Units:    losses in nats, summed over pixels and latents.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from snippets.checks import (
    require,
    require_counts,
    require_dtype,
    require_integers,
    require_shape,
    require_widths,
)
from snippets.vae import gaussian_kl, reparameterize

Pictures = Float[Tensor, "batch channels h w"]
Maps = Float[Tensor, "batch width rows columns"]
Codes = Float[Tensor, "batch latent"]
Classes = Int64[Tensor, "batch"]
Scalar = Float[Tensor, ""]
RANK = 4


# --8<-- [start:encoder]
class Encoder(nn.Module):
    """Strided convolutions to a map of patches, then one code for all of it.

    Each of `widths` halves the height and the width; one more convolution,
    a pooling to 2 by 2 and a linear layer make the code.
    """

    def __init__(
        self,
        channels: int,
        latent: int,
        *,
        widths: Sequence[int] = (8, 16, 32),
    ) -> None:
        super().__init__()
        require_counts(channels=channels, latent=latent)
        require_widths("widths", widths, 1)
        layers: list[nn.Module] = []
        for incoming, outgoing in pairwise([channels, *widths]):
            layers += [nn.Conv2d(incoming, outgoing, 3, 2, 1), nn.ReLU()]
        last = widths[-1]
        self.channels, self.patches = channels, nn.Sequential(*layers)
        self.whole = nn.Sequential(
            nn.Conv2d(last, 2 * last, 3, 2, 1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        )  # fmt: skip
        self.code = nn.Linear(8 * last, 2 * latent)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
        with torch.no_grad():
            self.code.bias[latent:] -= 4  # small noise, so that codes tell

    # --8<-- [end:encoder]
    def forward(self, images: Pictures) -> tuple[Codes, Codes, Maps]:
        """Return mean and log-variance of each code, and the map."""
        require(len(images.shape) == RANK, "rank of images", RANK, images.ndim)
        sizes = (len(images), self.channels, *images.shape[2:])
        require_shape("images", images, sizes)
        require(images.numel() > 0, "images", "not empty", tuple(images.shape))
        require_dtype("images", images, next(self.parameters()).dtype)
        feature_map = self.patches(images)
        mean, log_var = self.code(self.whole(feature_map)).chunk(2, dim=1)
        return mean, log_var, feature_map


class ConvAutoencoder(nn.Module):
    """The same encoder with a decoder: an autoencoder, or a VAE.

    Args:
        channels: Of the images.
        latent: Width of the code.
        side: Height and width of the images.
        decoder_variance: Of each pixel about the decoder's mean: a VAE. Without
            it, codes carry no noise and no price.
        widths: Of the encoder's convolutions.
        hidden: Width of the decoder's hidden layer.
    """

    def __init__(
        self,
        channels: int,
        latent: int,
        side: int,
        *,
        decoder_variance: float | None = None,
        widths: Sequence[int] = (8, 16, 32),
        hidden: int = 256,
    ) -> None:
        super().__init__()
        require_counts(latent=latent, side=side, hidden=hidden)
        variance = decoder_variance
        positive = variance is None or 0 < variance < math.inf
        require(positive, "decoder_variance", "positive and finite", variance)
        self.decoder_variance = variance
        self.encoder = Encoder(channels, latent, widths=widths)
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden), nn.ReLU(),
            nn.Linear(hidden, channels * side * side),
            nn.Unflatten(1, (channels, side, side)),
        )  # fmt: skip

    def encode(self, images: Pictures) -> tuple[Codes, Codes, Maps]:
        """Return mean and log-variance of each code, and the map."""
        return self.encoder(images)

    def loss(
        self, images: Pictures, *, generator: Generator | None = None
    ) -> Scalar:
        """Return the squared error, or minus the ELBO up to a constant."""
        mean, log_var, _ = self.encode(images)
        if self.decoder_variance is None:
            return _squared_error(images, self.decoder(mean))
        z = reparameterize(mean, log_var, generator=generator)
        error = _squared_error(images, self.decoder(z))
        kl = gaussian_kl(mean, log_var).mean()
        return error / (2 * self.decoder_variance) + kl


class Classifier(nn.Module):
    """The same encoder, told the labels: a linear layer reads its code."""

    def __init__(
        self,
        channels: int,
        latent: int,
        classes: int,
        *,
        widths: Sequence[int] = (8, 16, 32),
    ) -> None:
        super().__init__()
        require_counts(latent=latent, classes=classes)
        self.encoder = Encoder(channels, latent, widths=widths)
        self.last = nn.Linear(latent, classes)

    def encode(self, images: Pictures) -> tuple[Codes, Codes, Maps]:
        """Return code, a log-variance without a use, and the map."""
        return self.encoder(images)

    def loss(self, images: Pictures, labels: Classes) -> Scalar:
        """Return the mean cross-entropy."""
        logits = self.last(self.encode(images)[0])
        require_shape("labels", labels, logits.shape[:1])
        require_integers("labels", labels, 0, logits.shape[1] - 1)
        return cross_entropy(logits, labels.long())


def _squared_error(images: Pictures, rebuilt: Pictures) -> Scalar:
    require_shape("images", images, tuple(rebuilt.shape))
    return (images - rebuilt).square().sum((1, 2, 3)).mean()
