"""The tasks and the text that docs/labs/positions.py trains on."""

from collections import Counter
from pydoc_data.topics import topics

import pytest
import torch

from snippets.sequences import (
    NTH,
    SYMBOLS,
    Task,
    growing_lengths,
    load_characters,
    task_batch,
    to_ids,
    windows,
)


@pytest.mark.parametrize("length", [1, 2, 7, 64])
@pytest.mark.parametrize("task", ["copy", "reverse"])
def test_answers_follow_the_mark(task: Task, length: int) -> None:
    """Against Python lists, symbol by symbol."""
    draw = torch.Generator().manual_seed(length)
    for ids, targets in zip(*task_batch(task, length, 5, generator=draw), strict=True):
        shown, mark, known = ids[:length].tolist(), int(ids[length]), ids[length + 1 :].tolist()
        answer = shown if task == "copy" else shown[::-1]
        assert mark == SYMBOLS + (task == "reverse")
        assert set(shown) <= set(range(SYMBOLS))
        assert known == answer[:-1]
        assert targets.tolist() == [-100] * length + answer


def test_nth_asks_for_the_fifth_from_the_end() -> None:
    (ids, targets) = (x[0].tolist() for x in task_batch("nth", 12, 1))
    for place, target in enumerate(targets):
        so_far = ids[: place + 1]
        assert target == (so_far[-NTH] if len(so_far) >= NTH else -100)


def test_batches_are_drawn_from_their_generator() -> None:
    batches = [
        task_batch("copy", 9, 4, generator=torch.Generator().manual_seed(k))[0] for k in (1, 1, 2)
    ]
    assert torch.equal(batches[0], batches[1])
    assert not torch.equal(batches[0], batches[2])


def test_lengths_grow_and_stay_within_bounds() -> None:
    lengths = growing_lengths(500, 64, generator=torch.Generator().manual_seed(0))
    assert len(lengths) == 500
    assert min(lengths) == 5
    assert max(lengths) == 64
    assert max(lengths[:50]) < 8
    assert all(length >= 32 for length in lengths[-100:])
    assert len(set(lengths[-100:])) > 20
    assert growing_lengths(3, 5) == [5, 5, 5]


def test_topics_are_parted_and_none_is_lost() -> None:
    data = load_characters()
    parts = data[:3]
    pieces = [len(topic) for topic in topics.values()]
    assert sum(map(len, parts)) == sum(pieces) + 2 * (len(pieces) - 3)
    assert all(len(part) > 20_000 for part in parts)
    assert len(data.train) > 8 * max(len(data.validation), len(data.test))
    names = sorted(topics)
    texts = ["".join(data.alphabet[i] for i in part) for part in parts]
    for index, name in enumerate(names):
        where = {3: 1, 7: 2}.get(index % 8, 0)
        kept = "".join(c if c in data.alphabet else data.alphabet[-1] for c in topics[name])
        assert kept in texts[where]


def test_rare_characters_are_one() -> None:
    data = load_characters(least=1000)
    counts = Counter(data.train.tolist())
    assert all(counts[i] >= 1000 for i in range(len(data.alphabet) - 1))
    assert len(data.alphabet) < len(load_characters().alphabet)
    assert to_ids("abca?", "abc\ufffd").tolist() == [0, 1, 2, 0, 3]


def test_windows_and_what_comes_next() -> None:
    text = torch.arange(10)
    ids, targets = windows(text, [0, 5, 6], 3)
    assert ids.tolist() == [[0, 1, 2], [5, 6, 7], [6, 7, 8]]
    assert torch.equal(targets, ids + 1)
    assert torch.equal(windows(text, torch.tensor([2]), 2)[0], torch.tensor([[2, 3]]))


@pytest.mark.refusal
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: task_batch("sort", 5, 1), "task must be copy or reverse or nth, got 'sort'"),  # pyright: ignore
        (lambda: task_batch("copy", 0, 1), "length must be at least 1, got 0"),
        (lambda: task_batch("nth", 4, 1), "length must be at least 5, got 4"),
        (lambda: task_batch("copy", 5, 0), "count must be at least 1, got 0"),
        (lambda: growing_lengths(0, 64), "steps must be at least 1, got 0"),
        (lambda: growing_lengths(9, 4), "longest must be at least 5, got 4"),
        (lambda: load_characters(least=0), "least must be at least 1, got 0"),
        (lambda: to_ids("", "ab"), "text must be not empty"),
        (lambda: to_ids("a", "aa"), "alphabet must be characters, all different"),
        (lambda: windows(torch.arange(10), [0, 7], 3), "starts must be 0 to 6, got \\[0, 7\\]"),
        (lambda: windows(torch.arange(10), [-1], 3), "starts must be 0 to 6, got \\[-1, -1\\]"),
        (lambda: windows(torch.arange(10), [0], 10), "length must be 1 to 9, got 10"),
    ],
)
def test_refuses(call, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()
