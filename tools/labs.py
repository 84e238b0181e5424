"""Run the labs whose results are stale: `python -m tools.labs [--all] [--only SLUG] [--check]`.

A lab is a script in percent format. Running it writes the notebook that the site renders, with a
record of all that went in and came out; `--scale full` runs a plain script on all of the data, as
`python -m tools.labs --scale full --only nice -- --minutes 60` does for an hour.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm
from traitlets import default

from tools.dependencies import dependencies, digest

ROOT = Path(__file__).parents[1]
RECORD = "derive_and_run"


class LabError(Exception):
    """A lab that does not run to its end."""


def check(root: Path = ROOT) -> list[str]:
    """Return, for each stale lab, which it is, why, and the command that brings it up to date."""
    return [
        f"docs/labs/{slug}.py: stale, {'; '.join(reasons)}. Run `make labs ARGS='--only {slug}'`."
        for slug in slugs(root)
        if (reasons := stale(root, slug))
    ]


def slugs(root: Path) -> list[str]:
    """Return the names of all labs."""
    return sorted(script.stem for script in (root / "docs" / "labs").glob("*.py"))


def stale(root: Path, slug: str) -> list[str]:
    """Say what changed since a lab was run; nothing, if it is current."""
    notebook = root / "docs" / "labs" / f"{slug}.ipynb"
    if not notebook.is_file():
        return [f"docs/labs/{slug}.ipynb is missing"]
    content = json.loads(notebook.read_text("utf-8"))
    record = content["metadata"].get(RECORD)
    if not record:
        return [f"docs/labs/{slug}.ipynb was not written by `make labs`"]
    before = record["dependencies"] | record["outputs"]
    try:
        now = dependencies(root, _script(root, slug)) | outputs(root, slug, content["cells"])
    except ValueError as error:
        return [str(error)]
    return [
        f"{name} {'changed' if name in now and name in before else how}"
        for how, names in {
            "is new": now.keys() - before,
            "is gone": before.keys() - now,
            "": before.keys() & now,
        }.items()
        for name in sorted(names)
        if before.get(name) != now.get(name)
    ]


def outputs(root: Path, slug: str, cells: list[Any]) -> dict[str, str]:
    """Return the digests of what a lab wrote: cells, numbers, tables and figures."""
    docs = root / "docs"
    files = [
        *docs.glob(f"labs/{slug}.json"),
        *docs.glob(f"labs/{slug}_*.md"),
        *docs.glob(f"articles/figures/{slug}_*"),
    ]
    digests = {str(file.relative_to(root)): digest(file.read_bytes()) for file in files}
    text = json.dumps(cells, sort_keys=True, ensure_ascii=False)
    return dict(sorted(digests.items())) | {f"docs/labs/{slug}.ipynb": digest(text.encode())}


def run(root: Path, slug: str) -> None:
    """Execute a lab and write its notebook; if it fails, the old notebook stays.

    Raises:
        LabError: A cell fails.
        ValueError: A package that it imports is not pinned.
    """
    inputs = dependencies(root, _script(root, slug))
    notebook = jupytext.read(_script(root, slug), fmt="py:percent")
    start = time.monotonic()
    _execute(root, slug, notebook)
    seconds = round(time.monotonic() - start, 1)
    _clean(root, slug, notebook)
    cells = json.loads(nbformat.writes(notebook))["cells"]
    notebook.metadata[RECORD] = {
        "hash": digest(json.dumps(inputs).encode()),
        "seconds": seconds,
        "dependencies": inputs,
        "outputs": outputs(root, slug, cells),
    }
    nbformat.validate(notebook)
    nbformat.write(notebook, root / "docs" / "labs" / f"{slug}.ipynb")


def run_full(root: Path, slug: str, options: Sequence[str] = ()) -> None:
    """Run docs/labs/full/SLUG.py, or for want of it the lab, as the plain script it is.

    It takes all of the data and writes SLUG.full.json.

    Raises:
        LabError: The script fails.
    """
    own = root / "docs" / "labs" / "full" / f"{slug}.py"
    script = own if own.is_file() else _script(root, slug)
    environment = _environment(root) | {"LAB_SCALE": "full"}
    command = [sys.executable, str(script), *options]
    code = subprocess.run(command, cwd=root, env=environment, check=False).returncode
    if code:
        raise LabError(f"{script.relative_to(root)} failed at full scale, exit status {code}")


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Run the stale labs, or those asked for; with `--check`, say which are stale and fail."""
    parser = argparse.ArgumentParser(prog="python -m tools.labs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="run nothing, name the stale labs")
    parser.add_argument("--all", action="store_true", help="run current labs, too")
    parser.add_argument("--only", action="append", metavar="SLUG", choices=slugs(root))
    parser.add_argument("--scale", choices=["default", "full"], default="default")
    parser.add_argument("options", nargs="*", help="after --, for scripts at full scale")
    chosen = parser.parse_args(arguments)
    if chosen.check:
        problems = check(root)
        print("\n".join(problems) or "All labs are current.")
        return int(bool(problems))
    try:
        for slug in chosen.only or slugs(root):
            if chosen.scale == "full":
                run_full(root, slug, chosen.options)
            elif chosen.all or stale(root, slug):
                run(root, slug)
            else:
                print(f"docs/labs/{slug}.py: current")
    except (LabError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


class _ThisPython(KernelSpecManager):
    """Offers one kernel, the Python that runs this: no virtual environment need be active."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        command = [sys.executable, "-m", "ipykernel_launcher", "--log-level=ERROR"]
        argv = [*command, "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")


class _Manager(AsyncKernelManager):
    @default("kernel_spec_manager")
    def _this_python(self) -> KernelSpecManager:
        return _ThisPython()


class _Client(NotebookClient):
    """Hands on what a lab writes to stderr, such as progress bars, and does not store it."""

    def output(self, outs: list, msg: dict, display_id: str | None, cell_index: int) -> Any:
        if msg["content"].get("name") == "stderr":
            sys.stderr.write(msg["content"]["text"])
            return None
        return super().output(outs, msg, display_id, cell_index)


def _execute(root: Path, slug: str, notebook: nbformat.NotebookNode) -> None:
    with tqdm(notebook.cells, desc=slug, unit="cell") as bar:
        client = _Client(
            notebook,
            kernel_manager_class=_Manager,
            timeout=None,
            record_timing=False,
            coalesce_streams=True,
            on_cell_start=lambda cell_index, **_: bar.update(cell_index - bar.n),
            resources={"metadata": {"path": str(root / "docs" / "labs")}},
        )
        try:
            client.execute(env=_environment(root))
        except CellExecutionError as error:
            source = notebook.cells[bar.n].source.strip().splitlines()[0]
            raise LabError(
                f"docs/labs/{slug}.py: cell {bar.n + 1} failed ({source}); the old notebook "
                f"stays.\n{_plain(error.traceback)}"
            ) from error
        bar.update(len(notebook.cells) - bar.n)


def _environment(root: Path) -> dict[str, str]:
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "LAB_SCALE": "default"}


def _clean(root: Path, slug: str, notebook: nbformat.NotebookNode) -> None:
    """Leave out what differs from one run, or one machine, to the next."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "file_extension": ".py"},
        }
    )
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"{slug}-{number}"
        cell.metadata.pop("lines_to_next_cell", None)
        for output in cell.get("outputs", []):
            output.pop("transient", None)
            fields = [
                (output, "text"),
                *((output.get("data", {}), kind) for kind in output.get("data", {})),
            ]
            for holder, key in fields:
                if isinstance(holder.get(key), str):
                    holder[key] = _impersonal(holder[key], root)


def _impersonal(text: str, root: Path) -> str:
    text = text.replace(f"{root}{os.sep}", "").replace(f"{Path.home()}{os.sep}", f"~{os.sep}")
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def _plain(traceback: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", traceback)


def _script(root: Path, slug: str) -> Path:
    return root / "docs" / "labs" / f"{slug}.py"


if __name__ == "__main__":
    sys.exit(main())
