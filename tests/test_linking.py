"""The links of the built site: equations, code, tests, quotations, sources, terms."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tools import citations, facts, finish, glossary, references, sources
from tools.evidence import fill, underline
from tools.textpass import in_words
from tools.typeset import Label

NICE = Path("articles/nice/index.html")
INDEX = {"nice:coupling": Label(NICE, "1"), "nice:chain": Label(NICE, "2")}
MODULE = '''"""Couplings, nice:chain.

More of nice:chain.
"""

# --8<-- [start:layer]
class Layer:
    """Implements `nice:coupling`."""

    def forward(self, x):
        return x  # nice:chain

    # --8<-- [end:layer]
    def inverse(self, z):
        return "nice:inverse is no citation: it is text"
'''
TESTS = '''"""Tests."""
from snippets.nice import Layer


def test_layer():
    """nice:coupling and nice:chain, by hand."""
    assert Layer


def test_inverse():
    assert Layer().inverse
'''
SHELL = """<title>Evidence - Derive & Run</title>
<meta name="description" content="Every equation.">
<link rel="canonical" href="http://127.0.0.1:8000/a/evidence/">
<link rel="prev" href="../notation/">
<article class="md-content__inner md-typeset"><h1>Evidence</h1>
<div class="evidence" data-article="nice"></div></article>
<nav class="md-footer__inner">next</nav>"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository of one module, its tests, and a page that quotes and uses it."""
    write(tmp_path / "snippets" / "nice.py", MODULE)
    write(tmp_path / "snippets" / "__init__.py", "")
    write(tmp_path / "tests" / "test_nice.py", TESTS)
    write(tmp_path / "tests" / "test_house.py", '"""Of the house, nice:coupling."""\n')
    write(tmp_path / "mkdocs.yml", "nav:\n  - Articles:\n      - NICE: articles/nice.md\n")
    quotation = '``` { .python title="snippets/nice.py" }\n--8<-- "snippets/nice.py:layer"\n```\n'
    write(tmp_path / "docs" / "articles" / "nice.md", f"# NICE\n\n{quotation}")
    write(tmp_path / "docs" / "index.md", "# Home\n")
    return tmp_path


@pytest.fixture
def site(root: Path) -> Path:
    """What was built from it, as far as the passes look at it."""
    entry = '<h3 id="snippets.nice.Layer" class="doc doc-heading">Layer</h3>\n<p>text</p>'
    write(root / "site" / "api" / "nice" / "index.html", entry)
    write(root / "site" / "evidence" / "index.html", SHELL)
    imported = (
        '<span class="kn">from</span><span class="w"> </span><span class="nn">snippets.nice</span>'
        '<span class="w"> </span><span class="kn">import</span> <span class="p">(</span>\n    '
        '<span class="n">Layer</span><span class="p">,</span> <span class="n">other</span>\n'
        '<span class="p">)</span>\n\n<span class="n">x</span> <span class="o">=</span> 1'
    )
    quoted = (
        '<div class="highlight"><span class="filename">snippets/nice.py</span><pre></pre></div>'
    )
    write(root / "site" / NICE, f"<pre><code>{imported}</code></pre>{quoted}")
    return root / "site"


