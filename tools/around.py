"""What stands around an article: reading time, what comes before and after, when it last ran.

Everything is made from the page, the map in `tools/order.py` and the record in
`tools/verified.py`. Reading time is a rule of thumb: 220 words a minute, 20 seconds for
each equation on a line of its own, 2 seconds for each line of code. Outputs and fold-outs are free.
"""

import re
from collections.abc import Mapping
from datetime import date
from html import unescape
from pathlib import Path

from tools import drawn, margins, order, reports, wide
from tools.order import Lean
from tools.verified import Verified

WORDS_A_MINUTE = 220
SECONDS_AN_EQUATION = 20
SECONDS_A_LINE = 2

TERMS = (
    'Text under <a rel="license" href="https://creativecommons.org/licenses/by-sa/4.0/">'
    "CC BY-SA 4.0</a>, code under the MIT licence."
)

CONTENT = re.compile(r'<article class="md-content__inner[^>]*>(.*)</article>', re.S)
INNER_FOLD = re.compile(r"<details\b(?:(?!<details\b).)*?</details>", re.S)
CODE = re.compile(r"<pre\b.*?</pre>", re.S)
OUTPUT = re.compile(r'<div class="[^"]*\boutput\b[^"]*">\s*<pre\b.*?</pre>', re.S)
DISPLAY = "mjx-display"
UNREAD = re.compile(r"<(mjx-container|script|style|svg|small)\b.*?</\1>", re.S)


def surround(
    page: str, path: Path, drawers: Mapping[str, int], run: Verified | None, *, has_data: bool
) -> str:
    """Complete a page. A second run changes nothing.

    Args:
        page: The page.
        path: Where it is in the site.
        drawers: The cell of a lab that draws each figure.
        run: The last run of the article's blocks.
        has_data: Whether the article's copies need data beside them.
    """
    page = order.place(wide.mark_tables(page), path)
    page = drawn.mark_figures(drawn.mark_cells(page), path, drawers)
    if path.parts[0] != "articles":
        return page
    slug = path.parent.name
    page = reports.add(margins.place(page), slug, has_data=has_data)
    return add_foot(add_head(page, path, slug, run), path, slug)


def add_head(page: str, path: Path, slug: str, run: Verified | None) -> str:
    """Put a line under the title: how long it takes, what to read before, when it last ran."""
    if 'class="reading"' in page:
        return page
    parts = [f"{minutes(page)} min to read", *(_before(lean, path) for lean in order.before(slug))]
    parts += [_verified(run)] if run else []
    line = "".join(f"<span>{part}</span> " for part in parts).rstrip()
    return page.replace("</h1>", f'</h1>\n<p class="reading">{line}</p>', 1)


def add_foot(page: str, path: Path, slug: str) -> str:
    """Say at the end which articles lean on this one, and on what terms it may be used."""
    head, end, tail = page.rpartition("</article>")
    if not end or 'class="foot"' in page:
        return page
    onward = [f"{_link(lean.page, path)}, for {lean.why}" for lean in order.after(slug)]
    line = f"Leaning on this page: {'; '.join(onward)}. {TERMS}" if onward else TERMS
    return f'{head.rstrip()}\n<p class="foot">{line}</p>\n{end}{tail}'


def minutes(page: str) -> int:
    """Return how long a built page takes to read, by the rule above."""
    content = CONTENT.search(page)
    text = content[1] if content else page
    while INNER_FOLD.search(text):
        text = INNER_FOLD.sub("", text)
    equations = text.count(DISPLAY)
    text = OUTPUT.sub("", text)
    lines = sum(code.count("\n") for code in CODE.findall(text))
    plain = unescape(re.sub(r"<[^>]*>", " ", UNREAD.sub(" ", CODE.sub(" ", text))))
    words = len(re.findall(r"[^\W\d_][\w'’-]*", plain))
    seconds = SECONDS_AN_EQUATION * equations + SECONDS_A_LINE * lines
    return max(1, round(words / WORDS_A_MINUTE + seconds / 60))


def _before(lean: Lean, path: Path) -> str:
    return f"{'First' if lean.first else 'It helps'}: {_link(lean.on, path)}, for {lean.why}"


def _link(slug: str, path: Path) -> str:
    return f'<a href="{order.address(slug, path)}">{order.TITLES[slug]}</a>'


def _verified(run: Verified) -> str:
    day = date.fromisoformat(run.date)
    shown = f'<time datetime="{run.date}">{day.day} {day:%B %Y}</time>'
    what = f"{run.blocks} blocks in {run.seconds:.0f} s, torch {run.torch.partition('+')[0]}"
    return f"Last verified {shown}: {what}"
