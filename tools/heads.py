"""Say in the head of each built page what it is, for search engines and for those who link to it.

Open Graph and Twitter read the same few tags. All of it follows from what the page itself says:
its canonical address, its title, its description and its first picture on light paper. A page
without a canonical address, of a site that does not know its own, is left as it is.
"""

import html
import json
import re
from pathlib import Path
from urllib.parse import urljoin

from tools.feed import FEED, Dates
from tools.typeset import relative

CANONICAL = re.compile(r'<link rel="canonical" href="([^"]*)">')
DESCRIPTION = re.compile(r'<meta name="description" content="([^"]*)">')
TITLE = re.compile(r"<title>(.*?)</title>", re.S)
HEADING = re.compile(r"<h1\b[^>]*>(.*?)</h1>", re.S)
PICTURE = re.compile(
    r'<img\b(?=[^>]*\bsrc="(?P<src>[^"]*\.light\.png)[#"])(?=[^>]*\balt="(?P<alt>[^"]*)")[^>]*>'
)
MARK = '<meta property="og:type"'
LOST_PAGE = Path("404.html")
LOST = '<meta name="robots" content="noindex">'
ARTICLE = re.compile(r"articles/([\w-]+)/index\.html")
SITE = "Derive & Run"


def describe(page: str, path: Path, dates: Dates | None, *, has_feed: bool) -> str:
    """Return a page with what social networks, search engines and feed readers look for.

    Args:
        page: The page. A second run changes nothing.
        path: Where it is in the site.
        dates: When an article was published and changed, as far as it is known.
        has_feed: Whether the site has a feed.
    """
    if path == LOST_PAGE:
        return lose(page)
    address, about = CANONICAL.search(page), DESCRIPTION.search(page)
    if MARK in page or not address or not about:
        return page
    article = ARTICLE.fullmatch(path.as_posix())
    title, picture = title_of(page), PICTURE.search(page)
    summary = html.unescape(about[1])
    tags = [
        f'<meta property="og:type" content="{"article" if article else "website"}">',
        f'<meta property="og:site_name" content="{html.escape(SITE)}">',
        f'<meta property="og:title" content="{html.escape(title)}">',
        f'<meta property="og:description" content="{html.escape(summary)}">',
        f'<meta property="og:url" content="{address[1]}">',
        *_pictured(picture, address[1]),
    ]
    if has_feed:
        feed = relative(path, FEED)
        kind = f'type="application/atom+xml" title="{html.escape(SITE)}"'
        tags.append(f'<link rel="alternate" {kind} href="{feed}">')
    if article:
        tags.append(_structured(title, summary, address[1], dates))
    return page.replace("</head>", "\n".join([*tags, "</head>"]), 1)


def lose(page: str) -> str:
    """Return the error page with a way back, and out of the way of search engines."""
    if LOST in page:
        return page
    home = re.search(r'<a href="([^"]*)"[^>]*class="md-header__button md-logo"', page)
    way = f' Or begin <a href="{home[1]}">at the first page</a>.' if home else ""
    words = f"<p>Nothing is at this address. The search above knows every page.{way}</p>"
    page = page.replace("</head>", f"{LOST}\n</head>", 1)
    return HEADING.sub(f"<h1>There is no such page</h1>\n{words}", page, count=1)


def title_of(page: str) -> str:
    """Return the title of a page without the site's name."""
    title = TITLE.search(page)
    words = html.unescape(title[1]).strip() if title else ""
    return words.removesuffix(f" - {SITE}")


def _pictured(picture: re.Match[str] | None, address: str) -> list[str]:
    """Return the tags for a page with a picture, or without; Twitter reads the others too."""
    if not picture:
        return ['<meta name="twitter:card" content="summary">']
    return [
        f'<meta property="og:image" content="{urljoin(address, picture["src"])}">',
        f'<meta property="og:image:alt" content="{picture["alt"]}">',
        '<meta name="twitter:card" content="summary_large_image">',
    ]


def _structured(title: str, about: str, address: str, dates: Dates | None) -> str:
    """Return JSON-LD of an article; it is data, so no content security policy is in its way."""
    facts = {
        "@context": "https://schema.org",
        "@type": "TechArticle",
        "headline": title,
        "description": about,
        "url": address,
        "license": "https://creativecommons.org/licenses/by-sa/4.0/",
    }
    if dates:
        facts |= {"datePublished": dates.published, "dateModified": dates.changed}
    # `</` would end the script.
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return f'<script type="application/ld+json">{text}</script>'
