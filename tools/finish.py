"""Everything that is done to a built site, whichever tool built it: `python -m tools.finish site`.

Each page is read once, goes from step to step as text, and is written once; a page whose text and
facts are those of an earlier build is what it was. MkDocs calls this through `tools/hooks.py`;
after `zensical build` it is a command.
"""

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from tools import evidence, quotations, references, takehome
from tools.around import surround
from tools.codelinks import with_labels
from tools.copying import add_copy_buttons
from tools.facts import Finished, Own, Shared, Survey
from tools.feed import write_feed
from tools.glossary import link as link_terms
from tools.heads import describe
from tools.kept import digest, kept
from tools.lean import lighten_code
from tools.mathfonts import Glyph, shown, write_fonts
from tools.mathserver import server
from tools.motion import add_scenes
from tools.pages import mend, mend_sheets
from tools.passages import divide
from tools.pictures import show_lighter
from tools.purge import named
from tools.searchindex import clean_search_index
from tools.sources import FOLDER
from tools.stylesheets import merge_stylesheets, take_in_one
from tools.typeset import label_index, typeset_page

ROOT = Path(__file__).parents[1]
HOME = Path("index.html")


def finish(site: Path, sources: Mapping[Path, Path] | None = None) -> None:
    """Typeset, link, mend and complete a built site, in place.

    Args:
        site: The folder that holds the built site.
        sources: The file that each page, relative to the site, was made from.

    Raises:
        ValueError: Mathematics that cannot be typeset, or an article that cannot stand alone.
    """
    built = read(site)
    index = label_index(site, built, sources or {})
    mend_sheets(site)
    takehome.write(ROOT, site)
    survey = Survey(ROOT, site, built, index, write_feed(ROOT, site))
    glyphs, names = set[Glyph](), set[str]()
    for path, page in made(survey):
        glyphs |= page.glyphs
        names |= page.names
        if page.text != built.get(path):
            write(site / path, page.text)
    write_fonts(site, glyphs)
    merge_stylesheets(site, built[HOME], names)
    clean_search_index(site)


def made(survey: Survey) -> Iterator[tuple[Path, Finished]]:
    """Yield all pages of a site after all steps; those that were made before are not made again."""
    shared = digest([server(), repr(survey.shared)])
    for path, text in survey.pages():
        own = survey.own(path, text)
        make = partial(finished, text, own, survey.shared)
        page = kept("finished", [text, shared, repr(own)], make)
        survey.note(path, page)
        yield path, page


def finished(page: str, own: Own, shared: Shared) -> Finished:
    """Return a page after all steps, made from its text and these facts alone."""
    path, uses, cites = own.path, [], []
    if path.parts[0] != FOLDER:  # pages of source have their links, and lines that are linked to
        page = evidence.underline(typeset_page(page, path, own.labels), path, own.evidence)
        if own.is_shown:
            page = quotations.label(page, path, own.rows)
            page, uses = quotations.link_imports(page, path, shared.documented)
        page = with_labels(quotations.link_back(page, own.seen), own.labels, path)
        if own.is_shown and path.parts[0] == "articles":
            page = references.link_citations(page, path, shared.references)
            cites = references.cited(page, shared.references)
        page = references.link_back(page, own.citing)
        page = add_scenes(link_terms(page, path, shared.terms), path, own.scene)
    page = mend(page, path, own.pictures, own.copies, shared.preloaded)
    page = surround(page, path, shared.drawers, own.run, has_data=own.has_data)
    page = show_lighter(describe(page, path, own.dates, has_feed=shared.has_feed), own.pictures)
    page = page if path.parts[0] == FOLDER else lighten_code(page)
    page = take_in_one(add_copy_buttons(page))
    page = divide(page) if path.parts[0] == "articles" else page
    return Finished(page, uses, cites, shown(page), named(page))


def read(site: Path) -> dict[Path, str]:
    """Return the pages of a built site, by where they are in it."""
    return {
        file.relative_to(site): file.read_text("utf-8") for file in sorted(site.rglob("*.html"))
    }


def write(file: Path, page: str) -> None:
    """Write a page. One that is there goes first: some file systems wait while it is cut off."""
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    file.write_text(page, "utf-8")


if __name__ == "__main__":
    try:
        finish(Path(sys.argv[1]))
    except ValueError as error:
        sys.exit(str(error))
