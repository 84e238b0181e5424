"""The built site in a browser: what a reader sees, finds and copies, and what never happens."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import probes
import pytest
from axe_playwright_python.sync_playwright import Axe
from built import ARTICLES, PAGES, ROOT, SLUGS, soup, wire_size
from playwright.sync_api import Page
from reader import Reader, follow, glyphs_without_ink, land, rare_word, serve

from tools.articles import read

Window = Callable[..., AbstractContextManager[Reader]]

STILL = 0.003  # of layout shift: 0 on a quiet machine, up to 0.0009 seen on a busy one
# API pages differ in their words alone: two are opened, and one of them in the dark scheme.
ALIKE = {page for page in PAGES if page.startswith("api/")} - {"api/data/", "api/positions/"}
LIGHT_ONLY = {*ALIKE, "api/positions/"}
NAVIGATION = [".md-header", ".md-tabs", ".md-sidebar", ".md-footer", ".md-code__nav", ".take-home"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take each page in turn; the tests that read it in one window run one after the other."""
    every = metafunc.config.getoption("--every-page")
    opened = [path for path in PAGES if every or path not in ALIKE]
    if "path" in metafunc.fixturenames:
        metafunc.parametrize("path", opened, ids=lambda path: path or "home", scope="module")
    if "visit" in metafunc.fixturenames:
        visits = [(path, "light") for path in opened]
        visits += [(path, "dark") for path in opened if path not in LIGHT_ONLY]
        names = [f"{scheme}-{path or 'home'}" for path, scheme in visits]
        metafunc.parametrize("visit", visits, ids=names, indirect=True, scope="module")


@pytest.fixture(scope="module")
def visit(request: pytest.FixtureRequest, reading: Window, slow_server: str) -> Iterator[Reader]:
    """A page on a wide screen, read to its end."""
    path, scheme = request.param
    with reading(scheme=scheme, address=slow_server) as reader:
        reader.open(path).evaluate(probes.SCROLL)
        yield reader


@pytest.fixture(scope="module")
def phone(path: str, reading: Window, slow_server: str) -> Iterator[Page]:
    """A page on a narrow screen, read to its end."""
    with reading(width=390, address=slow_server) as reader:
        page = reader.open(path)
        page.evaluate(probes.SCROLL)
        yield page


@pytest.fixture(scope="module")
def plain(path: str, reading: Window) -> Iterator[Page]:
    """A page read without scripts, everything unfolded."""
    with reading(scripts=False) as reader:
        page = reader.open(path)
        page.evaluate(probes.LAY_OUT)
        page.evaluate(probes.UNFOLD)
        yield page


@pytest.fixture(scope="module", params=SLUGS)
def slug(request: pytest.FixtureRequest) -> str:
    """Each article in turn."""
    return request.param


@pytest.fixture(scope="module")
def article(slug: str, reading: Window) -> Iterator[Reader]:
    """An article on a wide screen, for tests that leave it as it was, but for the last."""
    with reading() as reader:
        reader.open(f"articles/{slug}/")
        yield reader


def test_loads_without_complaint(visit: Reader) -> None:
    """No error or warning on the console, nothing missing, no request to another host."""
    assert not visit.complaints, "\n".join(visit.complaints)


def test_nothing_moves(visit: Reader) -> None:
    """Although fonts and pictures come late, down to the end of the page."""
    shift = visit.page.evaluate(probes.SHIFT)
    assert shift < STILL, f"layout shift of {shift:.4f}"


def test_figures_follow_the_scheme(visit: Reader) -> None:
    """One of each pair is shown, loads when it is scrolled to, and the other is never fetched."""
    for figure in visit.page.evaluate(probes.FIGURES):
        wanted = figure["source"].endswith(f"#only-{visit.scheme}")
        assert figure["shown"] == wanted, f"{figure['source']} in the {visit.scheme} scheme"
        assert figure["loaded"] or not wanted, f"{figure['source']} did not load"
    other = {"light": ".dark.", "dark": ".light."}[visit.scheme]
    assert not [file for file in visit.files if other in file], "both schemes were fetched"


