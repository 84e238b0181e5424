"""Numbers for samples."""

import torch
from torch import Tensor


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Draw numbers from a seed of their own."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
