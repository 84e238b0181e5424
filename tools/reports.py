"""Links that need a repository: report an error in this equation or block; open it in Colab.

The address is read from the page, where the theme shows it once `repo_url` is set; until then no
page changes. Colab opens what lies in a repository: it takes the stand-alone notebook from a branch
that holds those of the built site, and no notebook that needs data beside it.
"""

import re
from urllib.parse import quote, urlencode, urlsplit

BRANCH = "notebooks"
SOURCE = re.compile(r'<a\b[^>]*\bclass="md-source"[^>]*>')
ADDRESS = re.compile(r'\bhref="([^"]+)"')
CANONICAL = re.compile(r'<link rel="canonical" href="([^"]+)"')
EQUATION = re.compile(
    r'<div class="arithmatex mjx-display"[^>]*>(?:(?!</mjx-container>).)*?id="mjx-eqn:'
    r"(?P<label>[^\"]+)\".*?</mjx-container></div>",
    re.S,
)
OUTPUT = re.compile(r'<div class="output highlight">.*?</pre></div>', re.S)
ROW = re.compile(r'(<ul class="take-home".*?)</ul>', re.S)


def repository(page: str) -> str:
    """Return the address of the repository that a page shows, or nothing."""
    source = SOURCE.search(page)
    address = ADDRESS.search(source[0]) if source else None
    return address[1].rstrip("/") if address else ""


def add(page: str, slug: str, *, has_data: bool) -> str:
    """Add the links to an article, if its site has a repository. A second run changes nothing.

    Args:
        page: The article's HTML.
        slug: Its name.
        has_data: Whether its copies need data beside them.
    """
    repo = repository(page)
    if not repo or 'class="report"' in page:
        return page
    found = CANONICAL.search(page)
    here = found[1] if found else slug
    count = 0

    def block(output: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return output[0] + _report(repo, f"{slug}, block {count}", here)

    def equation(display: re.Match[str]) -> str:
        label = display["label"]
        return display[0] + _report(repo, label, f"{here}#mjx-eqn:{label}")

    page = EQUATION.sub(equation, OUTPUT.sub(block, page))
    return ROW.sub(
        lambda row: f"{row[1]}{_colab(repo, slug, has_data=has_data)}</ul>", page, count=1
    )


def _report(repo: str, what: str, where: str) -> str:
    query = urlencode({"title": f"Error in {what}", "body": f"{where}\n\n"}, quote_via=quote)
    address = f"{repo}/issues/new?{query}".replace("&", "&amp;")
    return f'\n<p class="report"><a href="{address}">Report an error in {what}</a></p>'


def _colab(repo: str, slug: str, *, has_data: bool) -> str:
    parts = urlsplit(repo)
    if parts.netloc != "github.com" or has_data:
        return ""
    file = f"blob/{BRANCH}/articles/{slug}/{slug}.ipynb"
    address = f"https://colab.research.google.com/github{parts.path}/{file}"
    return f'<li><a href="{address}">Colab</a></li>'
