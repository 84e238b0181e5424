"""Sequences to learn order from: three tasks, and a text split by topic.

Article:  none of its own; docs/articles/positions.md trains on these.
Source:   `pydoc_data.topics`, which each Python carries (PSF licence).
Shapes:   ids and targets (count, length), int64; targets are -100 where no
          answer is asked for.
Units:    lengths in symbols of the sequence that a task is about.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pydoc_data.topics import topics
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Int64
from torch import Generator, Tensor

from snippets.checks import (
    require,
    require_count,
    require_counts,
    require_integers,
)

Ids = Int64[Tensor, "count length"]
Text = Int64[Tensor, "characters"]
Task = Literal["copy", "reverse", "nth"]

TASKS = get_args(Task)
SYMBOLS = 16  # what sequences are made of; two more ids mark the tasks
NTH = 5  # from the end, the last symbol being the first
SILENT = -100  # a target that asks for nothing
RARE = "\ufffd"  # stands for each character too rare to learn
EIGHTH = 8


# --8<-- [start:tasks]
def task_batch(
    task: Task, length: int, count: int, *, generator: Generator | None = None
) -> tuple[Ids, Ids]:
    """Draw sequences, and what is to be said of them after each id.

    "copy" and "reverse" show the sequence, a mark, and then the answer as
    far as it is known; the next symbol of it is asked for. "nth" asks after
    each symbol for the fifth from the end of what was shown so far.
    """
    require(task in TASKS, "task", " or ".join(TASKS), task)
    require_counts(count=count)
    require_count("length", length, NTH if task == "nth" else 1)
    shape = (count, length)
    shown = torch.randint(SYMBOLS, shape, generator=generator)
    silent = torch.full_like(shown, SILENT)
    if task == "nth":
        targets = silent.clone()
        targets[:, NTH - 1 :] = shown[:, : length - NTH + 1]
        return shown, targets
    answer = shown if task == "copy" else shown.flip(1)
    mark = torch.full((count, 1), SYMBOLS + TASKS.index(task))
    ids = torch.cat([shown, mark, answer[:, :-1]], 1)
    return ids, torch.cat([silent, answer], 1)


# --8<-- [end:tasks]
def growing_lengths(
    steps: int,
    longest: int,
    *,
    shortest: int = NTH,
    generator: Generator | None = None,
) -> list[int]:
    """Draw a length a step: between half of a bound and the bound.

    The bound grows from `shortest` to `longest` by a constant factor a step,
    and stays there for the last fifth. What attention must find in short
    sequences, it need only keep in long ones.
    """
    require_counts(steps=steps, shortest=shortest)
    require_count("longest", longest, shortest)
    lengths = []
    for step in range(steps):
        share = min(1.0, step / (0.8 * steps))
        bound = round(shortest * (longest / shortest) ** share)
        low = max(shortest, bound // 2)
        draw = torch.randint(low, bound + 1, (), generator=generator)
        lengths.append(int(draw))
    return lengths


class Characters(NamedTuple):
    """A text in three parts, as ids, and the character of each id."""

    train: Text
    validation: Text
    test: Text
    alphabet: str


def load_characters(*, least: int = 20) -> Characters:
    """Split the language reference of `help()` by topic into three texts.

    Of the topics in alphabetical order, the fourth of each eight is for
    validation and the eighth for the test. Characters that occur in fewer
    than `least` places of the training text are one, the last id.
    """
    require_counts(least=least)
    names = sorted(topics)
    places = {"validation": 3, "test": 7}
    kept = set(range(EIGHTH)) - {*places.values()}
    parts = {"train": (n for i, n in enumerate(names) if i % EIGHTH in kept)}
    parts |= {part: iter(names[k::EIGHTH]) for part, k in places.items()}
    texts = {part: _joined(each) for part, each in parts.items()}
    counts = Counter(texts["train"])
    common = sorted(c for c, n in counts.items() if n >= least and c != RARE)
    alphabet = "".join([*common, RARE])
    ids = {part: to_ids(text, alphabet) for part, text in texts.items()}
    return Characters(**ids, alphabet=alphabet)


def to_ids(text: str, alphabet: str) -> Text:
    """Number the characters of a text; one not in the alphabet is the last."""
    require(bool(text), "text", "not empty", text)
    distinct = len({*alphabet}) == len(alphabet) > 0
    require(distinct, "alphabet", "characters, all different", alphabet)
    place = {character: index for index, character in enumerate(alphabet)}
    return torch.tensor([place.get(c, len(alphabet) - 1) for c in text])


def windows(
    text: Text, starts: Sequence[int] | Int64[Tensor, "count"], length: int
) -> tuple[Ids, Ids]:
    """Cut windows out of a text, and the same moved on by one character."""
    require(text.ndim == 1, "rank of text", 1, text.ndim)
    require_count("length", length, 1, len(text) - 1)
    first = torch.as_tensor(starts)
    require(first.ndim == 1, "rank of starts", 1, first.ndim)
    require_integers("starts", first, 0, len(text) - 1 - length)
    rows = text[first[:, None] + torch.arange(length + 1)]
    return rows[:, :-1], rows[:, 1:]


def _joined(names: Iterable[str]) -> str:
    return "\n\n".join(topics[name] for name in names)
