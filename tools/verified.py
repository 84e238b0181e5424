"""Note when all blocks of an article last ran, with what and how long: a plugin of pytest.

`pytest --codeblocks docs` writes `.cache/verified.json`; the site shows an entry as long as nothing
that the blocks depend on has changed since, and nothing otherwise.
"""

import json
from collections import defaultdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import pytest

from tools.articles import read
from tools.dependencies import digest

ROOT = Path(__file__).parents[1]
RECORD = Path(".cache") / "verified.json"


class Verified(NamedTuple):
    """One run of all blocks of an article, each with the output that the page shows."""

    date: str
    torch: str
    blocks: int
    seconds: float
    digest: str


def pytest_configure(config: pytest.Config) -> None:
    """Listen where reports arrive, which with pytest-xdist is one process."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Listener(ROOT))


class Listener:
    """Hears how the blocks of each article fared, and writes the record at the end.

    Args:
        root: The repository.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in the report of one block."""
        place = Path(report.nodeid.partition("::")[0])
        if place.parent != Path("docs/articles"):
            return
        if report.when == "call" and report.passed:
            self.seconds[place.stem].append(report.duration)
        elif not report.passed:
            self.failed.add(place.stem)

    def pytest_sessionfinish(self) -> None:
        """Write what ran whole; forget what failed."""
        file = self.root / RECORD
        known = json.loads(file.read_text("utf-8")) if file.is_file() else {}
        for slug in self.failed:
            known.pop(slug, None)
        for slug in self.seconds.keys() - self.failed:
            blocks = len(read(self.root / "docs" / "articles" / f"{slug}.md").executed)
            if blocks == len(self.seconds[slug]):
                known[slug] = self._record(slug)._asdict()
        if self.seconds or self.failed:
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", "utf-8")

    def _record(self, slug: str) -> Verified:
        durations = self.seconds[slug]
        today = datetime.now(UTC).date().isoformat()
        total = round(sum(durations), 1)
        return Verified(
            today, version("torch"), len(durations), total, fingerprint(self.root, slug)
        )


def verified(root: Path) -> dict[str, Verified]:
    """Return the last run of each article whose result still stands."""
    file = root / RECORD
    known = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    runs = {slug: Verified(**run) for slug, run in known.items()}
    return {slug: run for slug, run in runs.items() if run.digest == fingerprint(root, slug)}


def fingerprint(root: Path, slug: str) -> str:
    """Return a digest of an article, the package that its blocks import, and the pins."""
    files = [root / "docs" / "articles" / f"{slug}.md", root / "requirements.txt"]
    files += sorted((root / "snippets").rglob("*.py"))
    return digest(b"\0".join(file.read_bytes() for file in files if file.is_file()))