def linked(root: Path, site: Path) -> dict[Path, str]:
    """Finish the pages of the site, in memory."""
    survey, pages = facts.Survey(root, site, finish.read(site), INDEX, {}), {}
    for path, page in survey.pages():
        made = finish.finished(page, survey.own(path, page), survey.shared)
        survey.note(path, made)
        pages[path] = made.text
    return pages


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def soup(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")


def places(found: tuple[citations.Object, ...]) -> list[tuple[str, int]]:
    return [(each.name, each.line) for each in found]


def test_citations_belong_to_what_is_around_them(root: Path) -> None:
    found = citations.evidence(root)
    assert found.keys() == {"nice:coupling", "nice:chain"}, "text in code is no citation"
    assert places(found["nice:coupling"].code) == [("Layer", 7)]
    assert places(found["nice:chain"].code) == [("Layer.forward", 10), ("", 1)], "objects first"
    assert places(found["nice:chain"].tests) == [("test_layer", 5)]
    assert citations.test_files(root) == ["tests/test_nice.py"]


def test_an_object_says_where_its_source_is() -> None:
    module = citations.Object("snippets/positions/__init__.py", "", 1, 9)
    assert module.address == "code/snippets.positions.html#L-1"
    inner = citations.Object("snippets/positions/rotation.py", "rotary", 12, 20)
    assert inner.address == "code/snippets.positions.rotation.html#L-12"


def test_the_evidence_page_has_a_row_for_each_label(root: Path) -> None:
    page = soup(fill(SHELL, INDEX, citations.evidence(root)))
    rows = page.select("tbody tr")
    assert [row["id"] for row in rows] == list(INDEX)
    cells = rows[0].select("td")
    assert [cell.get_text(" ", strip=True) for cell in cells] == [
        "(1)",
        "nice:coupling",
        "Layer nice.py:7",
        "test_layer test_nice.py:5",
    ]
    links = [link["href"] for link in rows[0].select("a")]
    assert links == [
        "../articles/nice/#mjx-eqn:nice:coupling",
        "../code/snippets.nice.html#L-7",
        "../code/tests.test_nice.html#L-5",
    ]


def test_a_line_under_an_equation_leads_to_code_and_test(root: Path) -> None:
    display = '<div class="arithmatex mjx-display" tabindex="0"><i id="mjx-eqn:{}"></i></div>'
    text = display.format("nice:coupling") + "<p>words</p>" + display.format("nice:unknown")
    page = underline(text, NICE, citations.evidence(root))
    (line,) = soup(page).select(".mjx-display + .proof")
    assert line.get_text(" ", strip=True) == "nice:coupling code test"
    assert [link["href"] for link in line.select("a")] == [
        "../../evidence/#nice:coupling",
        "../../code/snippets.nice.html#L-7",
        "../../code/tests.test_nice.html#L-5",
    ]
    assert underline(page, NICE, citations.evidence(root)) == page, "a second run changes nothing"


def test_source_pages_are_the_evidence_page_with_code(root: Path) -> None:
    made = sources.source_pages(root, SHELL, INDEX)
    names = [path.as_posix() for path in made]
    assert names == ["code/snippets.nice.html", "code/tests.test_nice.html"], "no empty module"
    text = made[Path("code/snippets.nice.html")]
    page = soup(text)
    links = {link.get_text(): link["href"] for link in page.select(".source a.label")}
    assert links["nice:chain"] == "../articles/nice/#mjx-eqn:nice:chain"
    line = page.select_one("#L-10")
    assert line and line.get_text() == MODULE.splitlines(keepends=True)[9]
    assert page.select_one(".source code").get_text() == MODULE  # pyright: ignore[reportOptionalMemberAccess]
    assert "snippets/nice.py" in page.title.text  # pyright: ignore[reportOptionalMemberAccess]
    assert 'href="http://127.0.0.1:8000/a/code/snippets.nice.html"' in text
    for gone in ("Every equation", "Evidence", "next", "prev"):
        assert gone not in text


def test_lines_of_source_are_counted_from_the_first_even_if_empty() -> None:
    page = soup(sources.highlighted("\n\nx = 1\n", {}, Path("code/x.html")))
    assert page.select("#L-3")[0].get_text() == "x = 1\n"


def test_quotations_say_what_they_are(root: Path, site: Path) -> None:
    (quoted,) = soup(linked(root, site)[NICE]).select("#quoted-nice-layer .filename")
    assert {link.get_text(): link["href"] for link in quoted.select("a")} == {
        "snippets/nice.py:layer": "../../code/snippets.nice.html#L-7",
        "nice:coupling": "#mjx-eqn:nice:coupling",
        "nice:chain": "#mjx-eqn:nice:chain",
        "API": "../../api/nice/#snippets.nice.Layer",
        "test": "../../code/tests.test_nice.html#L-5",
    }


def test_a_page_that_quotes_something_else_is_refused(root: Path, site: Path) -> None:
    page = (site / NICE).read_text("utf-8")
    write(site / NICE, page.replace("snippets/nice.py", "snippets/svd.py"))
    with pytest.raises(ValueError, match=r"articles/nice/index.html.*snippets/svd.py"):
        linked(root, site)


def test_code_and_documentation_lead_to_each_other(root: Path, site: Path) -> None:
    pages = linked(root, site)
    (name,) = soup(pages[NICE]).select("a.object")
    assert (name.get_text(), name["href"]) == ("Layer", "../../api/nice/#snippets.nice.Layer")
    (seen,) = soup(pages[Path("api/nice/index.html")]).select("h3 + .seen")
    assert seen.get_text() == "snippets/nice.py:7 · quoted in NICE · used in NICE"
    assert [link["href"] for link in seen.select("a")] == [
        "../../code/snippets.nice.html#L-7",
        "../../articles/nice/#quoted-nice-layer",
        "../../articles/nice/",
    ]


def test_facts_read_the_same_in_every_process(root: Path, site: Path) -> None:
    """What is kept is named by how they read: no set, whose order is of the process, no address."""
    write(site / references.PAGE, CITED)
    write(site / glossary.PAGE, TERMS)
    survey = facts.Survey(root, site, finish.read(site), INDEX, {})
    read = repr([survey.shared, *(survey.own(path, page) for path, page in survey.pages())])
    assert "nice:coupling" in read and "dinh2014" in read
    assert not re.search(r"\bset\(|\{'[^']*'[,}]| at 0x", read)


CITED = """<p class="reference" id="dinh2014">Dinh, L., Krueger, D. and Bengio, Y. (2015). NICE:
Non-linear Independent. <a href="https://arxiv.org/abs/1410.8516">arXiv</a></p>
<p class="reference" id="su2018">Su, J. (2018). Flows. <a href="https://kexue.fm/5">kexue</a></p>
<p class="reference" id="su2018b">Su, J. (2018). Capsules.</p>
<p class="reference" id="oord2018">Van den Oord, A. and Li, Y. (2018). Predictive coding of all
that is there. <em>ICLR.</em></p>"""


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("(Dinh, Krueger and Bengio, 2014)", {"dinh2014": "Dinh, Krueger and Bengio, 2014"}),
        ("Dinh et al. (2015) say", {"dinh2014": "Dinh et al. (2015"}),
        ("Dinh (2015), on his own", {}),
        ("Dinh and others. In 2015", {}),
        ("van den Oord and Li (2018)", {"oord2018": "van den Oord and Li (2018"}),
        ("as Su (2018) has it", {}),
        ("<code>Dinh et al., 2014</code>", {}),
    ],
)
def test_citations_in_words_become_links(text: str, meant: dict[str, str]) -> None:
    entries = tuple(map(references._reference, references.ENTRY.finditer(CITED)))
    page = f'<article class="md-content__inner md-typeset"><p>{text}</p></article>'
    made = soup(references.link_citations(page, NICE, entries))
    found = {
        str(link["href"]).removeprefix("../../references/#"): link.get_text()
        for link in made.select("a.cite")
    }
    assert found == meant
    assert made.get_text() == soup(page).get_text()


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("(Dinh, Krueger and Bengio, 2014)", ["dinh2014"]),
        ('<a href="https://kexue.fm/5">original</a>', ["su2018"]),
        ("<em>Predictive Coding of all that is there</em>, 2018", ["oord2018"]),
        ("nothing", []),
    ],
)
def test_references_name_the_pages_that_cite_them(
    root: Path, site: Path, text: str, cited: list[str]
) -> None:
    write(site / references.PAGE, CITED)
    write(site / NICE, f'<article class="md-content__inner md-typeset">{text}</article>')
    page = soup(linked(root, site)[references.PAGE])
    back = {entry["id"]: entry.select(".cited a") for entry in page.select(".reference")}
    assert [name for name, links in back.items() if links] == cited
    for name in cited:
        assert [link["href"] for link in back[name]] == ["../articles/nice/"]


