"""Positions: one attention, and every way in which it can know the order.

Article:  docs/articles/positions.md; `positions:...` names an equation of it.
Source:   each module of this package names its own.
Shapes:   x (batch, length, dim), dim = heads d.
Units:    positions and offsets in tokens, positions from 0.
"""

from snippets.positions.absolute import (
    LearnedPositions,
    ProductPositions,
    RecurrentPositions,
    SinusoidalPositions,
    hierarchical_positions,
)
from snippets.positions.attention import Attention, Scheme, four_terms
from snippets.positions.biases import (
    AlibiPositions,
    T5Positions,
    alibi_slopes,
    t5_bucket,
    toeplitz,
)
from snippets.positions.outside import ComplexEmbedding, padding_leak
from snippets.positions.relative import (
    DebertaPositions,
    ShawPositions,
    TransformerXLPositions,
    relative_shift,
)
from snippets.positions.rotation import (
    Layout,
    RotaryPositions,
    interpolated_positions,
    ntk_base,
    rotary,
)

__all__ = [
    "AlibiPositions",
    "Attention",
    "ComplexEmbedding",
    "DebertaPositions",
    "Layout",
    "LearnedPositions",
    "ProductPositions",
    "RecurrentPositions",
    "RotaryPositions",
    "Scheme",
    "ShawPositions",
    "SinusoidalPositions",
    "T5Positions",
    "TransformerXLPositions",
    "alibi_slopes",
    "four_terms",
    "hierarchical_positions",
    "interpolated_positions",
    "ntk_base",
    "padding_leak",
    "relative_shift",
    "rotary",
    "t5_bucket",
    "toeplitz",
]
