"""Rotary positions: query and key turn, and their product sees the offset.

Article:  docs/articles/positions.md; `positions:...` names an equation of it.
Source:   Su et al. (2021), https://arxiv.org/abs/2104.09864; Chen et al.
          (2023), arXiv:2306.15595, for the interpolation.
Shapes:   x (..., length, d), positions (length,).
Units:    angles in radians, computed in float64 whatever x is.
"""

import math
from functools import lru_cache
from typing import Any, get_args

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.autograd import Function

from snippets.checks import (
    require,
    require_counts,
    require_dtype,
    require_shape,
)
from snippets.positions.attention import Heads, Scheme
from snippets.sinusoidal import Layout, require_base

Turned = Float[Tensor, "... length d"]
Angles = Shaped[Tensor, "length pairs"]
LAYOUTS = get_args(Layout)
SMALL = (torch.float16, torch.bfloat16)
SHORTEST = 128  # rows of the smallest table kept
KEPT = 16  # tables
CACHED = 1 << 18  # numbers that stay in the cache between two operations


# --8<-- [start:rotary]
def rotary(
    x: Turned,
    *,
    positions: Shaped[Tensor, "length"] | None = None,
    base: float = 10000.0,
    layout: Layout = "interleaved",
) -> Turned:
    """Turn pairs of features by angles that grow along the length.

    Pair i of position m turns by m base^(-2i/d): `positions:rotary`. Products
    of queries and keys see the offset alone: `positions:rotary-relative`.
    Values may turn, if outputs turn back: `positions:rotary-values`.

    Args:
        x: Queries or keys; d is even. Half precision computes in float32.
        positions: Of the rows of x, whole or not; 0, 1, 2, ... if None.
        base: The slowest pair turns almost as slowly as 1 / base.
        layout: Pairs are neighbours ("interleaved"), or i and i + d/2
            ("half"); a fixed permutation takes one to the other
            (`positions:rotary-pairs`), and weights fit one only.
    """
    _require_turnable(x, layout)
    require_base(base)
    dtype = torch.float32 if x.dtype in SMALL else x.dtype
    length, width = x.shape[-2:]
    if positions is None:
        # Neighbouring lengths share a table: decoding grows one by one.
        rows = max(SHORTEST, 1 << (length - 1).bit_length())
        key = (rows, width, float(base), layout, dtype, x.device)
        tables = [table[:length] for table in _kept_tables(*key)]
        turn = _pairs_turned if layout == "interleaved" else _HalvesTurned.apply
    else:
        require_shape("positions", positions, (length,))
        _require_real("positions", positions)
        tables = _tables(positions.to(x.device), width, base, layout, dtype)
        turn = _pairs_turned if layout == "interleaved" else _halves_turned
    return turn(x.to(dtype), *tables).to(x.dtype)


# --8<-- [end:rotary]
# --8<-- [start:pairs]
def _pairs_turned(x: Turned, unit: Angles) -> Turned:
    """Read neighbours as one complex number: turning is one product."""
    strides = (*x.stride()[:-1], x.storage_offset())
    if x.stride(-1) != 1 or any(step % 2 for step in strides):
        x = x.clone(memory_format=torch.contiguous_format)
    z = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(z * unit).flatten(-2)


# --8<-- [end:pairs]
def _halves_turned(x: Turned, cos: Angles, sin: Angles) -> Turned:
    """Turn i with i + d/2: the tables hold each angle twice, -sin first."""
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, -1), sin)


class _HalvesTurned(Function):
    """The same, for tables that are kept: one new tensor, not three or four,
    and only some rows at a time, so that the processor's cache holds them.
    """

    @staticmethod
    def forward(x: Turned, cos: Angles, sin: Angles) -> Turned:
        """Multiply by the cosines, then add the other halves in place."""
        half, out = x.shape[-1] // 2, torch.empty_like(x)
        rows = max(1, CACHED * x.shape[-2] // max(1, x.numel()))
        parts = [each.split(rows, -2) for each in (x, out, cos, sin)]
        for old, new, c, s in zip(*parts, strict=True):
            torch.mul(old, c, out=new)
            new[..., :half].addcmul_(old[..., half:], s[..., :half])
            new[..., half:].addcmul_(old[..., :half], s[..., half:])
        return out

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, ...], output: Any
    ) -> None:
        """Keep the tables alone: turning is linear in x."""
        ctx.save_for_backward(*inputs[1:])
        ctx.save_for_forward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Turn the gradient back."""
        cos, sin = ctx.saved_tensors
        return _HalvesTurned.apply(grads[0], cos, -sin), None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Tensor) -> Any:
        """Treat one more axis like all that lead."""
        x, cos, sin = args
        return _HalvesTurned.apply(x.movedim(in_dims[0], 0), cos, sin), 0

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Turn the tangent."""
        return _HalvesTurned.apply(tangents[0], *ctx.saved_tensors)


