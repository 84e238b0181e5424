"""Tables with gaps: word pairs of real English, blocks, and cells to hide.

Article:  none of its own; docs/labs/svd.py fills the gaps by truncation.
Source:   `pydoc_data.topics` and docstrings, which each Python carries (PSF).
Shapes:   (V, V) counts of V words: first word by row, second by column.
Units:    occurrences. Other versions of Python hold somewhat other texts.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from pydoc_data.topics import topics

import torch
from jaxtyping import Bool, Float, Int64
from torch import Generator, Tensor

from snippets.checks import (
    require,
    require_count,
    require_counts,
    require_finite,
    require_floating,
    require_shape,
)
from snippets.svd import low_rank

Pairs = Float[Tensor, "V V"]
Table = Float[Tensor, "rows columns"]
Mask = Bool[Tensor, "rows columns"]


def reference() -> str:
    """Return the language reference that `help()` shows, some 460 kB."""
    return "\n\n".join(topics[name] for name in sorted(topics))


def docstrings() -> str:
    """Return what stands in triple quotes in the standard library."""
    files = sorted(Path(os.__file__).parent.glob("*.py"))
    texts = (file.read_text("utf-8") for file in files)
    return "\n\n".join(x for text in texts for x in _QUOTED.findall(text))


def vocabulary(text: str, *, least: int = 20) -> list[str]:
    """Return the words of a text that occur often enough, commonest first.

    Words are runs of at least two letters, in lower case.
    """
    require_counts(least=least)
    counts = Counter(word for run in _runs(text) for word in run)
    common = counts.most_common()
    words = [word for word, n in common if n >= least and len(word) > 1]
    require(bool(words), "least", "the count of some word", least)
    return words


def pair_counts(text: str, words: list[str]) -> Pairs:
    """Count how often each word comes right before each other.

    Punctuation, digits and markup part words; spaces and hyphens do not.
    """
    place = {word: index for index, word in enumerate(words)}
    require(len(place) == len(words) > 0, "words", "some, all different", words)
    counts = torch.zeros(len(words), len(words))
    for run in _runs(text):
        for first, second in pairwise(run):
            if first in place and second in place:
                counts[place[first], place[second]] += 1
    return counts


def block_table(
    rows: int, columns: int, *, generator: Generator | None = None
) -> Mask:
    """Say which cells are allowed, when only the kinds of both sides count.

    Rows and columns are of four kinds each, in order; each pair of kinds is
    allowed with probability 1/2, and every kind goes with at least one.
    """
    require_counts(rows=rows, columns=columns)
    kinds, sorts = (
        torch.randint(4, (count,), generator=generator).sort().values
        for count in (rows, columns)
    )
    allowed = torch.rand(4, 4, generator=generator) < 1 / 2
    allowed |= torch.eye(4, dtype=torch.bool).flip(0)
    return allowed[kinds][:, sorts]


def hide(
    table: Table, share: float, *, generator: Generator | None = None
) -> Table:
    """Return a copy in which a share of the cells that are not 0 is 0."""
    _require_table("table", table)
    require(0 <= share <= 1, "share", "0 to 1", share)
    cells = table.nonzero()
    order = torch.randperm(len(cells), generator=generator)
    chosen = cells[order[: round(share * len(cells))]]
    left = table.clone()
    left[chosen[:, 0], chosen[:, 1]] = 0
    return left


def best_gaps(scores: Table, table: Table, count: int) -> Int64[Tensor, "n 2"]:
    """Return row and column of the cells that are 0 and score highest."""
    _require_table("table", table)
    require_shape("scores", scores, tuple(table.shape))
    require_floating("scores", scores)
    unknown = int(scores.isnan().sum())
    require(unknown == 0, "count of NaN in scores", 0, unknown)
    gaps = int((table == 0).sum())
    require_count("count", count)
    require(1 <= count <= gaps, "count", f"1 to {gaps} gaps", count)
    masked = scores.masked_fill(table != 0, -torch.inf)
    places = masked.flatten().topk(count).indices
    width = table.shape[1]
    return torch.stack([places // width, places % width], -1)


def truncation(rank: int) -> Callable[[Table], Table]:
    """Return a score of gaps: log counts after a truncation to a rank."""
    return lambda counts: low_rank(counts.log1p(), rank)


def frequency(counts: Table) -> Table:
    """Score a pair by how often its two words occur in any pair."""
    _require_table("counts", counts)
    return counts.sum(1, keepdim=True) * counts.sum(0)


def found_again(
    score: Callable[[Table], Table], table: Table, seeds: Iterable[int]
) -> Float[Tensor, "seeds"]:
    """Return the precision of the 100 best gaps, a tenth of cells hidden.

    It counts, in per cent, those gaps that were hidden: a lower bound, as a
    gap that was there before may be plausible, too.
    """
    shares = []
    for seed in seeds:
        seen = hide(table, 0.1, generator=Generator().manual_seed(seed))
        rows, columns = best_gaps(score(seen), seen, 100).T
        shares.append(100 * (table[rows, columns] > 0).float().mean())
    return torch.stack(shares)


def _require_table(name: str, x: Tensor) -> None:
    require(x.ndim == 2, f"rank of {name}", 2, x.ndim)  # noqa: PLR2004
    require_finite(name, x)
    if x.is_complex():
        raise TypeError(f"{name} must be real, got {x.dtype}")


def _runs(text: str) -> Iterator[list[str]]:
    for run in re.split(r"[^a-z\s'-]+|\n\s*\n", text.lower()):
        yield re.findall("[a-z]+", run)


_QUOTED = re.compile('"""(.*?)"""', re.S)
