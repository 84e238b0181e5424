"""Bars of ratios: how long, or how much, others take in units of ours."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from tools.charts.base import WIDTH, Draw
from tools.palette import Palette

Spread = tuple[float, float, float]
TICKS = (0.05, 0.1, 0.2, 0.5, 0.7, 1, 2, 5, 10, 20, 50)


def bars(groups: Mapping[str, Mapping[str, Spread]], across: str, *, height: float = 0.18) -> Draw:
    """Draw a row for each median, from 1 to it, with a line from quartile to quartile.

    Args:
        groups: By title, the median and both quartiles of each row.
        across: What the axis measures, which is logarithmic.
        height: Of a row, in inches.
    """
    count = sum(len(rows) + 1 for rows in groups.values())

    def draw(palette: Palette) -> Figure:
        figure, axes = plt.subplots(figsize=(WIDTH, 0.7 + height * count))
        row, names = 0, {}
        for title, rows in groups.items():
            names[row] = title
            for place, (name, (middle, low, high)) in enumerate(rows.items(), row + 1):
                hue = palette.data[0] if middle >= 1 else palette.data[1]
                axes.barh(place, middle - 1, 0.68, left=1, color=hue)
                axes.plot([low, high], [place, place], color=palette.ink, lw=1.1)
                names[place] = name
            row += len(rows) + 1
        axes.axvline(1, color=palette.ink, lw=0.9)
        axes.set_yticks([*names], [*names.values()])
        for label in axes.get_yticklabels():
            label.set_color(palette.accent if label.get_text() in groups else palette.ink)
        axes.set(ylim=(row - 0.3, -0.8), xlabel=across)
        _logarithmic(axes)
        return figure

    return draw


def _logarithmic(axes: Axes) -> None:
    """Give the axis of ratios ticks that can be read, and a grid."""
    low, high = 0.9 * axes.dataLim.x0, 1.1 * axes.dataLim.x1
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks([tick for tick in TICKS if low <= tick <= high])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
