"""Sinusoidal encodings of position: where they come from, what they keep.

Article:  docs/articles/sinusoidal.md; `sinusoidal:...` names an equation of it.
Source:   Vaswani et al. (2017), https://arxiv.org/abs/1706.03762, and for the
          questions Su (2021), https://kexue.fm/archives/8231.
Shapes:   d features are d/2 pairs (sine, cosine), after any batch axes.
Units:    positions in tokens, frequencies in radians per token.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from einops import rearrange
from jaxtyping import Float, Num
from torch import Tensor
from torch.autograd.functional import hessian, jacobian
from torch.nn.attention import SDPBackend, sdpa_kernel

from snippets.checks import (
    require,
    require_alike,
    require_count,
    require_dtype,
    require_shape,
)
from snippets.cosine_integral import entire_cosine_integral, narrow_average

Positions = Num[Tensor, "*batch"]
Encoding = Float[Tensor, "*batch d"]
Frequencies = Float[Tensor, "pairs"]
Vector = Float[Tensor, "d"]
Matrix = Float[Tensor, "d d"]
Function = Callable[[Tensor, Tensor], Tensor]
Layout = Literal["interleaved", "half"]
AXES = {"interleaved": "... (i two)", "half": "... (two i)"}


# --8<-- [start:encoding]
def frequencies(features: int, *, base: float = 10000.0) -> Frequencies:
    """Return base^(-2i/d) for i = 0 ... d/2 - 1: `sinusoidal:frequencies`.

    In float64. The first is 1, the last falls short of 1/base; a share of
    them is too low to turn once in a sequence (`sinusoidal:wavelengths`).
    """
    _check_features("features", features)
    require_base(base)
    exponents = torch.arange(0, features, 2, dtype=torch.float64) / features
    return (-math.log(base) * exponents).exp()


def encode(
    positions: int | Positions,
    frequencies: Frequencies,
    *,
    layout: Layout = "interleaved",
) -> Encoding:
    """Return sine and cosine of position times each frequency.

    Points that go round at one speed each, `sinusoidal:rotation`. Positions
    are a tensor, or a length, which means 0 to length - 1. Angles are float64;
    the result has the positions' dtype, or the default for whole numbers.
    """
    require(layout in AXES, "layout", " or ".join(AXES), layout)
    _check_frequencies(frequencies)
    if not torch.is_tensor(positions):
        require_count("positions", positions)
        positions = torch.arange(positions, device=frequencies.device)
    places, dtype = _real("positions", positions)
    angles = places[..., None] * frequencies.to(places)
    waves = torch.stack([angles.sin(), angles.cos()])
    return rearrange(waves, f"two ... i -> {AXES[layout]}").to(dtype)


# --8<-- [end:encoding]
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
        base: Ratio of the highest frequency to the one after the lowest.
        layout: A sine at each even feature and its cosine after it, or, with
            "half", all sines before all cosines.
    """
    rates = frequencies(features, base=base)
    return encode(positions, rates, layout=layout)


# --8<-- [start:similarity]
def mean_cosine(
    offsets: float | Positions, frequencies: Frequencies
) -> Float[Tensor, "*batch"]:
    """Average cos(offset * frequency) over any frequencies.

    Over d/2 of them its root mean square is 1/sqrt(d) at last, and no less:
    `sinusoidal:floor`. Over t^alpha, t from 0 to 1, it falls like a power of
    the offset: `sinusoidal:power`.
    """
    _check_frequencies(frequencies)
    k, dtype = _real("offsets", offsets)
    return (k[..., None] * frequencies.to(k)).cos().mean(-1).to(dtype)


def similarity(
    offsets: float | Positions, features: int, *, base: float = 10000.0
) -> Float[Tensor, "*batch"]:
    """Inner product of two encodings, from their offset: `sinusoidal:kernel`.

    It depends on nothing else (`sinusoidal:relative`), is even, and equals
    features/2 at 0. Offsets may be negative or fractional.
    """
    rates = frequencies(features, base=base)
    return features / 2 * mean_cosine(offsets, rates)


