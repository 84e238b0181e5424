"""Write an Atom feed of the articles into a built site, dated by their history.

The same commit gives the same feed. Without a history (an archive without `.git`, a shallow clone)
a date in the front matter of an article, `date: 2026-11-25`, is taken; an article that has neither
is left out, and so is a feed without articles.
"""

import html
import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from tools.articles import Article, articles

FEED = "feed.xml"
SITE = "Derive & Run"
CANONICAL = re.compile(r'<link rel="canonical" href="([^"]*)">')
STAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\S+")


class Dates(NamedTuple):
    """When an article was published, and when it was last changed."""

    published: str
    changed: str


def write_feed(root: Path, site: Path) -> dict[str, Dates]:
    """Write the feed into a built site that knows its address; return the dates of all articles."""
    pages = articles(root)
    history = from_git(root)
    dates = {page.slug: found for page in pages if (found := _dates(page, history))}
    home = CANONICAL.search((site / "index.html").read_text("utf-8"))
    dated = [page for page in pages if page.slug in dates]
    if home and dated:
        (site / FEED).write_text(feed(html.unescape(home[1]), dated, dates), "utf-8")
    return dates


def feed(home: str, dated: list[Article], dates: dict[str, Dates]) -> str:
    """Return the feed, with what changed last at the top."""
    newest = sorted(dated, key=lambda page: (dates[page.slug].changed, page.slug), reverse=True)
    entries = "".join(_entry(home, page, dates[page.slug]) for page in newest)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"<title>{html.escape(SITE)}</title>\n<id>{html.escape(home)}</id>\n"
        f'<link href="{html.escape(home)}"/>\n<link rel="self" href="{html.escape(home)}{FEED}"/>\n'
        f"<updated>{dates[newest[0].slug].changed}</updated>\n"
        f"<author><name>{html.escape(SITE)}</name></author>\n{entries}</feed>\n"
    )


def from_git(root: Path) -> dict[str, Dates]:
    """Return first and last commit of each article, in UTC; nothing where the history is cut."""
    if not (root / ".git").exists() or (root / ".git" / "shallow").exists():
        return {}
    command = ["git", "log", "--format=%cd", "--date=format-local:%Y-%m-%dT%H:%M:%SZ"]
    command += ["--name-only", "--no-renames", "--", "docs/articles/*.md"]
    utc = os.environ | {"TZ": "UTC"}
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, env=utc)
    found: dict[str, Dates] = {}
    stamp = ""
    for line in filter(None, ran.stdout.splitlines() if not ran.returncode else []):
        if STAMP.fullmatch(line):
            stamp = line
            continue
        slug = Path(line).stem
        found[slug] = Dates(stamp, found[slug].changed if slug in found else stamp)
    return found


def _dates(page: Article, history: dict[str, Dates]) -> Dates | None:
    """Return an article's dates, those of its front matter first."""
    known, said = history.get(page.slug), page.meta.get("date")
    if not said:
        return known
    published = f"{said}T00:00:00Z"
    return Dates(published, known.changed if known else published)


def _entry(home: str, page: Article, dates: Dates) -> str:
    address = html.escape(f"{home}articles/{page.slug}/")
    return (
        f"<entry>\n<title>{html.escape(page.meta.get('title', page.slug))}</title>\n"
        f'<id>{address}</id>\n<link href="{address}"/>\n'
        f"<published>{dates.published}</published>\n<updated>{dates.changed}</updated>\n"
        f"<summary>{html.escape(page.meta.get('description', ''))}</summary>\n</entry>\n"
    )