TERMS = """<p class="term" data-forms="flow, flows" id="flow">A flow.</p>
<p class="term" data-forms="normalizing flow" id="normal">A normalizing flow.</p>"""


def test_the_first_use_of_a_term_leads_to_the_glossary() -> None:
    hidden = "<details>A flow</details><h2>A flow</h2>"
    text = f"{hidden}<p>Overflow, <code>flow</code>. Flows, a flow, a normalizing\nflow.</p>"
    page = f'<article class="md-content__inner md-typeset">{text}</article>'
    made = glossary.link(page, NICE, glossary.forms(TERMS))
    found = [(link.get_text(), link["href"]) for link in soup(made).select("a.term")]
    assert found == [
        ("Flows", "../../glossary/#flow"),
        ("normalizing\nflow", "../../glossary/#normal"),
    ]
    assert soup(made).get_text() == soup(page).get_text()
    assert glossary.link(made, NICE, glossary.forms(TERMS)) == made, "not twice"


def test_the_longest_form_of_a_term_is_meant() -> None:
    page = '<article class="md-content__inner md-typeset">A flow model.</article>'
    entries = {"flow": "flow", "flow model": "model"}
    (link,) = soup(glossary.link(page, NICE, entries)).select("a.term")
    assert link["href"] == "../../glossary/#model"


def test_a_form_of_two_terms_is_refused() -> None:
    with pytest.raises(ValueError, match="'flow' is a form of two terms"):
        glossary.forms(TERMS.replace("normalizing flow", "flow", 1))


def test_only_words_of_the_article_change() -> None:
    page = (
        '<p>a</p><article class="md-content__inner x"><h1>a</h1><p title="a">a<a href="a">a</a>'
        "<mjx-container><mjx-c>a</mjx-c></mjx-container>a<!-- a --></p></article><p>a</p>"
    )
    assert in_words(page, str.upper) == page.replace('title="a">a<', 'title="a">A<').replace(
        "container>a<!", "container>A<!"
    )
