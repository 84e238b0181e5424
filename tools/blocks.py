"""Take the executed blocks of an article apart: what they import, bind, and do."""

import ast
import sys
from typing import NamedTuple

from tools.articles import Fence
from tools.pieces import PACKAGE, Inner, bound_names, import_names, inner_names

AVAILABLE = {"torch", "numpy", "matplotlib", "mpl_toolkits", "einops", "jaxtyping"}


class Block(NamedTuple):
    """An executed block.

    Args:
        body: Its code without the imports.
        imports: The statement that binds each name it imports from outside the repository.
        inner: The names it imports from the repository.
        binds: The names it binds otherwise.
    """

    body: str
    imports: dict[str, str]
    inner: list[Inner]
    binds: frozenset[str]


class BlockError(ValueError):
    """A block that cannot be taken home; `line` counts from its fence."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


def take_apart(fence: Fence) -> Block:
    """Take an executed block apart.

    Raises:
        BlockError: It is no Python, imports a module of the repository instead of names, or
            imports what a reader may not have.
    """
    try:
        tree = ast.parse(fence.code)
    except SyntaxError as error:
        raise BlockError(error.lineno or 0, error.msg) from error
    lines, imports, inner = fence.code.splitlines(), {}, []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            try:
                found = inner_names(node)
            except ValueError as error:
                raise BlockError(node.lineno, str(error)) from error
            inner += found or []
            imports |= dict(import_names(node)) if found is None else {}
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                lines[line - 1] = ""
    unknown = sorted(foreign(fence.code) - {PACKAGE})
    if unknown:
        raise BlockError(0, f"imports {unknown[0]}; {only_available()}")
    body = "\n".join(lines).strip("\n") + "\n"
    return Block(body, imports, inner, bound_names(body))


def hoistable(blocks: list[Block]) -> set[str]:
    """Return the names that blocks import and never bind otherwise, each in one way only."""
    bound = {name for block in blocks for name in block.binds}
    bound |= {each.name for block in blocks for each in block.inner}
    statements: dict[str, set[str]] = {}
    for block in blocks:
        for name, statement in block.imports.items():
            statements.setdefault(name, set()).add(statement)
    return {name for name, each in statements.items() if len(each) == 1 and name not in bound}


def foreign(code: str) -> set[str]:
    """Return the packages that some code imports, wherever, and a reader may not have."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(PACKAGE if node.level else str(node.module).split(".")[0])
    return found - AVAILABLE - sys.stdlib_module_names


def only_available() -> str:
    """Say what a page may import."""
    names = ", ".join(sorted(AVAILABLE))
    return f"a page taken home has only the standard library and {names}"
