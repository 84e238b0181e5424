"""The notation page names the axes of all shapes in `snippets`, and no others."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def axes(code: str) -> Iterator[str]:
    """Yield the axis names in a module's shapes, as in `Float[Tensor, "*batch D"]`."""
    tree = ast.parse(code)
    kinds = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "jaxtyping"
        for alias in node.names
    }
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(
                value=ast.Name(id=kind), slice=ast.Tuple(elts=[_, ast.Constant(value=str(shape))])
            ) if kind in kinds:
                yield from re.findall(r"(?<![\w*])#?(\*?[A-Za-z]\w*)", shape)


def test_axes_are_found_in_shapes() -> None:
    code = (
        'from jaxtyping import Float, Int\nA = Float[Tensor, "*batch #D 4 ..."]\nB = dict[str, "n"]'
    )
    assert list(axes(code)) == ["*batch", "D"]


def test_the_page_names_the_axes_of_the_code() -> None:
    page = (ROOT / "docs" / "notation.md").read_text("utf-8")
    table = page.partition("## Axes")[2].partition("\n## ")[0]
    named = [
        name
        for row in re.findall(r"^\| (`.*?) \|", table, re.M)
        for name in re.findall(r"`([^`]+)`", row)
    ]
    used = {
        name for file in ROOT.glob("snippets/**/*.py") for name in axes(file.read_text("utf-8"))
    }
    assert len(named) == len({*named}), "one meaning each"
    assert {*named} == used
