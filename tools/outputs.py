"""Rewrite what articles say their blocks print: `python -m tools.outputs [--check] [FILES]`.

Each block runs as pytest-codeblocks runs it, with nothing but its own names, in a process that its
page has for itself. The measured numbers in the prose are refreshed on the way.
"""

import argparse
import difflib
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from pytest_codeblocks.main import stdout_io
from tqdm import tqdm

from tools.articles import EXPECTED, OUTPUT, Article, Fence, parse
from tools.measured import corrections

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/*.md", "docs/articles/*.md")


def refreshed(root: Path, article: Article) -> str:
    """Return the text of an article with its outputs and measured numbers as they should be.

    Raises:
        ValueError: A block fails, or prints what no fence can hold; or a number is unknown.
    """
    lines = article.text.splitlines(keepends=True)
    for found, text in corrections(root, article):
        before = f'<data value="{found.slug}:{found.key}">'
        lines[found.line - 1] = lines[found.line - 1].replace(
            f"{before}{found.text}</data>", f"{before}{text}</data>"
        )
    for fence, printed in reversed(list(run_blocks(root, article))):
        lines[fence.end : _end(fence, lines, _name(article.path, root))] = _output(fence, printed)
    return "".join(lines)


def run_blocks(root: Path, article: Article) -> Iterator[tuple[Fence, str]]:
    """Run the blocks of an article and yield each with what it printed.

    Raises:
        ValueError: A block fails, prints nothing, or prints what no fence can hold.
    """
    if not article.executed:
        return
    with ProcessPoolExecutor(1, get_context("spawn"), _start, (root,)) as process:
        for fence in tqdm(article.executed, article.path.name, unit="block", leave=False):
            where = f"{_name(article.path, root)}:{fence.line}"
            printed, error = process.submit(_run, fence, str(article.path)).result()
            if error:
                raise ValueError(f"{where}: this block fails\n{error}")
            if not printed.endswith("\n") or "```" in printed:
                raise ValueError(f"{where}: a block must print whole lines without fences")
            yield fence, printed


def refresh(root: Path, file: Path, *, check: bool = False) -> bool:
    """Refresh one page in place, or with `check` only show what is wrong; return whether it was."""
    article = parse(file.read_text("utf-8"), file)
    text = refreshed(root, article)
    if text == article.text:
        return False
    if not check:
        file.write_text(text, "utf-8")
        print(f"{_name(file, root)}: outputs refreshed")
        return True
    print(difference(article.text, text, _name(file, root)))
    for line in _wrong_lines(article, text):
        print(f"{_name(file, root)}:{line}: not what is printed or measured")
    print("Run `make outputs`, and review the change.")
    return True


def difference(was: str, now: str, name: str) -> str:
    """Return the unified diff from a page's text to the text it should have."""
    before, after = was.splitlines(keepends=True), now.splitlines(keepends=True)
    return "".join(difflib.unified_diff(before, after, f"{name} (written)", f"{name} (printed)"))


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Refresh the pages named, or all; with `--check`, change nothing and fail with a diff."""
    parser = argparse.ArgumentParser(prog="python -m tools.outputs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail with a diff")
    parser.add_argument("files", nargs="*", type=Path)
    chosen = parser.parse_args(arguments)
    files = chosen.files or [file for glob in PAGES for file in sorted(root.glob(glob))]

    def failed(file: Path) -> bool:
        try:
            return refresh(root, file.resolve(), check=chosen.check) and chosen.check
        except ValueError as error:
            print(error, file=sys.stderr)
            return True

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each page runs in a process of its own
        return int(any(list(pool.map(failed, files))))


def _end(fence: Fence, lines: list[str], name: str) -> int:
    """Return the number of the last line that a block's output takes, or its own if it has none."""
    if not fence.output or not fence.comment:
        return fence.end
    between = lines[fence.end : fence.comment - 1] + lines[fence.comment : fence.output.line - 1]
    if "".join(between).strip():
        raise ValueError(f"{name}:{fence.comment}: an output follows its block, nothing between")
    return fence.output.end


def _output(fence: Fence, printed: str) -> list[str]:
    """Write an output as it stands on a page; inside a fold-out Markdown wants an empty line."""
    gap = [""] if fence.indent else []
    opening = f"{fence.indent}```{OUTPUT}"
    # pytest-codeblocks drops indented lines that are empty: they keep their indentation.
    body = [fence.indent + line for line in printed.splitlines()]
    lines = ["", fence.indent + EXPECTED, *gap, opening, *body, f"{fence.indent}```"]
    return [f"{line}\n" for line in lines]


def _wrong_lines(article: Article, text: str) -> list[int]:
    """Return the lines at which a page's text differs from what it should be."""
    was, now = (each.splitlines() for each in (article.text, text))
    changes = difflib.SequenceMatcher(None, was, now, autojunk=False).get_opcodes()
    return [start + 1 for tag, start, *_ in changes if tag != "equal"]


def _name(file: Path, root: Path) -> str:
    return str(file.relative_to(root) if file.is_relative_to(root) else file)


def _start(root: Path) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # sums in one order, however many cores there are
    os.chdir(root)
    sys.path[:0] = [str(root)]


def _run(fence: Fence, name: str) -> tuple[str, str]:
    """Run one block; return what it printed, and the traceback if it failed."""
    with stdout_io() as printed, warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            # Empty lines in front, so that a traceback names lines of the page.
            code = compile("\n" * fence.line + fence.code, name, "exec")
            exec(code, {"__MODULE__": "__main__"})
        except (Exception, SystemExit) as error:
            steps = error.__traceback__.tb_next if error.__traceback__ else None
            return "", "".join(traceback.format_exception(type(error), error, steps))
    return printed.getvalue(), ""


if __name__ == "__main__":
    sys.exit(main())
