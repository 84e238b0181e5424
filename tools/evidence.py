"""The evidence for each labelled equation: a table of all, and a line under each.

Both lead to the code that implements the equation and to the test that checks it.
"""

import html
import re
from collections.abc import Mapping
from pathlib import Path

from tools.citations import Evidence, Object
from tools.typeset import Label, relative

PAGE = Path("evidence/index.html")
PLACE = re.compile(r'(<div class="evidence" data-article="(\w+)">).*?(</div>)', re.S)
DISPLAY = re.compile(r'<div class="arithmatex mjx-display".*?</div>', re.S)
ANCHOR = re.compile(r'id="mjx-eqn:([^"]+)"')
HEAD = "<tr><th>no.</th><th>label</th><th>code</th><th>test</th></tr>"


def fill(page: str, index: Mapping[str, Label], found: Mapping[str, Evidence]) -> str:
    """Put a table into each place of the evidence page that names an article: its equations."""

    def table(place: re.Match[str]) -> str:
        rows = [
            _row(label, target, found.get(label, Evidence()))
            for label, target in index.items()
            if label.startswith(f"{place[2]}:")
        ]
        body = f"<table><thead>{HEAD}</thead><tbody>{''.join(rows)}</tbody></table>"
        return place[1] + body + place[3]

    return PLACE.sub(table, page)


def underline(page: str, path: Path, found: Mapping[str, Evidence]) -> str:
    """Put a line under each display with labels that code cites: label, code, test."""

    def underlined(display: re.Match[str]) -> str:
        labels = [label for label in ANCHOR.findall(display[0]) if label in found]
        lines = "".join(f"<span>{_line(label, path, found[label])}</span>" for label in labels)
        return f'{display[0]}\n<div class="proof">{lines}</div>' if lines else display[0]

    return page if '<div class="proof">' in page else DISPLAY.sub(underlined, page)


def _line(label: str, path: Path, known: Evidence) -> str:
    parts = [f'<a href="{relative(path, PAGE)}#{label}">{label}</a>']
    for what, places in (("code", known.code), ("test", known.tests)):
        if places:
            address = relative(path, places[0].address)
            parts.append(f'<a href="{address}" aria-label="{what} of {label}">{what}</a>')
    return " ".join(parts)


def _row(label: str, target: Label, known: Evidence) -> str:
    equation = f"{relative(PAGE, target.page)}#mjx-eqn:{label}"
    cells = (
        f'<a class="eqref" href="{equation}">({target.number})</a>',
        f"<code>{label}</code>",
        _places(known.code),
        _places(known.tests),
    )
    return f'<tr id="{label}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _places(places: tuple[Object, ...]) -> str:
    return "<br>".join(
        f'<a href="{relative(PAGE, place.address)}"><code>{html.escape(place.name or "module")}'
        f"</code></a> <small>{place.path.rpartition('/')[2]}:{place.line}</small>"
        for place in places
    )
