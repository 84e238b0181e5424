"""Code of built pages: fewer elements, the same text, and what the stylesheet needs to know."""

import pytest
from bs4 import BeautifulSoup

from tools.lean import lighten_code

BLOCK = (
    '<div class="highlight"><pre><span></span><code><span class="kn">from</span><span class="w"> '
    '</span><span class="n">x</span> <span class="n"><a class="object" href="#x">y</a></span>'
    '<span class="p">()</span>\n<span class="o">=</span> <span class="mi">1</span>\n</code></pre>'
    "</div>"
)
QUOTED = (
    '<div class="highlight" id="q"><span class="filename"><a href="#">f</a></span>'
    "<pre><span></span><code>a\n</code></pre></div>"
)
OUTPUT = '<div class="output highlight"><pre><span></span><code>2\n3\n\n</code></pre></div>'


@pytest.fixture
def page() -> BeautifulSoup:
    comment = "<!--pytest-codeblocks:expected-output-->"
    body = f"<body>{BLOCK}\n{comment}\n{OUTPUT}<p></p>{QUOTED}<p></p>{BLOCK}</body>"
    once = lighten_code(body)
    assert lighten_code(once) == once
    return BeautifulSoup(once, "html.parser")


def test_tokens_in_the_colour_of_text_are_text(page: BeautifulSoup) -> None:
    """And links inside them stay; what is copied is the same."""
    code = page.select("code")[0]
    assert code.get_text() == BeautifulSoup(BLOCK, "html.parser").get_text()
    assert [span["class"] for span in code.select("span")] == [["kn"], ["mi"]]
    assert [link["href"] for link in code.select("a.object")] == ["#x"]


def test_blocks_say_what_they_are(page: BeautifulSoup) -> None:
    classes = [block["class"] for block in page.select(".highlight")]
    assert classes == [
        ["highlight", "answered"],
        ["output", "highlight"],
        ["highlight", "quotation"],
        ["highlight"],
    ]
