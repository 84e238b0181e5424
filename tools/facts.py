"""What the steps that finish a page must know besides its text: plain facts, gathered once a build.

A page is made from its text and its facts alone, and is kept under both. So they are as few as can
be: what other parts of the site and the repository say counts as far as the page names them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tools import drawn, evidence, glossary, motion, quotations, references
from tools.citations import Evidence
from tools.citations import evidence as cited
from tools.codelinks import by_name, mentioned
from tools.feed import FEED, Dates
from tools.mathfonts import Glyph
from tools.pages import PRELOADED, copies_of
from tools.pictures import Album, Picture
from tools.references import Reference
from tools.sources import source_pages
from tools.typeset import Label
from tools.verified import Verified, verified


class Shared(NamedTuple):
    """Facts that are the same for all pages."""

    documented: dict[str, Path]  # the page of each object
    references: tuple[Reference, ...]
    terms: dict[str, str]  # the glossary's entry for each form of a term
    drawers: dict[str, int]  # the cell that draws each figure
    preloaded: list[str]
    has_feed: bool


class Own(NamedTuple):
    """Facts of one page."""

    path: Path
    labels: dict[str, Label]  # those that it may name
    evidence: dict[str, Evidence]  # for these
    is_shown: bool  # in the navigation, as an article, as a lab or as the first page
    rows: list[quotations.Row]  # over what it quotes
    seen: dict[str, str]  # rows under the objects that it documents
    citing: dict[str, dict[str, Path]]  # pages that cite the references that it lists
    pictures: dict[str, Picture]
    scene: str
    copies: list[str]
    has_data: bool
    run: Verified | None
    dates: Dates | None


class Finished(NamedTuple):
    """A page as it leaves, with what it shows of other parts of the site."""

    text: str
    uses: list[str]  # objects that are documented
    cites: list[str]  # references
    glyphs: set[Glyph]  # of mathematics
    names: set[str]  # what stylesheets may ask for


class Survey:
    """Gathers the facts.

    Args:
        root: The repository.
        site: The built site, with all that lies beside its pages.
        built: Its pages.
        index: The labels of its equations.
        dates: Of each article, as far as they are known.
    """

    def __init__(
        self,
        root: Path,
        site: Path,
        built: Mapping[Path, str],
        index: Mapping[str, Label],
        dates: Mapping[str, Dates],
    ) -> None:
        self.root, self.site, self.built, self.index, self.dates = root, site, built, index, dates
        self.found, self.runs = cited(root), verified(root)
        self.album, self.shown = Album(site), quotations.shown(root)
        self.shared = self._shared()
        documented = self.shared.documented
        self.names = by_name(index)
        self.known = quotations.Known(root, index, self.found, documented)
        self.defined = quotations.defined(root)
        self.seen = {name: quotations.Seen() for name in documented}
        self.on_page: dict[Path, list[str]] = {}
        for name, page in documented.items():
            self.on_page.setdefault(page, []).append(name)
        self.citing: dict[str, dict[str, Path]] = {}

    def pages(self) -> Iterator[tuple[Path, str]]:
        """Yield all pages, those that lead to others first, and those made of the evidence page."""
        pages, table = dict(self.built), self.built.get(evidence.PAGE)
        if table is not None:
            pages |= source_pages(self.root, table, self.index)
            pages[evidence.PAGE] = evidence.fill(table, self.index, self.found)
        yield from ((path, pages.pop(path)) for path in self.shown if path in pages)
        yield from pages.items()

    def own(self, path: Path, page: str) -> Own:
        """Return the facts of a page, once all pages that lead to it are noted."""
        is_article, slug = path.parts[0] == "articles", path.parent.name
        labels = mentioned(page, self.names)
        scene = self.site / motion.FOLDER / f"{slug}.js"
        return Own(
            path,
            {label: self.index[label] for label in labels},
            {label: self.found[label] for label in labels if label in self.found},
            path in self.shown,
            [quotations.row(each, path, self.known) for each in self._quoted(path)],
            self._seen_on(path),
            self.citing if path == references.PAGE else {},
            self.album.shown(page, path),
            scene.read_text("utf-8") if is_article and scene.is_file() else "",
            copies_of(self.site, path),
            (self.site / path.parent / "data").is_dir(),
            self.runs.get(slug) if is_article else None,
            self.dates.get(slug) if is_article else None,
        )

    def note(self, path: Path, page: Finished) -> None:
        """Note what a finished page leads to."""
        if path not in self.shown:
            return
        title = self.shown[path].title
        for name in page.uses:
            self.seen[name].used.setdefault(title, path.as_posix())
        for each in self._quoted(path):
            for name in quotations.entries_of(each, self.known.entries):
                self.seen[name].quoted.setdefault(title, f"{path.as_posix()}#{each.anchor}")
        for name in page.cites:
            self.citing.setdefault(name, {}).setdefault(title, path)

    def _shared(self) -> Shared:
        drawers = drawn.all_cells(self.root / "docs" / "labs")
        return Shared(
            quotations.documented(self.built),
            references.listed(self.built.get(references.PAGE, "")),
            glossary.forms(self.built.get(glossary.PAGE, "")),
            {name: at for name, at in drawers.items() if drawn.lab_page(name) in self.built},
            [name for name in PRELOADED if (self.site / name).is_file()],
            (self.site / FEED).is_file(),
        )

    def _quoted(self, path: Path) -> list[quotations.Quotation]:
        source = self.shown[path].source if path in self.shown else None
        if source is None or source.suffix != ".md":
            return []
        return quotations.quotations(self.root, source)

    def _seen_on(self, path: Path) -> dict[str, str]:
        rows = {
            name: quotations.back_row(self.seen[name], self.defined.get(name), path)
            for name in self.on_page.get(path, ())
        }
        return {name: row for name, row in rows.items() if row}
