"""Trials of position schemes: what each is given to learn, and how it did.

Article:  none of its own; docs/articles/positions.md reports what comes out.
Source:   none; sizes and rates are ours, chosen on the validation text.
Shapes:   one row a member of an ensemble, which is one row a seed.
Units:    accuracies from 0 to 1; scores of a text in bits a character.
"""

import copy
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from snippets import positions
from snippets.checks import require, require_counts
from snippets.ensembles import Build, Ensemble, Transformer, train
from snippets.positions import Scheme
from snippets.sequences import (
    SILENT,
    SYMBOLS,
    Task,
    Text,
    growing_lengths,
    task_batch,
    windows,
)
from snippets.training import History

PerMember = Float[Tensor, "members"]

# From length, width and heads to a scheme, as a causal model of one layer
# wants it; the length is that of tables, or where offsets are clipped.
SCHEMES: dict[str, Callable[[int, int, int], Scheme | None]] = {
    "none": lambda *_: None,
    "learned": lambda n, d, _: positions.LearnedPositions(n, d),
    "product": lambda n, d, _: positions.ProductPositions(n, d),
    "sinusoidal": lambda _, d, __: positions.SinusoidalPositions(d),
    "recurrent": lambda _, d, __: positions.RecurrentPositions(d),
    "Shaw": lambda _, d, h: positions.ShawPositions(d, h),
    "Transformer-XL": lambda _, d, h: positions.TransformerXLPositions(d, h),
    "T5": lambda _, __, h: positions.T5Positions(h, bidirectional=False),
    "DeBERTa": lambda n, d, h: positions.DebertaPositions(d, h, max_distance=n),
    "rotary": lambda *_: positions.RotaryPositions(),
    "ALiBi": lambda _, __, h: positions.AlibiPositions(h),
}


def scheme(name: str, length: int, *, width: int = 64, heads: int = 4) -> Build:
    """Return what makes a scheme of `SCHEMES` for each layer."""
    require(name in SCHEMES, "name", ", ".join(SCHEMES), name)
    return partial(SCHEMES[name], length, width, heads)


