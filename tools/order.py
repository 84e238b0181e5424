"""What leans on what: one map, for the head and the foot of each article and for the home page."""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import NamedTuple

from tools.typeset import relative

PLACE = '<div class="map"></div>'  # where a page wants the map


class Lean(NamedTuple):
    """One article leans on another: for what, and whether it should be read before."""

    page: str
    on: str
    why: str
    first: bool = False


TITLES = {  # in reading order
    "nice": "NICE",
    "svd": "SVD",
    "vae": "The VAE",
    "bottleneck": "Information bottleneck",
    "infomax": "Deep InfoMax",
    "capsules": "Matrix capsules",
    "sinusoidal": "Sinusoidal encodings",
    "positions": "Position encodings",
}
LEANS = (
    Lean("vae", "svd", "the linear case"),
    Lean("bottleneck", "vae", "codes that have a size", first=True),
    Lean("infomax", "vae", "the price of a code", first=True),
    Lean("infomax", "nice", "maps that lose nothing"),
    Lean("positions", "sinusoidal", "one scheme, taken apart"),
)

# The drawing, in its own units: a row for each article, as high as that of the list beside it.
ROW, DOTS, WIDTH, DOT, DEPTH = 30, 84, 96, 4, 19


def before(slug: str) -> list[Lean]:
    """Return what an article leans on, what must come first in front."""
    return sorted((lean for lean in LEANS if lean.page == slug), key=lambda lean: not lean.first)


def after(slug: str) -> list[Lean]:
    """Return the articles that lean on one."""
    return [lean for lean in LEANS if lean.on == slug]


def address(slug: str, path: Path) -> str:
    """Return the address of an article, from a page of the site."""
    return relative(path, Path("articles") / slug / "index.html")


@dataclass(frozen=True)
class _Arc:
    """A lean as it is drawn: from a dot round to a lower one, ending in an arrow."""

    lean: Lean

    @property
    def path(self) -> str:
        top, bottom = (_height(slug) for slug in (self.lean.on, self.lean.page))
        span = round((bottom - top) / ROW)
        left = DOTS - DEPTH * (span + 0.4)
        return f"M{DOTS - 7} {top}C{left:g} {top} {left:g} {bottom} {DOTS - 8} {bottom}"

    @property
    def head(self) -> str:
        y = _height(self.lean.page)
        return f"M{DOTS - 13} {y - 4}L{DOTS - 7} {y}L{DOTS - 13} {y + 4}"

    def __str__(self) -> str:
        kind = "first" if self.lean.first else "helps"
        return f'<path class="{kind}" d="{self.path}"/><path d="{self.head}"/>'


def draw(path: Path) -> str:
    """Return the map for a page of the site: arcs between dots, and a link beside each dot.

    The links are a list of their own: the theme trips over links inside an SVG.
    """
    behind = sorted(LEANS, key=lambda lean: lean.first)
    arcs = "".join(map(str, map(_Arc, behind)))
    dots = "".join(f'<circle cx="{DOTS}" cy="{_height(slug)}" r="{DOT}"/>' for slug in TITLES)
    links = "".join(
        f'<li><a href="{address(slug, path)}">{escape(title)}</a></li>'
        for slug, title in TITLES.items()
    )
    return (
        f'<div class="map"><svg viewBox="0 0 {WIDTH} {ROW * len(TITLES)}" role="img" '
        'aria-labelledby="map-title map-words"><title id="map-title">What leans on what</title>'
        f'<desc id="map-words">{escape(words())}</desc>{arcs}{dots}</svg><ol>{links}</ol></div>'
    )


def words() -> str:
    """Say what the map shows."""
    said = [
        f"{TITLES[lean.page]} {'needs' if lean.first else 'is helped by'} {TITLES[lean.on]}, "
        f"for {lean.why}."
        for lean in LEANS
    ]
    alone = [title for slug, title in TITLES.items() if not before(slug)]
    return " ".join([*said, f"{', '.join(alone)} lean on no other."])


def place(page: str, path: Path) -> str:
    """Put the map where a page wants it."""
    return page.replace(PLACE, draw(path))


def _height(slug: str) -> int:
    return round(ROW * (list(TITLES).index(slug) + 0.5))
