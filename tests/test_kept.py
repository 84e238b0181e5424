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


MODELS = {
    "__init__": "",
    "nice": "from snippets.networks import mlp\n",
    "networks": "",
    "svd": "import math\n",
    "positions/__init__": "from snippets.positions.rotation import rotary\n",
    "positions/rotation": "",
    "positions/survey": "from snippets.svd import (\n    low_rank,\n)\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in MODELS.items():
        file = tmp_path / "snippets" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("No code.", set()),
        ("from snippets.networks import mlp", {"networks"}),
        ('--8<-- "snippets/nice.py:coupling"', {"nice", "networks"}),
        ("::: snippets.positions.rotation", {"positions/__init__", "positions/rotation"}),
        (
            "from snippets.positions import rotary",
            {"positions/__init__", "positions/rotation", "positions/survey", "svd"},
        ),
        ("from snippets import nice", set(MODELS) - {"__init__"}),
    ],
)
def test_models_are_found_through_others(root: Path, text: str, names: set[str]) -> None:
    found = [*kept.code(kept.models(root), text)][::2]
    assert {name[9:-3] for name in found} - {"__init__"} == names


def test_outlines_hold_imports_and_no_bodies(root: Path) -> None:
    before = [*kept.outlines(kept.models(root))]
    file = root / "snippets" / "positions" / "survey.py"
    file.write_text(f"{MODELS['positions/survey']}\n\nx = 1\n")
    assert [*kept.outlines(kept.models(root))] == before
    file.write_text(MODELS["positions/survey"].replace("low_rank", "low_rank, angles"))
    assert [*kept.outlines(kept.models(root))] != before
