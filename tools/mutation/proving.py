"""Run tests on a mutant in a fork of a process that has imported the libraries already.

PyTorch takes seconds to import, most tests a hundredth: a process for each mutant would spend its
time on imports. What differs, the snippets and their tests, is imported in the fork.
"""

import importlib
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import coverage  # pyright: ignore[reportMissingImports]
import pytest

from tools.kept import digest
from tools.mutation.scores import Mutant

Cover = dict[str, dict[int, list[str]]]
QUIET = ("-q", "--no-header", "-p", "no:cacheprovider", "--disable-plugin-autoload")


def import_libraries(files: Sequence[Path]) -> None:
    """Import what the tests import, less what is ours."""
    for file in files:
        for name in re.findall(r"^(?:from|import) ([\w.]+)", file.read_text("utf-8"), re.M):
            if name.partition(".")[0] not in ("snippets", "tests", "test_positions"):
                importlib.import_module(name)


def covered(root: Path, files: Sequence[Path]) -> tuple[dict[str, float], Cover]:
    """Run the tests as they are; return the seconds of those that pass, and who ran which line.

    What was found is kept for as long as no test and no snippet changes.
    """
    texts = [*files, *sorted((root / "snippets").rglob("*.py"))]
    folder = root / ".cache" / "mutation" / digest(file.read_text("utf-8") for file in texts)[:16]
    folder.mkdir(parents=True, exist_ok=True)
    data, times = folder / "coverage", folder / "seconds"
    if not times.is_file():
        data.unlink(missing_ok=True)
        for old in folder.parent.glob("*/"):
            if old != folder:
                shutil.rmtree(old)
        names = [str(file) for file in files]
        if _forked(names, [_Recorder(data, times)], ["--no-shape-checks"], 1800) is None:
            sys.exit("the tests take longer than 30 minutes without any mutant")
    lines = coverage.CoverageData(str(data))
    lines.read()
    cover = {
        str(Path(file).relative_to(root)): lines.contexts_by_lineno(file)
        for file in lines.measured_files()
    }
    rows = times.read_text("utf-8").splitlines()
    seconds = {name: float(number) for number, name in (row.split(" ", 1) for row in rows)}
    return seconds, cover


def verdict(
    root: Path, mutant: Mutant, tests: Sequence[str], seconds: dict[str, float], *options: str
) -> str:
    """Say whether a mutant is killed by tests, outlasts its time, survives, or is never run."""
    if not tests:
        return "not run"
    chosen = _Chosen(tests, seconds)
    files = sorted({test.partition("::")[0] for test in tests})
    limit = 30 + 5 * sum(seconds[test] for test in tests)
    code = _forked(files, [chosen], ["-x", *options], limit, (str(root / mutant.file), mutant.text))
    return {0: "survived", None: "timed out"}.get(code, "killed")


class _Recorder:
    """Notes which test ran which line, and for how long."""

    def __init__(self, data: Path, times: Path) -> None:
        self.rows: list[str] = []
        self.times = times
        self.coverage = coverage.Coverage(str(data), source=["snippets"], messages=False)

    def pytest_configure(self) -> None:
        self.coverage.start()

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.coverage.switch_context(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.rows.append(f"{report.duration:.4f} {report.nodeid}")

    def pytest_sessionfinish(self) -> None:
        self.coverage.stop()
        self.coverage.save()
        self.times.write_text("\n".join(self.rows), "utf-8")


class _Chosen:
    """Keeps the tests that can notice, the quickest first."""

    def __init__(self, tests: Sequence[str], seconds: dict[str, float]) -> None:
        self.place = {test: i for i, test in enumerate(sorted(tests, key=seconds.__getitem__))}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if item.nodeid in self.place]
        items[:] = sorted(chosen, key=lambda item: self.place[item.nodeid])


def _forked(
    files: Sequence[str],
    plugins: Sequence[Any],
    options: Sequence[str],
    limit: float,
    edit: tuple[str, str] | None = None,
) -> int | None:
    """Run pytest in a fork; return its exit status, or None if it had to be stopped."""
    child = os.fork()
    if not child:
        _run([*files, *QUIET, *options], plugins, edit)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _run(arguments: list[str], plugins: Sequence[Any], edit: tuple[str, str] | None) -> None:
    """Become the fork: alone in its group, silent, and with the mutant in place of its module."""
    os.setsid()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    for name in [name for name in sys.modules if re.match(r"snippets|tools\.robustness", name)]:
        del sys.modules[name]  # or the tests would meet the module as it was
    if edit:
        _replace(*edit)
    code = 1
    try:
        code = int(pytest.main(arguments, plugins))
    finally:
        os._exit(code)


def _replace(file: str, text: str) -> None:
    """Let imports of a file read a text instead, compiled anew."""
    get_data, path_stats = SourceFileLoader.get_data, SourceFileLoader.path_stats

    def data(loader: SourceFileLoader, path: str) -> bytes:
        return text.encode() if path == file else get_data(loader, path)

    def stats(loader: SourceFileLoader, path: str) -> Any:
        if path == file:
            raise OSError("no bytecode: the mutant is compiled from its text")
        return path_stats(loader, path)

    SourceFileLoader.get_data, SourceFileLoader.path_stats = data, stats  # pyright: ignore