@lru_cache(maxsize=KEPT)
def _kept_tables(
    rows: int,
    width: int,
    base: float,
    layout: Layout,
    dtype: torch.dtype,
    device: torch.device,
) -> list[Tensor]:
    """Compute tables once; in NumPy, which no mode of PyTorch can colour."""
    powers = np.arange(0, width, 2) / width
    angles = np.arange(rows)[:, None] * np.power(base, -powers)
    cos, sin = np.cos(angles), np.sin(angles)
    if layout == "interleaved":
        parts = [cos + 1j * sin]
    else:
        parts = [np.hstack([cos, cos]), np.hstack([-sin, sin])]
    single = dtype == torch.float32
    kinds = {"c": np.complex64, "f": np.float32} if single else {}
    with torch.inference_mode(False):
        return [
            torch.from_numpy(x.astype(kinds.get(x.dtype.kind, x.dtype))).to(
                device
            )
            for x in parts
        ]


def _tables(
    positions: Shaped[Tensor, "length"],
    width: int,
    base: float,
    layout: Layout,
    dtype: torch.dtype,
) -> list[Tensor]:
    """Compute the same at given positions, with their gradient."""
    exact = {"dtype": torch.float64, "device": positions.device}
    powers = torch.arange(0, width, 2, **exact) / width
    angles = positions.double()[:, None] * torch.pow(float(base), -powers)
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
    if layout == "interleaved":
        return [torch.complex(cos, sin)]
    return [torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)]


class RotaryPositions(Scheme):
    """Turn queries and keys, nothing trained: `positions:rotary`.

    Args:
        base: See `rotary`; `ntk_base` gives one for longer inputs.
        layout: See `rotary`.
        step: Distance of neighbours; trained / length interpolates
            (`positions:interpolation`).
    """

    def __init__(
        self,
        *,
        base: float = 10000.0,
        layout: Layout = "interleaved",
        step: float = 1.0,
    ) -> None:
        super().__init__()
        require_base(base)
        require_layout(layout)
        require(0 < step < math.inf, "step", "finite and above 0", step)
        self.base, self.step = base, step
        self.layout: Layout = layout

    # --8<-- [start:turn]
    def turn(self, x: Heads) -> Heads:
        """Turn each row by its position."""
        options: Any = {"base": self.base, "layout": self.layout}
        if self.step != 1:
            places = torch.arange(x.shape[-2], device=x.device)
            options["positions"] = places.double() * self.step
        return rotary(x, **options)

    # --8<-- [end:turn]

    def require_fit(self, dim: int, heads: int) -> None:
        """Refuse heads of odd width."""
        require(dim // heads % 2 == 0, "dim / heads", "even", dim // heads)


# --8<-- [start:longer]
def interpolated_positions(
    length: int, trained: int
) -> Float[Tensor, "length"]:
    """Squeeze more positions into the trained range.

    Implements `positions:interpolation`; shorter inputs stay as they are.
    """
    require_counts(length=length, trained=trained)
    places = torch.arange(length, dtype=torch.float64)
    return places * min(1.0, trained / length)


def ntk_base(base: float, factor: float, width: int) -> float:
    """Raise the base so that the slowest pair turns `factor` times slower.

    Implements `positions:ntk-base`: the fastest pair keeps its angle, which
    interpolation divides by the factor.

    Args:
        base: The trained one.
        factor: How much longer inputs are to be.
        width: Width d of a head, more than 2.
    """
    require_base(base)
    require(1 <= factor < math.inf, "factor", "finite, at least 1", factor)
    require_counts(width=width)
    proper = width % 2 == 0 and width > 2  # noqa: PLR2004
    require(proper, "width", "even, above 2", width)
    return float(base) * factor ** (width / (width - 2))


# --8<-- [end:longer]
def require_layout(layout: Layout) -> None:
    """Require the name of a layout."""
    require(layout in LAYOUTS, "layout", " or ".join(LAYOUTS), layout)


def _require_real(name: str, x: Tensor) -> None:
    """Require whole or fractional numbers."""
    if x.is_complex() or x.dtype == torch.bool:
        raise TypeError(f"{name} must be real numbers, got {x.dtype}")


def _require_turnable(x: Tensor, layout: Layout) -> None:
    require_layout(layout)
    require(x.ndim > 1, "rank of x", "at least 2", x.ndim)
    require_dtype("x", x, torch.float32, torch.float64, *SMALL)
    length, width = x.shape[-2:]
    require_counts(**{"length of x": length})
    require(width % 2 == 0 < width, "last axis of x", "even", width)
