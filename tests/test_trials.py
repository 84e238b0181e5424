"""What position schemes are put through in docs/labs/positions.py."""

import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from snippets import positions, trials
from snippets.ensembles import Ensemble, Transformer
from snippets.sequences import SYMBOLS, Task, load_characters, task_batch, windows
from snippets.trials import (
    SCHEMES,
    accuracy,
    bits,
    lengthened,
    scheme,
    task_scores,
    text_scores,
    train_characters,
    train_task,
)

pytestmark = pytest.mark.usefixtures("reproducible")
SMALL: Any = {"width": 16, "heads": 2}


@pytest.mark.parametrize("name", [*SCHEMES])
def test_schemes_are_made_anew_for_each_layer(name: str) -> None:
    made = [scheme(name, 24, **SMALL)() for _ in range(2)]
    assert made[0] is not made[1] or name == "none"
    if name in ("learned", "product"):
        assert made[0] is not None
        assert made[0].max_length == 24


def test_names_are_those_of_their_schemes() -> None:
    """As a causal model of 24 symbols wants them."""
    kinds = {
        "learned": positions.LearnedPositions, "product": positions.ProductPositions,
        "sinusoidal": positions.SinusoidalPositions, "recurrent": positions.RecurrentPositions,
        "Shaw": positions.ShawPositions, "Transformer-XL": positions.TransformerXLPositions,
        "T5": positions.T5Positions, "DeBERTa": positions.DebertaPositions,
        "rotary": positions.RotaryPositions, "ALiBi": positions.AlibiPositions,
    }  # fmt: skip
    made: dict[str, Any] = {name: scheme(name, 24, **SMALL)() for name in ("none", *kinds)}
    assert list(made) == list(SCHEMES)
    assert made.pop("none") is None
    assert {name: type(each) for name, each in made.items()} == kinds
    assert not made["T5"].bidirectional
    assert len(made["DeBERTa"].table) == 2 * 24


def test_a_step_shows_about_as_many_symbols_whatever_the_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And one row at least."""
    told: dict[str, Any] = {}

    def note(_: Ensemble, batch: Any, **how: Any) -> dict[str, list[float]]:
        told.update(how, batch=batch)
        return {}

    monkeypatch.setattr(trials, "train", note)
    for shown in (256, 8):
        how = {} if shown == 256 else {"shown": shown}
        train_task("nth", None, seeds=(0,), **how, **SMALL)
        assert (told["steps"], told["rate"], told["epochs"]) == (300, 5e-3, 10)
        shapes = [told["batch"](step, torch.Generator())[0].shape for step in range(300)]
        assert max(length for _, length in shapes) == 64
        assert all(count == max(1, shown // length) for count, length in shapes)


@pytest.mark.parametrize("name", ["none", "learned", "rotary"])
def test_a_trained_task_is_measured_as_by_hand(name: str) -> None:
    build = scheme(name, 12, **SMALL)
    trained, history = train_task(
        "nth", build, seeds=(1, 2), steps=20, longest=12, shown=24, **SMALL
    )
    assert len(history["total"]) == 10
    draw = torch.Generator().manual_seed(9)
    ids, targets = task_batch("nth", 9, 6, generator=draw)
    for index, share in enumerate(accuracy(trained, "nth", 9, count=6)):
        guesses = trained.member(index)(ids).argmax(-1)
        right = [
            g == t for g, t in zip(guesses.flatten(), targets.flatten(), strict=True) if t >= 0
        ]
        assert float(share) == pytest.approx(sum(right) / len(right))


def test_offsets_are_learnt_and_chance_is_chance() -> None:
    """Shaw's table finds the fifth from the end in a few steps; without positions nobody does."""
    found, lost = (
        train_task("nth", scheme(name, 16), seeds=(0,), steps=60, longest=16, rate=1e-2)[0]
        for name in ("Shaw", "none")
    )
    assert accuracy(found, "nth", 30).item() > 0.99
    assert abs(accuracy(lost, "nth", 30).item() - 1 / SYMBOLS) < 0.25


def test_bits_are_a_mean_over_windows() -> None:
    """Against torch.distributions, window by window; 2 bits for four letters without a pattern."""
    text = torch.randint(4, (400,))
    how: Any = {"symbols": 4, "seeds": (0, 1), "length": 8, "hidden": 8, **SMALL}
    trained, history = train_characters(text, scheme("ALiBi", 8, **SMALL), steps=20, **how)
    assert len(history["total"]) == 10
    cost = bits(trained, text, 13, count=20)
    starts = torch.linspace(0, 400 - 1 - 13, 20).long()
    ids, targets = windows(text, starts, 13)
    for index in range(2):
        logits = trained.member(index)(ids)
        log_probs = torch.distributions.Categorical(logits=logits).log_prob(targets)
        torch.testing.assert_close(cost[index], -log_probs.mean(0) / np.log(2))
    assert cost.mean() > 1.8


def test_a_pattern_is_learnt() -> None:
    text = torch.arange(3).repeat(200)
    how: Any = {"symbols": 3, "seeds": (0,), "length": 8, "hidden": 8, **SMALL}
    trained, _ = train_characters(text, None, steps=60, **how)
    assert bits(trained, text, 20)[:, 1:].max() < 0.1


