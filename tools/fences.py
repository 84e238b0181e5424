"""Rule 1 of DESIGN: a fence is executed, a quotation, or no Python; there is no fourth kind.

A problem reads `file:line: what is wrong; what to do`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tools.articles import EXPECTED, OUTPUT, Article, Fence, pages
from tools.regions import region

Found = Iterator[tuple[int, str]]
Package = dict[tuple[str, ...], str]  # runs of lines, and where they are

RUN = 4  # so many lines in common are a copy
_QUOTE = re.compile(r'-{1,}8<-{1,} "([^":]+):([a-zA-Z][\w-]*)"\n')
_PYTHON = re.compile(r"\bi?py(?:thon|con|3)?3?\b", re.I)
_TRIVIAL = re.compile(r'[\s)}\]]*|""".*|import .*|from .*|#.*|else:|try:|return|pass')


def fences(root: Path) -> list[str]:
    """Return what breaks rule 1, in all the Markdown that people write."""
    package = _package_lines(root)
    return [
        f"{page.path.relative_to(root)}:{line}: {what}"
        for page in pages(root)
        for found in (_fence_problems(root, page, package), _page_problems(page))
        for line, what in found
    ]


def _fence_problems(root: Path, page: Article, package: Package) -> Found:
    for fence in page.fences:
        if fence.expected:
            yield fence.line, "an expected output without a block of its own; it follows its block"
        elif fence.executed:
            yield from _executed_problems(fence, page)
        elif fence.title is not None:
            yield from _quotation_problems(root, fence)
        else:
            yield from ((fence.line, what) for what in _other_problems(root, page, fence))
        if fence.output and not fence.executed:
            yield fence.line, "an output after what is not executed is never compared; remove it"
        if fence.title is None and (copied := _copied(fence, package)):
            yield fence.line, f"repeats lines of {copied}; quote a region instead"


def _other_problems(root: Path, page: Article, fence: Fence) -> Iterator[str]:
    if fence.mark[0] == "~":
        yield "a fence of tildes, which pytest-codeblocks does not see; use backticks"
    elif _PYTHON.search(fence.info) or _is_python(fence.code):
        yield (
            "Python that nobody runs; write ```python alone on its line, or quote a region of "
            'snippets/ in a fence ``` { .python title="snippets/SLUG.py" }'
        )
    elif ".output" in fence.info:
        yield f"an output without {EXPECTED} before it; run `make outputs`"
    elif not fence.info.strip():
        yield "a fence that does not say what it holds; write ```text"
    elif fence.info in ("sh", "bash") and "docs" in page.path.relative_to(root).parts:
        yield "pytest-codeblocks would run this; write ```text, or keep it in the README"


def _executed_problems(fence: Fence, page: Article) -> Found:
    output, between = fence.output, page.text.splitlines()
    if not output or not fence.comment:
        yield fence.line, "an executed block without its output; print something, `make outputs`"
        return
    if not output.tested.strip():
        yield output.line, "an empty output; let the block print what it shows"
    if output.info != OUTPUT:
        yield output.line, f"an output fence reads ```{OUTPUT}"
    if between[fence.comment - 1] != fence.indent + EXPECTED:
        yield fence.comment, f"write {EXPECTED}, indented as its block"
    gaps = between[fence.end : fence.comment - 1] + between[fence.comment : output.line - 1]
    if "".join(gaps).strip():
        yield fence.comment, "an output follows its block, with nothing between"
    if fence.indent and output.line == fence.comment + 1:
        yield fence.comment, "in a fold-out an empty line follows this comment; `make outputs`"
    drawn = re.search(r"\b(?:torch|random)\.(?:rand\w*|normal|multinomial|bernoulli)\(", fence.code)
    if drawn and not re.search(r"manual_seed|default_rng|generator=|\.seed\(", fence.code):
        yield fence.line, f"{drawn[0]}...) without a seed in view; add torch.manual_seed(0)"


def _quotation_problems(root: Path, fence: Fence) -> Found:
    quote = _QUOTE.fullmatch(fence.code)
    if not quote or quote[1] != fence.title:
        wanted = f'--8<-- "{fence.title}:region"'
        yield fence.line, f"a quotation holds nothing but {wanted}, of the file in its title"
        return
    try:
        region(root / quote[1], quote[2])
    except ValueError as error:
        yield fence.line, f"{error}; mark it with # --8<-- [start:{quote[2]}]"
    if not quote[1].startswith("snippets/"):
        yield fence.line, "a quotation is of snippets/, where code is tested"


def _page_problems(page: Article) -> Found:
    """Yield what stands between the fences and hides code from the checks."""
    for line, keyword in page.comments:
        if keyword != "expected-output":
            yield line, f"pytest-codeblocks:{keyword} is not used here; let the block stand alone"
    for number, line in enumerate(page.text.splitlines(), 1):
        if "<!--" in line and re.search(r"pytest|codeblock|expected", line, re.I):
            known = any(number == comment.line for comment in page.comments)
            if not known:
                yield number, f"a mark that pytest-codeblocks does not know; write {EXPECTED}"
    for line, match in page.find(r"<(?:pre|code|script|iframe)\b"):
        yield line, f"{match[0]}> hides code from every check; use a fence"
    for line, _ in page.find(
        r"(?m)^(?: {4}|\t)+(?:import \w|from [\w.]+ import|def \w+\(|print\()"
    ):
        yield line, "Python in an indented block, which nobody runs; use a fence"
    prose = page.prose.splitlines()
    for inclusion in page.inclusions:
        if prose[inclusion.line - 1].strip() and not re.fullmatch(
            r"docs/(?:labs(?:/full)?|benchmarks)/\w+\.md", inclusion.path
        ):
            said = "outside fences only tables that a lab or `make bench` wrote are included"
            yield inclusion.line, said


def _is_python(code: str) -> bool:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError):
        return False
    kinds = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef
    return any(isinstance(node, kinds) for node in ast.walk(tree))


def _package_lines(root: Path) -> Package:
    """Return each run of lines of the package that says something, with its place."""
    runs = {}
    for path in sorted(root.glob("snippets/**/*.py")):
        lines = _telling(path.read_text("utf-8"))
        for start in range(len(lines) - RUN + 1):
            place = f"{path.relative_to(root)}:{lines[start][0]}"
            runs.setdefault(tuple(text for _, text in lines[start : start + RUN]), place)
    return runs


def _copied(fence: Fence, package: Package) -> str:
    lines = [text for _, text in _telling(fence.code)]
    starts = range(len(lines) - RUN + 1)
    return next((package[key] for n in starts if (key := tuple(lines[n : n + RUN])) in package), "")


def _telling(code: str) -> list[tuple[int, str]]:
    lines = enumerate((line.strip() for line in code.splitlines()), 1)
    return [(number, line) for number, line in lines if not _TRIVIAL.fullmatch(line)]
