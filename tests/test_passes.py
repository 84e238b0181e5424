"""Steps over built pages besides mathematics: links in code, search, images, notebooks."""

import json
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from PIL import Image

from tools import notebooks
from tools.codelinks import by_name, mentioned, with_labels
from tools.pages import PRELOADED, copies_of, mend, mend_sheets
from tools.pictures import Album
from tools.searchindex import clean_search_index, plain
from tools.typeset import Label

NICE = Path("articles/nice/index.html")
INDEX = {"nice:chain": Label(NICE, "1"), "nice:chain-rule": Label(NICE, "2")}
LATER = Label(NICE, "3")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the files of a page lie in a built site."""
    (tmp_path / NICE).parent.mkdir(parents=True)
    return (tmp_path / NICE).parent


def mended(page: str, site: Path, path: Path = NICE) -> str:
    """Mend a page by what lies around it."""
    preloaded = [name for name in PRELOADED if (site / name).is_file()]
    return mend(page, path, Album(site).shown(page, path), copies_of(site, path), preloaded)


def soup(page: str) -> BeautifulSoup:
    return BeautifulSoup(page, "html.parser")


def test_labels_in_code_link_to_their_equation() -> None:
    text = '<pre><code><span class="c1"># nice:chain-rule</span> nice:chain</code></pre>'
    page = with_labels(text, INDEX, NICE)
    links = {link.text: link["href"] for link in soup(page).select("a.label")}
    assert links == {
        "nice:chain-rule": "#mjx-eqn:nice:chain-rule",
        "nice:chain": "#mjx-eqn:nice:chain",
    }
    assert soup(page).text == "# nice:chain-rule nice:chain", "what is copied stays the same"


def test_labels_link_across_pages_but_not_twice_or_elsewhere() -> None:
    text = (
        '<p title="nice:chain">nice:chain</p><code><a href="#">nice:chain</a></code>'
        '<code title="nice:chain">unice:chain nice:chain-saw nice:chain</code>'
    )
    page = with_labels(text, INDEX, Path("api/index.html"))
    (link,) = soup(page).select("a.label")
    assert link["href"] == "../articles/nice/#mjx-eqn:nice:chain"
    assert soup(page).select("code")[1].decode_contents().startswith("unice:chain nice:chain-saw <")


def test_the_labels_that_a_page_may_name_are_enough() -> None:
    """For links in its code and for its references, and others do not count."""
    text = r"<code>nice:chain</code> \(\eqref{nice:chain-rule}\) vae:other"
    names = by_name(INDEX | {"nice:other": LATER, "svd:last": LATER})
    assert mentioned(text, names) == [*INDEX, "nice:other"]


def test_search_index_holds_words_and_labels_only(tmp_path: Path) -> None:
    file = tmp_path / "search" / "search_index.json"
    file.parent.mkdir()
    equation = r"\[\begin{equation}\frac{a}{b}\label{nice:chain}\end{equation}\]"
    text = rf"See \(\eqref{{nice:chain}}\): {equation}"
    file.write_text(json.dumps({"docs": [{"title": r"The \(\sigma_i\)", "text": text}]}))
    clean_search_index(tmp_path)
    (entry,) = json.loads(file.read_text())["docs"]
    assert entry == {"title": "The σi", "text": "See nice:chain: nice:chain"}


@pytest.mark.parametrize(
    ("tex", "words"),
    [
        (r"\(x \in \mathbb{R}^D\)", "x ∈ RD"),
        (r"\(\log\left|\det J\right|\)", "log | det J|"),
        (r"\(\mathcal{N}(0, 1)\) and \(\beta\)", "N(0, 1) and β"),
    ],
)
def test_inline_mathematics_is_found_by_its_symbols(tex: str, words: str) -> None:
    assert plain(tex) == words


def test_pages_get_image_sizes_take_home_links_and_names(folder: Path, tmp_path: Path) -> None:
    (folder / "figure.svg").write_text('<svg viewBox="0 0 460.8 259.2"></svg>')
    Image.new("RGB", (30, 20)).save(folder / "figure.png")
    for suffix in (".md", ".py"):
        (folder / f"nice{suffix}").touch()
    text = (
        "<title>t</title><h1>NICE</h1>"
        '<div data-md-component="search" role="dialog">'
        '<img src="figure.svg#only-light" alt="a"><img src="figure.png" alt="b">'
        '<script src="../../assets/javascripts/bundle.0.min.js"></script>\n'
        '<script src="../../assets/zoom.js" defer></script>'
    )
    page = mended(text, tmp_path)
    sizes = [(image["width"], image["height"]) for image in soup(page).select("img")]
    assert sizes == [("461", "259"), ("30", "20")]
    assert [link["href"] for link in soup(page).select(".take-home a")] == ["nice.py", "nice.md"]
    assert soup(page).select_one("[role=dialog]")["aria-label"] == "Search"  # type: ignore[index]
    (script,) = soup(page).select("script[src]")
    assert script["src"] == "../../assets/before-theme.js"
    later = ["../../assets/javascripts/bundle.0.min.js", "../../assets/zoom.js"]
    assert str(script["data-then"]).split() == later
    assert mended(page, tmp_path) == page


def test_the_error_page_shows_pictures_by_their_address_from_the_root(tmp_path: Path) -> None:
    (tmp_path / "figure.svg").write_text('<svg viewBox="0 0 4 3"></svg>')
    page = mended('<img src="/figure.svg" alt="a">', tmp_path, Path("404.html"))
    assert '<img width="4" height="3" src' in page


def test_a_rule_for_all_elements_goes_from_the_theme(tmp_path: Path) -> None:
    """And the rules around it stay, nested ones too."""
    (tmp_path / "assets" / "stylesheets").mkdir(parents=True)
    sheet = tmp_path / "assets" / "stylesheets" / "a.css"
    rule = "*,[data-md-color-switching] *{transition:none}"
    sheet.write_text(f"{rule}a{{b:c}}@media print{{{rule}d{{e:f}}}}{rule}")
    mend_sheets(tmp_path)
    assert sheet.read_text() == "a{b:c}@media print{d{e:f}}"


def test_attributes_that_are_out_of_place_go(tmp_path: Path) -> None:
    page = mended(
        '<input class="a" type="checkbox" id="b" autocomplete="off"><label tabindex="">c</label>'
        '<input type="text" autocomplete="off">',
        tmp_path,
    )
    assert page == (
        '<input class="a" type="checkbox" id="b"><label>c</label>'
        '<input type="text" autocomplete="off">'
    )


def test_cells_break_where_a_reader_would(tmp_path: Path) -> None:
    """Not between a number and its spread, but within a long name."""
    page = (
        "<td>1.2 ± 0.3</td><td align=left>16 to 64 <i>a</i></td><td>up to 3</td><p>1 ± 2</p>"
        "<td>a ± 1 <a><code>a.one_two_</code></a></td><code>a_b</code>"
    )
    held = page.replace("1.2 ± 0.3", "1.2\u00a0±\u00a00.3").replace("6 to 6", "6\u00a0to\u00a06")
    assert mended(page, tmp_path) == held.replace("a.one_two_", "a.<wbr>one_<wbr>two_")


def test_pages_settle_before_they_are_painted(tmp_path: Path) -> None:
    font = tmp_path / "assets/vendor/fonts/source-code-pro.woff2"
    font.parent.mkdir(parents=True)
    font.touch()
    text = "<title>t</title><body dir=ltr><table><tr></table><table class=plain></table>"
    page = mended(text, tmp_path)
    first = soup(page).select_one("body > :first-child")
    assert first is not None
    assert first.name == "script"
    assert {"data-md-color-scheme", "data-settling", "data-late", "js"} <= set(
        re.findall(r"[\w-]+", first.text)
    )
    assert [table.get("tabindex") for table in soup(page).select("table")] == ["0", None]
    links = [(link["rel"], link["href"]) for link in soup(page).select("title ~ link")]
    assert links == [(["preload"], "../../assets/vendor/fonts/source-code-pro.woff2")]
    lost = mended("<title>t</title><body></body>", tmp_path, Path("404.html"))
    assert not soup(lost).select("link"), "its address may be at any depth"


def test_a_picture_without_a_size_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "figure.svg").write_text("<svg></svg>")
    with pytest.raises(ValueError, match=r"figure\.svg: expected an SVG with a viewBox"):
        mended('<img src="figure.svg" alt="a">', tmp_path)


def test_mathematics_in_notebooks_waits_for_the_typesetter() -> None:
    notebooks.mark_mathematics()
    content = markdown2html_mistune("One $a <b$ and\n\n$$\nc\n$$\n\n\\begin{align}d\\end{align}\n")
    spans = BeautifulSoup(content, "html.parser").select(".arithmatex")
    assert [span.text for span in spans] == [
        r"\(a <b\)",
        "\\[\nc\n\\]",
        r"\[\begin{align}d\end{align}\]",
    ]


CELLS = """
<style>{weight}</style><script src="https://elsewhere.example/x.js"></script>
<div class="jp-Cell" id="a"><div class="jp-MarkdownOutput"><h1>Lab</h1><p>First
words.</p><p><div class="arithmatex">x</div></p></div></div>
<div class="jp-Cell"><div class="jp-Cell" id="b">
<div class="jp-InputArea"><div class="zeroclipboard-container">copy</div>
<pre><span></span><span class="nb">print</span>(1)
</pre></div>
<div class="jp-OutputArea-output"><pre>1 &lt; 2
</pre></div>
<div class="jp-OutputArea-output"><figure><picture>
<source srcset="../articles/figures/nice_a.dark.svg"><img src="../articles/figures/nice_a.light.svg"
alt="&quot;a&quot; is seen"></picture></figure></div></div></div>
"""


def test_notebook_pages_keep_content_and_drop_the_rest() -> None:
    content = CELLS.format(weight="x" * 10_000)
    cleaned = notebooks.clean(content)
    seen = BeautifulSoup(cleaned, "html.parser")
    assert len(cleaned) < 1000
    assert [code.text for code in seen.select("code")] == ["print(1)\n", "1 < 2\n"]
    assert seen.select_one(".output code").text == "1 < 2\n"  # type: ignore[union-attr]
    assert [image["src"] for image in seen.select("figure img[alt='\"a\" is seen']")] == [
        "../../articles/figures/nice_a.light.svg#only-light",
        "../../articles/figures/nice_a.dark.svg#only-dark",
    ]
    assert not seen.select("p > div, script, style, [class*=jp-], .zeroclipboard-container")
    assert notebooks.description(content) == "First words."
