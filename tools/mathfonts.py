"""Cut MathJax's fonts down to what the equations of a site show: a third of their bytes.

The glyphs of an equation are written by the style of its page, as content of empty elements.
"""

import io
import logging
import re
from collections.abc import Iterable
from pathlib import Path

from tools.kept import kept

FOLDER = "assets/mathjax"
CONTENT = re.compile(r'content: ?"((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(r"\\([0-9A-Fa-f]{1,6})\s?|\\(.)")


def cut_fonts(site: Path, shown: Iterable[str]) -> None:
    """Leave in the fonts of a built site the glyphs of its pages' equations."""
    letters = "".join(sorted(shown))
    for file in sorted((site / FOLDER).glob("*.woff")):
        content = file.read_bytes()
        made = kept("fonts", [file.name, letters], lambda content=content: cut(content, letters))
        file.write_bytes(made)


def shown(page: str) -> set[str]:
    """Return the characters that the style in the head of a page writes."""
    head = page.partition("</head>")[0]
    return set[str]().union(*(unescaped(text) for text in CONTENT.findall(head)))


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
