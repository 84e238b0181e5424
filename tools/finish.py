"""Everything that is done to a built site, whichever tool built it: `python -m tools.finish site`.

MkDocs calls it through `tools/hooks.py`; after `zensical build` it is a command.
"""

import sys
from pathlib import Path

from tools import takehome
from tools.around import surround
from tools.copying import add_copy_buttons
from tools.feed import write_feed
from tools.heads import describe_pages
from tools.lean import lighten_code
from tools.linking import link_site
from tools.mathfonts import cut_fonts
from tools.motion import add_scenes
from tools.pages import mend_pages
from tools.passages import divide
from tools.pictures import lighten_pictures
from tools.searchindex import clean_search_index
from tools.stylesheets import merge_stylesheets, take_in_one
from tools.typeset import typeset_site

ROOT = Path(__file__).parents[1]


def finish(site: Path, sources: dict[Path, Path] | None = None) -> None:
    """Typeset, link, mend and complete a built site, in place.

    Args:
        site: The folder that holds the built site.
        sources: The file that each page, relative to the site, was made from.

    Raises:
        ValueError: Mathematics that cannot be typeset, or an article that cannot stand alone.
    """
    index = typeset_site(site, sources)
    link_site(ROOT, site, index)
    takehome.write(ROOT, site)
    add_scenes(site)
    mend_pages(site)
    surround(site, ROOT)
    describe_pages(site, write_feed(ROOT, site))
    lighten_pictures(site)
    lighten_code(site)
    merge_stylesheets(site)
    for file in site.rglob("*.html"):
        page = take_in_one(add_copy_buttons(file.read_text("utf-8")))
        file.write_text(divide(page) if "articles" in file.parts else page, "utf-8")
    cut_fonts(site, (file.read_text("utf-8") for file in site.rglob("*.html")))
    clean_search_index(site)


if __name__ == "__main__":
    try:
        finish(Path(sys.argv[1]))
    except ValueError as error:
        sys.exit(str(error))