def test_equations_fit_the_column(visit: Reader) -> None:
    """On a wide screen: a reader who must scroll to see the number misses it."""
    wide = visit.page.evaluate(probes.TOO_WIDE)
    assert not wide, f"wider than their column: {wide}"


def test_axe_finds_nothing_serious(visit: Reader) -> None:
    """All of its rules in the light scheme; in the dark, those that depend on colours.

    The last test of the window: it changes the page.
    """
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if visit.scheme == "dark":
        options["runOnly"] = ["color-contrast", "link-in-text-block"]
    for change in (probes.LAY_OUT, probes.UNFOLD, probes.SAMPLE):
        visit.page.evaluate(change)
    violations = Axe().run(visit.page, options=options).response["violations"]
    problems = [
        f"{violation['id']}: {node['html'][:200]}\n  {node['failureSummary']}"
        for violation in violations
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]
    assert not problems, "\n".join(problems)


def test_equations_need_no_script(plain: Page) -> None:
    """Each has a box, and each glyph leaves ink on the page."""
    problems = plain.evaluate(probes.EQUATIONS)
    assert not problems, "\n".join(problems)
    inkless = glyphs_without_ink(plain)
    assert not inkless, f"glyphs that leave no ink: {sorted(inkless)}"


def test_the_rest_needs_no_script(plain: Page) -> None:
    """Text, code, tables and one of each pair of figures."""
    invisible = plain.evaluate(probes.INVISIBLE)
    assert not invisible, f"not to be seen: {invisible}"
    figures = plain.evaluate(probes.FIGURES)
    shown = [figure["source"] for figure in figures if figure["shown"] and figure["loaded"]]
    assert len(shown) == len(figures) / 2, f"of {figures} these show: {shown}"


def test_nothing_moves_on_a_phone(phone: Page) -> None:
    shift = phone.evaluate(probes.SHIFT)
    assert shift < STILL, f"layout shift of {shift:.4f}"


def test_text_does_not_wait_for_late_faces(reading: Window) -> None:
    """It shows in a stand-in, and stays where it is when the faces come after all."""
    with serve(0, delay=1.5) as address, reading(address=address) as reader:
        page = reader.page
        page.goto(address, wait_until="domcontentloaded")
        page.wait_for_selector("h1", state="visible", timeout=1000)
        page.wait_for_load_state("networkidle")
        assert page.evaluate(probes.SHIFT) < STILL


def test_nothing_scrolls_sideways_on_a_phone(phone: Page) -> None:
    """What is wide scrolls in a box of its own, which a keyboard reaches."""
    phone.evaluate(probes.UNFOLD)
    phone.evaluate(probes.SCROLL)  # what is far is not laid out, nor is what it scrolls
    width = phone.evaluate("document.scrollingElement.scrollWidth")
    problems = phone.evaluate(probes.SIDEWAYS)
    assert not problems, "\n".join(problems)
    assert width <= 390, f"the page is {width} px wide"
    options = {"runOnly": ["scrollable-region-focusable"], "resultTypes": ["violations"]}
    violations = Axe().run(phone, options=options).response["violations"]
    nodes = [node["html"][:100] for violation in violations for node in violation["nodes"]]
    assert not nodes, f"scrolls, and no key reaches it: {nodes}"


def test_an_article_is_light(article: Reader) -> None:
    """300 kB over the wire without pictures, 800 with all of them; the search index waits."""
    article.page.wait_for_load_state("networkidle")
    article.page.evaluate(probes.SCROLL)
    pictures = (".svg", ".png", ".webp")
    files = {file for file in article.files if not file.endswith(pictures)}
    assert "search/search_index.json" not in files
    schemes = article.page.locator("meta[name=color-scheme]").count()
    assert not schemes, "the theme has the style of the whole page computed anew"
    sizes = {file: wire_size(file) for file in sorted(article.files)}
    light = sum(sizes[file] for file in files)
    assert light <= 300_000, f"{light} bytes without pictures: {sizes}"
    assert sum(sizes.values()) <= 800_000, f"{sum(sizes.values())} bytes: {sizes}"


