"""Show PNG pictures as WebP, which holds the same pixels in two thirds of the bytes.

The PNG stays where it is: copies to take home, social networks and feeds ask for it.
"""

import hashlib
import io
import re
from functools import partial
from pathlib import Path

from PIL import Image

from tools.kept import kept

SOURCE = re.compile(r'(<img\b[^>]*?\bsrc=")([^":#]+)\.png(?=[#"])')


def lighten_pictures(site: Path) -> None:
    """Let every page of a built site show the lighter form of its pictures, in place."""
    lighter: dict[Path, bool] = {}
    for file in site.rglob("*.html"):
        page = file.read_text("utf-8")

        def lightened(match: re.Match[str], folder: Path = file.parent) -> str:
            picture = (folder / f"{match[2].lstrip('/')}.png").resolve()
            if picture not in lighter:
                lighter[picture] = picture.is_file() and _lighten(picture)
            return f"{match[1]}{match[2]}.webp" if lighter[picture] else match[0]

        changed = SOURCE.sub(lightened, page)
        if changed != page:
            file.write_text(changed, "utf-8")


def _lighten(picture: Path) -> bool:
    """Write a PNG as WebP beside it; return whether that is lighter."""
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
