"""Biases: what the scores get that depends on the offset alone.

Article:  docs/articles/positions.md; `positions:...` names an equation of it.
Source:   Raffel et al. (2020), https://arxiv.org/abs/1910.10683; Press, Smith
          and Lewis (2022), https://arxiv.org/abs/2108.12409.
Shapes:   biases (1, heads, length, length).
Units:    offsets in tokens, key minus query.
"""

import math

import torch
from jaxtyping import Float, Int64, Integer
from torch import Tensor, nn

from snippets.checks import (
    require,
    require_count,
    require_counts,
)
from snippets.positions.attention import Heads, Scheme

Added = Float[Tensor, "1 heads length length"]


def offsets(length: int, device: torch.device) -> Int64[Tensor, "offsets"]:
    """Return all offsets of a length, 1 - length to length - 1."""
    return torch.arange(1 - length, length, device=device)


def toeplitz(
    values: Float[Tensor, "heads offsets"],
) -> Float[Tensor, "heads length length"]:
    """Lay values by offset out as a matrix, constant along its diagonals.

    Under torch.func.vmap its gradient is right, but taken one by one.
    """
    require(values.ndim == 2, "rank of values", 2, values.ndim)  # noqa: PLR2004
    columns = values.shape[1]
    require(columns % 2 == 1, "columns of values", "odd", columns)
    # Row i is a window that begins at offset -i; all windows overlap.
    return values.unfold(1, (columns + 1) // 2, 1).flip(1)


# --8<-- [start:t5-bucket]
def t5_bucket(
    relative_position: Integer[Tensor, "*shape"],
    *,
    bidirectional: bool = True,
    buckets: int = 32,
    max_distance: int = 128,
) -> Int64[Tensor, "*shape"]:
    """Sort offsets into buckets: `positions:t5-bucket`.

    One each for the nearest, then logarithmic ranges up to `max_distance`,
    and one for all beyond. Keys to the right of the query have the upper half
    if `bidirectional`, where the first is never used; else they share
    bucket 0 with the query itself.

    Args:
        relative_position: Key minus query.
        bidirectional: Tell left from right.
        buckets: Their number; even if `bidirectional`.
        max_distance: From here on all are in the last bucket.
    """
    each = _per_side(buckets, bidirectional, max_distance)
    _require_whole(relative_position)
    offset = relative_position.long()
    if bidirectional:
        first, distance = (offset > 0).long() * each, offset.abs()
    else:
        first, distance = 0, (-offset).clamp(min=0)
    exact = each // 2
    # In float32, as T5 computes it: at bounds of buckets that decides.
    share = torch.log(distance.float() / exact) / math.log(max_distance / exact)
    large = exact + (share * (each - exact)).clamp(0, each - exact - 1).long()
    return first + torch.where(distance < exact, distance, large)


# --8<-- [end:t5-bucket]
def _require_whole(x: Tensor) -> None:
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        raise TypeError(f"relative_position must be integers, got {x.dtype}")


def _per_side(buckets: int, bidirectional: bool, max_distance: int) -> int:
    require_count("buckets", buckets, 4 if bidirectional else 2)
    even = not bidirectional or buckets % 2 == 0
    require(even, "buckets", "even, half of them for either side", buckets)
    each = buckets // 2 if bidirectional else buckets
    require_count("max_distance", max_distance, each // 2 + 1)
    return each


class T5Positions(Scheme):
    """Add a trained number a bucket and head: `positions:t5`.

    Scores are not scaled, as in T5, which starts from smaller queries.

    Args:
        heads: Of the attention.
        buckets: Rows of the table.
        max_distance: From here on all offsets share a bucket.
        bidirectional: Tell keys to the right from those to the left.
    """

    def __init__(
        self,
        heads: int,
        *,
        buckets: int = 32,
        max_distance: int = 128,
        bidirectional: bool = True,
    ) -> None:
        super().__init__()
        require_counts(heads=heads)
        _per_side(buckets, bidirectional, max_distance)
        self.heads, self.max_distance = heads, max_distance
        self.bidirectional = bidirectional
        self.table = nn.Parameter(torch.randn(buckets, heads))

    # --8<-- [start:t5]
    def scale(self, width: int) -> float:
        """Leave the product as it is."""
        return 1.0

    def bias(self, query: Heads, key: Heads) -> Added:
        """Look the bucket of each offset up."""
        bucket = t5_bucket(
            offsets(query.shape[-2], query.device),
            bidirectional=self.bidirectional,
            buckets=len(self.table),
            max_distance=self.max_distance,
        )
        return toeplitz(self.table[bucket].mT)[None]

    # --8<-- [end:t5]


# --8<-- [start:alibi]
class AlibiPositions(Scheme):
    """Subtract a slope times the distance, nothing trained.

    Implements `positions:alibi`, for keys on either side.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        require_counts(heads=heads)
        self.heads = heads

    def bias(self, query: Heads, key: Heads) -> Added:
        """Return minus slope times |key - query|."""
        distance = offsets(query.shape[-2], query.device).abs()
        # Half precision has no room for distances: round the products.
        exact = {"dtype": torch.float64, "device": query.device}
        slopes = torch.tensor(_slopes(query.shape[1]), **exact)
        bias = -slopes[:, None] * distance
        return toeplitz(bias.to(query.dtype))[None]


def alibi_slopes(heads: int) -> Float[Tensor, "heads"]:
    """Return the slopes 2^(-8 h / heads), h from 1: `positions:alibi`.

    If `heads` is no power of 2, they are those of the next lower power, then
    every other one of twice that many.
    """
    require_counts(heads=heads)
    return torch.tensor(_slopes(heads))


# --8<-- [end:alibi]
def _slopes(heads: int) -> list[float]:
    power = 1 << (int(heads).bit_length() - 1)
    rows = [2.0 ** (-8 * h / power) for h in range(1, power + 1)]
    rows += [2.0 ** (-4 * h / power) for h in range(1, 2 * power, 2)]
    return rows[:heads]
