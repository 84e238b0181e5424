"""Articles in passages: the text stays, and each passage tells about how high it will be."""

import re

import pytest
from bs4 import BeautifulSoup

from tools.passages import divide, measure

PARTS = {
    "One": "<p>first</p>",
    "Two": '<div class="highlight"><pre>a\nb\n</pre></div><p>second</p>',
    "Three": "",
}


def article(parts: dict[str, str], *, end: str = "") -> str:
    body = "".join(f'<h2 id="{name}">{name}</h2>{text}' for name, text in parts.items())
    return f'<article class="md-content__inner md-typeset"><h1>T</h1><p>0</p>{body}{end}</article>'


def test_what_stands_between_headings_is_a_passage() -> None:
    page = divide(article(PARTS))
    soup = BeautifulSoup(page, "html.parser")
    assert [passage.get_text() for passage in soup.select(".passage")] == ["first", "a\nb\nsecond"]
    assert len(soup.select("article > h2")) == 3
    assert [heading.get_text() for heading in soup.select("h2")] == list(PARTS)
    assert divide(page) == page


def test_pages_without_an_article_stay() -> None:
    assert divide("<h2>a</h2><p>b</p><h2>c</h2>") == "<h2>a</h2><p>b</p><h2>c</h2>"


def test_what_would_be_cut_in_half_stays_whole() -> None:
    """A heading inside a fold-out: neither half of the fold-out can be a passage."""
    page = divide(article({"One": "<p>a</p><details><summary>s</summary>"}, end=""))
    assert "passage" not in page
    split = article(PARTS | {"Two": "<details><summary>s</summary><h3>in</h3><p>x</p></details>"})
    soup = BeautifulSoup(divide(split), "html.parser")
    assert [passage.get_text() for passage in soup.select(".passage")] == ["first"]
    assert soup.select("details h3")


@pytest.mark.parametrize("repeats", [1, 3])
def test_height_grows_with_what_is_there(repeats: int) -> None:
    text = f"<p>{'x' * 100}</p>" * repeats
    letters, rest, pictures = measure(text)
    assert (letters, pictures) == (100 * repeats, 0)
    assert rest == pytest.approx(repeats * measure("<p></p>")[1])
    assert measure(text + "<pre>\n\n</pre>")[1] > rest
    figure = '<img width="200" height="50" src="a.png#only-{}">'
    assert measure(figure.format("light") + figure.format("dark"))[2] == 0.25


def test_what_is_folded_counts_by_its_summary() -> None:
    folded = "<details><summary>short</summary><p>long text</p><pre>\n\n\n</pre></details>"
    assert measure(folded) == measure("<p>short</p>")


def test_a_passage_names_its_measures_for_the_stylesheet() -> None:
    style = re.search(r'class="passage" style="([^"]*)"', divide(article(PARTS)))
    assert style and style[1] == "--letters: 5; --rest: 1; --pictures: 0.00"


def test_a_long_text_is_several_passages() -> None:
    """Cut before paragraphs that begin anew, never inside a block or after one that is spaced."""
    proof = '<div class="proof"><p>by</p></div>'
    blocks = [
        "<p>" + "<b>x</b>" * 300 + "</p>",
        "<ul><li><p>in a list</p></li></ul><p>after a list</p>",
        "<p>one</p>",
        "<details><summary>s</summary>" + "<p>folded</p>" * 300 + "</details><p>after it</p>",
        proof,
        "<p>two</p><p>three</p>",
    ]
    page = divide(article({"One": "".join(blocks), "Two": "<p>short</p>"}))
    found = BeautifulSoup(page, "html.parser").select(".passage")
    assert [part.decode_contents() for part in found] == [
        "".join(blocks[:2]),
        "".join(blocks[2:5]),
        blocks[5],
        "<p>short</p>",
    ]
    assert ["unfinished" in part["class"] for part in found] == [True, True, False, False]
    assert divide(page) == page
