"""What comes of wrong arguments, as tables for readers and as a list of every word said."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from tools.robustness.reasons import REASONS, reasons
from tools.robustness.samples import samples
from tools.robustness.wrong import outcome, wrong_values

REFUSED = ("ValueError", "TypeError")
NOT_FINITE = ("NaN", "infinity", "-infinity")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
HEAD = "| call | argument | `ValueError` | `TypeError` | not finite, nor is the result | a result |"


class Case(NamedTuple):
    """One wrong argument of one call, and what came of it."""

    name: str
    argument: str
    wrong: str
    came: str

    @property
    def call(self) -> str:
        """The case in one line, as tools/robustness/reasons.py writes it."""
        return f"{self.name}({self.argument}: {self.wrong})"


def cases() -> Iterator[Case]:
    """Try every wrong value of every argument of every public name."""
    for sample in samples():
        for argument, value in sample.arguments.items():
            others = (sample.other or {}).get(argument, {})
            for wrong, bad in [*wrong_values(value), *others.items()]:
                yield Case(sample.name, argument, wrong, outcome(sample, argument, bad))


def kind(case: Case) -> str:
    """Return the column of a case; what is accepted must have one reason, no more and no less."""
    error = case.came.partition(":")[0]
    if error in REFUSED:
        return error
    if case.came == "NaN or infinity" and case.wrong in NOT_FINITE:
        return case.came
    found = list(reasons(case.call))
    if len(found) != 1:
        raise ValueError(f"{case.call}: {case.came}; reasons.py has {len(found)} reasons for it")
    return LETTERS[found[0]]


def words(every: list[Case]) -> dict[str, dict[str, dict[str, str]]]:
    """Return by call, argument and fault what was said, or which reason excuses it."""
    said: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for case in every:
        how = kind(case)
        excused = how in LETTERS
        came = f"{case.came} ({how})" if excused else case.came
        said[case.name][case.argument][case.wrong] = came
    return said


def tables(every: list[Case]) -> str:
    """Return the page's part that is counted: totals, reasons, and a table a module."""
    counts: dict[str, int] = defaultdict(int)
    for case in every:
        counts["a result" if kind(case) in LETTERS else kind(case)] += 1
    names = {case.name for case in every}
    total = ", ".join(f"{what}: {counts[what]:,}" for what in sorted(counts))
    lines = [f"{len(every):,} wrong arguments of {len(names)} calls. {total}.", ""]
    lines += [f"({letter}) {why}\n" for letter, why in zip(LETTERS, REASONS, strict=False)]
    for module in dict.fromkeys(case.name.partition(".")[0] for case in every):
        lines += [f"## {module}", "", HEAD, "|---|---|---|---|---|---|"]
        lines += _rows([case for case in every if case.name.startswith(f"{module}.")])
        lines.append("")
    return "\n".join(lines)


def _rows(every: list[Case]) -> Iterator[str]:
    """Yield a line an argument; the call is named once."""
    rows: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for case in every:
        how = kind(case)
        text = f"{case.wrong} ({how})" if how in LETTERS else case.wrong
        column = "result" if how in LETTERS else how
        rows[case.name, case.argument][column].append(text.replace("-", "\N{MINUS SIGN}"))
    before = ""
    for (name, argument), row in rows.items():
        shown = "" if name == before else f"`{name.partition('.')[2]}`"
        before = name
        columns = (*REFUSED, "NaN or infinity", "result")
        cells = (", ".join(row[column]) or "\N{EN DASH}" for column in columns)
        yield " | ".join((f"| {shown}", f"`{argument}`", *cells)) + " |"
