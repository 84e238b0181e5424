"""Everything that is done to a built site, whichever tool built it: `python -m tools.finish site`.

MkDocs calls it through `tools/hooks.py`; after `zensical build` it is a command.
"""

import sys
from pathlib import Path

from tools import takehome
from tools.around import surround
from tools.feed import write_feed
from tools.heads import describe_pages
from tools.lean import lighten_code
from tools.linking import link_site
from tools.motion import add_scenes
from tools.pages import mend_pages
from tools.pictures import lighten_pictures
from tools.searchindex import clean_search_index
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
    clean_search_index(site)


if __name__ == "__main__":
    try:
        finish(Path(sys.argv[1]))
    except ValueError as error:
        sys.exit(str(error))
