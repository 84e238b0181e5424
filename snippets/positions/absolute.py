"""Positions that enter the input: learned, product, sinusoids, a flow.

Article:  docs/articles/positions.md; `positions:...` names an equation of it.
Source:   Vaswani et al. (2017), https://arxiv.org/abs/1706.03762; Liu et al.
          (2020), arXiv:2003.09229; Su (2020), https://kexue.fm/archives/7947.
Shapes:   x (batch, length, dim); a table (length, dim).
Units:    positions in tokens, from 0.
"""

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from snippets.checks import (
    require,
    require_count,
    require_counts,
    require_dtype,
    require_floating,
    require_shape,
)
from snippets.positions.attention import Scheme, Tokens, require_like
from snippets.positions.rotation import require_layout
from snippets.sinusoidal import Layout, require_base, sinusoidal

Rows = Float[Tensor, "length dim"]


# --8<-- [start:learned]
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

    def _rows(self, x: Tokens) -> Rows:
        _require_tokens(self, x)
        require_like("x", x, self.table)
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


# --8<-- [end:learned]
# --8<-- [start:sinusoidal]
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
        self.dim, self.base = dim, base
        self.layout: Layout = layout

    def forward(self, x: Tokens) -> Tokens:
        """Add to each token the sinusoids of its position."""
        _require_tokens(self, x)
        require_floating("x", x)
        places = torch.arange(x.shape[1], device=x.device)
        return x + sinusoids(places, x, base=self.base, layout=self.layout)


# --8<-- [end:sinusoidal]
def sinusoids(
    offsets: Integer[Tensor, "count"],
    like: Float[Tensor, "... dim"],
    *,
    base: float,
    layout: Layout,
) -> Float[Tensor, "count dim"]:
    """Compute sinusoids in float64, then round to the dtype of a tensor."""
    table = sinusoidal(
        offsets.double(), like.shape[-1], base=base, layout=layout
    )
    return table.to(like.dtype)


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
        _require_tokens(self, x)
        require_like("x", x, self.start)
        return x + self.states(x.shape[1])

    # --8<-- [start:recurrent]
    def states(self, length: int) -> Rows:
        """Return the states at the positions 0 to length - 1."""
        require_counts(length=length)
        states: list[Tensor] = [self.start]
        for _ in range(length - 1):
            states.append(self._next(states[-1]))
        return torch.stack(states)

    def _next(self, p: Tensor) -> Tensor:
        h, step = self.dynamics, 1 / self.steps
        for _ in range(self.steps):
            first = h(p)
            require_shape("value of dynamics", first, tuple(p.shape))
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
def _require_tokens(scheme: Scheme, x: Tensor) -> None:
    require(x.ndim == 3, "rank of x", 3, x.ndim)  # noqa: PLR2004
    require_shape("x", x, (*x.shape[:2], scheme.dim or x.shape[2]))
    require_count("length", x.shape[1], 1, scheme.max_length)
