"""Say of each quotation what it quotes, and link the code of pages with the documentation of it.

A quotation shows its file, its region, the labels that it cites, and a test. Names that a block
imports lead to their documentation; the documentation names the pages that quote and use them.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tools.articles import read
from tools.citations import LABEL, Evidence, Object, objects
from tools.kept import included, kept
from tools.regions import region_lines
from tools.typeset import Label, relative

FILENAME = re.compile(r'<div class="highlight"><span class="filename">(snippets/[^<]*)</span>')
ENTRY = re.compile(r'<h\d id="(snippets\.[\w.]+)" class="doc doc-heading">.*?</h\d>', re.S)
IMPORTED = re.compile(
    r'(?P<what><span class="nn">(?P<module>snippets[\w.]*)</span><span class="w"> </span>'
    r'<span class="kn">import</span>)'
    r'(?P<names>(?:\s|<span class="(?:p|w|n)">(?:[(),]+|\s*|\w+)</span>)+)'
)
NAME = re.compile(r'<span class="n">(\w+)</span>')
NAV = re.compile(r"^ +- ([^:\n]+): ((?:articles|labs)/\w+)\.(md|ipynb)$", re.M)


@dataclass(frozen=True)
class Quotation:
    """A region of a file that a page quotes.

    Args:
        path: The file, from the root.
        name: The region.
        line: Its first line.
        objects: What it holds, or what holds it.
        labels: What it cites.
    """

    path: str
    name: str
    line: int
    objects: tuple[Object, ...]
    labels: tuple[str, ...]

    @property
    def anchor(self) -> str:
        """What a fragment calls it."""
        return f"quoted-{Path(self.path).stem}-{self.name}"


@dataclass
class Seen:
    """The pages, and their anchors, that quote an object and that use it."""

    quoted: dict[str, str] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)


def documented(built: Mapping[Path, str]) -> dict[str, Path]:
    """Return the page that documents each object, by the object's full name."""
    return {
        entry[1]: path
        for path, page in built.items()
        if path.match("api/*/index.html")
        for entry in ENTRY.finditer(page)
    }


def quotations(root: Path, source: Path) -> list[Quotation]:
    """Return what a page quotes, in order."""
    text = source.read_text("utf-8")
    return kept("quotations", [text, *included(root, text)], partial(_quotations, root, source))


def _quotations(root: Path, source: Path) -> list[Quotation]:
    article = read(source)
    lines = {each.line: each for each in article.inclusions}
    quoted = [lines[fence.line + 1] for fence in article.fences if fence.title]
    return [_quotation(root, each.path, each.region) for each in quoted]


def _quotation(root: Path, path: str, name: str | None) -> Quotation:
    text = (root / path).read_text("utf-8")
    numbers = region_lines(text.splitlines(), name)
    known = [each for each in objects(path, text) if each.name]
    inside = [each for each in known if each.line in numbers]
    first = numbers[0] if numbers else 1
    around = [each for each in known if each.line < first <= each.end]
    held = "\n".join(text.splitlines()[number - 1] for number in numbers)
    labels = tuple(dict.fromkeys(LABEL.findall(held)))
    # What is inside a class of the region is told by the class.
    top = [each for each in inside if not any(_holds(other, each) for other in inside)]
    return Quotation(path, name or "", first, tuple(top or around[-1:]), labels)


def _holds(outer: Object, inner: Object) -> bool:
    return inner.name.startswith(f"{outer.name}.")


def entries_of(quoted: Quotation, entries: Mapping[str, Path]) -> list[str]:
    """Return the names of what a quotation shows, as far as it is documented."""
    names = [f"{each.module}.{each.name}" for each in quoted.objects]
    return [name for name in names if name in entries]


@dataclass(frozen=True)
class Known:
    """What a row over a quotation is made from."""

    root: Path
    index: Mapping[str, Label]
    found: Mapping[str, Evidence]
    entries: Mapping[str, Path]


class Row(NamedTuple):
    """What stands over a quotation of a file: HTML, and the anchor that leads there."""

    path: str
    anchor: str
    text: str


def label(page: str, path: Path, rows: Sequence[Row]) -> str:
    """Say over each quotation of a page what it is.

    Raises:
        ValueError: The built page does not have the quotations of its source.
    """
    titles = FILENAME.findall(page)
    if not titles:
        return page
    if titles != [each.path for each in rows]:
        raise ValueError(f"{path}: the built page quotes {titles}, its source {rows}")
    rest = iter(rows)

    def labelled(_: re.Match[str]) -> str:
        each = next(rest)
        return (
            f'<div class="highlight" id="{each.anchor}"><span class="filename">{each.text}</span>'
        )

    return FILENAME.sub(labelled, page)


