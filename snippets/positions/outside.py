"""Positions without a scheme of attention: waves of words, padded borders.

Article:  docs/articles/positions.md; `positions:...` names an equation of it.
Source:   Wang et al. (2020), https://arxiv.org/abs/1912.12333; Islam, Jia and
          Bruce (2020), https://arxiv.org/abs/2001.08248.
Shapes:   ids (batch, length); maps (channels, height, width).
Units:    positions in tokens or pixels, from 0; phases in radians.
"""

import math
from typing import Literal, get_args

import torch
from jaxtyping import Complex, Float, Integer
from torch import Generator, Tensor, nn
from torch.nn.functional import conv2d, pad

from snippets.checks import require, require_counts, require_integers

Padding = Literal["zeros", "circular", "reflect", "valid"]


# --8<-- [start:complex]
class ComplexEmbedding(nn.Module):
    """Words as waves along the position: `positions:complex`.

    Three tables: amplitude, frequency, phase. Products of two words depend on
    their offset alone only if all words share their frequencies.
    """

    def __init__(
        self, words: int, features: int, *, shared_frequencies: bool = False
    ) -> None:
        super().__init__()
        require_counts(words=words, features=features)
        rows = 1 if shared_frequencies else words
        self.amplitude = nn.Parameter(torch.randn(words, features))
        self.frequency = nn.Parameter(torch.rand(rows, features))
        self.phase = nn.Parameter(2 * math.pi * torch.rand(words, features))

    def forward(
        self, ids: Integer[Tensor, "batch length"]
    ) -> Complex[Tensor, "batch length features"]:
        """Return r exp(i (frequency * position + phase)) of each word."""
        require(ids.ndim == 2, "rank of ids", 2, ids.ndim)  # noqa: PLR2004
        require_integers("ids", ids, 0, len(self.amplitude) - 1)
        ids = ids.long()
        shared = len(self.frequency) == 1
        frequency = self.frequency[torch.zeros_like(ids) if shared else ids]
        place = torch.arange(ids.shape[1], device=ids.device)[:, None]
        angle = frequency * place + self.phase[ids]
        r = self.amplitude[ids]
        return torch.complex(r * angle.cos(), r * angle.sin())


# --8<-- [end:complex]
# --8<-- [start:leak]
@torch.no_grad()
def padding_leak(
    size: int,
    *,
    layers: int = 5,
    channels: int = 8,
    padding: Padding = "zeros",
    generator: Generator | None = None,
) -> Float[Tensor, "channels height width"]:
    """Show an image of ones to random convolutions: `positions:padding-leak`.

    Each layer is 3 by 3, with random biases, then ReLU. What varies in the
    output came from the border alone: zeros are a value that the image has
    not. With "valid" nothing is padded, and the output is smaller.
    """
    require(padding in get_args(Padding), "padding", get_args(Padding), padding)
    require_counts(layers=layers, channels=channels)
    require_counts(size=size, inner=size - 2 * layers)
    modes = {"zeros": "constant"}
    x = torch.ones(1, channels, size, size)
    for _ in range(layers):
        shape = (channels, channels, 3, 3)
        weight = torch.randn(shape, generator=generator)
        bias = torch.randn(channels, generator=generator) / 2
        if padding != "valid":
            x = pad(x, (1, 1, 1, 1), mode=modes.get(padding, padding))
        scale = math.sqrt(2 / (9 * channels))  # keeps the variance, with ReLU
        x = conv2d(x, weight * scale, bias).relu()
    return x[0]


# --8<-- [end:leak]
