"""Fonts of mathematics: the glyphs that pages show, as they were, and no others."""

import io
from pathlib import Path

import pytest
from fontTools.pens.recordingPen import RecordingPen
from fontTools.ttLib import TTFont

from tools import kept
from tools.mathfonts import FOLDER, cut_fonts, shown
from tools.mathserver import es5

FONT = es5() / "output" / "chtml" / "fonts" / "woff-v2" / "MathJax_Main-Regular.woff"
PAGE = (
    r'<style>a::before{content:"x"}b::before{content: "\0393\22A4"}c{content:"\""}</style></head>'
)


def outline(font: TTFont, letter: str) -> list:
    pen = RecordingPen()
    font.getGlyphSet()[font.getBestCmap()[ord(letter)]].draw(pen)
    return pen.value


def test_the_style_of_a_page_says_what_it_shows() -> None:
    assert shown(PAGE + '<p style="content:\'n\'">content:"q"') == {"x", "Γ", "⊤", '"'}


def test_fonts_keep_the_glyphs_that_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "CACHE", tmp_path / "cache")
    target = tmp_path / FOLDER / FONT.name
    target.parent.mkdir(parents=True)
    target.write_bytes(FONT.read_bytes())
    cut_fonts(tmp_path, shown(PAGE))
    before, after = TTFont(FONT), TTFont(io.BytesIO(target.read_bytes()))
    assert set(map(chr, after.getBestCmap())) == {"x", "Γ", "⊤", '"'} & set(
        map(chr, before.getBestCmap())
    )
    for letter in "xΓ⊤":
        assert outline(after, letter) == outline(before, letter)
        glyph = before.getBestCmap()[ord(letter)]
        assert after["hmtx"][after.getBestCmap()[ord(letter)]] == before["hmtx"][glyph]
    assert target.stat().st_size < FONT.stat().st_size / 4
    once = target.read_bytes()
    cut_fonts(tmp_path, shown(PAGE))
    assert target.read_bytes() == once
