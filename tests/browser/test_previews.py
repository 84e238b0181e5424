"""References show in place what they lead to: by pointer, by keys and by touch."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import probes
from playwright.sync_api import Page, expect
from reader import Reader

Window = Callable[..., AbstractContextManager[Reader]]

# How far a preview and its reference overlap, and how far it leaves the window.
COVERED = """() => {
  const box = document.querySelector(".preview").getBoundingClientRect();
  const link = document.querySelector("[aria-describedby=preview]").getBoundingClientRect();
  return {
    over: box.top < link.bottom && link.top < box.bottom,
    out: box.top < 0 || box.left < 0 || box.bottom > innerHeight || box.right > innerWidth,
  };
}"""
MIDDLE = """link => link.scrollIntoView({block: "center", behavior: "instant"})"""
TOUCH = """link => {
  link.dispatchEvent(new PointerEvent("pointerdown", {pointerType: "touch", bubbles: true}));
  link.click();
}"""


def test_references_show_what_they_lead_to(reading: Window) -> None:
    """On one page an equation without a request, then terms of another page with one."""
    with reading() as reader:
        page = reader.open("articles/nice/")
        hover(page, "article a.eqref")
        equation = page.locator(".preview .mjx-display")
        assert equation.count() == 1
        fetched = [file for file in reader.files if file.endswith(".html")]
        assert fetched == ["articles/nice/index.html"], "what is on the page was fetched"
        assert page.evaluate(COVERED) == {"over": False, "out": False}
        assert page.evaluate(probes.SHIFT) < 0.003
        assert not page.locator(".preview [id]").count(), "an anchor is there twice"
        page.keyboard.press("Escape")
        assert not page.locator(".preview").count()

        term = page.locator("article a.term").first
        term.focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Shift+Tab")
        page.locator(".preview .term").wait_for()
        assert page.evaluate(COVERED) == {"over": False, "out": False}
        assert term.get_attribute("aria-describedby") == "preview"
        page.keyboard.press("Tab")
        page.locator(".preview", has_text="Flow.").wait_for()
        assert page.locator(".preview").count() == 1, "the one before is still there"
        page.keyboard.press("Escape")
        assert not page.locator(".preview").count()
        hover(page, "article .passage > p a.term >> nth=2")
        assert reader.files.count("glossary/index.html") == 1, "a page is fetched once"

        hover(page, "article a.cite")
        assert "Dinh" in page.locator(".preview .reference").inner_text()
        assert not page.locator(".preview .cited").is_visible()
        page.mouse.move(0, 0)
        page.locator(".preview").wait_for(state="detached")


def test_a_figure_that_the_text_names_shows(reading: Window) -> None:
    with reading() as reader:
        page = reader.open("articles/vae/")
        hover(page, "article a[href$='#figure-codes']")
        assert page.locator(".preview figcaption").inner_text().startswith("Figure 1.")
        assert page.locator(".preview img:visible").count() == 1


def test_escape_sends_a_note_away(reading: Window) -> None:
    """Shown by focus or by the pointer; the next mark that is focused shows its own."""
    with reading() as reader:
        page = reader.open("articles/nice/")
        mark, note = page.locator(".footnote-ref").first, page.locator(".margin-note").first
        mark.focus()
        expect(note).to_be_visible()
        page.keyboard.press("Escape")
        expect(note).to_be_hidden()
        page.keyboard.press("Tab")
        page.keyboard.press("Shift+Tab")
        expect(note).to_be_visible()


def test_a_touch_shows_and_the_next_follows(reading: Window) -> None:
    """On a phone, from a page without mathematics: the glyphs bring their styles along."""
    with reading(width=390) as reader:
        page = reader.open("api/nice/")
        label = page.locator("article a.label").first
        label.evaluate(TOUCH)
        page.locator(".preview mjx-container").wait_for()
        page.wait_for_function(f"!({probes.EQUATIONS})().length", timeout=10_000)
        assert page.evaluate(COVERED) == {"over": False, "out": False}
        assert page.url.endswith("api/nice/"), "the first touch follows the link"
        label.evaluate(TOUCH)
        page.wait_for_url("**/articles/nice/#mjx-eqn:*")
        assert not page.locator(".preview").count()


def hover(page: Page, reference: str) -> None:
    """Hold the pointer over a reference until its preview shows."""
    link = page.locator(reference).first
    link.evaluate(MIDDLE)
    link.hover()
    page.locator(".preview").wait_for()
