"""Paper, ink and data colours: the figures' share of the tokens in docs/assets/site.css."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """One colour scheme; `tests/test_look.py` compares it with the stylesheet.

    `data` is Okabe and Ito's set without black and with yellow on dark paper only, the most legible
    first. A place in it keeps its hue in both schemes, or moves to the neighbouring one, so that
    a caption can say "the blue line".
    """

    paper: str
    ink: str
    muted: str
    grid: str
    accent: str
    data: tuple[str, ...]


LIGHT = Palette(
    paper="#fbf9f4",
    ink="#1f1c18",
    muted="#655e53",
    grid="#e3ddd0",
    accent="#8f2b1d",
    data=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"),
)
DARK = Palette(
    paper="#1c1916",
    ink="#e8e1d5",
    muted="#a79e8f",
    grid="#39342d",
    accent="#f0ab7c",
    data=("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00"),
)
