"""Show PNG pictures as WebP, which holds the same pixels in two thirds of the bytes.

The PNG stays where it is: copies to take home, social networks and feeds ask for it.
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
PNG = re.compile(r'(<img\b[^>]*?\bsrc=")([^":#]+)\.png(?=[#"])')


class Picture(NamedTuple):
    """A picture of a built site: its size, in CSS pixels, and whether it lies there as WebP too."""

    width: float
    height: float
    is_light: bool


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
                self.known[file] = Picture(*image_size(file), _lighten(file))
            if file in self.known:
                found[source] = self.known[file]
        return found


def show_lighter(page: str, pictures: Mapping[str, Picture]) -> str:
    """Let a page show the lighter form of its pictures."""

    def lightened(match: re.Match[str]) -> str:
        picture = pictures.get(f"{match[2]}.png")
        return f"{match[1]}{match[2]}.webp" if picture and picture.is_light else match[0]

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


def _lighten(picture: Path) -> bool:
    """Write a PNG as WebP beside it, if that is lighter; return whether it is."""
    if picture.suffix != ".png":
        return False
    content = picture.read_bytes()
    name = hashlib.sha256(content).hexdigest()
    form = kept("pictures", [name], partial(_webp, content))
    if len(form) >= len(content):
        return False
    picture.with_suffix(".webp").write_bytes(form)
    return True


def _webp(content: bytes) -> bytes:
    """Return a picture as WebP, without loss, what is transparent included."""
    form = io.BytesIO()
    Image.open(io.BytesIO(content)).save(form, "WEBP", lossless=True, exact=True, method=4)
    return form.getvalue()
