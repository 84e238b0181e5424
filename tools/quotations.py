"""Say of each quotation what it quotes, and link the code of pages with the documentation of it.

A quotation shows its file, its region, the labels that it cites, and a test. Names that a block
imports lead to their documentation; the documentation names the pages that quote and use them.
"""

import html
import re
from dataclasses import dataclass, field
from pathlib import Path

from tools.articles import read
from tools.citations import LABEL, Evidence, Object, objects
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


def link_code(root: Path, site: Path, index: dict[str, Label], found: dict[str, Evidence]) -> None:
    """Label the quotations of a built site, and link its code and its documentation."""
    entries = documented(site)
    known = _Known(root, index, found, entries)
    seen: dict[str, Seen] = {entry: Seen() for entry in entries}
    for title, path, source in _pages(root):
        if not (site / path).is_file():
            continue
        page = (site / path).read_text("utf-8")
        quoted = quotations(root, source) if source.suffix == ".md" else []
        labelled = _label(page, path, quoted, known)
        linked = _link_imports(labelled, path, entries, seen, title)
        for each in quoted:
            for entry in _entries(each, entries):
                seen[entry].quoted.setdefault(title, f"{path.as_posix()}#{each.anchor}")
        if linked != page:
            (site / path).write_text(linked, "utf-8")
    _link_back(root, site, entries, seen)


def documented(site: Path) -> dict[str, Path]:
    """Return the page that documents each object, by the object's full name."""
    found = {}
    for file in sorted(site.glob("api/*/index.html")):
        for entry in ENTRY.finditer(file.read_text("utf-8")):
            found[entry[1]] = file.relative_to(site)
    return found


def quotations(root: Path, source: Path) -> list[Quotation]:
    """Return what a page quotes, in order."""
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


def _entries(quoted: Quotation, entries: dict[str, Path]) -> list[str]:
    names = [f"{each.module}.{each.name}" for each in quoted.objects]
    return [name for name in names if name in entries]


@dataclass(frozen=True)
class _Known:
    """What a row over a quotation is made from."""

    root: Path
    index: dict[str, Label]
    found: dict[str, Evidence]
    entries: dict[str, Path]


def _label(page: str, path: Path, quoted: list[Quotation], known: _Known) -> str:
    """Say over each quotation of a page what it is.

    Raises:
        ValueError: The built page does not have the quotations of its source.
    """
    titles = FILENAME.findall(page)
    if not titles:
        return page
    if titles != [each.path for each in quoted]:
        raise ValueError(f"{path}: the built page quotes {titles}, its source {quoted}")
    rest = iter(quoted)

    def labelled(_: re.Match[str]) -> str:
        each = next(rest)
        row = _row(each, path, known)
        return f'<div class="highlight" id="{each.anchor}"><span class="filename">{row}</span>'

    return FILENAME.sub(labelled, page)


def _row(quoted: Quotation, path: Path, known: _Known) -> str:
    source = relative(path, Object(quoted.path, "", quoted.line, 0).address)
    parts = [f'<a href="{source}">{quoted.path}<wbr>:{html.escape(quoted.name)}</a>']
    for label in quoted.labels:
        if label in known.index:
            target = known.index[label].page
            page = "" if target == path else relative(path, target)
            parts.append(f'<a class="label" href="{page}#mjx-eqn:{label}">{label}</a>')
    for entry in _entries(quoted, known.entries)[:1]:
        address = f"{relative(path, known.entries[entry])}#{entry}"
        parts.append(f'<a href="{address}" aria-label="API of {entry}">API</a>')
    test = _test(quoted, known)
    if test:
        address = relative(path, test.address)
        parts.append(f'<a href="{address}" aria-label="test of {quoted.name}">test</a>')
    return " ".join(parts)


def _test(quoted: Quotation, known: _Known) -> Object | None:
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


def _link_imports(
    page: str, path: Path, entries: dict[str, Path], seen: dict[str, Seen], title: str
) -> str:
    """Link the names that a page's blocks import to their documentation, and note the use."""

    def linked(match: re.Match[str]) -> str:
        def name(each: re.Match[str]) -> str:
            entry = _entry(match["module"], each[1], entries)
            if not entry:
                return each[0]
            seen[entry].used.setdefault(title, path.as_posix())
            address = f"{relative(path, entries[entry])}#{entry}"
            return f'<span class="n"><a class="object" href="{address}">{each[1]}</a></span>'

        return match["what"] + NAME.sub(name, match["names"])

    return IMPORTED.sub(linked, page)


def _entry(module: str, name: str, entries: dict[str, Path]) -> str | None:
    """Return the full name of what a module offers; a package offers what its modules define."""
    if f"{module}.{name}" in entries:
        return f"{module}.{name}"
    inner = re.compile(rf"{re.escape(module)}\.\w+\.{name}")
    return next((entry for entry in entries if inner.fullmatch(entry)), None)


def _link_back(root: Path, site: Path, entries: dict[str, Path], seen: dict[str, Seen]) -> None:
    """Say under each documented object where its source is, and which pages show it."""
    places = _defined(root)
    for path in sorted(set(entries.values())):
        page = (site / path).read_text("utf-8")

        def told(entry: re.Match[str], path: Path = path) -> str:
            row = _back_row(seen[entry[1]], places.get(entry[1]), path)
            return f'{entry[0]}\n<p class="seen">{row}</p>' if row else entry[0]

        if 'class="seen"' not in page:
            (site / path).write_text(ENTRY.sub(told, page), "utf-8")


def _back_row(seen: Seen, place: Object | None, path: Path) -> str:
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


def _defined(root: Path) -> dict[str, Object]:
    """Return where each object of the package is defined, by its full name."""
    return {
        f"{each.module}.{each.name}".rstrip("."): each
        for file in sorted(root.glob("snippets/**/*.py"))
        for each in objects(file.relative_to(root).as_posix(), file.read_text("utf-8"))
    }


def _pages(root: Path) -> list[tuple[str, Path, Path]]:
    """Return the pages that show code: what the navigation calls them, where, and their source."""
    found = [("Home", Path("index.html"), root / "docs" / "index.md")]
    for title, path, suffix in NAV.findall((root / "mkdocs.yml").read_text("utf-8")):
        name = f"{title} (lab)" if suffix == "ipynb" else title
        found.append((name, Path(path) / "index.html", root / "docs" / f"{path}.{suffix}"))
    return found
