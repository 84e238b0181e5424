"""Mathematics typeset at build time: numbers, references, errors, cache."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tools import finish, kept, mathserver, typeset
from tools.typeset import TypesetError, minify

HEAD = "<html><head><title>t</title></head><body><article>{}</article></body></html>"


def display(tex: str) -> str:
    return rf'<div class="arithmatex">\[{tex}\]</div>'


def inline(tex: str) -> str:
    return rf'<span class="arithmatex">\({tex}\)</span>'


def labelled(label: str, tex: str = "a = b") -> str:
    return display(rf"\begin{{equation}}{tex}\label{{{label}}}\end{{equation}}")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "CACHE", tmp_path / "cache")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


def typeset_site(site: Path, sources: dict[Path, Path] | None = None) -> None:
    pages = finish.read(site)
    index = typeset.label_index(site, pages, sources or {})
    for path, page in pages.items():
        finish.write(site / path, typeset.typeset_page(page, path, index))


def write(site: Path, name: str, *body: str) -> Path:
    file = site / name / "index.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(HEAD.format("\n".join(body)), "utf-8")
    return file


def read(file: Path) -> BeautifulSoup:
    return BeautifulSoup(file.read_text("utf-8"), "html.parser")


def test_references_point_forward_and_backward_to_numbers(site: Path) -> None:
    reference = inline(r"\eqref{nice:b}")
    page = write(site, "nice", reference, labelled("nice:a"), labelled("nice:b"), reference)
    typeset_site(site)
    links = read(page).select("a.eqref")
    assert [link.text for link in links] == ["(2)", "(2)"]
    assert all(read(page).find(id=str(link["href"])[1:]) for link in links)


def test_reference_to_another_page_names_it(site: Path) -> None:
    write(site, "articles/vae", labelled("vae:kl"))
    page = write(site, "articles/nice", inline(r"\eqref{vae:kl}"))
    typeset_site(site)
    link = read(page).select_one("a.eqref")
    assert link is not None
    assert (link.text, link["href"]) == ("vae (1)", "../../articles/vae/#mjx-eqn:vae:kl")


def test_reference_inside_an_equation_is_resolved(site: Path) -> None:
    page = write(site, "nice", display(r"x \overset{\eqref{nice:a}}{=} y"), labelled("nice:a"))
    typeset_site(site)
    link = read(page).select_one("mjx-container a")
    assert link is not None
    assert link["href"] == "#mjx-eqn:nice:a"


def test_every_equation_has_mathml_and_no_latex_is_left(site: Path) -> None:
    page = write(site, "nice", inline(r"x^2 &lt; \tfrac12"), labelled("nice:a"))
    typeset_site(site)
    text = page.read_text("utf-8")
    assert len(read(page).select("mjx-assistive-mml math")) == 2
    for remnant in (r"\(", r"\[", r"\label", "NaNem", "???"):
        assert remnant not in text


def test_what_touches_an_equation_stays_on_its_line(site: Path) -> None:
    page = write(site, "nice", f"<p>if ({inline('a')}), {inline('b')} or {inline('c')}-ary</p>")
    typeset_site(site)
    together = [span.find_all(string=True) for span in read(page).select(".together")]
    assert [(each[0], each[-1]) for each in together] == [("(", "),"), ("c", "-ary")]


def test_a_page_has_the_shapes_of_its_own_glyphs_and_no_others(site: Path) -> None:
    """Although one process typesets all pages, and they share most of their glyphs."""
    pages = [write(site, name, inline(rf"x + \{name}")) for name in ("alpha", "beta", "gamma")]
    typeset_site(site)
    for page in pages:
        style = "".join(tag.text for tag in read(page).select("style"))
        styled = set(re.findall(r"mjx-c\.(mjx-c[0-9A-F]+)", style))
        used = {name for glyph in read(page).select("mjx-c") for name in glyph["class"]}
        assert styled == {name for name in used if name.startswith("mjx-c")}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (inline(r"\eqref{nice:none}"), "unknown reference nice:none"),
        (display(r"x \overset{\eqref{nice:none}}{=} y"), "unknown reference nice:none"),
        (inline(r"\frac{a"), "[Mm]issing close brace"),
        (inline(r"\nosuchcommand"), r"Undefined control sequence \\nosuchcommand"),
        (labelled("nice:a") + labelled("nice:a"), "Label 'nice:a' multiply defined"),
        (r"<p>An unclosed \begin{equation} in the text</p>", "LaTeX outside of mathematics"),
    ],
)
def test_error_names_file_line_and_cause(site: Path, body: str, message: str) -> None:
    page = write(site, "nice", body)
    source = site / "nice.md"
    source.write_text(f"first line\n{read(page).get_text()}", "utf-8")
    with pytest.raises(TypesetError, match=message) as raised:
        typeset_site(site, {page.relative_to(site): source})
    assert str(raised.value).startswith(f"{source}:2: ")


def test_one_label_on_two_pages_is_an_error(site: Path) -> None:
    write(site, "nice", labelled("nice:a"))
    write(site, "vae", labelled("nice:a"))
    with pytest.raises(TypesetError, match=r"label nice:a is already defined in nice/index\.html"):
        typeset_site(site)


def test_latex_in_code_is_left_alone(site: Path) -> None:
    page = write(site, "nice", r"<p><code>\begin{equation}</code></p>")
    before = page.read_text("utf-8")
    typeset_site(site)
    assert page.read_text("utf-8") == before


def test_second_pass_changes_nothing(site: Path) -> None:
    page = write(site, "nice", labelled("nice:a"), inline(r"\eqref{nice:a}"))
    typeset_site(site)
    once = page.read_text("utf-8")
    typeset_site(site)
    assert page.read_text("utf-8") == once


def test_cache_answers_without_the_server(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(site, "nice", labelled("nice:a"))
    typeset_site(site)
    first = write(site, "nice", labelled("nice:a"), "<p>More words</p>")

    def refuse(request: str) -> dict:
        raise AssertionError(f"asked for {request}")

    monkeypatch.setattr(mathserver, "_ask", refuse)
    typeset_site(site)
    assert "mjx-container" in first.read_text("utf-8")


def test_faces_of_a_page_are_fetched_early(site: Path) -> None:
    """Each that its glyphs are set in, and no other."""
    page = write(site, "nice", inline(r"x \in \mathbb{R}"), display(r"\sum_i \boldsymbol{x}_i"))
    typeset_site(site)
    links = {Path(str(link["href"])).stem for link in read(page).select("link[rel=preload]")}
    faces = {"Main-Regular", "Math-Italic", "AMS-Regular", "Size2-Regular", "Math-BoldItalic"}
    assert links == {f"MathJax_{face}" for face in faces}


def test_minify_keeps_descendant_selectors() -> None:
    css = 'a [b="c"] > d  e,\n f::before {\n  margin: 1px 0;\n  /* why */ content: "x";\n}\n'
    assert minify(css) == 'a [b="c"]>d e,f::before{margin:1px 0;content:"x";}'
