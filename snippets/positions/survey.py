"""A survey of the schemes: each property is measured, none is typed.

Article:  docs/articles/positions.md; `positions:...` names an equation of it.
Source:   none; the schemes name theirs.
Shapes:   x (batch, length, dim); matrices (heads, length, length).
Units:    gaps in the units of outputs and scores; milliseconds, megabytes.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from snippets.checks import require, require_count, require_counts
from snippets.positions.absolute import (
    LearnedPositions,
    ProductPositions,
    RecurrentPositions,
    SinusoidalPositions,
)
from snippets.positions.attention import Attention, Scheme
from snippets.positions.biases import AlibiPositions, T5Positions
from snippets.positions.memory import peak_memory
from snippets.positions.relative import (
    DebertaPositions,
    ShawPositions,
    TransformerXLPositions,
)
from snippets.positions.rotation import RotaryPositions

Pairwise = Float[Tensor, "heads length length"]
Token = Float[Tensor, "dim"]
LENGTHS = (128, 256, 512, 1024, 2048, 4096)
FARTHEST = 128  # offset that T5's buckets and DeBERTa's table reach here
PROBED = 6  # positions that tell the kinds of a matrix apart
TINY = 1e-9  # of what is 0 but for rounding, in float64
SCHEMES: dict[str, Callable[[int, int, int], Scheme | None]] = {
    "none": lambda dim, heads, length: None,
    "none, causal": lambda dim, heads, length: None,
    "learned": lambda dim, heads, length: LearnedPositions(length, dim),
    "product": lambda dim, heads, length: ProductPositions(length, dim),
    "sinusoidal": lambda dim, heads, length: SinusoidalPositions(dim),
    "recurrent": lambda dim, heads, length: RecurrentPositions(dim),
    "Shaw": lambda dim, heads, length: ShawPositions(dim, heads),
    "Transformer-XL": lambda dim, heads, length: TransformerXLPositions(
        dim, heads
    ),
    "T5": lambda dim, heads, length: T5Positions(heads, max_distance=FARTHEST),
    "DeBERTa": lambda dim, heads, length: DebertaPositions(
        dim, heads, max_distance=FARTHEST
    ),
    "rotary": lambda dim, heads, length: RotaryPositions(),
    "ALiBi": lambda dim, heads, length: AlibiPositions(heads),
}


class Traits(NamedTuple):
    """What one scheme does, as measured.

    The terms are those of `positions:four-terms`: content of the query with
    content of the key, content with position, position with content, position
    with position. Each is "absent", "constant" (it sees no position),
    "relative" or "absolute".
    """

    scheme: str
    parameters: int
    equivariance_gap: float
    shift_gap: float
    terms: tuple[str, str, str, str]
    direction: bool
    beyond: str


class Cost(NamedTuple):
    """What one call of an attention costs, forward, batch 1."""

    scheme: str
    length: int
    milliseconds: float
    megabytes: float


def surveyed(
    name: str,
    *,
    dim: int = 16,
    heads: int = 2,
    length: int = 128,
    generator: Generator | None = None,
) -> Attention:
    """Return an attention with a scheme of this name, all weights drawn.

    Args:
        name: A key of SCHEMES.
        dim: Width of a token.
        heads: Their number.
        length: Rows of a learned table: the trained length.
        generator: For the weights.
    """
    require(name in SCHEMES, "name", " or ".join(SCHEMES), name)
    scheme, causal = SCHEMES[name](dim, heads, length), "causal" in name
    net = Attention(dim, heads, position=scheme, causal=causal)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_(std=0.3, generator=generator)
    return net


# --8<-- [start:terms]
def term_matrices(net: Attention, query: Token, key: Token) -> list[Pairwise]:
    """Split the scores of one token with another by what they depend on.

    Differences between tokens and zeros, at all pairs of positions: content
    with content, with position, position with content, with position.
    """

    def scores(a: Token, b: Token) -> Pairwise:
        (q, _, _), (_, k, _) = (
            net.project(token.expand(1, PROBED, -1)) for token in (a, b)
        )
        return net.pair_scores(q, k)[0]

    zero = torch.zeros_like(query)
    alone, ahead, behind = (
        scores(zero, zero),
        scores(query, zero),
        scores(zero, key),
    )
    both = scores(query, key)
    return [both - ahead - behind + alone, ahead - alone, behind - alone, alone]


def kind(matrix: Pairwise) -> str:
    """Say what a matrix over pairs of positions depends on."""
    largest = matrix.abs().max()
    tolerance = TINY * (1 + largest)
    if largest < tolerance:
        return "absent"
    if (matrix - matrix[..., :1, :1]).abs().max() < tolerance:
        return "constant"
    along = matrix[..., 1:, 1:] - matrix[..., :-1, :-1]
    return "relative" if along.abs().max() < tolerance else "absolute"


# --8<-- [end:terms]
# --8<-- [start:traits]
@torch.no_grad()
def traits(
    name: str,
    *,
    trained: int = FARTHEST,
    generator: Generator | None = None,
) -> Traits:
    """Measure what a scheme does, on weights and tokens drawn at random.

    `equivariance_gap` is the largest change of an output when tokens are
    permuted and outputs permuted back, 0 for `positions:equivariance`;
    `shift_gap` that of a score when tokens move along by 3; `direction` says
    whether equal tokens tell left from right.

    Args:
        name: A key of SCHEMES.
        trained: Rows of a learned table; what lies beyond it is `beyond`.
        generator: For weights and tokens.
    """
    require_count("trained", trained, 16)
    net = surveyed(name, length=trained, generator=generator).double()
    dim = net.query.in_features
    x = torch.randn(1, 16, dim, dtype=torch.float64, generator=generator)
    order = torch.randperm(16, generator=generator)
    permuted = (net(x[:, order]) - net(x)[:, order]).abs().max()
    moved = net.scores(x)[..., 3:, 3:] - net.scores(x[:, 3:])
    terms = [kind(m) for m in term_matrices(net, x[0, 0], x[0, 1])]
    alike = net.scores(x[:, :1].expand(-1, PROBED, -1))
    return Traits(
        name,
        sum(p.numel() for p in net.position.parameters()),
        permuted.item(),
        moved.abs().max().item(),
        (terms[0], terms[1], terms[2], terms[3]),
        bool((alike - alike.mT).abs().max() > TINY),
        beyond(net, x[0, 0], trained),
    )


# --8<-- [end:traits]
# --8<-- [start:beyond]
def beyond(net: Attention, token: Token, trained: int) -> str:
    """Say what the scores of equal tokens do at offsets never trained."""
    try:
        scores = net.scores(token.expand(1, 2 * trained, -1))[0]
    except ValueError:
        return "refuses"
    if kind(scores) == "constant":
        return "sees nothing"
    far = [scores[:, trained:, 0], scores[:, 0, trained:]]
    spread = max((x - x[:, :1]).abs().max().item() for x in far)
    return "clips" if spread < TINY else "goes on"


# --8<-- [end:beyond]
# --8<-- [start:cost]
@torch.no_grad()
def cost(
    name: str,
    length: int,
    *,
    dim: int = 64,
    heads: int = 2,
    seconds: float = 0.05,
) -> Cost:
    """Measure one call in float32: least time, and most memory at once.

    One thread works, as several measure how busy the machine is.

    Args:
        name: A key of SCHEMES.
        length: Tokens, in one sequence.
        dim: Width of a token.
        heads: Their number.
        seconds: Calls are repeated for so long, and at least once.
    """
    require_counts(length=length)
    net = surveyed(name, dim=dim, heads=heads, length=length).float()
    x = torch.randn(1, length, dim, dtype=torch.float32)
    megabytes = peak_memory(lambda: net(x)) / 1e6  # a first call, to warm up
    threads, times = torch.get_num_threads(), []
    torch.set_num_threads(1)
    try:
        while not times or sum(times) < seconds:
            start = time.perf_counter()
            net(x)
            times.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    return Cost(name, length, 1e3 * min(times), megabytes)


# --8<-- [end:cost]
def survey(*, generator: Generator | None = None) -> list[Traits]:
    """Return the traits of all schemes."""
    return [traits(name, generator=generator) for name in SCHEMES]
