"""Mutants of a module: every edit of one expression that mutmut's operators propose.

Left alone are what no test of numbers can see: annotations, decorators, docstrings, names of types,
and the case of letters (a string gets one mutant, not three).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import libcst as cst  # pyright: ignore[reportMissingImports]
from libcst import metadata  # pyright: ignore[reportMissingImports]
from mutmut.mutation import mutators  # pyright: ignore[reportMissingImports]

from tools.mutation.scores import Mutant

UNSEEN = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)


def mutants(root: Path, file: str) -> Iterator[Mutant]:
    """Yield all mutants of a file, in the order of its text."""
    source = (root / file).read_bytes()
    wrapper = metadata.MetadataWrapper(cst.parse_module(source))
    finder = _Finder()
    wrapper.visit(finder)
    for node, lines in finder.found:
        span = wrapper.resolve(metadata.ByteSpanPositionProvider)[node]
        before, after = source[: span.start], source[span.start + span.length :]
        edited = source[span.start : span.start + span.length].decode()
        line = before.count(b"\n") + 1
        for other in _edits(node):
            put = wrapper.module.code_for_node(other)
            text = (before + put.encode() + after).decode()
            yield Mutant(file, line, lines, edited, put, text)


def _edits(node: Any) -> Iterator[Any]:
    for kind, operator in mutators.mutation_operators:
        if isinstance(node, kind):
            yield from list(operator(node))[: 1 if operator is mutators.operator_string else None]


class _Finder(cst.CSTVisitor):
    """Finds the nodes that can be edited, and the lines that run where they do."""

    METADATA_DEPENDENCIES = (
        metadata.PositionProvider,
        metadata.ByteSpanPositionProvider,
        metadata.ParentNodeProvider,
    )

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[Any, tuple[int, ...]]] = []

    def on_visit(self, node: Any) -> bool:
        """Note a node; pass by what no test of numbers can see."""
        if isinstance(node, UNSEEN) or self._names_a_type(node):
            return False
        if next(_edits(node), None) is not None:
            self.found.append((node, self._lines(node)))
        return True

    def _names_a_type(self, node: Any) -> bool:
        outside = isinstance(self._statement(node), cst.Module)
        name: Any = node.targets[0].target if isinstance(node, cst.Assign) else None
        return outside and isinstance(name, cst.Name) and not name.value.isupper()

    def _statement(self, node: Any) -> Any:
        """Return the function or module around a node."""
        while not isinstance(node, cst.FunctionDef | cst.Module):
            node = self.get_metadata(metadata.ParentNodeProvider, node)
        return node

    def _lines(self, node: Any) -> tuple[int, ...]:
        """Return the lines of a statement; of a default, those of its function; or none."""
        around: Any = node
        inner: Any = node
        while not isinstance(around, cst.SimpleStatementLine | cst.Parameters | cst.Module):
            if isinstance(around, cst.BaseCompoundStatement):
                break
            inner, around = around, self.get_metadata(metadata.ParentNodeProvider, around)
        function = self._statement(around)
        if isinstance(function, cst.Module):
            return ()
        if isinstance(around, cst.Parameters):
            return self._span(function.body)
        return self._span(inner if isinstance(around, cst.BaseCompoundStatement) else around)

    def _span(self, node: Any) -> tuple[int, ...]:
        place: Any = self.get_metadata(metadata.PositionProvider, node)
        return tuple(range(place.start.line, place.end.line + 1))