def row(quoted: Quotation, path: Path, known: Known) -> Row:
    """Return what stands over a quotation on the page at `path`."""
    source = relative(path, Object(quoted.path, "", quoted.line, 0).address)
    parts = [f'<a href="{source}">{quoted.path}<wbr>:{html.escape(quoted.name)}</a>']
    for label in quoted.labels:
        if label in known.index:
            target = known.index[label].page
            page = "" if target == path else relative(path, target)
            parts.append(f'<a class="label" href="{page}#mjx-eqn:{label}">{label}</a>')
    for entry in entries_of(quoted, known.entries)[:1]:
        address = f"{relative(path, known.entries[entry])}#{entry}"
        parts.append(f'<a href="{address}" aria-label="API of {entry}">API</a>')
    test = _test(quoted, known)
    if test:
        address = relative(path, test.address)
        parts.append(f'<a href="{address}" aria-label="test of {quoted.name}">test</a>')
    return Row(quoted.path, quoted.anchor, " ".join(parts))


def _test(quoted: Quotation, known: Known) -> Object | None:
    """Return the first test of the region's labels; without labels, of what it holds."""
    for label in quoted.labels:
        for test in known.found.get(label, Evidence()).tests[:1]:
            return test
    return _test_of(known.root, quoted)


def _test_of(root: Path, quoted: Quotation) -> Object | None:
    """Return the first test that names something in a region, or the file of the module's tests."""
    names = "|".join(re.escape(each.name.rpartition(".")[2]) for each in quoted.objects)
    stem, files = Path(quoted.path).parts[1].removesuffix(".py"), []
    for file in sorted(root.glob(f"tests/test_{stem}*.py")):
        text = file.read_text("utf-8")
        lines = text.splitlines()
        module, *inside = objects(file.relative_to(root).as_posix(), text)
        files.append(module)
        for each in inside:
            said = "\n".join(lines[each.line - 1 : each.end])
            if each.name.startswith("test_") and re.search(rf"\b(?:{names})\b", said):
                return each
    return files[0] if files else None


def link_imports(page: str, path: Path, entries: Mapping[str, Path]) -> tuple[str, list[str]]:
    """Link the names that a page's blocks import to their documentation; return these, too."""
    used: list[str] = []

    def linked(match: re.Match[str]) -> str:
        def name(each: re.Match[str]) -> str:
            entry = _entry(match["module"], each[1], entries)
            if not entry:
                return each[0]
            used.append(entry)
            address = f"{relative(path, entries[entry])}#{entry}"
            return f'<span class="n"><a class="object" href="{address}">{each[1]}</a></span>'

        return match["what"] + NAME.sub(name, match["names"])

    return IMPORTED.sub(linked, page), used


def _entry(module: str, name: str, entries: Mapping[str, Path]) -> str | None:
    """Return the full name of what a module offers; a package offers what its modules define."""
    if f"{module}.{name}" in entries:
        return f"{module}.{name}"
    inner = re.compile(rf"{re.escape(module)}\.\w+\.{name}")
    return next((entry for entry in entries if inner.fullmatch(entry)), None)


def link_back(page: str, rows: Mapping[str, str]) -> str:
    """Put a row under each documented object of a page that has one. A second run does nothing."""

    def told(entry: re.Match[str]) -> str:
        return f'{entry[0]}\n<p class="seen">{rows[entry[1]]}</p>' if entry[1] in rows else entry[0]

    return page if not rows or 'class="seen"' in page else ENTRY.sub(told, page)


def back_row(seen: Seen, place: Object | None, path: Path) -> str:
    """Say on the page at `path` where the source of an object is, and which pages show it."""
    parts = []
    if place:
        parts.append(f'<a href="{relative(path, place.address)}">{place.path}:{place.line}</a>')
    for what, pages in (("quoted in", seen.quoted), ("used in", seen.used)):
        links = [f'<a href="{_address(path, to)}">{title}</a>' for title, to in pages.items()]
        if links:
            parts.append(f"{what} {', '.join(links)}")
    return " · ".join(parts)


def _address(path: Path, target: str) -> str:
    page, _, anchor = target.partition("#")
    return relative(path, Path(page)) + (f"#{anchor}" if anchor else "")


def defined(root: Path) -> dict[str, Object]:
    """Return where each object of the package is defined, by its full name."""
    return {
        f"{each.module}.{each.name}".rstrip("."): each
        for file in sorted(root.glob("snippets/**/*.py"))
        for each in objects(file.relative_to(root).as_posix(), file.read_text("utf-8"))
    }


class Shown(NamedTuple):
    """A page that shows code: what the navigation calls it, and its source."""

    title: str
    source: Path


def shown(root: Path) -> dict[Path, Shown]:
    """Return the pages that show code, in the order of the navigation."""
    found = {Path("index.html"): Shown("Home", root / "docs" / "index.md")}
    for title, path, suffix in NAV.findall((root / "mkdocs.yml").read_text("utf-8")):
        name = f"{title} (lab)" if suffix == "ipynb" else title
        found[Path(path) / "index.html"] = Shown(name, root / "docs" / f"{path}.{suffix}")
    return found
