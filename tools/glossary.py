"""Link the first use of each glossary term on a page to its entry.

A link can be reached by keys and by touch, and works without scripts; `assets/previews.js` shows
the entry in place.
"""

import html
import re
from pathlib import Path

from tools.textpass import in_words
from tools.typeset import relative

PAGE = Path("glossary/index.html")
ENTRY = re.compile(r'<p(?=[^>]*\bclass="term")(?P<tag>[^>]*)>.*?</p>', re.S)
WHERE = ("articles", "labs", "index.html", "notation")  # pages that are read


def forms(page: str) -> dict[str, str]:
    """Return the entry that each form of a term leads to; forms are in small letters."""
    found: dict[str, str] = {}
    for entry in ENTRY.finditer(page):
        name = re.search(r'\bid="([^"]+)"', entry["tag"])
        written = re.search(r'\bdata-forms="([^"]+)"', entry["tag"])
        if not name or not written:
            raise ValueError(f"glossary: {entry[0][:80]!r} has no id or no data-forms")
        for form in html.unescape(written[1]).split(", "):
            if form.lower() in found:
                raise ValueError(f"glossary: {form!r} is a form of two terms")
            found[form.lower()] = name[1]
    return found


def link(page: str, path: Path, entries: dict[str, str]) -> str:
    """Link the first use of each term in the open text of a page, if it is one that is read."""
    if not entries or path.parts[0] not in WHERE or 'class="term"' in page:
        return page
    longest = sorted(entries, key=len, reverse=True)
    spelled = (re.escape(form).replace(r"\ ", r"\s+") for form in longest)
    term = re.compile(rf"(?<![\w-])(?:{'|'.join(spelled)})(?![\w-])", re.I)
    used: set[str] = set()

    def linked(match: re.Match[str]) -> str:
        name = entries[" ".join(match[0].lower().split())]
        if name in used:
            return match[0]
        used.add(name)
        return f'<a class="term" href="{relative(path, PAGE)}#{name}">{match[0]}</a>'

    return in_words(page, lambda text: term.sub(linked, text), folded=False)
