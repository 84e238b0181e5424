"""Show PNG pictures as WebP, which holds the same pixels in two thirds of the bytes.

A phone, whose screen has fewer, gets fewer pixels where that spares it a third of those bytes. The
PNG stays where it is: copies to take home, social networks and feeds ask for it.
"""

import hashlib
import html
import io
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from tools.kept import kept

SOURCE = re.compile(r'<img\b[^>]*?\bsrc="([^":#]+)')
PNG = re.compile(r'(<img\b[^>]*?\b)src="([^":#]+)\.png(#[^"]*)?"')
PHONE = 750  # pixels: the width of a column on most phones, at two for each of CSS
SIZES = "(max-width: 40em) calc(100vw - 2em)"


class Picture(NamedTuple):
    """A picture of a built site: its size, in CSS pixels, and whether it lies there as WebP too.

    `has_small` says whether there is a form of it for phones.
    """

    width: float
    height: float
    is_light: bool
    has_small: bool


class Album:
    """The pictures of a built site, each looked at once.

    Args:
        site: The folder that holds the site.
    """

    def __init__(self, site: Path) -> None:
        self.site = site
        self.known: dict[Path, Picture] = {}

    def shown(self, page: str, path: Path) -> dict[str, Picture]:
        """Return the pictures that the page at `path` shows, by the address that it has for them.

        Raises:
            ValueError: An SVG has no size.
        """
        found = {}
        for source in sorted(set(SOURCE.findall(page))):
            # The error page, at the root, has addresses that begin there.
            file = (self.site / path.parent / html.unescape(source).lstrip("/")).resolve()
            if file not in self.known and file.is_file():
                self.known[file] = Picture(*image_size(file), *_lighten(file))
            if file in self.known:
                found[source] = self.known[file]
        return found


def show_lighter(page: str, pictures: Mapping[str, Picture]) -> str:
    """Let a page show the lighter form of its pictures."""

    def lightened(match: re.Match[str]) -> str:
        before, name, scheme = match[1], match[2], match[3] or ""
        picture = pictures.get(f"{name}.png")
        if not picture or not picture.is_light:
            return match[0]
        shown = f'{before}src="{name}.webp{scheme}"'
        if not picture.has_small:
            return shown
        forms = f"{name}.phone.webp {PHONE}w, {name}.webp {picture.width}w"
        return f'{shown} srcset="{forms}" sizes="{SIZES}, {picture.width}px"'

    return PNG.sub(lightened, page)


def image_size(file: Path) -> tuple[float, float]:
    """Return width and height of a picture in CSS pixels (of an SVG) or in pixels."""
    if file.suffix != ".svg":
        with Image.open(file) as image:
            return image.size
    box = re.search(r'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"', file.read_text("utf-8"))
    if not box:
        raise ValueError(f"{file}: expected an SVG with a viewBox")
    return float(box[1]), float(box[2])


def _lighten(picture: Path) -> tuple[bool, bool]:
    """Write a PNG as WebP beside it, if that is lighter, and once more with the pixels of a phone.

    Returns:
        Which of the two are there.
    """
    if picture.suffix != ".png":
        return False, False
    content = picture.read_bytes()
    name = hashlib.sha256(content).hexdigest()
    whole, small = kept("pictures", [name], partial(_webp, content))
    if len(whole) >= len(content):
        return False, False
    picture.with_suffix(".webp").write_bytes(whole)
    has_small = len(small) < 2 / 3 * len(whole)
    if has_small:
        picture.with_suffix(".phone.webp").write_bytes(small)
    return True, has_small


def _webp(content: bytes) -> tuple[bytes, bytes]:
    """Return a picture as WebP: without loss, what is transparent included, and for a phone."""
    whole, small = io.BytesIO(), io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        image.save(whole, "WEBP", lossless=True, exact=True, method=4)
        if image.width <= PHONE:
            return whole.getvalue(), whole.getvalue()
        size = (PHONE, round(image.height * PHONE / image.width))
        image.resize(size, Image.Resampling.LANCZOS).save(small, "WEBP", quality=75, method=4)
    return whole.getvalue(), small.getvalue()
