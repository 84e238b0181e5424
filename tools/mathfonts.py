"""Cut MathJax's fonts down to what the equations of a site show: a third of their bytes.

The glyphs of an equation are written by the style of its page, as content of empty elements.
"""

import base64
import io
import json
import logging
import re
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tools.kept import kept
from tools.mathserver import es5, typeset
from tools.typeset import ASSETS, FONT_FACE, minify

FONTS = es5() / "output" / "chtml" / "fonts" / "woff-v2"
CONTENT = re.compile(r'(?<![^{}])(?P<where>[^{}]*+)\{[^{}"]*content: ?"(?P<text>(?:[^"\\]|\\.)*)"')
FAMILY = re.compile(r"\.TEX-(\w+)")
FILE = re.compile(r'font-family: MJXTEX-?(\w*);\s*src: url\("([^"]*)"\)')
# Where the parts of a glyph that grows are looked for; "" is the main family.
GROWING = ("S1", "S4", "", "A")
ESCAPE = re.compile(r"\\([0-9A-Fa-f]{1,6})\s?|\\(.)")


class Glyph(NamedTuple):
    """A letter in a family of MathJax: "I" for its italic, "" for the main one."""

    family: str
    letter: str


def write_fonts(site: Path, glyphs: set[Glyph]) -> None:
    """Write MathJax's fonts into a site, with these glyphs alone, and a style that names them."""
    target, style = site / ASSETS, faces()
    target.mkdir(parents=True, exist_ok=True)
    for family, file in FILE.findall(style):
        content = (FONTS / file).read_bytes()
        wanted = "".join(sorted(glyph.letter for glyph in glyphs if glyph.family == family))
        made = kept("fonts", [file, wanted], partial(cut, content, wanted))
        (target / file).write_bytes(made)
    (target / "fonts.css").write_text(minify(style), "utf-8")


def faces() -> str:
    """Return the style that names the fonts."""
    css = typeset(json.dumps({"equations": [{"tex": "x", "display": False}]}))["css"]
    # The empty face decides line heights: arriving late, it would move every equation.
    zero = base64.b64encode((FONTS / "MathJax_Zero.woff").read_bytes()).decode()
    named = "".join(FONT_FACE.findall(css)).replace('url("/', 'url("')
    return named.replace("MathJax_Zero.woff", f"data:font/woff;base64,{zero}")


def shown(page: str) -> set[Glyph]:
    """Return the glyphs that the style in the head of a page writes."""
    head = page.partition("</head>")[0]
    return {
        Glyph(family, letter)
        for rule in CONTENT.finditer(head)
        for family in families(rule["where"])
        for letter in unescaped(rule["text"])
    }


def families(selector: str) -> tuple[str, ...]:
    """Return the families of MathJax that the glyph of a rule may be taken from."""
    named = FAMILY.search(selector)
    if named:
        return (named[1],)
    return GROWING if "mjx-stretchy" in selector else ("",)


def unescaped(text: str) -> str:
    """Return a string of a stylesheet as the characters that it stands for."""
    return ESCAPE.sub(lambda part: chr(int(part[1], 16)) if part[1] else part[2], text)


def cut(font: bytes, letters: str) -> bytes:
    """Return a WOFF font with the glyphs of these letters alone."""
    from fontTools.subset import Options, Subsetter  # half a second, and what it makes is kept
    from fontTools.ttLib import TTFont

    logging.getLogger("fontTools.subset").setLevel(logging.ERROR)
    opened = TTFont(io.BytesIO(font), recalcTimestamp=False)
    subsetter = Subsetter(Options(drop_tables=["FFTM"], hinting=False, layout_features=[]))
    subsetter.populate(text=letters)
    subsetter.subset(opened)
    small = io.BytesIO()
    opened.save(small)
    return small.getvalue()