# --8<-- [end:similarity]
# --8<-- [start:decay]
def decay(
    offsets: float | Positions, *, base: float = 10000.0
) -> Float[Tensor, "*batch"]:
    """Limit of similarity * 2/d for many features: `sinusoidal:integral`.

    In closed form, `sinusoidal:cosine-integral`. It falls like the logarithm
    (`sinusoidal:logarithm`) to zero near 0.6165 base, `sinusoidal:first-zero`.
    """
    require_base(base)
    k, dtype = _real("offsets", offsets)
    if (width := math.log(base)) >= 1:  # through Cin, which has no pole at 0
        drop = entire_cosine_integral(k) - entire_cosine_integral(k / base)
        return (1 - drop / width).to(dtype)
    return narrow_average(k, width).to(dtype)  # there the drop is all rounding


# --8<-- [end:decay]
# --8<-- [start:mixed]
def mixed_term(f: Function, p_m: Tensor, p_n: Tensor) -> Tensor:
    """f(p_m, p_n) - f(p_m, 0) - f(0, p_n) + f(0, 0): `sinusoidal:mixed`.

    What f makes of two positions together and of neither alone. Attention
    without any is symmetric, `sinusoidal:symmetry`.
    """
    require_alike("p_n", p_n, "p_m", p_m)
    none = torch.zeros_like(p_m)
    both, neither = f(p_m, p_n), f(none, none)
    first, second = f(p_m, none), f(none, p_n)
    for name, value in {"n": first, "m": second, "both": neither}.items():
        require_shape(f"f without {name}", value, tuple(both.shape))
    return (both - first) - (second - neither)


def mixed_hessian(f: Function, p_m: Vector, p_n: Vector) -> Matrix:
    """H, the derivative of f once in p_m and once in p_n, by autograd."""
    require_alike("p_n", p_n, "p_m", p_m)
    require(p_m.ndim == 1, "rank of p_m", 1, p_m.ndim)
    return _hessian(f, p_m, p_n)[0][1]


def expansion(f: Function, p_m: Vector, p_n: Vector) -> Float[Tensor, "six"]:
    """Six terms of f, to second order in positions: `sinusoidal:taylor`.

    The value without positions, two slopes, two curvatures, and, last, the one
    term in which both positions appear.
    """
    require_alike("p_n", p_n, "p_m", p_m)
    none = torch.zeros_like(p_m)
    slope_m, slope_n = jacobian(f, (none, none))
    (curve_m, mixed), (_, curve_n) = _hessian(f, none, none)
    slopes = slope_m @ p_m, slope_n @ p_n
    seconds = p_m @ curve_m @ p_m / 2, p_n @ curve_n @ p_n / 2
    return torch.stack([f(none, none), *slopes, *seconds, p_m @ mixed @ p_n])


# --8<-- [end:mixed]
# --8<-- [start:blocks]
def block_terms(block: Float[Tensor, "*batch 2 2"]) -> Encoding:
    """Amplitudes of what a block of H makes of a pair: `sinusoidal:block`.

    Those of cos and of sin of (m - n) theta, then of cos and of sin of
    (m + n) theta, for pairs (sine, cosine).
    """
    require_dtype("block", block)
    require_shape("block", block, (*block.shape[:-2], 2, 2))
    (a, b), (c, e) = (row.unbind(-1) for row in block.unbind(-2))
    return torch.stack([a + e, b - c, e - a, b + c], -1) / 2


def relative_part(mixed: Matrix) -> Matrix:
    """What a mixed Hessian does with offsets alone: `sinusoidal:commuting`.

    Of each diagonal block what commutes with rotations; of others nothing.
    """
    _check_matrix("mixed", mixed)
    _check_features("length of mixed", len(mixed))
    pairs = rearrange(mixed, "(i a) (j b) -> i j a b", a=2, b=2)
    cos, sin, *_ = block_terms(pairs).unbind(-1)
    own = torch.eye(len(pairs), dtype=mixed.dtype, device=mixed.device)
    kept = torch.stack([cos, sin, -sin, cos], -1) * own[..., None]
    return rearrange(kept, "i j (a b) -> (i a) (j b)", a=2)


