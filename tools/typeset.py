"""Typeset the mathematics of a built site with MathJax, once, when it is built.

Reads what `pymdownx.arithmatex` (generic) leaves in a page, hands all equations of the page to
one Node process as one numbered document, and puts HTML with MathML inside in their place: no
page needs a script for its equations.
"""

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tools.kept import kept
from tools.mathserver import typeset, version

ASSETS = "assets/mathjax"

ARITHMATEX = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">(?P<open>\\[(\[])(?P<tex>.*?)\\[)\]]</(?P=tag)>', re.S
)
REFERENCE = re.compile(r"\s*\\eqref\s*\{([^}]*)\}\s*")
# An equation in a line, and what stands next to it without a space.
NEIGHBOURS = re.compile(
    r'([^\s>]{1,9})?(<span class="arithmatex">(?:(?!</span>).)*</span>)([^\s<]{1,9})?', re.S
)
# Text in quotes, signs that need no space around them, a space after a colon, other white space.
SIGNS = re.compile(
    r"""("[^"]*"|'[^']*')|\s*([{};,>])(?:\s|/\*.*?\*/)*|(?<=:)\s+|((?:\s|/\*.*?\*/)+)""", re.S
)
FONT_FACE = re.compile(r"@font-face[^{]*\{.*?\}\s*", re.S)


class TypesetError(ValueError):
    """Equations that cannot be typeset; the message has a line for each, with file and cause."""


@dataclass(frozen=True)
class Equation:
    """One piece of mathematics in a page, as its author wrote it."""

    tex: str
    display: bool

    @property
    def reference(self) -> str | None:
        r"""The label, if this is an `\eqref` and nothing else."""
        match = REFERENCE.fullmatch(self.tex)
        return match[1] if match else None


@dataclass(frozen=True)
class Page:
    """A page of the site on its way through MathJax."""

    path: Path  # relative to the site
    text: str
    source: str = ""  # what errors call it
    lines: tuple[str, ...] = ()  # of its source, searched for the line of an error

    def equations(self) -> list[Equation]:
        """List the mathematics of the page in reading order."""
        return [_equation(match) for match in ARITHMATEX.finditer(self.text)]

    def problem(self, tex: str, cause: str) -> str:
        """Say what is wrong with a piece of the page's mathematics, and in which line."""
        first = tex.strip().splitlines()[0] if tex.strip() else tex
        number = next((n for n, line in enumerate(self.lines, 1) if first in line), None)
        return f"{self.source}{f':{number}' if number else ''}: {cause}, in {tex.strip()!r}"


@dataclass(frozen=True)
class Label:
    """Where a labelled equation stands: its page, relative to the site, and its number."""

    page: Path
    number: str


class Reading(NamedTuple):
    """What is known of a page's mathematics before it is put in its place."""

    numbers: dict[str, str]  # of labels
    references: tuple[str, ...]
    problems: list[str]


def label_index(
    site: Path, built: Mapping[Path, str], sources: Mapping[Path, Path]
) -> dict[str, Label]:
    """Return the labels that the mathematics of a site defines.

    Args:
        site: The folder that holds the built site.
        built: Its pages.
        sources: The file that each page was made from.

    Raises:
        TypesetError: Equations that do not parse, labels defined twice, unknown references.
    """
    pages = [_page(site, path, text, sources.get(path)) for path, text in built.items()]
    readings = {page.path: _reading(page) for page in pages}
    problems = [problem for page in pages for problem in readings[page.path].problems]
    index: dict[str, Label] = {}
    for page in pages:
        for label, number in readings[page.path].numbers.items():
            if label in index:
                cause = f"label {label} is already defined in {index[label].page}"
                problems.append(page.problem(rf"\label{{{label}}}", cause))
            index[label] = Label(page.path, number)
    problems += [each for page in pages for each in _unknown(page, readings[page.path], index)]
    if problems:
        raise TypesetError("\n".join(problems))
    return index


def typeset_page(text: str, path: Path, index: Mapping[str, Label]) -> str:
    """Return a page with its mathematics in its place. A second run changes nothing.

    Args:
        text: The page.
        path: Where it is in the site.
        index: The labels of the site, those at least to which the page refers.
    """
    page = Page(path, text)
    return _splice(page, typeset(_request(page)), index) if page.equations() else text


