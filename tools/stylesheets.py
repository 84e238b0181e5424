"""One stylesheet for the whole site: a browser waits for one answer before it paints, not for five.

What a page takes in, in the order of the cascade, is written as one file without comments and
white space; pages take in that file alone.
"""

import posixpath
import re
from collections.abc import Sequence
from pathlib import Path

from tools.typeset import minify

MERGED = "assets/all.css"
LINK = re.compile(
    r'<link rel="stylesheet" href="(?P<root>(?:\.\./)*|/)(?P<name>assets/[^"]+\.css)">\s*'
)
# Addresses that are relative to the file they stand in.
ADDRESS = re.compile(r"""url\((["']?)(?!["']|[\w-]+:|#|/)([^"')]+)\1\)""")


def taken_in(page: str) -> list[str]:
    """Return the stylesheets that a page takes in, in order."""
    return [link["name"] for link in LINK.finditer(page)]


def merge_stylesheets(site: Path, names: Sequence[str]) -> None:
    """Write the stylesheet of a built site, from those that its first page takes in."""
    if MERGED not in names:
        sheets = [moved((site / name).read_text("utf-8"), name) for name in names]
        (site / MERGED).write_text(minify("\n".join(sheets)), "utf-8")


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
