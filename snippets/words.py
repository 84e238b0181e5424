"""Real English that needs no download: the reference that Python carries.

Article:  none of its own; docs/labs/svd.py looks for unseen pairs in it.
Source:   `pydoc_data.topics` and the docstrings of the standard library, PSF.
Shapes:   (V, V) counts of V words: first word by row, second by column.
Units:    occurrences. Other versions of Python hold somewhat other texts.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from pydoc_data.topics import topics

import torch
from jaxtyping import Float
from torch import Tensor

from snippets.checks import require, require_counts

Pairs = Float[Tensor, "V V"]


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


def _runs(text: str) -> Iterator[list[str]]:
    for run in re.split(r"[^a-z\s'-]+|\n\s*\n", text.lower()):
        yield re.findall("[a-z]+", run)


_QUOTED = re.compile('"""(.*?)"""', re.S)