# --8<-- [end:blocks]
# --8<-- [start:turn]
def turn(
    x: Encoding, offsets: float | Positions, frequencies: Frequencies
) -> Encoding:
    """Turn each pair (sine, cosine) by offset * frequency: `sinusoidal:shift`.

    One offset, or one for each vector. A query and a key, each turned by its
    own position, have a product that sees offsets alone: `sinusoidal:rotary`.
    """
    require_dtype("x", x)
    require_shape("x", x, (*x.shape[:-1], 2 * len(frequencies)))
    places, _ = _real("offsets", offsets)
    if places.ndim:
        require_shape("offsets", places, tuple(x.shape[:-1]))
    (sin, cos), (s, c) = (
        rearrange(each, f"{AXES['interleaved']} -> two ... i", two=2)
        for each in (x, encode(places, frequencies).to(x))
    )
    turned = torch.stack([sin * c + cos * s, cos * c - sin * s])
    return rearrange(turned, f"two ... i -> {AXES['interleaved']}")


# --8<-- [end:turn]
# --8<-- [start:kernels]
def orbit(step: Matrix, start: Vector, length: int) -> Encoding:
    """Rows start, U start, U^2 start ... of an orthogonal U.

    In a fixed dimension nothing else has inner products that see offsets
    alone, and they are sums of cosines: `sinusoidal:unique`. Under any other
    matrix offsets still act linearly, `sinusoidal:linear`.
    """
    _check_matrix("step", step)
    require_count("length", length)
    require_alike("start", start, "first row of step", step[0])
    rows = [start]
    for _ in range(length - 1):
        rows.append(step @ rows[-1])
    return torch.stack(rows)


def kernel_positions(kernel: Vector) -> Matrix:
    """Rows whose inner products are kernel[|m - n|]: `sinusoidal:cholesky`.

    As many features as positions; the kernel must be positive definite.
    """
    require_dtype("kernel", kernel)
    require_shape("kernel", kernel, (max(1, kernel.numel()),))
    places = torch.arange(len(kernel), device=kernel.device)
    offsets = (places[:, None] - places).abs()
    factor, failed = torch.linalg.cholesky_ex(kernel[offsets])
    require(not failed, "kernel", "positive definite", kernel.tolist()[:4])
    return factor


# --8<-- [end:kernels]
def _hessian(f: Function, p_m: Tensor, p_n: Tensor) -> Any:
    """Blocks of second derivatives; fused attention has none, so without."""
    with sdpa_kernel(SDPBackend.MATH):
        return hessian(f, (p_m, p_n))


def _real(name: str, x: float | Tensor) -> tuple[Tensor, torch.dtype]:
    """Return x in float64, and the dtype that a function of x should have."""
    if not torch.is_tensor(x):
        x = torch.tensor(float(x), dtype=torch.float64)
        return x, torch.get_default_dtype()
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        require_dtype(name, x)
        return x.double(), x.dtype
    return x.double(), torch.get_default_dtype()


def _check_features(name: str, features: int) -> None:
    require_count(name, features, 2)
    require(features % 2 == 0, name, "even", features)


def require_base(base: float) -> None:
    """Require a base of geometric frequencies."""
    require(1 < base < math.inf, "base", "above 1 and finite", base)


def _check_frequencies(frequencies: Tensor) -> None:
    require_dtype("frequencies", frequencies)
    require_shape("frequencies", frequencies, (max(1, frequencies.numel()),))


def _check_matrix(name: str, x: Tensor) -> None:
    require_dtype(name, x)
    require(x.ndim > 0, f"rank of {name}", 2, 0)
    require_shape(name, x, (len(x), len(x)))
