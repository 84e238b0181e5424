"""List what the project depends on: licences from installed metadata, release dates from the index.

`python -m tools.supply` writes DEPENDENCIES.md, and keeps the dates that stand there; `--dates`
asks the package index, through pip, which must be 26 or newer (tools/audit/requirements.txt).
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, metadata
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
LIST = ROOT / "DEPENDENCIES.md"
YEARS = 2  # without a release for so long, a dependency needs a reason
HEAD = "| package | version | licence | newest release |\n|---|---|---|---|"
LONGEST = 60  # characters of a licence's name; what is longer is its text
# Why we keep what has had no release for two years: name, and what is to be known of it.
OLD = {
    "colorama": "colours on Windows alone; asked for by click's users",
    "cycler": "finished, 500 lines; needed by matplotlib, whose authors keep it",
    "defusedxml": "finished; needed by nbconvert",
    "ghp-import": "one script, never called here; needed by mkdocs",
    "jupyterlab_pygments": "one style sheet, kept by the Jupyter project; needed by nbconvert",
    "mdurl": "a port of a finished library; needed by markdown-it-py",
    "mergedeep": "one function; needed by mkdocs",
    "mkdocs-material-extensions": "an alias of what the theme has; needed by mkdocs-material",
    "normflows": "a rival with NICE's couplings ready-made; imported by benchmarks alone",
    "paginate": "one module; needed by mkdocs-material",
    "pandocfilters": "one module, never called here; needed by nbconvert",
    "pexpect": "finished; needed by ipython",
    "ptyprocess": "finished; needed by pexpect",
    "shellingham": "names the shell that runs; needed by typer",
    "sortedcontainers": "finished, without dependencies; needed by hypothesis",
    "stack-data": "formats tracebacks; needed by ipython",
}


class Pin(NamedTuple):
    """One line of requirements.txt, and the comment over its group."""

    name: str
    version: str
    group: str


def pins(root: Path) -> Iterator[Pin]:
    """Yield all pins, in order."""
    group = ""
    for line in (root / "requirements.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            group = line.strip("# ")
        elif line:
            name, version = line.split("==")
            yield Pin(name, version, group)


def licence(name: str) -> str:
    """Return the licence of an installed package, as its authors state it."""
    try:
        told: Any = metadata(name)
    except PackageNotFoundError:
        return "not installed here"
    classes = [
        each.rpartition(" :: ")[2]
        for each in told.get_all("Classifier") or []
        if each.startswith("License :: ") and not each.endswith("OSI Approved")
    ]
    if expression := told.get("License-Expression"):
        return expression
    stated = ", ".join(classes) or told.get("License") or _first_words(name)
    first = stated.strip().partition("\n")[0]
    return first if 0 < len(first) <= LONGEST else "see its files"


def _first_words(name: str) -> str:
    """Return what a package's file LICENSE begins with."""
    files = distribution(name).files or []
    found = next((file for file in files if file.name.startswith("LICENSE")), None)
    return found.read_text().strip() if found else ""


def written(root: Path, dates: dict[str, str]) -> str:
    """Return DEPENDENCIES.md, a table for each group of pins."""
    before = LIST.read_text("utf-8").partition("\n## ")[0].rstrip()
    lines, group = [before], ""
    for pin in pins(root):
        if pin.group != group:
            group = pin.group
            lines += ["", f"## {group}", "", HEAD]
        date = dates.get(pin.name, "not asked")
        note = f": {OLD[pin.name]}" if pin.name in without_release(dates) else ""
        lines.append(f"| {pin.name} | {pin.version} | {licence(pin.name)} | {date}{note} |")
    return "\n".join(lines) + "\n"


def known_dates(text: str) -> dict[str, str]:
    """Return the dates that a table holds, by package."""
    return dict(re.findall(r"^\| (\S+) \|.*\| (\d{4}-\d{2}-\d{2})[^|]*\|$", text, re.M))


def asked_dates(names: list[str]) -> dict[str, str]:
    """Ask the index, through pip, when the newest release of each package was uploaded."""
    from pip._internal.commands import create_command

    command: Any = create_command("index")
    options, _ = command.parse_args(["versions", "pip"])
    found = {}
    with command.main_context():
        finder = command._build_package_finder(
            options=options, session=command._build_session(options)
        )
        for name in names:
            times = [x.link.upload_time for x in finder.find_all_candidates(name)]
            if any(times):
                found[name] = max(time for time in times if time).date().isoformat()
    return found


def without_release(dates: dict[str, str]) -> list[str]:
    """Return the packages whose newest release is YEARS older than the newest of all."""
    year, rest = max(dates.values(), default="0000-").split("-", 1)
    since = f"{int(year) - YEARS:04}-{rest}"
    return sorted(name for name, date in dates.items() if date < since)


if __name__ == "__main__":
    known = known_dates(LIST.read_text("utf-8"))
    if "--dates" in sys.argv:
        known |= asked_dates([pin.name for pin in pins(ROOT)])
    LIST.write_text(written(ROOT, known), "utf-8")
    print("no release for two years, and no reason:", *(set(without_release(known)) - OLD.keys()))
