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


def outline(font: TTFont, letter: str) -> list:
    pen = RecordingPen()
    font.getGlyphSet()[font.getBestCmap()[ord(letter)]].draw(pen)
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
    assert set(map(chr, after.getBestCmap())) == {"x", "Γ", "⊤", '"'}
    for letter in "xΓ⊤":
        assert outline(after, letter) == outline(before, letter)
        names = [font.getBestCmap()[ord(letter)] for font in (before, after)]
        assert before["hmtx"][names[0]] == after["hmtx"][names[1]]
    assert small.stat().st_size < FONT.stat().st_size / 4


def test_fonts_are_local_and_complete(folder: Path) -> None:
    urls = STYLE_URL.findall((folder / "fonts.css").read_text("utf-8"))
    assert len(urls) > 20
    for url in urls:
        assert url.startswith("data:font/woff") or (folder / url).is_file()
