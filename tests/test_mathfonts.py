"""Fonts of mathematics: the glyphs that pages show, as they were, and no others."""

import json
import re
from pathlib import Path

import pytest
from fontTools.pens.recordingPen import RecordingPen
from fontTools.ttLib import TTFont

from tools import kept
from tools.mathfonts import FILE, FONTS, Glyph, faces, shown, write_fonts
from tools.mathserver import typeset
from tools.typeset import ASSETS

FONT = FONTS / "MathJax_Main-Regular.woff"
STYLE_URL = re.compile(r'url\("?([^")]+)"?\)')
PAGE = (
    r'<style>mjx-c.mjx-c78::before{padding:0;content:"x"}'
    r'mjx-c.mjx-c1D465.TEX-I::before{padding:0;content: "\0393\22A4"}'
    r'mjx-c.mjx-c7D.TEX-S3::before{content:"}"}mjx-c.mjx-c22::before{content:"\""}'
    r'mjx-stretchy-v.mjx-c7C mjx-ext mjx-c::before{content:"|"}</style></head>'
)
LETTERS = {"x", "Γ", "⊤", '"'}


def glyphs_of(font: TTFont) -> dict[str, str]:
    """Return the names of glyphs by their characters."""
    names = font.getBestCmap()
    assert names
    return {chr(code): name for code, name in names.items()}


def outline(font: TTFont, letter: str) -> list:
    pen = RecordingPen()
    font.getGlyphSet()[glyphs_of(font)[letter]].draw(pen)
    return pen.value


def test_the_style_of_a_page_says_what_it_shows() -> None:
    """And in which family: what grows is composed of several."""
    whole = shown(PAGE + '<style>mjx-c.mjx-c71::before{content:"q"}</style>')
    assert whole == {
        *(("", letter) for letter in 'x"'),
        *(("I", letter) for letter in "Γ⊤"),
        ("S3", "}"),
        *((family, "|") for family in ("", "S1", "S4", "A")),
    }


def test_the_families_are_those_that_mathjax_names() -> None:
    """What a rule says of its glyph, and what the fonts hold, as MathJax has both."""
    tex = r"\mathbf x\mathcal L\mathbb R x\mathsf T\vec x\mathrm{K}\biggl\{"
    css = typeset(json.dumps({"equations": [{"tex": tex, "display": True}]}))["css"]
    glyphs = shown(f"<style>{css}</style></head>")
    assert {family for family, _ in glyphs} == {"B", "C", "A", "I", "SS", "V", "", "S3"}
    fonts = dict(FILE.findall(faces()))
    for family, letter in glyphs:
        assert letter in glyphs_of(TTFont(FONTS / fonts[family])), f"{letter} in {family}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The fonts of a site with four glyphs."""
    monkeypatch.setattr(kept, "CACHE", tmp_path / "cache")
    write_fonts(tmp_path, {Glyph("", letter) for letter in LETTERS} | {Glyph("I", "y")})
    return tmp_path / ASSETS


def test_fonts_keep_the_glyphs_that_are_shown(folder: Path) -> None:
    small = folder / FONT.name
    before, after = TTFont(FONT), TTFont(small)
    assert set(glyphs_of(after)) == LETTERS
    assert set(glyphs_of(TTFont(folder / "MathJax_Math-Italic.woff"))) == {"y"}
    for letter in "xΓ⊤":
        assert outline(after, letter) == outline(before, letter)
        assert before["hmtx"][glyphs_of(before)[letter]] == after["hmtx"][glyphs_of(after)[letter]]
    assert small.stat().st_size < FONT.stat().st_size / 4


def test_fonts_are_local_and_complete(folder: Path) -> None:
    urls = STYLE_URL.findall((folder / "fonts.css").read_text("utf-8"))
    assert len(urls) > 20
    for url in urls:
        assert url.startswith("data:font/woff") or (folder / url).is_file()
