"""Scores of mutants: survivors are named, shares have bounds that hold 19 times of 20."""

import pytest
from scipy import stats

from tools.mutation.scores import Mutant, key, report, wilson


def mutant(file: str, text: str) -> Mutant:
    return Mutant(file, 3, (3,), "a + b", "a - b", text)


@pytest.mark.parametrize(("killed", "count"), [(0, 7), (19, 20), (95, 100), (50, 50)])
def test_bounds_are_those_of_scipy(killed: int, count: int) -> None:
    expected = stats.binomtest(killed, count).proportion_ci(method="wilson")
    assert wilson(killed, count) == pytest.approx((expected.low, expected.high), abs=1e-4)


def test_a_report_names_survivors_and_counts_by_file() -> None:
    text = report([
        (mutant("a.py", "1"), "killed"),
        (mutant("a.py", "2"), "survived"),
        (mutant("b.py", "3"), "timed out"),
        (mutant("b.py", "4"), "not run"),
        (mutant("b.py", "5"), "killed"),
    ])  # fmt: skip
    lines = text.splitlines()
    assert lines[:2] == [
        "a.py:3: survived: 'a + b' -> 'a - b'", "b.py:3: not run: 'a + b' -> 'a - b'"
    ]  # fmt: skip
    assert lines[-3].startswith("| a.py | 2 | 1 | 50.0% | ")
    assert lines[-2].startswith("| b.py | 3 | 2 | 66.7% | ")
    assert lines[-1].startswith("| all | 5 | 3 | 60.0% | ")


def test_a_mutant_is_known_by_file_and_text() -> None:
    same = mutant("a.py", "1")
    assert key(same) == key(same._replace(line=4))
    assert len({key(same), key(mutant("a.py", "2")), key(mutant("b.py", "1"))}) == 3
