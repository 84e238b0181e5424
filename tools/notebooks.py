"""Give rendered notebooks the site's own markup: mkdocs-jupyter's brings 650 kB of style a page.

What a notebook page keeps is its content: Markdown, code and outputs, marked up as the articles
are, so that one stylesheet, the typesetter and the colour schemes serve both.
"""

import html
import re

from bs4 import BeautifulSoup, Tag
from nbconvert.filters.markdown_mistune import IPythonRenderer


def mark_mathematics() -> None:
    """Make nbconvert leave mathematics as `pymdownx.arithmatex` does, for the typesetter."""

    def inline(self: IPythonRenderer, body: str) -> str:
        return rf'<span class="arithmatex">\({_escaped(body)}\)</span>'

    def display(self: IPythonRenderer, body: str) -> str:
        return rf'<div class="arithmatex">\[{_escaped(body)}\]</div>'

    def environment(self: IPythonRenderer, name: str, body: str) -> str:
        return display(self, rf"\begin{{{name}}}{body}\end{{{name}}}")

    IPythonRenderer.inline_math = inline
    IPythonRenderer.block_math = display
    IPythonRenderer.latex_environment = environment


def _escaped(tex: str) -> str:
    return tex.strip("$").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clean(content: str) -> str:
    """Rewrite the HTML that mkdocs-jupyter made of a notebook.

    Args:
        content: The page's content: mkdocs-jupyter's wrappers, styles and scripts included.

    Returns:
        The same cells as plain HTML of the site.
    """
    content = re.sub(r"<style\b.*?</style>", "", content, flags=re.S)  # 650 kB to parse, else
    soup = BeautifulSoup(content, "html.parser")
    return "\n".join(filter(None, map(_cell, soup.select(".jp-Cell[id]"))))


def description(content: str) -> str:
    """Return the first paragraph of a cleaned notebook, as the page's description."""
    paragraph = re.search(r"<p>.*?</p>", content, re.S)
    text = BeautifulSoup(paragraph[0], "html.parser").get_text() if paragraph else ""
    return " ".join(text.split())


def _cell(cell: Tag) -> str:
    markdown = cell.select_one(".jp-MarkdownOutput")
    if markdown:
        for mark in markdown.select("a.anchor-link"):
            mark["class"] = "headerlink"
            mark.string = "¶"
        for link in markdown.select('a[href*=".md"]'):
            link["href"] = re.sub(r"^(\.\./.*)\.md(?=#|$)", r"../\1/", str(link["href"]))
        for display in markdown.select("p > div.arithmatex"):
            if display.parent:
                display.parent.unwrap()
        return markdown.decode_contents()
    code = cell.select_one(".jp-InputArea pre")
    parts = [_code(code)] if code else []
    for output in cell.select(".jp-OutputArea-output"):
        parts.append(_output(output))
    return "\n".join(parts)


def _code(pre: Tag) -> str:
    inner = re.sub(r"^<span></span>|\s+$", "", pre.decode_contents())
    return f'<div class="language-python highlight cell"><pre><code>{inner}\n</code></pre></div>'


def _output(output: Tag) -> str:
    picture = output.select_one("figure picture")
    if picture:
        return _figure(output)
    if output.find("pre"):
        pre = output.find("pre")
        assert isinstance(pre, Tag)
        return (
            '<div class="language-text output highlight cell"><pre><code>'
            f"{pre.decode_contents().strip()}\n</code></pre></div>"
        )
    return output.decode_contents().strip()


def _figure(output: Tag) -> str:
    """Turn a picture for two colour schemes into the pair of images that the theme switches."""
    light, dark = output.select_one("img"), output.select_one("source")
    assert light and dark
    pair = {"light": str(light["src"]), "dark": str(dark["srcset"])}
    alt = html.escape(str(light["alt"]))
    images = "".join(
        f'<img src="../{source}#only-{scheme}" alt="{alt}" loading="lazy">'
        for scheme, source in pair.items()
    )
    return f"<figure>{images}</figure>"
