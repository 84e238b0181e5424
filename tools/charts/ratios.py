"""Bars of ratios: how long, or how much, others take in units of ours."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from tools.charts.base import WIDTH, Draw
from tools.palette import Palette

Spread = tuple[float, float, float]


def bars(groups: Mapping[str, Mapping[str, Spread]], across: str, *, height: float = 0.2) -> Draw:
    """Draw a row for each median, from 1 to it, with a line from quartile to quartile.

    Args:
        groups: By title, the median and both quartiles of each row.
        across: What the axis measures, which is logarithmic.
        height: Of a row, in inches.
    """
    count = sum(len(rows) + 1 for rows in groups.values())

    def draw(palette: Palette) -> Figure:
        figure, axes = plt.subplots(figsize=(WIDTH, 0.7 + height * count))
        places, names, row = [], [], 0
        for title, rows in groups.items():
            axes.text(
                -0.01, row, title, transform=axes.get_yaxis_transform(), ha="right", va="center",
                color=palette.accent,
            )  # fmt: skip
            for place, (name, (middle, low, high)) in enumerate(rows.items(), row + 1):
                hue = palette.data[0] if middle >= 1 else palette.data[1]
                axes.barh(place, middle - 1, 0.68, left=1, color=hue)
                axes.plot([low, high], [place, place], color=palette.ink, lw=1.1)
                places.append(place)
                names.append(name)
            row += len(rows) + 1
        axes.axvline(1, color=palette.ink, lw=0.9)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xticks(
            [tick for tick in TICKS if axes.get_xlim()[0] <= tick <= axes.get_xlim()[1]]
        )
        axes.set_yticks(places, names)
        axes.tick_params(axis="y", length=0)
        axes.set(ylim=(row - 0.3, -0.8), xlabel=across)
        axes.grid(axis="x")
        return figure

    return draw


TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
