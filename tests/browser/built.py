"""The built site as its tests see it: its pages, where their links lead, what it weighs."""

import gzip
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).parents[2]
SITE = ROOT / "site"
SITE_URL = re.findall(r"^site_url: *(\S+)", (ROOT / "mkdocs.yml").read_text("utf-8"), re.M)[0]

FILES = sorted(file.relative_to(SITE).as_posix() for file in SITE.rglob("*.html"))
PAGES = [file.removesuffix("index.html") for file in FILES if file.endswith("index.html")]
SLUGS = [path.split("/")[1] for path in PAGES if re.fullmatch(r"articles/\w+/", path)]
ARTICLES = [f"articles/{slug}/" for slug in SLUGS]
LABS = [path for path in PAGES if path.startswith("labs/")]

# What pages name and do not fetch: links to click, and what describes the page.
CLICKED = {("a", "href"), ("area", "href"), ("blockquote", "cite"), ("q", "cite")}
DESCRIBING = {"alternate", "author", "canonical", "edit", "license", "next", "prev"}
STYLE_URL = re.compile(r"""url\(\s*["']?([^"')]+)["']?\s*\)|@import\s+["']([^"']+)["']""")
SCRIPT_URL = re.compile(r"""["'`]((?:https?:|wss?:)?//[\w.-]+[^"'`\s]*)["'`]""")


@cache
def text(file: str) -> str:
    """Return a text file of the site; a folder means its page."""
    path = SITE / file
    return (path / "index.html" if path.is_dir() else path).read_text("utf-8")


@cache
def soup(page: str) -> BeautifulSoup:
    """Return a page, parsed."""
    return BeautifulSoup(text(page), "html.parser")


@cache
def anchors(page: str) -> set[str]:
    """Return what a fragment can name on a page."""
    named = soup(page).select("[id], a[name]")
    return {str(tag.get("id") or tag.get("name")) for tag in named}


@cache
def words(page: str) -> str:
    """Return the text of a page that is no code, as a reader sees it."""
    unseen = ["script", "style", "pre", "code", "mjx-container"]
    return " ".join(part for part in soup(page).strings if not part.find_parent(unseen))


def describe(tag: Tag) -> str:
    """Return a tag without what it holds, as it stands in the page."""
    return re.sub(r"\s+", " ", str(tag).partition(">")[0] + ">")[:200]


def is_foreign(address: str) -> bool:
    """Whether an address is on another host."""
    host = urlsplit(address.strip()).netloc
    return bool(host) and host != urlsplit(SITE_URL).netloc


def fetched(tag: Tag) -> list[str]:
    """Return the addresses that a browser may fetch for a tag, whatever attribute names them."""
    if tag.name == "meta" and str(tag.get("http-equiv", "")).lower() != "refresh":
        return []
    if tag.name == "link" and set(tag.get("rel") or []) <= DESCRIBING:
        return []
    found = []
    for name, value in tag.attrs.items():
        value = " ".join(value) if isinstance(value, list) else str(value)
        if name == "style":
            found += style_urls(value)
        elif name.startswith("on"):
            found += SCRIPT_URL.findall(value)
        elif name == "data-then":
            found += value.split()
        elif name in {"srcset", "imagesrcset"}:
            found += [candidate.split()[0] for candidate in value.split(",") if candidate.strip()]
        elif not name.startswith("xmlns") and (tag.name, name) not in CLICKED:
            found += re.findall(r"^\s*((?:https?:|wss?:)?//\S+)", value)
    if tag.name == "style":
        found += style_urls(tag.string or "")
    if tag.name == "script" and tag.get("type") != "application/ld+json":  # names vocabularies
        found += SCRIPT_URL.findall(tag.string or "")
    return found


def style_urls(css: str) -> list[str]:
    """Return the addresses in a stylesheet."""
    return [first or second for first, second in STYLE_URL.findall(css)]


def target(address: str, page: str) -> tuple[str, str] | None:
    """Return the file of the site that an address on a page means, and its fragment.

    None is an address that leaves the site, or no address at all.
    """
    parts = urlsplit(urljoin(SITE_URL + page, address.strip()))
    own = urlsplit(SITE_URL)
    if parts.scheme not in {"http", "https"} or parts.netloc != own.netloc:
        return None
    return as_file(unquote(parts.path).removeprefix(own.path)), unquote(parts.fragment)


def as_file(path: str) -> str:
    """Return the file that a server sends for a path."""
    return f"{path}index.html" if not path or path.endswith("/") else path


def wire_size(file: str) -> int:
    """Return the bytes that a file takes on its way to a reader, fonts as they are."""
    content = (SITE / file).read_bytes()
    return len(content) if "woff" in Path(file).suffix else len(gzip.compress(content, 6))
