"""Write an article as one Python script: its prose as comments, in the cells that editors know."""

import re
import sys
import textwrap
from itertools import groupby

from tools.standalone import Standalone

WIDTH = 79
_EQREF = re.compile(r"\$\\eqref\{([^}]*)\}\$")
_IMAGE = re.compile(r"!\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\([^)]*\)")
_AS_IT_STANDS = re.compile(r"[ ]{0,3}(?:#|\||```|\$\$|    )|[^\n]*\\begin\{")
_ITEM = re.compile(r"([ ]*)([-*+]|\d+\.)[ ]+")


def script(introduction: str, alone: Standalone) -> str:
    """Return an article as a script that prints what the article says it prints."""
    cells = [_prose(introduction), "# %%\n" + "\n".join(import_lines(alone.imports))]
    for part in alone.parts:
        if not part.code:
            # What was defined above need not be read twice; other quotations hold no code to run.
            cells.append(_prose(part.prose or part.quotation))
            continue
        prints = textwrap.indent(part.output, "#     ", lambda _: True)
        cells.append(f"# %%\n{part.code}" + (f"\n# Prints:\n{prints}" if prints else ""))
    return re.sub(r"[ ]+$", "", "\n\n".join(map(str.rstrip, cells)) + "\n", flags=re.M)


def import_lines(statements: set[str]) -> list[str]:
    """Merge and sort imports as Ruff does: standard library first, plain imports before others.

    Args:
        statements: Imports that bind one name each.
    """
    named = sorted(each.split() for each in statements if each.startswith("from "))
    lines = sorted(each for each in statements if each.startswith("import "))
    for module, group in groupby(named, key=lambda words: words[1]):
        lines.append(_from(module, [" ".join(words[3:]) for words in group]))
    standard, others = [], []
    for line in lines:
        package = re.split(r"[ .]", line)[1]
        (standard if package in sys.stdlib_module_names else others).append(line)
    return [*standard, *([""] if standard and others else []), *others]


def comment(prose: str) -> str:
    """Return Markdown as comments: paragraphs and items wrapped, equations and tables as they are.

    A reference reads `(SLUG:label)`, as the comments of the code cite it.
    """
    text = _IMAGE.sub(r"[Figure: \1]", _EQREF.sub(r"(\1)", prose))
    # Fences may hold empty lines: they are paragraphs of their own.
    paragraphs = re.split(r"(```.*?\n```)|\n{2,}", text.strip("\n"), flags=re.S)
    lines: list[str] = []
    for paragraph in filter(None, (each.strip("\n") for each in paragraphs if each)):
        lines += ["", *_wrapped(paragraph)]
    return "\n".join(f"# {line}".rstrip() for line in lines[1:])


def _prose(text: str) -> str:
    return "# %% [markdown]\n" + comment(text)


def _wrapped(paragraph: str) -> list[str]:
    if _AS_IT_STANDS.match(paragraph) or "\\begin{" in paragraph:
        return paragraph.splitlines()
    lines: list[str] = []
    for item in re.split(r"\n(?=[ ]*(?:[-*+]|\d+\.)[ ])", paragraph):
        mark = _ITEM.match(item)
        hanging = " " * len(mark[0]) if mark else ""
        lines += textwrap.wrap(
            " ".join(item.split()),
            WIDTH - 2,
            initial_indent=mark[1] if mark else "",
            subsequent_indent=hanging,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return lines


def _from(module: str, names: list[str]) -> str:
    """Write one import of several names: constants, classes and functions in turn, as Ruff does."""

    def rank(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)

    names = sorted(set(names), key=rank)
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])
