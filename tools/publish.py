"""What a lab hands to the site: figures on light and dark paper, tables, measured numbers."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from tools.figure_style import PIXELS_PER_INCH, style
from tools.palette import DARK, LIGHT, Palette
from tools.results import as_json, as_table

ROOT = Path(__file__).parents[1]
LABS = ROOT / "docs" / "labs"
FIGURES = ROOT / "docs" / "articles" / "figures"
LIMIT = 300_000  # bytes a figure may weigh, in each scheme


def scale() -> Literal["default", "full"]:
    """Return the scale a lab was asked to run at, from LAB_SCALE in the environment."""
    match os.environ.get("LAB_SCALE", "default"):
        case "default" | "full" as known:
            return known
        case unknown:
            raise ValueError(f"LAB_SCALE must be default or full, got {unknown!r}")


@dataclass(frozen=True)
class Published:
    """A figure that lies in docs/articles/figures, shown by a notebook as the pair it is."""

    name: str
    suffix: str
    alt: str
    width: int
    height: int

    def _repr_html_(self) -> str:
        light, dark = (
            f"../articles/figures/{self.name}.{scheme}{self.suffix}" for scheme in ("light", "dark")
        )
        return (
            f'<figure><picture><source srcset="{dark}" media="(prefers-color-scheme: dark)">'
            f'<img src="{light}" alt="{escape(self.alt)}" width="{self.width}"'
            f' height="{self.height}"></picture></figure>'
        )


def figure(
    name: str, draw: Callable[[Palette], Figure], *, alt: str, raster: bool = False
) -> Published | None:
    """Draw a figure in both schemes and write it; at full scale, do nothing.

    Args:
        name: `SLUG_what`, the file's name.
        draw: Makes the figure from the colours it is given, under the site's style.
        alt: What is to be seen, for those who do not see it.
        raster: Write a PNG at twice the size, for pictures made of pixels.
    """
    if not re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", name):
        raise ValueError(f"name must be SLUG_what in lower case, got {name!r}")
    if not alt.strip():
        raise ValueError(f"{name}: alt must say what is to be seen, got nothing")
    if scale() == "full":
        return None
    suffix, pixels = ".png" if raster else ".svg", (0, 0)
    for scheme, palette in {"light": LIGHT, "dark": DARK}.items():
        with plt.rc_context(style(palette)):
            drawn = draw(palette)
            pixels = tuple(round(PIXELS_PER_INCH * inches) for inches in drawn.get_size_inches())
            plt.close(drawn)
            _save(drawn, FIGURES / f"{name}.{scheme}{suffix}")
    return Published(name, suffix, alt, *pixels)


def numbers(slug: str, values: Mapping[str, object]) -> None:
    """Write what a lab measured, to six digits: to SLUG.json, or SLUG.full.json at full scale."""
    name = f"{slug}.full.json" if scale() == "full" else f"{slug}.json"
    (LABS / name).write_text(as_json(values))


def table(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a Markdown table to docs/labs/NAME.md; at full scale, do nothing."""
    text = as_table(name, header, rows)
    if scale() == "default":
        (LABS / f"{name}.md").write_text(text)


def _save(drawn: Figure, path: Path) -> None:
    """Write bytes that depend on the drawing alone, or refuse."""
    path.parent.mkdir(parents=True, exist_ok=True)
    said = ("Software",) if path.suffix == ".png" else ("Date", "Creator", "Format", "Type")
    drawn.savefig(path, metadata=dict.fromkeys(said))
    if (size := path.stat().st_size) > LIMIT:
        path.unlink()
        raise ValueError(f"{path.name} must weigh at most {LIMIT} bytes, got {size}")
