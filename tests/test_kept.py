"""What builds keep is found again under what it was made from, and forgotten when unused."""

import os
from pathlib import Path

import pytest

from tools import kept


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "CACHE", tmp_path)


def test_the_same_parts_are_made_once() -> None:
    made: list[int] = []

    def make() -> int:
        made.append(len(made))
        return made[-1]

    calls = [("a", ["x", "y"]), ("a", ["x", "y"]), ("a", ["xy", ""]), ("b", ["x", "y"])]
    assert [kept.kept(kind, parts, make) for kind, parts in calls] == [0, 0, 1, 2]


def test_a_failure_is_not_kept() -> None:
    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        kept.kept("a", ["x"], fail)
    assert kept.kept("a", ["x"], lambda: 1) == 1


def test_the_machinery_is_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    kept.kept("a", ["x"], lambda: 1)
    monkeypatch.setattr(kept, "machinery", lambda: "other")
    assert kept.kept("a", ["x"], lambda: 2) == 2


def test_what_nothing_used_for_a_day_is_forgotten(tmp_path: Path) -> None:
    for name in ("old", "used"):
        kept.kept("a", [name], lambda: 1)
    for file in tmp_path.glob("a/*"):
        os.utime(file, (0, 0))
    kept.kept("a", ["used"], lambda: 2)
    kept.sweep()
    assert kept.kept("a", ["used"], lambda: 3) == 1
    assert kept.kept("a", ["old"], lambda: 3) == 3


def test_inclusions_are_followed(tmp_path: Path) -> None:
    (tmp_path / "one.md").write_text('--8<-- "two.py:region"\n')
    (tmp_path / "two.py").write_text("x = 1\n")
    found = list(kept.included(tmp_path, 'Text\n\n    --8<-- "one.md"\n--8<-- "none.md"\n'))
    assert found == ['--8<-- "two.py:region"\n', "x = 1\n"]
