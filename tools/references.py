"""Link citations in the text to the references, and the references to the pages that cite them.

A page cites a paper in words, "(Dinh, Krueger and Bengio, 2014)", which become a link where they
mean one entry only; by its address; or by its title, among its sources.
"""

import html
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tools.quotations import NAV
from tools.textpass import ARTICLE, in_words, words
from tools.typeset import relative

PAGE = Path("references/index.html")
ENTRY = re.compile(r'(<p class="reference" id="(?P<id>[\w-]+)">)(?P<text>.*?)(</p>)', re.S)
ADDRESS = re.compile(r'href="(https?://[^"]+)"')
TITLE_WORDS = 6  # of a title, which name it: pages leave out what follows a colon


@dataclass(frozen=True)
class Reference:
    """An entry of the references: what it is called in a text, and where it leads."""

    name: str
    surname: str
    years: frozenset[str]
    is_of_several: bool
    addresses: frozenset[str]
    title: str


def link_references(root: Path, site: Path) -> None:
    """Link the citations of a built site in both directions."""
    if not (site / PAGE).is_file():
        return
    page = (site / PAGE).read_text("utf-8")
    entries = tuple(_reference(match) for match in ENTRY.finditer(page))
    citing: dict[str, dict[str, Path]] = {each.name: {} for each in entries}
    for title, path in _pages(root):
        if not (site / path).is_file():
            continue
        before = (site / path).read_text("utf-8")
        linked = link_citations(before, path, entries)
        if linked != before:
            (site / path).write_text(linked, "utf-8")
        for name in _cited(linked, entries):
            citing[name].setdefault(title, path)
    (site / PAGE).write_text(_link_back(page, citing), "utf-8")


@lru_cache(maxsize=64)  # so that `mkdocs serve` reads only pages that changed
def link_citations(page: str, path: Path, entries: tuple[Reference, ...]) -> str:
    """Make links of the citations in a page's text, where they mean one entry."""
    surnames = "|".join(sorted({re.escape(each.surname) for each in entries}))
    cite = re.compile(
        rf"(?<![\w-])(?:[Vv]an den )?(?P<surname>{surnames})(?![\w-])"
        r"(?P<others>(?:[^.;:()\d]|&\w+;|(?<=al)\.){0,70}?)(?:,\s|\s\()(?P<year>(?:19|20)\d\d)(?!\d)"
    )

    def linked(match: re.Match[str]) -> str:
        several = re.search(r"\band\b|\bal\b", match["others"]) is not None
        meant = [
            each.name
            for each in entries
            if each.surname == match["surname"] and match["year"] in each.years
            and each.is_of_several == several
        ]  # fmt: skip
        if len(meant) != 1:
            return match[0]
        return f'<a class="cite" href="{relative(path, PAGE)}#{meant[0]}">{match[0]}</a>'

    return in_words(page, lambda text: cite.sub(linked, text))


def _reference(match: re.Match[str]) -> Reference:
    text = html.unescape(re.sub(r"<[^>]*>", "", match["text"]))
    authors, _, rest = text.partition("(")
    year = re.findall(r"\d{4}", rest[:4] + " " + match["id"])
    title = words(re.split(r"[.?!]\s", rest.partition("). ")[2], maxsplit=1)[0])
    return Reference(
        match["id"],
        re.split(r"[,\s]+", authors.partition(",")[0].strip())[-1],
        frozenset(year),
        " and " in authors,
        frozenset(ADDRESS.findall(match["text"])),
        " ".join(title.split()[:TITLE_WORDS]),
    )


@lru_cache(maxsize=64)
def _cited(page: str, entries: tuple[Reference, ...]) -> list[str]:
    """Return the entries that a page cites."""
    article = ARTICLE.search(page)
    text = article[2] if article else ""
    addresses, said = set(ADDRESS.findall(text)), words(html.unescape(text))
    return [
        each.name
        for each in entries
        if f'references/#{each.name}"' in text
        or each.addresses & addresses
        or (" " in each.title and f" {each.title} " in f" {said} ")
    ]


def _link_back(page: str, citing: dict[str, dict[str, Path]]) -> str:
    def told(entry: re.Match[str]) -> str:
        links = ", ".join(
            f'<a href="{relative(PAGE, path)}">{title}</a>'
            for title, path in citing[entry["id"]].items()
        )
        cited = f' <span class="cited">Cited in {links}.</span>' if links else ""
        return f"{entry[1]}{entry['text']}{cited}{entry[4]}"

    return page if 'class="cited"' in page else ENTRY.sub(told, page)


def _pages(root: Path) -> list[tuple[str, Path]]:
    """Return the articles, by what the navigation calls them."""
    found = NAV.findall((root / "mkdocs.yml").read_text("utf-8"))
    return [(title, Path(path) / "index.html") for title, path, suffix in found if suffix == "md"]
