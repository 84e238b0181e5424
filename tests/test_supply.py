"""Dependencies: each pin is listed with its licence, and what is old has a reason."""

from pathlib import Path

import pytest

from tools import supply
from tools.supply import OLD, known_dates, licence, pins, without_release, written

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "DEPENDENCIES.md").read_text("utf-8")


def test_the_list_is_that_of_the_pins() -> None:
    assert written(ROOT, known_dates(TEXT)) == TEXT, "run `python -m tools.supply`"


def test_nothing_is_listed_without_licence_or_date() -> None:
    for vague in ("not installed", "see its files", "not asked"):
        assert vague not in TEXT


def test_what_is_old_has_a_reason_and_nothing_else_has() -> None:
    dates = known_dates(TEXT)
    assert dates.keys() == {pin.name for pin in pins(ROOT)}
    assert set(without_release(dates)) == OLD.keys()


def test_two_years_count_from_the_newest_release() -> None:
    dates = {"new": "2026-03-02", "at the bound": "2024-03-02", "old": "2024-03-01"}
    assert without_release(dates) == ["old"]


def test_pins_know_their_group(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(
        "# Only list\n\n# Models\na==1\nb==2.0\n# Site\nc==3\n"
    )
    assert [tuple(pin) for pin in pins(tmp_path)] == [
        ("a", "1", "Models"), ("b", "2.0", "Models"), ("c", "3", "Site")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"License-Expression": "MIT"}, "MIT"),
        ({"Classifier": "License :: OSI Approved :: BSD License"}, "BSD License"),
        ({"License": "ISC\nand its text"}, "ISC"),
        ({"License": "x" * 100}, "see its files"),
    ],
)
def test_licences_are_found_where_authors_put_them(
    told: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Told(dict[str, str]):
        def get_all(self, name: str) -> list[str]:
            return [self[name]] if name in self else []

    monkeypatch.setattr(supply, "metadata", lambda name: Told(told))
    assert licence("any") == expected


def test_a_package_that_is_not_there_is_said_to_be_so() -> None:
    assert licence("no-such-package") == "not installed here"
