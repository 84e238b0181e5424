"""Where code cites the labels of equations: the objects that implement them, the tests that check.

A citation is a label in a docstring or a comment. It belongs to the innermost function or class
around it, or to the module.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LABEL = re.compile(r"(?<![\w:/.\[-])[a-z]+:[a-z0-9]+(?:-[a-z0-9]+)*(?![\w-])", re.ASCII)
DEFINITION = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Object:
    """A module (its name is empty), or a class or function in it.

    Args:
        path: Its file, from the root of the repository.
        name: What the module calls it, as in `AdditiveCoupling.forward`.
        line: The line that defines it, from 1.
        end: Its last line.
    """

    path: str
    name: str
    line: int
    end: int

    @property
    def module(self) -> str:
        """The name under which Python imports its file."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def address(self) -> str:
        """The page that shows its source, from the root of the site, at its line."""
        return f"code/{self.module}.html#L-{self.line}"


@dataclass(frozen=True)
class Evidence:
    """What stands behind an equation; the nearest first."""

    code: tuple[Object, ...] = ()
    tests: tuple[Object, ...] = ()


def evidence(root: Path) -> dict[str, Evidence]:
    """Return what stands behind each label that code cites."""
    code, tests = (_cited(root, paths) for paths in (modules(root), test_files(root)))
    return {
        label: Evidence(tuple(code.get(label, [])), tuple(tests.get(label, [])))
        for label in sorted(code.keys() | tests.keys())
    }


def modules(root: Path) -> list[str]:
    """Return the files of the package, from the root, but for empty ones."""
    files = (file for file in sorted(root.glob("snippets/**/*.py")) if file.stat().st_size)
    return [file.relative_to(root).as_posix() for file in files]


def test_files(root: Path) -> list[str]:
    """Return the test files of modules, and of packages."""
    names = {Path(path).parts[1].removesuffix(".py") for path in modules(root)}
    files = (file for file in sorted(root.glob("tests/test_*.py")) if _tests(file, names))
    return [file.relative_to(root).as_posix() for file in files]


@cache
def objects(path: str, text: str) -> tuple[Object, ...]:
    """Return the module, and its classes and functions in the order of their lines."""
    module = Object(path, "", 1, text.count("\n") + 1)
    return (module, *_inside(path, ast.parse(text), ""))


@cache
def citations(path: str, text: str) -> dict[str, tuple[Object, ...]]:
    """Return the objects of a file that cite each label, in the order of their lines."""
    found: dict[str, dict[Object, None]] = {}
    known = objects(path, text)
    for line, label in sorted(_labels(text)):
        around = [each for each in known if each.line <= line <= each.end]
        found.setdefault(label, {})[around[-1]] = None
    return {label: tuple(places) for label, places in found.items()}


def _cited(root: Path, paths: list[str]) -> dict[str, list[Object]]:
    """Return who cites each label: objects before modules, the label's own file first."""
    found: dict[str, list[Object]] = {}
    for path in paths:
        for label, places in citations(path, (root / path).read_text("utf-8")).items():
            found.setdefault(label, []).extend(places)
    for label, places in found.items():
        slug = label.partition(":")[0]
        places.sort(key=lambda each: (not each.name, not _is_of(each, slug), each.path, each.line))
    return found


def _tests(file: Path, names: set[str]) -> bool:
    return any(re.fullmatch(rf"test_{name}(_\w+)?", file.stem) for name in names)


def _is_of(place: Object, slug: str) -> bool:
    return re.match(rf"(snippets|tests)/(test_)?{slug}(/|\.py)", place.path) is not None


def _inside(path: str, node: ast.AST, prefix: str) -> Iterator[Object]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, DEFINITION):
            name = f"{prefix}{child.name}"
            yield Object(path, name, child.lineno, child.end_lineno or child.lineno)
            if isinstance(child, ast.ClassDef):
                yield from _inside(path, child, f"{name}.")


def _labels(text: str) -> set[tuple[int, str]]:
    """Return each label in a docstring or a comment, with its line."""
    lines: set[int] = set()
    if re.search(rf"#[^\n]*{LABEL.pattern}", text):  # a slow look, where there may be something
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                lines.add(token.start[0])
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | DEFINITION) and ast.get_docstring(node, clean=False):
            lines.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return {
        (number, label)
        for number, line in enumerate(text.splitlines(), 1)
        if number in lines
        for label in LABEL.findall(line)
    }