def train_task(
    task: Task,
    position: Build | None,
    *,
    seeds: Sequence[int],
    steps: int = 300,
    longest: int = 64,
    shown: int = 256,
    rate: float = 5e-3,
    epochs: int = 10,
    **sizes: Any,
) -> tuple[Ensemble, History]:
    """Train Transformers on a task, on lengths that grow to `longest`.

    All members see the same lengths, about `shown` symbols a step each.
    `sizes` go to `Transformer`.
    """
    require_counts(shown=shown)
    ensemble = Ensemble(
        lambda: Transformer(SYMBOLS + 2, position, **sizes), seeds
    )
    draw = Generator().manual_seed(0)
    lengths = growing_lengths(steps, longest, generator=draw)

    def batch(step: int, generator: Generator) -> tuple[Tensor, Tensor]:
        length = lengths[step]
        count = max(1, shown // length)
        return task_batch(task, length, count, generator=generator)

    history = train(ensemble, batch, steps=steps, rate=rate, epochs=epochs)
    return ensemble, history


def train_characters(
    text: Text,
    position: Build | None,
    *,
    symbols: int,
    seeds: Sequence[int],
    steps: int = 200,
    length: int = 64,
    count: int = 8,
    rate: float = 5e-3,
    hidden: int = 128,
    epochs: int = 10,
    **sizes: Any,
) -> tuple[Ensemble, History]:
    """Train Transformers to predict the next character of a text.

    Args:
        text: Of ids below `symbols`.
        position: Makes a scheme for each layer; None for no positions.
        symbols: Length of the alphabet.
        seeds: One for each member's start, and for its windows.
        steps: In all; a multiple of `epochs`.
        length: Of a window.
        count: Windows a step, for each member.
        rate: The highest learning rate.
        hidden: See `Transformer`, to which `sizes` go, too.
        epochs: Parts of the run that the history tells apart.
    """
    require_counts(count=count)
    ensemble = Ensemble(
        lambda: Transformer(symbols, position, hidden=hidden, **sizes), seeds
    )

    def batch(_: int, generator: Generator) -> tuple[Tensor, Tensor]:
        starts = torch.randint(
            len(text) - length, (count,), generator=generator
        )
        return windows(text, starts, length)

    history = train(ensemble, batch, steps=steps, rate=rate, epochs=epochs)
    return ensemble, history


@torch.no_grad()
def accuracy(
    ensemble: Ensemble, task: Task, length: int, *, count: int = 8
) -> PerMember:
    """Return each member's share of right answers on one drawn batch."""
    draw = Generator().manual_seed(length)
    ids, targets = task_batch(task, length, count, generator=draw)
    members = len(ensemble.seeds)
    guesses = ensemble(ids.expand(members, -1, -1)).argmax(-1)
    asked = targets != SILENT
    return (guesses == targets)[:, asked].float().mean(1)


@torch.no_grad()
def bits(
    ensemble: Ensemble, text: Text, length: int, *, count: int = 64
) -> Float[Tensor, "members length"]:
    """Return the bits a character costs, by its place in a window.

    Windows start evenly over the text; all members read the same ones.
    """
    require_counts(count=count)
    starts = torch.linspace(0, len(text) - 1 - length, count).long()
    members, sums = len(ensemble.seeds), 0.0
    for part in starts.split(16):
        ids, targets = (
            x.expand(members, -1, -1) for x in windows(text, part, length)
        )
        logits = ensemble(ids).movedim(-1, 1)
        nats = cross_entropy(logits, targets, reduction="none")
        sums = sums + nats.sum(1)
    return torch.as_tensor(sums) / (count * math.log(2))


def schemes_of(ensemble: Ensemble) -> list[Any]:
    """Return the schemes of an ensemble's layers, shared by its members."""
    return [each[1].position for each in ensemble.shared_network().attentions]


@torch.no_grad()
def lengthened(ensemble: Ensemble, length: int, **changes: float) -> Ensemble:
    """Return an ensemble whose positions reach further, nothing trained.

    Tables grow by `hierarchical_positions`; of other schemes the attributes
    named by `changes` are set, such as `step` or `base` of rotary positions.
    """
    longer = copy.deepcopy(ensemble)
    for layer, each in enumerate(schemes_of(longer)):
        for name, value in changes.items():
            require(hasattr(each, name), "changes", "attributes", name)
            setattr(each, name, value)
        if each.max_length is not None:
            tables = longer.stacked(f"attentions.{layer}.1.position.table")
            each.max_length = length
            tables.data = torch.stack(
                [
                    positions.hierarchical_positions(table, length)
                    for table in tables
                ]
            )
    return longer


def task_scores(
    name: str, task: Task, lengths: Sequence[int], *, longest: int, **how: Any
) -> Float[Tensor, "members lengths"]:
    """Train a scheme on a task; return accuracies, NaN where it refuses."""
    rows = longest if task == "nth" else 2 * longest
    build = scheme(name, rows, **_of_scheme(how))
    trained, _ = train_task(task, build, longest=longest, **how)
    limit = schemes_of(trained)[0].max_length or math.inf
    columns = []
    for length in lengths:
        takes = (length if task == "nth" else 2 * length) <= limit
        nothing = torch.full((len(trained.seeds),), torch.nan)
        columns.append(accuracy(trained, task, length) if takes else nothing)
    return torch.stack(columns, 1)


def text_scores(
    name: str,
    train: Text,
    test: Text,
    symbols: int,
    *,
    length: int,
    far: int,
    read: int = 64,
    **how: Any,
) -> dict[str, Float[Tensor, "members places"]]:
    """Train a scheme on a text; return bits by place in windows of another.

    Windows are `far` characters long where the scheme allows it, else
    `length`, and `read` of them; the same, by name, for ways to reach further
    untrained. The rest goes to `train_characters`.
    """
    build = scheme(name, length, **_of_scheme(how))
    trained, _ = train_characters(
        train, build, symbols=symbols, length=length, **how
    )
    first = schemes_of(trained)[0]
    reach = far if first.max_length is None else length
    scores = {name: bits(trained, test, reach, count=read)}
    longer = {}
    if name == "rotary":
        width = how.get("width", 64) // how.get("heads", 4)
        base = positions.ntk_base(first.base, far / length, width)
        longer["rotary, interpolated"] = {"step": length / far}
        longer["rotary, NTK base"] = {"base": base}
    elif name == "learned":
        longer["learned, hierarchical"] = {}
    for label, changes in longer.items():
        other = lengthened(trained, far, **changes)
        scores[label] = bits(other, test, far, count=read)
    return scores


def _of_scheme(how: dict[str, Any]) -> dict[str, Any]:
    return {key: how[key] for key in ("width", "heads") if key in how}
