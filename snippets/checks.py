"""Refusals of bad input, in one form: what was wrong, expected, and given.

Article:  none of its own; every module refuses its arguments with these.
Source:   none.
Shapes:   any.
Units:    none.
"""

import math
from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor


def require(met: bool, name: str, expected: object, got: object) -> None:
    """Raise a ValueError that names the argument, unless a condition is met."""
    if not met:
        raise ValueError(f"{name} must be {expected}, got {got!r}")


def require_count(
    name: str, count: int, low: int = 1, high: int | None = None
) -> None:
    """Require a whole number within bounds; True and 3.0 are none."""
    whole = isinstance(count, Integral) and not isinstance(count, bool)
    require(whole, name, "a whole number", count)
    above = high is not None and count > high
    bounds = f"at least {low}" if high is None else f"{low} to {high}"
    require(count >= low and not above, name, bounds, count)


def require_counts(**counts: int) -> None:
    """Require that each of the arguments counts at least one thing."""
    for name, count in counts.items():
        require_count(name, count)


def require_shape(name: str, x: Tensor, shape: tuple[int, ...]) -> None:
    """Require that a tensor has a shape: nothing is broadcast in silence."""
    got = tuple(x.shape)
    require(got == tuple(shape), f"shape of {name}", tuple(shape), got)


def require_integers(name: str, x: Tensor, low: int, high: int) -> None:
    """Require that all entries of a tensor are integers from low to high."""
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        raise TypeError(f"{name} must be integers, got {x.dtype}")
    if x.numel():
        bounds = [int(bound) for bound in x.long().aminmax()]
        within = low <= bounds[0] and bounds[1] <= high
        require(within, name, f"{low} to {high}", bounds)


def require_amounts(**amounts: float) -> None:
    """Require that each of the arguments is a finite number from 0."""
    for name, value in amounts.items():
        require(0 <= value < math.inf, name, "finite and at least 0", value)


def require_widths(
    name: str, widths: Sequence[int], least: int = 0, most: int | None = None
) -> None:
    """Require a sequence of counts, so many of them."""
    listed = isinstance(widths, Sequence) and not isinstance(widths, str)
    require(listed, name, "a sequence of widths", widths)
    require_count(f"length of {name}", len(widths), least, most)
    require_counts(**{f"{name}[{i}]": n for i, n in enumerate(widths)})


def require_finite(name: str, x: Tensor) -> None:
    """Require numbers without NaN and infinity, where they would vanish."""
    wrong = int((~x.isfinite()).sum())
    require(wrong == 0, f"count of NaN and infinity in {name}", 0, wrong)


def require_floating(name: str, x: Tensor) -> None:
    """Require real floating-point numbers, of any precision."""
    if not x.is_floating_point():
        raise TypeError(f"{name} must be floating-point, got {x.dtype}")


def require_dtype(name: str, x: Tensor, *allowed: torch.dtype) -> None:
    """Require one of some dtypes; without any, float32 or float64."""
    if x.dtype not in (allowed or (torch.float32, torch.float64)):
        names = " or ".join(map(str, allowed)) or "float32 or float64"
        raise TypeError(f"{name} must be {names}, got {x.dtype}")


def require_axis(name: str, x: Tensor) -> None:
    """Require at least one axis of floating-point numbers."""
    require(x.ndim > 0, f"rank of {name}", "at least 1", 0)
    require_floating(name, x)


def require_features(name: str, x: Tensor, like: Tensor) -> None:
    """Require samples as wide as the last axis of a weight, in its dtype."""
    require(x.ndim > 0, f"rank of {name}", "at least 1", 0)
    require_shape(name, x, (*x.shape[:-1], like.shape[-1]))
    require_dtype(name, x, like.dtype)


def require_vectors(**vectors: Tensor) -> None:
    """Require vectors of one dtype, float32 or float64, none of them empty."""
    kinds: set[torch.dtype] = set()
    for name, x in vectors.items():
        require_dtype(name, x, *kinds)
        kinds = {x.dtype}
        require(x.ndim == 1, f"rank of {name}", 1, x.ndim)
        require_counts(**{f"length of {name}": len(x)})


def require_alike(name: str, x: Tensor, other: str, like: Tensor) -> None:
    """Require two tensors of one shape and one dtype, float32 or float64."""
    require_dtype(other, like)
    require_dtype(name, x, like.dtype)
    require_shape(name, x, tuple(like.shape))
