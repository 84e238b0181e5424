"""Planting a fault edits one file, leaves no trace, and is judged by what the step says."""

from pathlib import Path

import pytest

from tools import faults
from tools.planted import FAULTS, Fault

ROOT = Path(__file__).parents[1]


def fault(find: str | None, put: str | None, says: str = "", **other: int) -> Fault:
    return Fault("a fault", "*.txt", find, put, "python -c pass", says, **other)


def test_its_steps_are_those_of_make_test() -> None:
    faults.check_steps(ROOT)


def test_names_are_given_once() -> None:
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names) >= 25


@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        (fault("b", "x"), b"axb \xff\n"),
        (fault("b", "x", times=0), b"axx \xff\n"),
        (fault(r"\Z", "x"), b"abb \xff\nx"),
        (fault(None, "x"), b"x"),
        (fault(None, None), None),
    ],
)
def test_a_fault_leaves_no_trace(tmp_path: Path, planted: Fault, expected: bytes | None) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"abb \xff\n")
    with faults.planted(tmp_path, planted):
        assert (file.read_bytes() if file.is_file() else None) == expected
    assert file.read_bytes() == b"abb \xff\n"


def test_a_new_file_is_taken_away(tmp_path: Path) -> None:
    with faults.planted(tmp_path, fault(None, "x")._replace(file="new.txt")):
        assert (tmp_path / "new.txt").read_text() == "x"
    assert not (tmp_path / "new.txt").exists()


def test_a_fault_without_a_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with (
        pytest.raises(SystemExit, match=r"a fault: \*\.txt has no 'b'"),
        faults.planted(tmp_path, fault("b", "x")),
    ):
        pass


@pytest.mark.parametrize(
    ("code", "said", "noticed"),
    [(1, "E  a.txt:3: wrong | bad", "a.txt:3: wrong ¦ bad"), (1, "else", ""), (0, "a.txt:3", "")],
)
def test_noticed_means_failed_and_said_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, said: str, noticed: str
) -> None:
    (tmp_path / "a.txt").write_text("a")
    monkeypatch.setattr(faults, "run", lambda copy, step: (code, f"collected 1 item\n{said}\n"))
    assert faults.notice(tmp_path, fault("a", "x", r"a\.txt:\d")) == noticed
