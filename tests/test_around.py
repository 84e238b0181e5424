"""What stands around an article: reading time, order, who drew a figure, notes, reports, runs."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup, Tag

from tools import around, drawn, margins, order, reports, verified, wide
from tools.articles import articles
from tools.verified import Listener, Verified

ROOT = Path(__file__).parents[1]
ARTICLE = Path("articles/nice/index.html")
RUN = Verified("2026-11-05", "2.13.0+cpu", 15, 12.4, "0")


def soup(page: str) -> BeautifulSoup:
    return BeautifulSoup(page, "html.parser")


def one(page: str, selector: str) -> Tag:
    (found,) = soup(page).select(selector)
    return found


def test_reading_time_follows_its_rule() -> None:
    words = "word " * 440  # two minutes
    equation = '<div class="mjx-display"><mjx-container>many words</mjx-container></div>'
    code = "<pre>" + "a = 1\n" * 30 + "</pre>"
    free = f'<details>{words}<details>{words}</details></details><div class="output x">{code}</div>'
    article = f'<article class="md-content__inner">{words}{equation * 3}{code}{free}</article>'
    page = f"{words}{article}{words}"
    assert around.minutes(page) == 4
    assert around.minutes(page.replace(equation, "")) == 3
    assert around.minutes(page.replace(code, "", 1)) == 3
    assert around.minutes(page.replace(words, "", 2)) == 2


def test_the_map_has_all_articles_in_the_order_of_the_site() -> None:
    nav = re.findall(r"articles/(\w+)\.md", (ROOT / "mkdocs.yml").read_text("utf-8"))
    assert list(order.TITLES) == nav
    assert sorted(nav) == sorted(article.slug for article in articles(ROOT))
    places = {slug: place for place, slug in enumerate(order.TITLES)}
    assert all(places[lean.on] < places[lean.page] for lean in order.LEANS), "none leans forward"


def test_the_map_shows_each_lean_and_says_it() -> None:
    drawn_map = order.place(f"<p>{order.PLACE}</p>", Path("index.html"))
    svg = one(drawn_map, ".map > svg")
    links = {a.get_text(): a["href"] for a in soup(drawn_map).select(".map > ol a")}
    assert links["The VAE"] == "articles/vae/"
    assert len(links) == len(order.TITLES)
    kinds = [str(path["class"][0]) for path in svg.select("path[class]")]
    firsts = sum(lean.first for lean in order.LEANS)
    assert kinds == ["helps"] * (len(order.LEANS) - firsts) + ["first"] * firsts
    heights = {str(dot["cy"]) for dot in svg.select("circle")}
    for path in svg.select("path[class]"):
        start, end = re.findall(r" (\d+)(?:C|$)", str(path["d"]))
        assert {start, end} <= heights
        assert int(start) < int(end), "lines lead down"
    described = one(str(svg), "desc").get_text()
    assert "Information bottleneck needs The VAE, for codes that have a size." in described


def test_an_article_says_what_comes_before_and_after() -> None:
    page = "<article><h1>VAE</h1><p>text</p></article><footer></footer>"
    made = around.add_head(page, Path("articles/vae/index.html"), "vae", None)
    made = around.add_foot(made, Path("articles/vae/index.html"), "vae")
    head, foot = one(made, "h1 + .reading"), one(made, "article > .foot:last-child")
    assert head.get_text(" ", strip=True) == "1 min to read It helps: SVD , for the linear case"
    assert one(str(head), "a")["href"] == "../../articles/svd/"
    links = [a.get_text() for a in foot.select("a")]
    assert links == ["Information bottleneck", "Deep InfoMax", "CC BY-SA 4.0"]
    assert around.add_head(made, Path("articles/vae/index.html"), "vae", None) == made
    assert around.add_foot(made, Path("articles/vae/index.html"), "vae") == made
    first = around.add_head(page, Path("articles/infomax/index.html"), "infomax", None)
    assert "First: The VAE, for the price of a code" in one(first, ".reading").get_text()


def test_a_run_that_stands_is_shown() -> None:
    page = "<article><h1>NICE</h1></article>"
    shown = one(around.add_head(page, ARTICLE, "nice", RUN), ".reading")
    assert "Last verified 5 November 2026: 15 blocks in 12 s, torch 2.13.0" in shown.get_text()
    assert one(str(shown), "time")["datetime"] == RUN.date
    assert "verified" not in around.add_head(page, ARTICLE, "nice", None)


FIGURE = """<figure id="f"><p><img src="../figures/nice_moons.light.png#only-light" alt="a">
<img src="../figures/nice_moons.dark.png#only-dark" alt="a"></p>
<figcaption><p><span class="caption-prefix">Figure 1.</span> Found.</p></figcaption></figure>
<p><img src="../figures/nice_moons.light.png#only-light" alt="a"></p>"""
CELLS = [
    ("code", "import torch"),
    ("markdown", 'publish.figure("nice_moons")'),
    ("code", 'publish.figure("nice_other", draw)\npublish.figure(\n    "nice_moons", draw)'),
]


@pytest.fixture
def drawers(tmp_path: Path) -> dict[str, int]:
    """The cells of a lab that draws two figures, and of one that says it draws another's."""
    cells = [{"cell_type": kind, "source": [text]} for kind, text in CELLS]
    (tmp_path / "nice.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "vae.ipynb").write_text(json.dumps({"cells": cells[2:]}))
    return drawn.all_cells(tmp_path)


def test_a_caption_names_the_cell_that_drew_its_figure(drawers: dict[str, int]) -> None:
    assert drawers == {"nice_moons": 2, "nice_other": 2}
    made = drawn.mark_figures(FIGURE, ARTICLE, drawers)
    credit = one(made, "figcaption p > a.drawn:last-child")
    assert credit["href"] == "../../labs/nice/#cell-2"
    assert credit.get_text() == "Drawn by cell 2 of the lab"
    assert drawn.mark_figures(made, ARTICLE, drawers) == made
    for path, known in ((ARTICLE, {}), (drawn.lab_page("nice_moons"), drawers)):
        assert not soup(drawn.mark_figures(FIGURE, path, known)).select("a.drawn")


def test_cells_of_a_lab_have_numbers() -> None:
    code = f"{drawn.CELL}<pre>1</pre></div>"
    output = '<div class="language-text output highlight cell"></div>'
    marked = drawn.mark_cells(f"<h1>Lab</h1>{code}{output}{code}")
    assert [cell["id"] for cell in soup(marked).select("[data-cell]")] == ["cell-1", "cell-2"]
    assert drawn.mark_cells(marked) == marked


def test_every_figure_of_every_article_has_a_cell() -> None:
    for article in articles(ROOT):
        notebook = ROOT / "docs" / "labs" / f"{article.slug}.ipynb"
        known = drawn.cells(notebook.read_text("utf-8"))
        names = {Path(image.path).name.split(".")[0] for image in article.images}
        own = {name for name in names if name.startswith(f"{article.slug}_")}
        assert own <= known.keys(), f"{article.slug}: no cell writes {own - known.keys()}"


def test_pictures_of_figures_link_to_their_files() -> None:
    made = drawn.mark_figures(FIGURE, ARTICLE, {})
    links = {a["href"]: a["class"] for a in soup(made).select("figure a.zoom:has(> img)")}
    assert links == {
        "../figures/nice_moons.light.png": ["zoom", "only-light"],
        "../figures/nice_moons.dark.png": ["zoom", "only-dark"],
    }
    assert len(soup(made).select("img")) == 3
    assert not soup(made).select("figure + p a"), "a picture outside a figure stays as it is"


def test_notes_stand_beside_their_references() -> None:
    note = (
        '<li id="fn:a"><p>See <a href="#x"><em>this</em></a>.&#160;'
        '<a class="footnote-backref" href="#fnref:a">↩</a></p></li>'
    )
    mark = '<sup id="fnref:a"><a class="footnote-ref" href="#fn:a">1</a></sup>'
    page = f"<p>Text{mark} goes on{mark.replace('fn:a', 'fn:b')}.</p><ol>{note}</ol>"
    made = margins.place(page)
    copy = one(made, "sup + .margin-note")
    assert copy.decode_contents() == "<sup>1</sup> See <em>this</em>."
    assert copy["aria-hidden"] == "true"
    assert margins.place(made) == made


DISPLAY = (
    '<div class="arithmatex mjx-display" tabindex="0"><mjx-container>'
    '<i id="mjx-eqn:nice:split"></i></mjx-container></div>'
)
BLOCK = '<div class="output highlight"><pre>1</pre></div>'
HOST = '<link rel="canonical" href="https://site.example/articles/nice/">'


def test_errors_are_reported_where_the_repository_is() -> None:
    source = '<a href="https://github.com/some/where/" title="Go" class="md-source" data-md>'
    row = '<ul class="take-home"><li></li></ul>'
    page = HOST + row + DISPLAY + BLOCK + DISPLAY.replace("id=", "name=") + BLOCK
    assert reports.add(page, "nice", has_data=False) == page, "no repository, no link"
    made = reports.add(source + page, "nice", has_data=False)
    links = {str(a["href"]): a.get_text() for a in soup(made).select(".report a")}
    assert list(links.values()) == [
        f"Report an error in {what}" for what in ("nice:split", "nice, block 1", "nice, block 2")
    ]
    first = next(iter(links))
    assert first.startswith("https://github.com/some/where/issues/new?title=Error%20in%20nice%3A")
    assert "%2Farticles%2Fnice%2F%23mjx-eqn%3Anice%3Asplit" in first
    assert one(made, ".mjx-display + .report")
    colab = one(made, ".take-home a")["href"]
    path = "some/where/blob/notebooks/articles/nice/nice.ipynb"
    assert colab == f"https://colab.research.google.com/github/{path}"
    assert reports.add(made, "nice", has_data=False) == made
    elsewhere = source.replace("github.com", "git.example") + page
    assert "colab" not in reports.add(elsewhere, "nice", has_data=False)
    far = reports.add(source + page, "nice", has_data=True)
    assert "colab" not in far, "Colab would not have the data"


def test_tables_of_many_columns_are_marked() -> None:
    def table(columns: int) -> str:
        return f"<table tabindex=0><thead><tr>{'<th>a</th>' * columns}</tr></thead></table>"

    made = wide.mark_tables("".join(table(columns) for columns in (6, 7, 8, 9)))
    marks = [tag.get("data-wide") for tag in soup(made).select("table")]
    assert marks == [None, "7", "8", "8"]
    assert wide.mark_tables(made) == made


PAGE = "```python\nprint(1)\n```\n\n```python\nprint(2)\n```\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, text in {
        "docs/articles/nice.md": PAGE,
        "docs/articles/vae.md": PAGE,
        "snippets/nice.py": "",
        "requirements.txt": "torch\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(root: Path, *blocks: str, failed: str = "") -> dict[str, Verified]:
    """Have a listener hear of blocks that ran; return what the site then shows."""
    listener = Listener(root)
    for number, slug in enumerate(blocks):
        passed = slug != failed
        for when in ("setup", "call", "teardown"):
            nodeid = f"docs/articles/{slug}.md::line {number}"
            said = SimpleNamespace(nodeid=nodeid, when=when, passed=passed, duration=1.25)
            listener.pytest_runtest_logreport(said)  # type: ignore[arg-type]
    listener.pytest_sessionfinish()
    return verified.verified(root)


def test_a_run_of_all_blocks_is_remembered(repository: Path) -> None:
    (known,) = run(repository, "nice", "nice", "vae").values()
    assert (known.blocks, known.seconds) == (2, 2.5)
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", known.date)
    assert known.torch.startswith("2.")
    assert run(repository, "vae", "vae").keys() == {"nice", "vae"}, "each article for itself"
    assert run(repository, "nice", "nice", failed="nice").keys() == {"vae"}


@pytest.mark.parametrize("file", ["docs/articles/nice.md", "snippets/nice.py", "requirements.txt"])
def test_a_run_before_a_change_is_forgotten(repository: Path, file: str) -> None:
    assert run(repository, "nice", "nice")
    (repository / file).write_text(PAGE + "changed")
    assert not verified.verified(repository)


def test_every_article_is_cited_with_its_original() -> None:
    for article in articles(ROOT):
        (block,) = [fence.code for fence in article.fences if fence.info == "bibtex"]
        entries = re.findall(r"^@\w+\{(\w+),$", block, re.M)
        assert entries[0] == f"deriveandrun2026{article.slug}"
        assert re.fullmatch(rf"su20\d\d{article.slug}", entries[1])
        assert len(entries) == 3, "the page, its original, the paper"
        (address,) = re.findall(r"https://kexue\.fm/archives/\d+", block)
        assert address in article.prose
        plain = re.sub(r"[{}]", "", block)
        title = re.sub(r"\s+", " ", plain.partition("title")[2].partition(",\n")[0]).strip(" =")
        assert article.text.count(f"# {title}\n") == 1, f"{title} is not the page's title"
