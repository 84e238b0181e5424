"""Refusals of tensors that are not of the dtype, or the shape, of others.

Article:  none of its own; snippets/infomax.py refuses its arguments with these.
Source:   none.
Shapes:   any.
Units:    none.
"""

import torch
from torch import Tensor

from snippets.checks import require_shape


def require_dtype(name: str, x: Tensor, *allowed: torch.dtype) -> None:
    """Require one of some dtypes; without any, float32 or float64."""
    allowed = allowed or (torch.float32, torch.float64)
    if x.dtype not in allowed:
        names = " or ".join(str(each) for each in allowed)
        raise TypeError(f"{name} must be {names}, got {x.dtype}")


def require_like(name: str, x: Tensor, like: Tensor) -> None:
    """Require the shape and the dtype, float32 or float64, of a tensor."""
    require_dtype(name, x)
    require_shape(name, x, tuple(like.shape))
    require_dtype(name, x, like.dtype)
