"""Figures seen large, notes in the margin, a page copied as Markdown: one window, one article."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from built import SITE
from playwright.sync_api import Page, expect
from reader import Reader

Window = Callable[..., AbstractContextManager[Reader]]

PATH = "articles/nice/"
WIDE = 1800  # room for a column of notes

BOX = "part => part.getBoundingClientRect().toJSON()"


@pytest.fixture(scope="module")
def page(reading: Window) -> Iterator[Page]:
    """An article in the dark on a very wide screen."""
    with reading(width=WIDE, scheme="dark") as reader:
        yield reader.open(PATH)


def box(page: Page, selector: str) -> dict[str, Any]:
    return page.locator(selector).first.evaluate(BOX)


def test_a_figure_is_seen_large_from_the_keyboard(page: Page) -> None:
    """In the scheme of the page, with its words; Escape closes, and the focus is where it was."""
    link = page.locator("a.zoom:visible").first
    small = link.locator("img").evaluate(BOX)
    link.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Figure 1")
    picture = dialog.locator("img:visible")
    expect(picture).to_have_count(1)
    assert ".dark." in str(picture.get_attribute("src"))
    assert picture.get_attribute("alt") == link.locator("img").get_attribute("alt")
    large = picture.evaluate(BOX)
    assert large["width"] * large["height"] > small["width"] * small["height"]
    assert large["bottom"] <= 900, "all of it is in sight"
    expect(dialog).to_contain_text("Drawn by cell")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert link.evaluate("link => link === document.activeElement")
    assert page.url.endswith(PATH), "the link was not followed"


def test_a_figure_is_seen_large_from_the_mouse(page: Page) -> None:
    page.locator("a.zoom:visible").nth(1).click()
    dialog = page.get_by_role("dialog", name="Figure 2")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)


def test_notes_stand_in_the_gutter(page: Page) -> None:
    """Beside the line that they belong to, clear of text and contents."""
    note, mark = box(page, ".margin-note"), box(page, ".footnote-ref")
    assert abs(note["top"] - mark["top"]) < 15
    assert note["left"] >= box(page, "article")["right"]
    assert note["right"] <= box(page, ".md-sidebar--secondary")["left"]


def test_a_page_is_copied_as_markdown(page: Page) -> None:
    button = page.get_by_role("button", name="Copy as Markdown")
    button.click()
    expect(page.locator("button.copy-page")).to_have_text("Copied")
    text = (SITE / "articles/nice/nice.md").read_text("utf-8")
    assert page.evaluate("navigator.clipboard.readText()") == text


def test_without_scripts_pictures_open_and_nothing_pretends(reading: Window) -> None:
    with reading(scripts=False) as reader:
        page = reader.open(PATH)
        expect(page.locator("button.copy-page")).to_be_hidden()
        note = page.locator(".margin-note").first
        expect(note).to_be_hidden()
        page.locator(".footnote-ref").first.focus()
        expect(note).to_be_visible()
        address = str(page.locator("a.zoom:visible").first.get_attribute("href"))
        assert (SITE / PATH / address).is_file()