def minify(css: str) -> str:
    """Drop comments and white space, which are half of a style, but for text in quotes."""
    return SIGNS.sub(lambda part: part[1] or part[2] or (" " if part[3] else ""), css).strip()


def relative(path: Path, target: Path | str) -> str:
    """Return the address of something in the site as seen from the page at `path`."""
    address = target.as_posix() if isinstance(target, Path) else target
    return "../" * (len(path.parts) - 1) + address.removesuffix("index.html")


def _equation(match: re.Match[str]) -> Equation:
    return Equation(html.unescape(match["tex"]), match["open"] == r"\[")


def _page(site: Path, path: Path, text: str, source: Path | None) -> Page:
    lines = source.read_text("utf-8").splitlines() if source else []
    return Page(path, text, (source or site / path).as_posix(), tuple(lines))


def _reading(page: Page) -> Reading:
    """Return what a page's mathematics says, or said before."""

    def make() -> Reading:
        answer, equations = typeset(_request(page)), page.equations()
        references = tuple(each.reference for each in equations if each.reference)
        numbers = answer.get("numbers", {})
        return Reading(numbers, references, _failed(page, answer))

    return kept("readings", [version(), page.text, page.source, *page.lines], make)


def _request(page: Page) -> str:
    """Return the page's equations as the server takes them; references become links instead."""
    return json.dumps({"equations": [vars(eq) for eq in page.equations() if not eq.reference]})


def _failed(page: Page, answer: dict) -> list[str]:
    found = [equation for equation in page.equations() if not equation.reference]
    problems = [
        page.problem(found[error["index"]].tex, error["message"])
        for error in answer.get("errors", [])
    ]
    # Mathematics that arithmatex did not recognise would reach the reader as LaTeX.
    untouched = re.sub(r"<(pre|code|script|style|title)\b.*?</\1>", "", page.text, flags=re.S)
    untouched = re.sub(r"<[^>]*>", "", ARITHMATEX.sub("", untouched))
    for match in re.finditer(r"\\(?:begin|end|label|eqref|frac)\s*\{[^}]*\}", untouched):
        problems.append(page.problem(match[0], "LaTeX outside of mathematics"))
    return problems


def _unknown(page: Page, reading: Reading, index: Mapping[str, Label]) -> list[str]:
    return [
        page.problem(rf"\eqref{{{name}}}", f"unknown reference {name}")
        for name in reading.references
        if name not in index
    ]


def _splice(page: Page, answer: dict, index: Mapping[str, Label]) -> str:
    results = iter(answer["html"])

    def replace(match: re.Match[str]) -> str:
        equation = _equation(match)
        if equation.reference:
            return _link(page.path, equation.reference, index[equation.reference])
        if not equation.display:
            return f'<span class="arithmatex">{next(results)}</span>'
        return f'<div class="arithmatex mjx-display" tabindex="0">{next(results)}</div>'

    head = "".join(
        f'<link rel="preload" href="{relative(page.path, f"{ASSETS}/{font}")}" '
        'as="font" type="font/woff" crossorigin>\n'
        for font in _fonts(answer)
    )
    head += f"<style>{minify(FONT_FACE.sub('', answer['css']))}</style>\n"
    text = NEIGHBOURS.sub(_keep_together, ARITHMATEX.sub(replace, page.text))
    return text.replace("</head>", f"{head}</head>", 1)


def _keep_together(match: re.Match[str]) -> str:
    """Keep a comma on the line of its equation: browsers would let it begin the next."""
    alone = not match[1] and not match[3]
    return match[0] if alone else f'<span class="together">{match[0]}</span>'


def _fonts(answer: dict) -> list[str]:
    """Return the font files that a page's glyphs need; one that arrives late moves equations."""
    classes = re.findall(r'class="([^"]*)"', "".join(answer["html"]))
    used = {name for value in classes for name in value.split()}
    faces = re.findall(r'font-family: MJX(TEX[\w-]*);\s*src: url\("/([^"]*)"', answer["css"])
    return [file for face, file in faces if face in used or face == "TEX"]


def _link(path: Path, label: str, target: Label) -> str:
    anchor = f"#mjx-eqn:{label}"
    if target.page == path:
        return f'<a class="eqref" href="{anchor}">({target.number})</a>'
    slug = label.partition(":")[0]
    address = relative(path, target.page) + anchor
    return f'<a class="eqref" href="{address}">{slug} ({target.number})</a>'
