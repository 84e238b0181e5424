"""Pages of the built site that show the code: each module, and each test file of one.

A page is the evidence page with the code in its place. It stands at its depth, so that all
addresses in it hold; and it is in no navigation, no sitemap and no search index.
"""

import html
import re
from collections.abc import Mapping
from pathlib import Path

import pygments
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from tools.citations import LABEL, Object, modules, test_files
from tools.codelinks import with_labels
from tools.kept import kept
from tools.textpass import ARTICLE
from tools.typeset import Label

# What the page says of itself that is not so of one made from it.
FOOTER = re.compile(r'<nav class="md-footer__inner.*?</nav>', re.S)
NEIGHBOUR = re.compile(r'<link rel="(?:prev|next)"[^>]*>')
FOLDER = "code"  # of the site
ABOUT = re.compile(r'(<meta name="description" content=")[^"]*')
CONTENTS = re.compile(r'<nav class="md-nav md-nav--secondary".*?</nav>', re.S)
HERE = {'href="#evidence"': 'href="#source"', 'href="./"': 'href="../evidence/"'}
CANONICAL = re.compile(r'(<link rel="canonical" href="[^"]*?)evidence/(?=")')


def source_pages(root: Path, evidence: str, index: Mapping[str, Label]) -> dict[Path, str]:
    """Return a page for each file of code, made from the evidence page."""
    shell, pages = _shell(evidence), {}
    for path in (*modules(root), *test_files(root)):
        address = Path(Object(path, "", 1, 1).address.partition("#")[0])
        code = highlighted((root / path).read_text("utf-8"), index, address)
        pages[address] = _page(shell, path, address.as_posix(), code)
    return pages


def highlighted(code: str, index: Mapping[str, Label], address: Path) -> str:
    """Return Python as HTML with an anchor for each line, `L-1` and so on, and labels as links.

    It is kept, because highlighting all code takes seconds.
    """
    known = [f"{label} {index[label].page}" for label in LABEL.findall(code) if label in index]
    return kept("code", [str(address), code, *known], lambda: _highlighted(code, index, address))


def _highlighted(code: str, index: Mapping[str, Label], address: Path) -> str:
    formatter = HtmlFormatter(linespans="L", wrapcode=True, cssclass="highlight source")
    plain = pygments.highlight(code, PythonLexer(stripnl=False), formatter)
    return with_labels(plain, index, address)


def _page(shell: str, path: str, address: str, code: str) -> str:
    name = html.escape(path)
    about = f"The source of {name}, with an anchor for each line."
    content = f'<h1 id="source"><code>{name}</code></h1>\n{_lead(path)}\n{code}'
    page = ARTICLE.sub(lambda match: f"{match[1]}\n{content}\n{match[3]}", shell, count=1)
    page = re.sub(r"(<title>)[^<]*", lambda match: f"{match[1]}{name} - Derive &amp; Run", page)
    page = ABOUT.sub(lambda match: match[1] + about, page, count=1)
    return CANONICAL.sub(lambda match: match[1] + address, page)


def _shell(page: str) -> str:
    """Return the evidence page without what it says of itself: contents, neighbours, its tab."""
    for told in (CONTENTS, FOOTER, NEIGHBOUR):
        page = told.sub("", page)
    for told, instead in HERE.items():
        page = page.replace(told, instead)
    return page.replace(" md-tabs__item--active", "").replace(" md-nav__link--active", "")


def _lead(path: str) -> str:
    """Say what the file is to its article, if it is an article's own."""
    found = re.match(r"(?:snippets/|tests/test_)([a-z]+)[/._]", path)
    lead = "Labels in comments and docstrings lead to their equations."
    if found and (Path(__file__).parents[1] / "docs" / "articles" / f"{found[1]}.md").is_file():
        what = "What checks" if path.startswith("tests/") else "The code of"
        lead = f'{what} <a href="../articles/{found[1]}/">this article</a>. {lead}'
    return f"<p>{lead}</p>"