def test_a_history_has_as_many_parts_as_asked_for() -> None:
    text = torch.arange(40) % 3
    how: Any = {"symbols": 3, "seeds": (0,), "steps": 12, "length": 4, "count": 2, "hidden": 8}
    _, history = train_characters(text, None, **how, epochs=3, **SMALL)
    assert {len(values) for values in history.values()} == {3}


def test_windows_come_from_the_whole_text() -> None:
    """A text of one window's length more than one character has two starts, both drawn."""
    text = load_characters().train[:10]
    train_characters(text, None, symbols=94, seeds=(0,), steps=20, length=8, **SMALL)


@pytest.mark.parametrize("name", ["learned", "rotary", "T5"])
def test_scores_of_a_text_are_bits_inside_and_beyond(name: str) -> None:
    """A scheme with a table is asked for no more than it has, and again with a longer one."""
    text = torch.randint(4, (300,))
    how: Any = {
        "seeds": (0, 1),
        "length": 8,
        "far": 16,
        "steps": 20,
        "hidden": 8,
        "read": 10,
        **SMALL,
    }
    scores = text_scores(name, text, text, 4, **how)
    longer = {"rotary": ["rotary, interpolated", "rotary, NTK base"]}
    longer["learned"] = ["learned, hierarchical"]
    assert list(scores) == [name, *longer.get(name, [])]
    assert scores[name].shape == (2, 8 if name == "learned" else 16)
    assert all(scores[label].shape == (2, 16) for label in longer.get(name, []))


def test_longer_rotations_are_by_the_ratio_of_lengths() -> None:
    """Trained once more, by hand: a step of 8 / 16, a base for twice the length, width 8."""
    text = torch.randint(4, (300,))
    how: Any = {"seeds": (0, 1), "length": 8, "steps": 20, "hidden": 8, **SMALL}
    scores = text_scores("rotary", text, text, 4, far=16, read=10, **how)
    trained, _ = train_characters(text, scheme("rotary", 8, **SMALL), symbols=4, **how)
    ways = {"interpolated": {"step": 0.5}, "NTK base": {"base": 10000 * 2 ** (8 / 6)}}
    for name, changes in ways.items():
        expected = bits(lengthened(trained, 16, **changes), text, 16, count=10)
        torch.testing.assert_close(scores[f"rotary, {name}"], expected)


def test_schemes_know_that_the_model_is_causal() -> None:
    made: Any = scheme("T5", 24, **SMALL)()
    assert not made.bidirectional
    assert len(made.table) == 32


def test_scores_of_a_task_are_missing_where_a_table_ends() -> None:
    how: Any = {"longest": 12, "seeds": (0, 1), "steps": 20, "shown": 24, **SMALL}
    tasks: tuple[Task, ...] = ("nth", "copy")
    for task in tasks:
        refused = task_scores("learned", task, (8, 12, 13), **how).isnan()
        assert refused.tolist() == [[False, False, True]] * 2
        assert not task_scores("ALiBi", task, (8, 12, 13), **how).isnan().any()


def test_longer_positions_are_those_of_the_module() -> None:
    """Hierarchical rows in each layer, a member each; turned by a smaller step."""
    short = Ensemble(lambda: Transformer(5, scheme("learned", 6, **SMALL), **SMALL), (0, 1))
    long, ids = lengthened(short, 30), torch.randint(5, (2, 3, 30))
    table = short.stacked("attentions.1.1.position.table")[1]
    expected = positions.hierarchical_positions(table, 30)
    assert torch.equal(long.stacked("attentions.1.1.position.table")[1], expected)
    assert long(ids).shape == (2, 3, 30, 5)
    torch.testing.assert_close(long(ids[:, :, :6]), short(ids[:, :, :6]))
    with pytest.raises(ValueError, match="length must be"):
        short(ids)
    turning = Ensemble(lambda: Transformer(5, scheme("rotary", 6, **SMALL), **SMALL), (0, 1))
    slow = lengthened(turning, 30, step=0.2)
    build = partial(positions.RotaryPositions, step=0.2)
    alone = Transformer(5, build, **SMALL)
    alone.load_state_dict(turning.member(1).state_dict())
    torch.testing.assert_close(slow(ids)[1], alone(ids[1]))
    assert not torch.allclose(turning(ids)[1], alone(ids[1]))


def test_what_workers_send_back_can_be_pickled() -> None:
    trained, _ = train_task("nth", None, seeds=(1,), steps=20, longest=6, **SMALL)
    assert torch.equal(
        pickle.loads(pickle.dumps(accuracy(trained, "nth", 6))), accuracy(trained, "nth", 6)
    )


@pytest.mark.refusal
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: scheme("sines", 9), "name must be none, learned, .*, got 'sines'"),
        (lambda: train_task("nth", None, seeds=(), steps=20), "members must be at least 1"),
        (lambda: train_task("nth", None, seeds=(0,), shown=0), "shown must be at least 1"),
        (
            lambda: lengthened(Ensemble(lambda: Transformer(5), (0,)), 9, step=2.0),
            "changes must be attributes, got 'step'",
        ),
        (lambda: bits(None, torch.arange(9), 3, count=0), "count must be at least 1"),  # pyright: ignore
    ],
)
def test_refuses(call, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()
