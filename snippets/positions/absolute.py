"""Positions that enter the input, and word embeddings that turn with them.

Article:  docs/articles/positions.md; `positions:...` names an equation of it.
Source:   Vaswani et al. (2017), https://arxiv.org/abs/1706.03762; Liu et al.
          (2020), arXiv:2003.09229; Wang et al. (2020), arXiv:1912.12333.
Shapes:   x (batch, length, dim); a table (length, dim).
Units:    positions in tokens, from 0.
"""

import math

import torch
from jaxtyping import Complex, Float, Integer
from torch import Tensor, nn

from snippets.checks import (
    require,
    require_count,
    require_counts,
    require_dtype,
    require_integers,
    require_shape,
)
from snippets.positions.attention import Scheme
from snippets.positions.rotary import Layout, require_base, require_layout
from snippets.sinusoidal import sinusoidal

Tokens = Float[Tensor, "batch length dim"]
Table = Float[Tensor, "length dim"]


# --8<-- [start:absolute]
class LearnedPositions(Scheme):
    """Add a row of a trained table: `positions:additive`.

    Beyond its last row it knows nothing; `hierarchical_positions` makes a
    longer table from it.
    """

    def __init__(self, length: int, dim: int) -> None:
        super().__init__()
        require_counts(length=length, dim=dim)
        self.max_length, self.dim = length, dim
        self.table = nn.Parameter(torch.empty(length, dim).normal_(std=0.02))

    def forward(self, x: Tokens) -> Tokens:
        """Add to each token the row of its position."""
        return x + self._rows(x)

    def _rows(self, x: Tokens) -> Table:
        _require_tokens(x, self.table.shape[1], self.max_length)
        return self.table[: x.shape[1]]


class ProductPositions(LearnedPositions):
    """Multiply by a row of a trained table: `positions:product`.

    It starts near 1, where the product changes little.
    """

    def __init__(self, length: int, dim: int) -> None:
        super().__init__(length, dim)
        nn.init.normal_(self.table, mean=1.0, std=0.02)

    def forward(self, x: Tokens) -> Tokens:
        """Multiply each token by the row of its position."""
        return x * self._rows(x)


class SinusoidalPositions(Scheme):
    """Add sines and cosines of the position, nothing trained.

    A step of delta turns each pair by a fixed angle, wherever it starts; so
    the table solves a linear differential equation: `positions:sinusoid-ode`.
    """

    def __init__(
        self,
        dim: int,
        *,
        base: float = 10000.0,
        layout: Layout = "interleaved",
    ) -> None:
        super().__init__()
        require_counts(dim=dim)
        require(dim % 2 == 0, "dim", "even", dim)
        require_base(base)
        require_layout(layout)
        self.dim, self.base, self.layout = dim, base, layout

    def forward(self, x: Tokens) -> Tokens:
        """Add to each token the sinusoids of its position."""
        _require_tokens(x, self.dim)
        return x + sinusoids(
            torch.arange(x.shape[1]), x, base=self.base, layout=self.layout
        )


# --8<-- [end:absolute]
def sinusoids(
    offsets: Integer[Tensor, "count"],
    like: Float[Tensor, "... dim"],
    *,
    base: float,
    layout: Layout,
) -> Float[Tensor, "count dim"]:
    """Compute sinusoids in float64, then round to the dtype of a tensor."""
    exact = offsets.to(like.device, torch.float64)
    table = sinusoidal(exact, like.shape[-1], base=base, layout=layout)
    return table.to(like.dtype)


