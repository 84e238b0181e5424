"""How figures look in matplotlib: quiet axes, the book face, ink on clear paper."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib import font_manager
from matplotlib.colors import LinearSegmentedColormap

from tools.palette import DARK, LIGHT, Palette

FACE = (
    Path(__file__).parents[1]
    / "docs"
    / "assets"
    / "vendor"
    / "fonts"
    / "source-serif-4-figures.ttf"
)
PIXELS_PER_INCH = 96  # of CSS; a raster has twice as many
INK_ON = {
    palette: LinearSegmentedColormap.from_list(f"ink on {name} paper", [palette.paper, palette.ink])
    for name, palette in {"light": LIGHT, "dark": DARK}.items()
}

SHARED = {
    "axes.axisbelow": True,
    "axes.grid": False,
    "axes.labelsize": 10.5,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.unicode_minus": True,
    "figure.constrained_layout.use": True,
    "figure.dpi": PIXELS_PER_INCH,
    "figure.figsize": (6.4, 3.6),
    "font.family": ["Derive Serif", "STIXGeneral"],
    "font.size": 10.5,
    "grid.linewidth": 0.6,
    "image.interpolation": "nearest",
    "legend.fontsize": 10,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "mathtext.fontset": "cm",
    "savefig.dpi": 2 * PIXELS_PER_INCH,
    "svg.fonttype": "path",
    "svg.hashsalt": "derive-and-run",
    "xtick.labelsize": 9.5,
    "xtick.major.width": 0.7,
    "ytick.labelsize": 9.5,
    "ytick.major.width": 0.7,
}

font_manager.fontManager.addfont(FACE)
for colours in INK_ON.values():
    mpl.colormaps.register(colours)


def style(palette: Palette) -> dict[Any, Any]:
    """Return the settings for one scheme.

    Words are set in the page's face and formulas in TeX's, as on the page. The default colour map
    goes from paper to ink, so that a handwritten digit looks handwritten.
    """
    ink = ("text.color", "axes.labelcolor", "axes.titlecolor", "patch.edgecolor")
    muted = ("axes.edgecolor", "xtick.color", "ytick.color")
    clear = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")
    return {
        **SHARED,
        **dict.fromkeys(ink, palette.ink),
        **dict.fromkeys(muted, palette.muted),
        **dict.fromkeys(clear, "none"),
        "axes.prop_cycle": cycler(color=palette.data),
        "grid.color": palette.grid,
        "image.cmap": INK_ON[palette].name,
    }
