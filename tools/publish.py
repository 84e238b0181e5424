"""What a lab hands to the site: figures on light and dark paper, tables, measured numbers."""

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Literal

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from tools.figure_style import PIXELS_PER_INCH, style
from tools.palette import DARK, LIGHT, Palette

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
    _write_numbers(LABS / (f"{slug}.full.json" if scale() == "full" else f"{slug}.json"), values)


def full_numbers(slug: str, values: Mapping[str, object], folder: Path) -> None:
    """Write what a run at full scale measured to SLUG.full.json in a folder."""
    _write_numbers(folder / f"{slug}.full.json", values)


def _write_numbers(path: Path, values: Mapping[str, object]) -> None:
    rounded = {key: _rounded(value, key) for key, value in values.items()}
    path.write_text(json.dumps(rounded, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def table(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a Markdown table to docs/labs/NAME.md; at full scale, do nothing."""
    text = _markdown(name, header, rows)
    if scale() == "default":
        (LABS / f"{name}.md").write_text(text)


def full_table(
    slug: str, header: Sequence[str], rows: Iterable[Sequence[object]], note: str, folder: Path
) -> None:
    """Write the table of a run at full scale, and under it a note, to SLUG.full.md in a folder."""
    text = _markdown(slug, header, rows)
    (folder / f"{slug}.full.md").write_text(f"{text}\n{note}\n")


def _markdown(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    for line in lines:
        if len(line) != len(header):
            raise ValueError(f"{name}: rows must have {len(header)} cells, got {len(line)}: {line}")
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _save(drawn: Figure, path: Path) -> None:
    """Write bytes that depend on the drawing alone, or refuse."""
    path.parent.mkdir(parents=True, exist_ok=True)
    said = ("Software",) if path.suffix == ".png" else ("Date", "Creator", "Format", "Type")
    drawn.savefig(path, metadata=dict.fromkeys(said))
    if (size := path.stat().st_size) > LIMIT:
        path.unlink()
        raise ValueError(f"{path.name} must weigh at most {LIMIT} bytes, got {size}")


def _rounded(value: Any, key: str) -> Any:
    """Round to six significant digits what JSON can hold; arrays and tensors become lists."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    match value:
        case str() | int():
            return value
        case float() if math.isfinite(value):
            return float(f"{value:.6g}")
        case list() | tuple():
            return [_rounded(item, key) for item in value]
    raise ValueError(f"{key} must be finite numbers, text or lists of them, got {value!r}")