# --8<-- [start:recurrent]
class RecurrentPositions(Scheme):
    """Let each position follow from the one before: `positions:recurrent`.

    The flow dp/dt = h(p), from a trained start, by Runge and Kutta's fourth
    order; a linear h with the right matrix gives the sinusoids
    (`positions:sinusoid-ode`). It takes any length, one step after another.

    Args:
        dim: Width of a token.
        dynamics: The function h; a small network if None.
        steps: Steps of the integration from a position to the next.
    """

    def __init__(
        self, dim: int, *, dynamics: nn.Module | None = None, steps: int = 1
    ) -> None:
        super().__init__()
        require_counts(dim=dim, steps=steps)
        self.dim, self.steps = dim, steps
        self.start = nn.Parameter(torch.randn(dim))
        self.dynamics = dynamics or nn.Sequential(
            nn.Linear(dim, dim), nn.Tanh(), nn.Linear(dim, dim)
        )

    def forward(self, x: Tokens) -> Tokens:
        """Add to each token the state at its position."""
        _require_tokens(x, self.start.shape[0])
        return x + self.states(x.shape[1])

    def states(self, length: int) -> Table:
        """Return the states at the positions 0 to length - 1."""
        require_counts(length=length)
        states = [self.start]
        for _ in range(length - 1):
            states.append(self._next(states[-1]))
        return torch.stack(states)

    def _next(self, p: Tensor) -> Tensor:
        h, step = self.dynamics, 1 / self.steps
        require_shape("value of dynamics", h(p), tuple(p.shape))
        for _ in range(self.steps):
            first = h(p)
            second = h(p + step / 2 * first)
            third = h(p + step / 2 * second)
            last = h(p + step * third)
            p = p + step / 6 * (first + 2 * second + 2 * third + last)
        return p


# --8<-- [end:recurrent]
# --8<-- [start:hierarchical]
def hierarchical_positions(
    table: Float[Tensor, "n dim"], length: int, *, alpha: float = 0.4
) -> Float[Tensor, "length dim"]:
    """Make up to n squared positions from n: `positions:hierarchical`.

    The first n are those of the table. With alpha = 1/2 the positions (i, j)
    and (j, i) would be one vector, so it is refused.
    """
    require(table.ndim == 2, "rank of table", 2, table.ndim)  # noqa: PLR2004
    require_dtype("table", table)
    require_counts(**{"length of table": len(table)})
    require_count("length", length, 1, len(table) ** 2)
    proper = 0 < alpha < 1 and alpha != 1 / 2
    require(proper, "alpha", "between 0 and 1, not 1/2", alpha)
    roots = (table - alpha * table[0]) / (1 - alpha)
    place = torch.arange(length, device=table.device)
    coarse = place.div(len(table), rounding_mode="floor")
    return alpha * roots[coarse] + (1 - alpha) * roots[place % len(table)]


# --8<-- [end:hierarchical]
# --8<-- [start:complex]
class ComplexEmbedding(nn.Module):
    """Words as waves along the position: `positions:complex`.

    Three tables: amplitude, frequency, phase. Products of two words depend on
    their offset alone only if all words share their frequencies.
    """

    def __init__(
        self, words: int, features: int, *, shared_frequencies: bool = False
    ) -> None:
        super().__init__()
        require_counts(words=words, features=features)
        rows = 1 if shared_frequencies else words
        self.amplitude = nn.Parameter(torch.randn(words, features))
        self.frequency = nn.Parameter(torch.rand(rows, features))
        self.phase = nn.Parameter(2 * math.pi * torch.rand(words, features))

    def forward(
        self, ids: Integer[Tensor, "batch length"]
    ) -> Complex[Tensor, "batch length features"]:
        """Return r exp(i (frequency * position + phase)) of each word."""
        require(ids.ndim == 2, "rank of ids", 2, ids.ndim)  # noqa: PLR2004
        require_integers("ids", ids, 0, len(self.amplitude) - 1)
        ids = ids.long()
        shared = len(self.frequency) == 1
        frequency = self.frequency[torch.zeros_like(ids) if shared else ids]
        place = torch.arange(ids.shape[1], device=ids.device)[:, None]
        angle = frequency * place + self.phase[ids]
        r = self.amplitude[ids]
        return torch.complex(r * angle.cos(), r * angle.sin())


# --8<-- [end:complex]
def _require_tokens(x: Tensor, dim: int, longest: int | None = None) -> None:
    require(x.ndim == 3, "rank of x", 3, x.ndim)  # noqa: PLR2004
    require_shape("x", x, (*x.shape[:2], dim))
    require_count("length", x.shape[1], 1, longest)
