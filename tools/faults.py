"""Plant faults in a copy of the repository and see whether `make test` notices each of them.

`python -m tools.faults [--only NAME]` takes minutes, and wants a tree that passes. A fault is one
edit of a source or of the built site; the step of the Makefile that should notice it runs, and must
fail with a line that says where.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from tools.hygiene import tracked_files
from tools.planted import BROWSER, BUILD, FAULTS, STEPS, Fault

ROOT = Path(__file__).parents[1]


def main(arguments: list[str] | None = None) -> int:
    """Plant all faults, or those asked for; print a table, and fail if one goes unnoticed."""
    parser = argparse.ArgumentParser(prog="python -m tools.faults", description=__doc__)
    parser.add_argument("--only", metavar="NAME", default="", help="part of the names of some")
    only = parser.parse_args(arguments).only
    check_steps(ROOT)
    unnoticed, total = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        copy = copied(ROOT, Path(folder, "repository"))
        site = shutil.copytree(copy / "site", Path(folder, "site"))
        print("| fault | step | noticed | where |\n|---|---|---|---|")
        for fault in tqdm([fault for fault in FAULTS if only in fault.name], unit="fault"):
            line = notice(copy, fault)
            tqdm.write(f"| {fault.name} | `{fault.step}` | {'yes' if line else 'NO'} | {line} |")
            unnoticed, total = unnoticed + (not line), total + 1
            if built(fault):
                shutil.copytree(site, copy / "site", dirs_exist_ok=True)
    print(f"{total - unnoticed} of {total} faults were noticed")
    return int(unnoticed > 0 or total == 0)


def check_steps(root: Path) -> None:
    """Refuse to run steps that `make test` does not."""
    makefile = (root / "Makefile").read_text("utf-8")
    for step in STEPS:
        if not re.search(rf"\t\$\(BIN\)/{re.escape(step)}(?: --quiet)?(?: \|\| .*)?\n", makefile):
            sys.exit(f"Makefile: no longer runs `{step}`; change tools/planted.py")


def copied(root: Path, copy: Path) -> Path:
    """Copy what git would track, borrow the virtual environment, and build the site."""
    for file in tracked_files(root):
        target = copy / file.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)
    if (root / ".cache").is_dir():
        shutil.copytree(root / ".cache", copy / ".cache")
    (copy / ".venv").symlink_to(root / ".venv")
    subprocess.run(["git", "init", "--quiet"], cwd=copy, check=True)
    code, said = run(copy, BUILD)
    if code:
        sys.exit(f"the site does not build, without any fault\n{said}")
    return copy


def notice(copy: Path, fault: Fault) -> str:
    """Plant a fault and run its step; return the line that says where it is, or nothing."""
    with planted(copy, fault):
        code, said = run(copy, BUILD) if built(fault) else (0, "")
        if not code and fault.step != BUILD:
            code, said = run(copy, fault.step)
    lines = (line.strip().removeprefix("E ").strip() for line in said.splitlines())
    found = next((line for line in lines if re.search(fault.says, line)), "")
    return found[:160].replace("|", "¦") if code else ""


def built(fault: Fault) -> bool:
    """Whether the site is built again to see the fault."""
    on_site = fault.file.startswith("site/")
    return not on_site and (fault.step == BUILD or fault.step.startswith(BROWSER))


@contextmanager
def planted(copy: Path, fault: Fault) -> Iterator[None]:
    """Edit a file of the copy, byte for byte; put it back afterwards."""
    file = next(iter(sorted(copy.glob(fault.file))), copy / fault.file)
    before = file.read_bytes() if file.is_file() else None
    if fault.find is not None:
        text, found = re.subn(
            fault.find, fault.put or "", (before or b"").decode("latin-1"), count=fault.times
        )
        if not found:
            sys.exit(f"{fault.name}: {fault.file} has no {fault.find!r}; change tools/planted.py")
        file.write_bytes(text.encode("latin-1"))
    elif fault.put is not None:
        file.write_bytes(fault.put.encode())
    else:
        file.unlink()
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        if before is not None:
            file.write_bytes(before)


def run(copy: Path, step: str) -> tuple[int, str]:
    """Run a step as the Makefile does; return its exit status and all that it says."""
    command = shlex.split(step)
    result = subprocess.run(
        [copy / ".venv" / "bin" / command[0], *command[1:]],
        cwd=copy,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return result.returncode, result.stdout


if __name__ == "__main__":
    sys.exit(main())
