"""Sinusoidal encodings of position: where they come from, what they keep.

Article:  docs/articles/sinusoidal.md; `sinusoidal:...` names one of its
          equations.
Source:   Vaswani et al. (2017), https://arxiv.org/abs/1706.03762, and Su
          (2021), https://kexue.fm/archives/8231, for the derivation.
Shapes:   d features are d/2 pairs (sine, cosine), after any batch axes.
Units:    positions in tokens, frequencies in radians per token.
"""

import math
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float, Num
from torch import Tensor

from snippets.checks import require, require_count, require_dtype

Positions = Num[Tensor, "*batch"]
Encoding = Float[Tensor, "*batch d"]
Layout = Literal["interleaved", "half"]
AXES = {"interleaved": "... (i two)", "half": "... (two i)"}


# --8<-- [start:encoding]
def frequencies(
    features: int, *, base: float = 10000.0
) -> Float[Tensor, "pairs"]:
    """Return base^(-2i/d) for i from 0 to d/2 - 1: `sinusoidal:frequencies`.

    In float64. The first is 1, the last falls short of 1/base.
    """
    _check_features(features)
    _check_base(base)
    exponents = torch.arange(0, features, 2, dtype=torch.float64) / features
    return (-math.log(base) * exponents).exp()


def encode(
    positions: int | Positions,
    frequencies: Float[Tensor, "pairs"],
    *,
    layout: Layout = "interleaved",
) -> Encoding:
    """Return sines and cosines of position times each frequency.

    Positions are a tensor, or a length, which means 0 to length - 1. Angles
    are computed in float64; the result has the positions' dtype, or the
    default one for whole numbers.
    """
    require(layout in AXES, "layout", " or ".join(AXES), layout)
    require_dtype("frequencies", frequencies)
    require(frequencies.ndim == 1, "rank of frequencies", 1, frequencies.ndim)
    if not torch.is_tensor(positions):
        require_count("positions", positions)
        positions = torch.arange(positions, device=frequencies.device)
    dtype = _dtype("positions", positions)
    rates = frequencies.to(positions.device, torch.float64)
    angles = positions.double()[..., None] * rates
    waves = torch.stack([angles.sin(), angles.cos()])
    return rearrange(waves, f"two ... i -> {AXES[layout]}").to(dtype)


def sinusoidal(
    positions: int | Positions,
    features: int,
    *,
    base: float = 10000.0,
    layout: Layout = "interleaved",
) -> Encoding:
    """Encode positions as the Transformer does: `sinusoidal:encoding`.

    Args:
        positions: A length, or a tensor of any shape, whole or fractional.
        features: d, an even number.
        base: How many times the lowest frequency lies below 1, nearly.
        layout: A sine at each even feature and its cosine after it, or, with
            "half", all sines before all cosines.
    """
    rates = frequencies(features, base=base)
    return encode(positions, rates, layout=layout)


# --8<-- [end:encoding]
def _dtype(name: str, x: Tensor) -> torch.dtype:
    """Of a function of x: that of x, or the default one for whole numbers."""
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        require_dtype(name, x)
        return x.dtype
    return torch.get_default_dtype()


def _check_features(features: int) -> None:
    require_count("features", features, 2)
    require(features % 2 == 0, "features", "even", features)


def _check_base(base: float) -> None:
    above = 1 < base < math.inf
    require(above, "base", "above 1 and finite", base)
