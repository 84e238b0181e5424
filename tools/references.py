"""Link citations in the text to the references, and the references to the pages that cite them.

A page cites a paper in words, "(Dinh, Krueger and Bengio, 2014)", which become a link where they
mean one entry only; by its address; or by its title, among its sources.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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
    years: tuple[str, ...]
    is_of_several: bool
    addresses: tuple[str, ...]
    title: str


def listed(page: str) -> tuple[Reference, ...]:
    """Return the entries of the page of references."""
    return tuple(_reference(match) for match in ENTRY.finditer(page))


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
    years = re.findall(r"\d{4}", rest[:4] + " " + match["id"])
    title = words(re.split(r"[.?!]\s", rest.partition("). ")[2], maxsplit=1)[0])
    return Reference(
        match["id"],
        re.split(r"[,\s]+", authors.partition(",")[0].strip())[-1],
        tuple(years),
        " and " in authors,
        tuple(ADDRESS.findall(match["text"])),
        " ".join(title.split()[:TITLE_WORDS]),
    )


def cited(page: str, entries: tuple[Reference, ...]) -> list[str]:
    """Return the entries that a page cites."""
    article = ARTICLE.search(page)
    text = article[2] if article else ""
    addresses, said = set(ADDRESS.findall(text)), words(html.unescape(text))
    return [
        each.name
        for each in entries
        if f'references/#{each.name}"' in text
        or addresses.intersection(each.addresses)
        or (" " in each.title and f" {each.title} " in f" {said} ")
    ]


def link_back(page: str, citing: Mapping[str, Mapping[str, Path]]) -> str:
    """Say under each entry of the page of references which pages, by title, cite it."""

    def told(entry: re.Match[str]) -> str:
        links = ", ".join(
            f'<a href="{relative(PAGE, path)}">{title}</a>'
            for title, path in citing.get(entry["id"], {}).items()
        )
        cited = f' <span class="cited">Cited in {links}.</span>' if links else ""
        return f"{entry[1]}{entry['text']}{cited}{entry[4]}"

    return page if 'class="cited"' in page else ENTRY.sub(told, page)
