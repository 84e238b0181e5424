"""Write a built site as a zip that opens without a server: `python -m tools.offline site FILE`.

From a folder a browser opens files, not folders, runs no worker, fetches no data and takes no
picture for a mask. So links name the file that they mean, the search index is a script, a shim
stands in for the worker, and masks are written into the stylesheet.
"""

import base64
import json
import posixpath
import re
import sys
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

from tools.pages import BEFORE
from tools.typeset import relative

SHIM = "assets/vendor/iframe-worker/iframe-worker.js"
INDEX = "search/search_index.json"
FOLDER = "derive-and-run"
LINK = re.compile(r'(<a\b[^>]*?\bhref=")([^"]*)(")')
# A font that is preloaded counts as from another origin here, and is refused.
PRELOAD = re.compile(r'<link rel="preload"[^>]*>\n?')
# Addresses of the published site, which a copy in a folder is not.
PUBLISHED = re.compile(
    r'<link rel="(?:canonical|alternate|prev|next)"[^>]*>\n?'
    r'|<meta property="og:(?:url|image)"[^>]*>\n?'
)
DRAWING = re.compile(r"""url\(["']?((?!data:)[^"')]+\.svg)["']?\)""")
CONFIG = re.compile(r'(<script id="__config" type="application/json">)(.*?)(</script>)', re.S)
UNUSED = {"404.html", "sitemap.xml", "sitemap.xml.gz", "feed.xml", "_headers", INDEX}
STAMP = (1980, 1, 1, 0, 0, 0)  # of each file, so that the same site is the same zip


def write_offline(site: Path, target: Path) -> None:
    """Write a built site as one zip that holds one folder.

    Raises:
        FileNotFoundError: The site lacks its search index or the shim.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(site.rglob("*")):
            name = file.relative_to(site).as_posix()
            if file.is_file() and name not in UNUSED:
                content = file.read_bytes()
                if file.suffix == ".html":
                    content = opened(content.decode("utf-8"), Path(name), site).encode()
                elif file.suffix == ".css":
                    content = masked(content.decode("utf-8"), file.parent).encode()
                _add(archive, name, content)
        _add(archive, INDEX.replace(".json", ".js"), search_script(site).encode())


def opened(page: str, path: Path, site: Path) -> str:
    """Return a page as it works from a folder."""
    page = PUBLISHED.sub("", PRELOAD.sub("", page))
    page = LINK.sub(lambda link: link[1] + as_file(link[2], path, site) + link[3], page)
    page = CONFIG.sub(lambda config: config[1] + _settings(config[2]) + config[3], page)
    if not (site / SHIM).is_file():
        raise FileNotFoundError(f"{site / SHIM}: search needs it where there is no server")
    shim = f'<script src="{relative(path, SHIM)}"></script>'
    # Before the theme's own script, which starts the search.
    return re.sub(rf"(?=<script src=[^>]*{BEFORE})", shim, page, count=1)


def masked(css: str, folder: Path) -> str:
    """Return a stylesheet with the drawings that it names inside it."""

    def inside(match: re.Match[str]) -> str:
        drawing = base64.b64encode((folder / match[1]).read_bytes()).decode()
        return f'url("data:image/svg+xml;base64,{drawing}")'

    return DRAWING.sub(inside, css)


def as_file(address: str, path: Path, site: Path) -> str:
    """Return an address with the name of the file that a server would send for it."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not parts.path:
        return address
    folder = posixpath.normpath((path.parent / parts.path).as_posix())
    if not (site / folder / "index.html").is_file():
        return address
    named = posixpath.join(parts.path, "index.html")
    return parts._replace(path=named).geturl()


def search_script(site: Path) -> str:
    """Return the search index as a script, with files for locations."""
    index = json.loads((site / INDEX).read_text("utf-8"))
    for entry in index["docs"]:
        entry["location"] = as_file(f"./{entry['location']}", Path("index.html"), site)
    return f"var __index = {json.dumps(index, ensure_ascii=False, separators=(',', ':'))}"


def _settings(text: str) -> str:
    """Return the theme's settings without what needs a server."""
    settings = json.loads(text)
    settings["features"] = [
        feature for feature in settings["features"] if not feature.startswith("navigation.instant")
    ]
    return json.dumps(settings).replace("</", "<\\/")


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(f"{FOLDER}/{name}", STAMP)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


if __name__ == "__main__":
    write_offline(Path(sys.argv[1]), Path(sys.argv[2]))
