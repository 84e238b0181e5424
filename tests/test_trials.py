"""What position schemes are put through in docs/labs/positions.py."""

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from snippets.sequences import SYMBOLS, load_characters, task_batch, windows
from snippets.trials import (
    SCHEMES,
    accuracy,
    bits,
    paired_differences,
    scheme,
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
    how = {"symbols": 4, "seeds": (0, 1), "length": 8, "hidden": 8, **SMALL}
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
    how = {"symbols": 3, "seeds": (0,), "length": 8, "hidden": 8, **SMALL}
    trained, _ = train_characters(text, None, steps=60, **how)
    assert bits(trained, text, 20)[:, 1:].max() < 0.1


def test_windows_come_from_the_whole_text() -> None:
    """A text of one window's length more than one character has two starts, both drawn."""
    text = load_characters().train[:10]
    train_characters(text, None, symbols=94, seeds=(0,), steps=20, length=8, **SMALL)


def test_pairs_are_compared_as_scipy_does() -> None:
    """stats.ttest_rel, and Holm's correction by its definition."""
    scores = torch.randn(5, 6) + torch.arange(6) / 2
    means, values = paired_differences(scores, 2)
    raw = [stats.ttest_rel(scores[:, i], scores[:, 2]).pvalue for i in (0, 1, 3, 4, 5)]
    order = np.argsort(raw)
    holm, worst = np.empty(5), 0.0
    for rank, place in enumerate(order):
        worst = max(worst, min(1.0, (5 - rank) * raw[place]))
        holm[place] = worst
    np.testing.assert_allclose(values[[0, 1, 3, 4, 5]], holm, rtol=1e-4)
    np.testing.assert_allclose(means, (scores - scores[:, 2:3]).mean(0), atol=1e-6)
    assert values[2] == 1
    assert means[2] == 0


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
        (lambda: bits(None, torch.arange(9), 3, count=0), "count must be at least 1"),  # pyright: ignore
        (lambda: paired_differences(torch.ones(1, 2), 0), "members of scores must be at least 2"),
        (lambda: paired_differences(torch.ones(2, 2), 2), "reference must be a scheme's, got 2"),
    ],
)
def test_refuses(call, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()
