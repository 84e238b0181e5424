"""Take the repository's modules apart, so that a page can be taken home without them.

A piece is a top-level statement with the comments above it. A page needs the pieces that it quotes
or imports, and those that they use, across modules; each is written once, in an order that runs.
"""

import ast
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tools.regions import marker, region_lines

PACKAGE = "snippets"
Imports = dict[str, set[str]]  # for each name, the statements that bind it


class Inner(NamedTuple):
    """A name that an import takes from a module of the package, under its own name or another."""

    name: str
    module: str
    original: str


@dataclass(frozen=True)
class Piece:
    """A top-level statement: where it stands, what it binds, what it uses, and its text."""

    module: str
    start: int
    end: int
    names: frozenset[str]
    uses: frozenset[str]
    text: str


@dataclass
class Module:
    """A module of the package, in pieces; `inner` are the names it has from other modules of it."""

    name: str
    path: Path
    pieces: list[Piece] = field(default_factory=list)
    imports: Imports = field(default_factory=dict)
    inner: dict[str, Inner] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """The dotted name of its file."""
        return f"{self.name}.__init__" if self.path.stem == "__init__" else self.name

    @cached_property
    def lines(self) -> list[str]:
        """The text of the module."""
        return self.path.read_text("utf-8").splitlines()


class Library:
    """The modules of a repository's package, read on demand."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.modules: dict[str, Module] = {}  # those that others import come first

    def module(self, name: str) -> Module:
        """Return a module in pieces.

        Raises:
            ValueError: There is no such module, or it cannot be taken apart.
        """
        if name not in self.modules:
            path = self.root.joinpath(*name.split("."))
            file = path.with_suffix(".py")
            path = file if file.is_file() else path / "__init__.py"
            if not path.is_file():
                raise ValueError(f"there is no module {name}")
            module = _split(Module(name, path))
            for each in module.inner.values():
                self.module(each.module)
            self.modules[name] = module
        return self.modules[name]

    def named(self, module: str, name: str) -> list[Piece]:
        """Return the pieces that bind a name in a module: none, if a package from outside does.

        Raises:
            ValueError: Nothing in the module binds it.
        """
        found = self._bound(module, name)
        if not found and name not in self.module(module).imports:
            raise ValueError(f"{module} has no {name}")
        return found

    def quoted(self, module: str, region: str | None) -> list[Piece]:
        """Return the pieces that a region shows, in whole or in part."""
        numbers = region_lines(self.module(module).lines, region)
        return [
            piece
            for piece in self.module(module).pieces
            if any(piece.start <= number <= piece.end for number in numbers)
        ]

    def closure(self, pieces: Iterable[Piece]) -> list[Piece]:
        """Return pieces with all that they use, in the order in which they run."""
        found, queue = set(), list(pieces)
        while queue:
            piece = queue.pop()
            if piece not in found:
                found.add(piece)
                queue += [need for name in piece.uses for need in self._bound(piece.module, name)]
                queue += [other for other in self.module(piece.module).pieces if not other.names]
        order = list(self.modules)
        return sorted(found, key=lambda piece: (order.index(piece.module), piece.start))

    def _bound(self, module: str, name: str) -> list[Piece]:
        here = self.module(module)
        own = [piece for piece in here.pieces if name in piece.names]
        if own or name not in here.inner:
            return own
        return self._bound(here.inner[name].module, name)


def bound_names(code: str) -> frozenset[str]:
    """Return the names that running some code binds at its top level."""
    symbols = symtable.symtable(code, "<code>", "exec").get_symbols()
    return frozenset(
        each.get_name()
        for each in symbols
        if each.is_assigned() or each.is_imported() or each.is_namespace()
    )


def import_names(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """Yield each name that an import binds, with a statement that binds it alone."""
    for alias in node.names:
        renamed = f" as {alias.asname}" if alias.asname else ""
        bound = alias.asname or alias.name
        if isinstance(node, ast.Import):
            yield bound if renamed else bound.split(".")[0], f"import {alias.name}{renamed}"
        else:
            yield bound, f"from {node.module} import {alias.name}{renamed}"


def inner_names(node: ast.Import | ast.ImportFrom, within: str = "") -> list[Inner] | None:
    """Return what an import takes from the package, None if it is another's.

    Args:
        node: The import.
        within: The dotted name of the file it stands in, for relative imports.

    Raises:
        ValueError: It imports a module, of which nothing would be left in a stand-alone script.
    """
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE]
        if modules:
            raise ValueError(f"import names from {modules[0]}, not the module")
        return None
    base = within.split(".")[: -node.level] if node.level else []
    module = ".".join([*base, *filter(None, [node.module])])
    if module.split(".")[0] != PACKAGE:
        return None
    if module == PACKAGE or any(alias.name == "*" for alias in node.names):
        raise ValueError(f"import names from a module of {PACKAGE}, not modules, and not *")
    return [Inner(alias.asname or alias.name, module, alias.name) for alias in node.names]


def _split(module: Module) -> Module:
    """Fill a module with its pieces and imports."""
    tree, previous = ast.parse("\n".join(module.lines)), 0
    for number, node in enumerate(tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            try:
                _note_import(module, node)
            except ValueError as error:
                raise ValueError(f"{module.name}, line {node.lineno}: {error}") from error
        elif not _left_out(node, number):
            module.pieces.append(_piece(module, node, previous))
        previous = node.end_lineno or 0
    return module


def _note_import(module: Module, node: ast.Import | ast.ImportFrom) -> None:
    inner = inner_names(node, module.place)
    if inner is None:
        for name, statement in import_names(node):
            module.imports.setdefault(name, set()).add(statement)
        return
    for each in inner:
        name, _, original = each
        module.inner[original] = each
        if name != original:
            where, names = node.lineno, (frozenset({name}), frozenset({original}))
            module.pieces.append(Piece(module.name, where, where, *names, f"{name} = {original}"))


def _left_out(node: ast.stmt, number: int) -> bool:
    """Whether a statement means nothing outside its module: its docstring, `__all__`, main."""
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return number == 0
        case ast.If(test=test):
            return ast.unparse(test).split(" ")[0] in ("__name__", "TYPE_CHECKING")
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
    return False


def _piece(module: Module, node: ast.stmt, previous: int) -> Piece:
    end = node.end_lineno or node.lineno
    start = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
    while start - 1 > previous and module.lines[start - 2].startswith("#"):
        start -= 1
    text = "\n".join(line for line in module.lines[start - 1 : end] if not marker(line))
    inside = [each for each in ast.walk(node) if isinstance(each, ast.Import | ast.ImportFrom)]
    if any(inner_names(each, module.place) for each in inside):
        raise ValueError(f"{module.name}, line {node.lineno}: imports belong at the top")
    uses = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return Piece(module.name, start, end, bound_names(text), frozenset(uses), text)