def test_copy_buttons_copy_their_block_alone(slug: str, article: Reader) -> None:
    """Compared with the Markdown, where an output has a fence of its own."""
    fences = read(ROOT / f"docs/articles/{slug}.md").fences
    blocks = [fence.code for fence in fences if not fence.title and not fence.expected]
    page = article.page
    page.evaluate(probes.UNFOLD)
    shown = page.locator("article .highlight:not(.output, :has(.filename))")
    assert shown.count() == len(blocks)
    for number, block in enumerate(blocks):
        shown.nth(number).locator("button[data-md-type=copy]").dispatch_event("click")
        assert page.evaluate("navigator.clipboard.readText()").strip() == block.strip()


def test_far_passages_wait_and_keep_their_place(slug: str, article: Reader) -> None:
    """A browser lays out those near the window; the others are about as high as they will be."""
    page = article.open(f"articles/{slug}/")
    waiting = page.evaluate(probes.WAITING)
    assert waiting.count(True) > len(waiting) / 2, waiting
    expected = page.evaluate("document.body.scrollHeight")
    page.evaluate(probes.LAY_OUT)
    assert page.evaluate("document.body.scrollHeight") == pytest.approx(expected, rel=0.1)
    page.evaluate(probes.LET_WAIT)


def test_the_table_of_contents_marks_where_its_links_lead(article: Reader) -> None:
    """And stays where it is while the text moves, so that the pointer is on the same link."""
    links = article.page.locator(".md-sidebar--secondary a.md-nav__link")
    place = links.first.bounding_box()
    for number in (links.count() // 2, links.count() - 1, 1):
        link = links.nth(number)
        link.click()
        article.page.wait_for_function(probes.MARKED, arg=link.evaluate("link => link.hash"))
    now = links.first.bounding_box()
    assert place is not None
    assert now is not None
    assert now["y"] == pytest.approx(place["y"], abs=1)


def test_keys_reach_code_that_is_wider_than_its_frame(phone: Page) -> None:
    """And no other: each would be a stop on the way."""
    assert not phone.evaluate(probes.UNREACHED)


def test_the_keyboard_reaches_display_equations(article: Reader) -> None:
    """So that one which is wider than the page can be scrolled; and focus can be seen."""
    displays = article.page.locator(".mjx-display")
    # Chromium would stop at what scrolls in any case, Safari only where it is told to.
    untold = article.page.locator('.mjx-display:not([tabindex="0"])').count()
    assert not untold, f"{untold} of {displays.count()} equations have no tabindex"
    displays.first.focus()
    article.page.keyboard.press("Tab")
    article.page.keyboard.press("Shift+Tab")
    outline = displays.first.evaluate(
        "e => document.activeElement === e && getComputedStyle(e).outlineStyle"
    )
    assert outline, "Tab does not stop at the first display equation"
    assert outline != "none", "nothing shows where the focus is"


def test_print_shows_the_article_alone(article: Reader) -> None:
    """No navigation, no buttons; and nothing of the text is lost."""
    page = article.page
    unseen = page.evaluate(probes.INVISIBLE)
    page.emulate_media(media="print")
    printed = [
        part for part in NAVIGATION for found in page.locator(part).all() if found.is_visible()
    ]
    lost = [part for part in page.evaluate(probes.INVISIBLE) if part not in unseen]
    page.emulate_media(media="screen")
    assert not printed, f"{printed} are printed"
    assert not [part for part in lost if not re.search(" download|copy-page", part)]


def test_references_land_on_their_equations(slug: str, article: Reader) -> None:
    """Forward, backward and from the documentation of the code; not under the header."""
    page = article.page
    page.evaluate(probes.UNFOLD)
    directions = page.evaluate(probes.REFERENCES)
    for direction in ("forward", "backward"):
        if direction in directions:
            land(page, page.locator("article a.eqref").nth(directions.index(direction)))
    assert "backward" in directions, f"{slug} refers to none of its equations"
    article.open(f"api/{slug}/")
    land(page, page.locator("article a.label").first)


def test_a_return_leads_to_the_place_that_was_left(slug: str, reading: Window) -> None:
    """Though all that lies above it is new, and at first only about as high as it will be."""
    with reading() as reader:
        page = reader.open(f"articles/{slug}/")
        page.wait_for_function(probes.KNOWS_PAGES)
        page.evaluate(probes.LAY_OUT)
        place = page.locator(".passage > p").last
        place.scroll_into_view_if_needed()
        page.wait_for_function("scrollY && history.state?.y === scrollY")
        was = place.evaluate(probes.TOP)
        page.evaluate(probes.LET_WAIT)
        page.locator(".md-tabs a, .md-header a").first.evaluate("link => link.click()")
        page.wait_for_url(reader.server)
        page.wait_for_function("!document.querySelector('.passage')")
        page.go_back()
        page.wait_for_selector(".passage")
        page.wait_for_timeout(300)
        assert place.evaluate(probes.TOP) == pytest.approx(was, abs=2)


def test_instant_navigation_keeps_equations_and_figures(slug: str, reading: Window) -> None:
    """From the lab to the article, and back, in one document."""
    with reading() as reader:
        page = reader.open(f"labs/{slug}/")
        page.wait_for_function(probes.KNOWS_PAGES)
        page.evaluate("window.stayed = true")
        for path in (f"articles/{slug}/", f"labs/{slug}/"):
            follow(reader, path)
            assert page.evaluate("window.stayed"), f"{path} was loaded the ordinary way"
            for part in ("mjx-container", "link[rel=stylesheet]"):
                assert len(soup(path).select(part)) == page.locator(part).count(), part
            page.evaluate(probes.UNFOLD)
            page.evaluate(probes.SCROLL)
            # The sheet of the fonts may be new on this page, and they come after it.
            page.wait_for_function(f"!({probes.EQUATIONS})().length", timeout=10_000, polling=250)
            problems = page.evaluate(probes.EQUATIONS)
            assert not problems, f"{path}: {problems}"
            for figure in page.evaluate(probes.FIGURES):
                assert figure["loaded"] or not figure["shown"], f"{path}: {figure}"


def test_pictures_keep_their_place_while_the_address_changes(reading: Window) -> None:
    """A window that gets narrow chooses among their forms anew, before the next page is there."""
    with reading() as reader:
        page = reader.open("")
        page.evaluate(probes.SCROLL)
        page.evaluate("history.pushState({}, '', 'articles/nice/')")
        page.set_viewport_size({"width": 390, "height": 900})
        page.evaluate(probes.SCROLL)
        page.wait_for_load_state("networkidle")


def test_addresses_hold_while_a_page_becomes_another(reading: Window) -> None:
    """Also where that is by going back to a page of before a reload, and in what stays: the bar."""
    with reading() as reader:
        page = reader.open("")
        known = page.evaluate(probes.ADDRESSES)
        page.evaluate("history.pushState({}, '', 'articles/nice/')")
        assert page.evaluate(probes.ADDRESSES) == known
        page = reader.open("articles/vae/")
        known = page.evaluate(probes.ADDRESSES)
        page.wait_for_function(probes.KNOWS_PAGES)
        page.evaluate("window.stayed = true")
        follow(reader, "")
        page.reload()
        page.wait_for_function(probes.KNOWS_PAGES)
        page.evaluate("window.stayed = true")
        page.go_back()
        page.locator("h1", has_text="VAE").wait_for()
        assert page.evaluate("window.stayed")
        assert page.evaluate(probes.ADDRESSES) == known


def test_search_finds_a_word_of_each_article(reading: Window) -> None:
    """A word from its middle, which no other page has; the results show no LaTeX."""
    with reading() as reader:
        page = reader.open("")
        for path in ARTICLES:
            word = rare_word(path)
            page.locator(".md-search__input").fill("")
            page.locator(".md-search__input").press_sequentially(word)
            # Its address names what was searched: not the first letters only.
            result = page.locator(f'.md-search-result__item a[href*="?h={word}"]').first
            result.wait_for()
            shown = page.locator(".md-search-result__list").inner_text()
            latex = re.search(r"\\[a-zA-Z()\[\]]+|\$[^$]+\$", shown)
            assert not latex, f"searching {word!r} shows {latex and latex[0]!r}"
            found = result.evaluate("link => link.href")
            assert found.startswith(reader.server + path), f"{word!r} leads to {found}"
            result.click()
            page.locator(".md-content article").get_by_text(word).first.wait_for()
