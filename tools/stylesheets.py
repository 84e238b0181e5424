"""One stylesheet for the whole site: a browser waits for one answer before it paints, not for five.

What a page takes in, in the order of the cascade, is written as one file without comments and
white space; pages take in that file alone.
"""

import posixpath
import re
from pathlib import Path

from tools.purge import purged
from tools.typeset import ASSETS, minify

MERGED = "assets/all.css"
FACES = f"{ASSETS}/fonts.css"
LINK = re.compile(
    r'<link rel="stylesheet" href="(?P<root>(?:\.\./)*|/)(?P<name>assets/[^"]+\.css)">\s*'
)
# Addresses that are relative to the file they stand in.
ADDRESS = re.compile(r"""url\((["']?)(?!["']|[\w-]+:|#|/)([^"')]+)\1\)""")


def merge_stylesheets(site: Path, page: str, names: set[str]) -> None:
    """Write the stylesheet of a built site: what this page takes in, and the faces of mathematics.

    Those are for all pages, so that instant navigation does not drop them on the way. Rules that
    ask for what no page names are left out.
    """
    files = [link["name"] for link in LINK.finditer(page)]
    if MERGED not in files:
        files.append(FACES)
        sheets = [moved((site / file).read_text("utf-8"), file) for file in files]
        scripts = (file.read_text("utf-8") for file in site.glob("assets/**/*.js"))
        css = purged(minify("\n".join(sheets)), names, scripts)
        (site / MERGED).write_text(css, "utf-8")


def moved(css: str, name: str) -> str:
    """Return a stylesheet as it works from the folder of the merged one."""
    folder = posixpath.relpath(posixpath.dirname(name), posixpath.dirname(MERGED))
    return ADDRESS.sub(
        lambda address: f'url("{posixpath.normpath(posixpath.join(folder, address[2]))}")', css
    )


def take_in_one(page: str) -> str:
    """Let a page take in the one stylesheet, where it took in its first. Twice is as once."""
    links = list(LINK.finditer(page))
    if not links:
        return page
    first = links[0]
    one = f'<link rel="stylesheet" href="{first["root"]}{MERGED}">\n'
    return page[: first.start()] + one + LINK.sub("", page[first.end() :])
