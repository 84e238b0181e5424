"""Refusals of bad input, in one form: what was wrong, expected, and given.

Article:  none of its own; every module refuses its arguments with these.
Source:   none.
Shapes:   any.
Units:    none.
"""

import torch
from torch import Tensor


def require(met: bool, name: str, expected: object, got: object) -> None:
    """Raise a ValueError that names the argument, unless a condition is met."""
    if not met:
        raise ValueError(f"{name} must be {expected}, got {got!r}")


def require_counts(**counts: int) -> None:
    """Require that each of the arguments counts at least one thing."""
    for name, count in counts.items():
        require(count >= 1, name, "at least 1", count)


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
