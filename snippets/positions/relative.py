"""Relative positions that content meets: Shaw, Transformer-XL, DeBERTa.

Article:  docs/articles/positions.md; `positions:...` names an equation of it.
Source:   Shaw et al. (2018), https://arxiv.org/abs/1803.02155; Dai et al.
          (2019), arXiv:1901.02860; He et al. (2021), arXiv:2006.03654.
Shapes:   query and key (batch, heads, length, d); dim = heads d.
Units:    offsets in tokens; each scheme says which way it counts them.
"""

import torch
from einops import rearrange
from jaxtyping import Int64, Shaped
from torch import Tensor, nn
from torch.nn.functional import pad

from snippets.checks import require, require_counts
from snippets.positions.absolute import sinusoids
from snippets.positions.attention import Heads, Scheme, Scores
from snippets.positions.rotation import require_layout
from snippets.sinusoidal import Layout, require_base


class ShawPositions(Scheme):
    """Give each key, and each value, a vector of its clipped offset.

    Implements `positions:shaw`, with offsets key minus query, and for the
    values `positions:shaw-values`. Both tables serve all heads.

    Args:
        dim: Of the attention.
        heads: Of the attention.
        max_distance: From here on all offsets share a vector.
    """

    mixes = True

    def __init__(self, dim: int, heads: int, *, max_distance: int = 16) -> None:
        super().__init__()
        width = _head_width(dim, heads)
        require_counts(max_distance=max_distance)
        self.dim, self.heads = dim, heads
        shape = (2 * max_distance + 1, width)
        self.key_table = nn.Parameter(torch.randn(shape) * width**-0.5)
        self.value_table = nn.Parameter(torch.randn(shape) * width**-0.5)

    # --8<-- [start:shaw]
    def bias(self, query: Heads, key: Heads) -> Scores:
        """Return the products of queries with the vectors of offsets."""
        products = query * self.scale(query.shape[-1]) @ self.key_table.mT
        return products.gather(-1, self._rows(products))

    def mix(self, weights: Scores, value: Heads) -> Heads:
        """Sum weights by offset first: no (length, length, d) is made."""
        rows = self._rows(weights)
        sums = weights.new_zeros(*weights.shape[:-1], len(self.value_table))
        sums = sums.scatter_add(-1, rows, weights)
        return weights @ value + sums @ self.value_table

    def _rows(self, like: Tensor) -> Int64[Tensor, "batch heads length length"]:
        places = torch.arange(like.shape[-2], device=like.device)
        farthest = len(self.key_table) // 2
        offset = (places - places[:, None]).clamp(-farthest, farthest)
        return (offset + farthest).expand(*like.shape[:-1], -1)

    # --8<-- [end:shaw]


# --8<-- [start:shift]
def relative_shift(
    scores: Shaped[Tensor, "*batch length width"],
) -> Shaped[Tensor, "*batch length length"]:
    """Move row i left by length - 1 - i: `positions:relative-shift`.

    Column c of a row is then the key c, where it was an offset: pad, reshape
    and slice, with no index. A square matrix has offsets for the keys up to
    the query, j <= i; what stands right of them is left over from other rows,
    for a causal mask to hide. With 2 length - 1 columns all keys are right.
    """
    require(scores.ndim > 1, "rank of scores", "at least 2", scores.ndim)
    length, width = scores.shape[-2:]
    require_counts(**{"length of scores": length})
    fits = width in (length, 2 * length - 1)
    expected = f"{length} or {2 * length - 1}"
    require(fits, "columns of scores", expected, width)
    shifted = pad(scores, (1, 0)).flatten(-2)[..., length:]
    return shifted.unflatten(-1, (length, width))[..., :length]


# --8<-- [end:shift]
class TransformerXLPositions(Scheme):
    """Replace the other side's position by a sinusoid of the offset.

    Implements `positions:transformer-xl`. The query's own position becomes
    two trained vectors a head, one that meets contents, one that meets
    offsets, query minus key.

    Args:
        dim: Of the attention; even.
        heads: Of the attention.
        base: Of the sinusoids.
        layout: Of the sinusoids; released code has "half", sines first.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        base: float = 10000.0,
        layout: Layout = "interleaved",
    ) -> None:
        super().__init__()
        width = _head_width(dim, heads)
        require(dim % 2 == 0, "dim", "even", dim)
        require_base(base)
        require_layout(layout)
        self.dim, self.heads, self.base = dim, heads, base
        self.layout: Layout = layout
        self.key = nn.Linear(dim, dim, bias=False)
        self.content_bias = nn.Parameter(torch.randn(heads, width) * 0.02)
        self.offset_bias = nn.Parameter(torch.randn(heads, width) * 0.02)

    # --8<-- [start:transformer-xl]
    def bias(self, query: Heads, key: Heads) -> Scores:
        """Return what offsets and the two vectors add to the scores."""
        length, width = query.shape[-2:]
        weight = self.key.weight
        offsets = torch.arange(length - 1, -length, -1, device=weight.device)
        waves = sinusoids(offsets, weight, base=self.base, layout=self.layout)
        far = rearrange(self.key(waves), "n (h d) -> h n d", h=self.heads)
        to_content = self.content_bias[:, None] @ key.mT
        to_offset = (query + self.offset_bias[:, None]) @ far.mT
        return self.scale(width) * (to_content + relative_shift(to_offset))

    # --8<-- [end:transformer-xl]


class DebertaPositions(Scheme):
    """Content meets offset, both ways; offset never meets offset.

    Implements `positions:deberta`. Three terms of equal variance are scaled
    by 1 / sqrt(3 d): `positions:deberta-variance`.

    Args:
        dim: Of the attention.
        heads: Of the attention.
        max_distance: Offsets are clipped to [-max_distance, max_distance).
        as_released: Index the position-to-content term like the authors'
            code and `transformers`, by delta(i, j); the paper has
            delta(j, i).
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        max_distance: int = 512,
        as_released: bool = False,
    ) -> None:
        super().__init__()
        _head_width(dim, heads)
        require_counts(max_distance=max_distance)
        self.dim, self.heads = dim, heads
        self.as_released = as_released
        self.table = nn.Parameter(torch.randn(2 * max_distance, dim))
        self.key = nn.Linear(dim, dim, bias=False)
        self.query = nn.Linear(dim, dim, bias=False)

    # --8<-- [start:deberta]
    def scale(self, width: int) -> float:
        """Return 1 / sqrt(3 d), for three terms."""
        return (3 * width) ** -0.5

    def bias(self, query: Heads, key: Heads) -> Scores:
        """Return content to position plus position to content."""
        length, half = query.shape[-2], len(self.table) // 2
        near = min(length - 1, half)  # rows further out are of no use here
        rows = self.table[half - near : half + near + 1]
        places = torch.arange(length, device=query.device)
        offset = (places[:, None] - places).clamp(-near, len(rows) - near - 1)
        delta = (offset + near).expand(*query.shape[:-1], -1)
        far_key, far_query = (
            rearrange(layer(rows), "n (h d) -> h n d", h=self.heads)
            for layer in (self.key, self.query)
        )
        forth = (query @ far_key.mT).gather(-1, delta)
        # Row j of `back` is key j, so its column i has delta(j, i).
        back = key @ far_query.mT
        back = back.gather(-1, delta.mT if self.as_released else delta).mT
        return self.scale(query.shape[-1]) * (forth + back)

    # --8<-- [end:deberta]


def _head_width(dim: int, heads: int) -> int:
    require_counts(dim=dim, heads=heads)
    require(dim % heads == 0, "dim", f"a multiple of {heads} heads", dim)
    return dim // heads
