"""Attention, and the places where order can enter it: a scheme fills some.

Article:  docs/articles/positions.md; `positions:...` names an equation of it.
Source:   Vaswani et al. (2017), https://arxiv.org/abs/1706.03762.
Shapes:   x (batch, length, dim), dim = heads d; query, key and value (batch,
          heads, length, d); scores (batch, heads, length, length).
Units:    positions in tokens, from 0; scores in nats, as softmax takes them.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from snippets.checks import (
    require,
    require_count,
    require_counts,
    require_dtype,
    require_shape,
)

Tokens = Float[Tensor, "batch length dim"]
Heads = Float[Tensor, "batch heads length d"]
Scores = Float[Tensor, "batch heads length length"]
Bias = Float[Tensor, "#batch heads length length"]
RANK = 3  # axes of x
FUSED = 512  # from this length on, the fused kernel is faster


# --8<-- [start:scheme]
class Scheme(nn.Module):
    """All that a position scheme may do; this one does none of it.

    A scheme overrides what it needs: `forward` adds to the input, `turn`
    changes query and key, `bias` adds to the scores, `mix` to the values. It
    can also `scale` the scores. `Attention` knows no scheme by name.

    `max_length` is the longest input it takes, or None; `dim` and `heads` are
    those it was made for, or None; `mixes` says that `mix` is overridden.
    """

    max_length: int | None = None
    dim: int | None = None
    heads: int | None = None
    mixes: bool = False

    def forward(self, x: Tokens) -> Tokens:
        """Return the input with its positions."""
        return x

    def turn(self, x: Heads) -> Heads:
        """Return queries, or keys, with their positions."""
        return x

    def scale(self, width: int) -> float:
        """Return what multiplies the product of query and key."""
        return width**-0.5

    def bias(self, query: Heads, key: Heads) -> Bias | None:
        """Return what is added to the scores, scaled already."""
        return None

    def mix(self, weights: Scores, value: Heads) -> Heads:
        """Return the weighted mean of the values: `positions:attention`."""
        return weights @ value

    # --8<-- [end:scheme]
    def require_fit(self, dim: int, heads: int) -> None:
        """Refuse an attention that this scheme was not made for."""
        for name, own, other in (
            ("dim", self.dim, dim),
            ("heads", self.heads, heads),
        ):
            require(own in (None, other), f"{name} of position", other, own)


class Attention(nn.Module):
    """Self-attention, with one scheme of positions: `positions:attention`.

    Without a scheme and a mask, permuted tokens give the same outputs,
    permuted: `positions:equivariance`. A constant added to a row of scores
    changes no output: `positions:row-constant`.

    From length 512 on, a fused kernel does the same without the matrix of
    weights; for second derivatives there, see torch.nn.attention.sdpa_kernel.

    Args:
        dim: Width of a token.
        heads: Their number, a divisor of dim.
        position: A scheme; None for no positions.
        causal: Attend to no later token.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        position: Scheme | None = None,
        causal: bool = False,
    ) -> None:
        super().__init__()
        require_counts(dim=dim, heads=heads)
        require(dim % heads == 0, "dim", f"a multiple of {heads} heads", dim)
        scheme = Scheme() if position is None else position
        known = isinstance(scheme, Scheme)
        require(known, "position", "a Scheme or None", position)
        scheme.require_fit(dim, heads)
        self.query = nn.Linear(dim, dim, bias=False)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim, bias=False)
        self.output = nn.Linear(dim, dim, bias=False)
        self.heads, self.position, self.causal = heads, scheme, causal

    # --8<-- [start:attention]
    def forward(self, x: Tokens) -> Tokens:
        """Return for each token the mean of what it attends to."""
        query, key, value = self.project(x)
        if self.position.mixes or x.shape[1] < FUSED:
            weights = self._visible(self.pair_scores(query, key)).softmax(-1)
            mixed = self.position.mix(weights, value)
        else:
            mixed = self._fused(query, key, value)
        return self.output(rearrange(mixed, "b h n d -> b n (h d)"))

    def scores(self, x: Tokens) -> Scores:
        """Return the scores, scaled, before mask and softmax."""
        query, key, _ = self.project(x)
        return self.pair_scores(query, key)

    def weights(self, x: Tokens) -> Scores:
        """Return how much each token attends to each: rows sum to 1."""
        return self._visible(self.scores(x)).softmax(-1)

    def project(self, x: Tokens) -> tuple[Heads, Heads, Heads]:
        """Return query, key and value of each head, turned if that is due."""
        weight = self.query.weight
        require(x.ndim == RANK, "rank of x", RANK, x.ndim)
        require_shape("x", x, (*x.shape[:2], weight.shape[1]))
        require_like("x", x, weight)
        require_count("length", x.shape[1], 1, self.position.max_length)
        x, turn = self.position(x), self.position.turn
        query, key, value = (
            rearrange(layer(x), "b n (h d) -> b h n d", h=self.heads)
            for layer in (self.query, self.key, self.value)
        )
        return turn(query), turn(key), value

    def pair_scores(self, query: Heads, key: Heads) -> Scores:
        """Return the scores of queries with keys, which may differ in x."""
        scores = query * self.position.scale(query.shape[-1]) @ key.mT
        bias = self.position.bias(query, key)
        return scores if bias is None else scores + bias

    # --8<-- [end:attention]
    def _visible(self, scores: Bias) -> Bias:
        if not self.causal:
            return scores
        return scores.masked_fill(_later(scores), -torch.inf)

    def _fused(self, query: Heads, key: Heads, value: Heads) -> Heads:
        bias = self.position.bias(query, key)
        return scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=None if bias is None else self._visible(bias),
            is_causal=self.causal and bias is None,
            scale=self.position.scale(query.shape[-1]),
        )


def _later(scores: Float[Tensor, "... length length"]) -> Tensor:
    """Say which keys stand to the right of their query."""
    mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device)
    return mask.triu(1)


def require_like(name: str, x: Tensor, weight: Tensor) -> None:
    """Require the dtype of the weights, which autocast leaves to itself."""
    if x.dtype == weight.dtype:
        return
    if not torch.is_autocast_enabled(x.device.type):
        require_dtype(name, x, weight.dtype)


# --8<-- [start:four-terms]
def four_terms(
    x: Float[Tensor, "*batch length dim"],
    p: Float[Tensor, "length dim"],
    query: Float[Tensor, "d dim"],
    key: Float[Tensor, "d dim"],
) -> Float[Tensor, "4 *batch length length"]:
    """Expand the scores of x + p, unscaled: `positions:four-terms`.

    Content to content, content to position, position to content, position
    to position; `query` and `key` are weights, as nn.Linear holds them. The
    sum is what absolute positions give (`positions:additive`); the relative
    schemes drop terms of it, or put others in their place.
    """
    require(x.ndim > 1, "rank of x", "at least 2", x.ndim)
    require_dtype("x", x)
    require_shape("p", p, tuple(x.shape[-2:]))
    require(query.ndim == 2, "rank of query", 2, query.ndim)  # noqa: PLR2004
    require_shape("query", query, (query.shape[0], x.shape[-1]))
    require_shape("key", key, tuple(query.shape))
    for name, other in (("p", p), ("query", query), ("key", key)):
        require_dtype(name, other, x.dtype)
    sides = [(a @ query.mT, a @ key.mT) for a in (x, p.expand_as(x))]
    return torch.stack([q @ k.mT for q, _ in sides for _, k in sides])


# --8<-- [end:four-terms]
