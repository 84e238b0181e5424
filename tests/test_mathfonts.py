"""Fonts of mathematics: the glyphs that pages show, as they were, and no others."""

import re
from pathlib import Path

import pytest
from fontTools.pens.recordingPen import RecordingPen
from fontTools.ttLib import TTFont

from tools import kept
from tools.mathfonts import FONTS, shown, write_fonts
from tools.typeset import ASSETS

FONT = FONTS / "MathJax_Main-Regular.woff"
STYLE_URL = re.compile(r'url\("?([^")]+)"?\)')
PAGE = (
    r'<style>a::before{content:"x"}b::before{content: "\0393\22A4"}c{content:"\""}</style></head>'
)


def glyphs(font: TTFont) -> dict[str, str]:
    """Return the names of glyphs by their characters."""
    names = font.getBestCmap()
    assert names
    return {chr(code): name for code, name in names.items()}


def outline(font: TTFont, letter: str) -> list:
    pen = RecordingPen()
    font.getGlyphSet()[glyphs(font)[letter]].draw(pen)
    return pen.value


def test_the_style_of_a_page_says_what_it_shows() -> None:
    assert shown(PAGE + '<p style="content:\'n\'">content:"q"') == {"x", "Γ", "⊤", '"'}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The fonts of a site with four glyphs."""
    monkeypatch.setattr(kept, "CACHE", tmp_path / "cache")
    write_fonts(tmp_path, {"x", "Γ", "⊤", '"'})
    return tmp_path / ASSETS


def test_fonts_keep_the_glyphs_that_are_shown(folder: Path) -> None:
    small = folder / FONT.name
    before, after = TTFont(FONT), TTFont(small)
    assert set(glyphs(after)) == {"x", "Γ", "⊤", '"'}
    for letter in "xΓ⊤":
        assert outline(after, letter) == outline(before, letter)
        assert before["hmtx"][glyphs(before)[letter]] == after["hmtx"][glyphs(after)[letter]]
    assert small.stat().st_size < FONT.stat().st_size / 4


def test_fonts_are_local_and_complete(folder: Path) -> None:
    urls = STYLE_URL.findall((folder / "fonts.css").read_text("utf-8"))
    assert len(urls) > 20
    for url in urls:
        assert url.startswith("data:font/woff") or (folder / url).is_file()
