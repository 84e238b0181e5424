"""Write tables and a chart of what `make bench` measured: `python -m tools.ratios`.

docs/benchmarks.json is flat, so that prose can quote it: `module/what/whom`. Of a comparison it has
`ours` in milliseconds and, for each other side, the ratio of its time to ours, as a median between
two quartiles; of a growth, sizes and costs and the power law through them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.articles import Article
from tools.charts.ratios import bars
from tools.outputs import refresh
from tools.publish import figure

ROOT = Path(__file__).parents[1]
PAGE = Path("docs/benchmarks.md")
FILE = Path("docs/benchmarks.json")
TABLES = Path("docs/benchmarks")
ALT = (
    "Horizontal bars on a logarithmic axis, one for each library and piece of work: how long it "
    "takes in units of ours, from the line at 1; most reach to the right of it."
)
Rows = list[list[str]]
Found = dict[str, dict[str, Any]]


def load(root: Path = ROOT) -> Found:
    """Return what was measured, by module and what was done."""
    groups: Found = {}
    for key, value in json.loads((root / FILE).read_text("utf-8")).items():
        name, _, what = key.rpartition("/")
        groups.setdefault(name, {})[what] = value
    return dict(sorted(groups.items()))


def duels(found: Found) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield module, what was done and results of each comparison."""
    for name, values in found.items():
        if "rivals" in values:
            yield (*name.split("/", 1), values)  # pyright: ignore[reportReturnType]


def duel_rows(found: Found, module: str, kind: str) -> Rows:
    """Return a row for each side of a module's comparisons: all `rivals`, or all `yardsticks`."""
    return [
        [what, name, _time(values["ours"][0]), *_ratio(values[name]), _held(values, name)]
        for each, what, values in duels(found)
        for name in values[kind]
        if each == module
    ]


def growth_rows(found: Found) -> Rows:
    """Return two rows for each growth: time, then memory."""
    return [
        [
            name.replace("/", ": ") if cost == "time" else "",
            f"{values['sizes'][0]:,} to {values['sizes'][-1]:,}" if cost == "time" else "",
            cost,
            f"{values[f'{cost}, law']:g}",
            _power(values[f"{cost}, fit"]),
            _since(values[f"{cost}, fit"][2], values["sizes"]),
        ]
        for name, values in found.items()
        if "sizes" in values
        for cost in ("time", "memory")
    ]


def tables(found: Found) -> dict[str, str]:
    """Return the text of each table: two a module, and one of all growths."""
    header = ["what", "beside", "ours (ms)", "its time", "quartiles", "its memory"]
    law = ["what", "sizes", "cost", "law", "exponent", "keeps to it from"]
    made = {"growth": _table(law, growth_rows(found))}
    for module in dict.fromkeys(module for module, *_ in duels(found)):
        for kind in ("rivals", "yardsticks"):
            if rows := duel_rows(found, module, kind):
                made[f"{module}_{kind}"] = _table(header, rows)
    return made


def chart(found: Found) -> None:
    """Write the chart of all ratios, in both schemes."""
    groups = {
        f"{module}: {what}": {name: tuple(values[name]) for name in values["rivals"]}
        for module, what, values in duels(found)
    }
    figure("benchmarks_ratios", bars(groups, "time in units of ours, ours = 1"), alt=ALT)


def quoted(page: Article) -> set[str]:
    """Return the keys that a page quotes."""
    return {found.key for found in page.measured if found.slug == "benchmarks"}


def main(root: Path = ROOT) -> None:
    """Write all that shows what was measured, and the numbers in the prose."""
    found = load(root)
    (root / TABLES).mkdir(exist_ok=True)
    for name, text in tables(found).items():
        (root / TABLES / f"{name}.md").write_text(text, "utf-8")
    chart(found)
    refresh(root, root / PAGE)


def _table(header: list[str], rows: Rows) -> str:
    """Write a table, without a last column that is empty."""
    if not any(row[-1] for row in rows):
        header, rows = header[:-1], [row[:-1] for row in rows]
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.3g}"


def _ratio(values: list[float]) -> tuple[str, str]:
    middle, low, high = values
    return f"{middle:.2f}", f"{low:.2f} to {high:.2f}"


def _held(values: dict[str, Any], name: str) -> str:
    ratio = values.get(f"{name}, memory")
    return "" if ratio is None else f"{ratio:.2f}"


def _power(fit: list[float]) -> str:
    return f"{fit[0]:.2f} ± {fit[1]:.2f}"


def _since(size: int, sizes: list[int]) -> str:
    if size == sizes[0]:
        return "the\u00a0first\u00a0size"
    return f"{size:,}" if size else "not\u00a0yet"


if __name__ == "__main__":
    main()
