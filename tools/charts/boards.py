"""Charts that compare many things at once: boards, rows with error bars, dials, wirings."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc, Circle, FancyBboxPatch
from torch import Tensor

from tools.charts.base import WIDTH, Draw, panels
from tools.palette import Palette


def board(
    rows: Mapping[str, Sequence[str]],
    across: Sequence[str],
    kinds: Mapping[str, int | None],
    *,
    height: float = 0.36,
) -> Draw:
    """Draw a board of switches: a cell for each row and column, with its kind written in it.

    Args:
        rows: By name, the kind of each cell.
        across: Names of the columns.
        kinds: For each kind its place among the data colours; None for an empty frame.
        height: Of a row, in inches.
    """

    def draw(palette: Palette) -> Figure:
        figure, axes = plt.subplots(figsize=(WIDTH, 0.55 + height * len(rows)))
        for row, cells in enumerate(rows.values()):
            for column, kind in enumerate(cells):
                hue = kinds[kind]
                face = "none" if hue is None else palette.data[hue]
                patch = FancyBboxPatch(
                    (column - 0.46, row - 0.36), 0.92, 0.72,
                    boxstyle="round,pad=0,rounding_size=0.1",
                    facecolor=face, edgecolor=palette.grid if hue is None else face, lw=0.8,
                )  # fmt: skip
                axes.add_patch(patch)
                colour = palette.muted if hue is None else palette.paper
                axes.text(column, row, kind, ha="center", va="center", color=colour, fontsize=9.5)
        axes.set_xticks(range(len(across)), across)
        axes.set_yticks(range(len(rows)), list(rows))
        axes.xaxis.tick_top()
        axes.tick_params(length=0, colors=palette.ink)
        axes.set(xlim=(-0.55, len(across) - 0.45), ylim=(len(rows) - 0.5, -0.5))
        axes.spines[:].set_visible(False)
        return figure

    return draw


def error_rows(
    groups: Mapping[str, Mapping[str, Tensor]],
    rows: Sequence[str],
    across: str,
    *,
    level: float | None = None,
    height: float = 0.34,
) -> Draw:
    """Draw a panel a group: for each row and series the mean over seeds, bars of a deviation.

    Args:
        groups: By title, named series of shape (seeds, rows); what is not a number is left out.
        rows: Their names.
        across: What the horizontal axis measures.
        level: Where a dotted line stands, such as chance.
        height: Of a row, in inches.
    """

    def paint(axes: Axes, index: int, palette: Palette) -> None:
        series = list(groups.values())[index]
        for place, (name, values) in enumerate(series.items()):
            mean, spread = (x.cpu().numpy() for x in (values.mean(0), values.std(0)))
            shift = 0.22 * (place - (len(series) - 1) / 2)
            where = [row + shift for row in range(len(rows))]
            axes.errorbar(
                mean, where, xerr=spread, fmt="os^Dv"[place % 5], ms=4, lw=1.1, mew=0,
                color=palette.data[place % len(palette.data)], label=name,
            )  # fmt: skip
        if level is not None:
            axes.axvline(level, color=palette.muted, lw=0.9, ls=":")
        for row in range(len(rows) - 1):
            axes.axhline(row + 0.5, color=palette.grid, lw=0.6)
        axes.set_yticks(range(len(rows)), list(rows) if index == 0 else [])
        axes.set_ylim(len(rows) - 0.45, -0.55)
        axes.set_xlabel(across)
        axes.tick_params(axis="y", length=0)
        if index == 0:
            handles, names = axes.get_legend_handles_labels()
            assert axes.figure is not None
            options = {"loc": "outside upper center", "ncols": len(series)}
            axes.figure.legend(handles, names, **options)  # pyright: ignore

    tall = 0.9 + height * len(rows)
    return panels(list(groups), paint, columns=len(groups), height=tall)


def dials(
    pairs: Mapping[str, tuple[float, float]], names: tuple[str, str] = ("$q$", "$k$")
) -> Draw:
    """Draw a panel a pair: two arrows on a circle at angles in radians, and the angle between."""

    def paint(axes: Axes, index: int, palette: Palette) -> None:
        angles = list(pairs.values())[index]
        axes.add_patch(Circle((0, 0), 1, fill=False, ec=palette.grid, lw=1))
        for angle, name, hue in zip(angles, names, palette.data, strict=False):
            tip = math.cos(angle), math.sin(angle)
            arrow = {"arrowstyle": "-|>", "color": hue, "lw": 1.8, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", tip, (0.0, 0.0), arrowprops=arrow)
            axes.text(1.17 * tip[0], 1.17 * tip[1], name, color=hue, ha="center", va="center")
        low, high = sorted(math.degrees(angle) for angle in angles)
        axes.add_patch(Arc((0, 0), 0.7, 0.7, theta1=low, theta2=high, color=palette.ink, lw=1.2))
        axes.set(xlim=(-1.35, 1.35), ylim=(-1.35, 1.35), aspect="equal")
        axes.set_axis_off()

    return panels(list(pairs), paint, columns=len(pairs), height=WIDTH / max(2, len(pairs)) + 0.2)


def wirings(layouts: Mapping[str, Sequence[tuple[int, int]]], *, height: float = 1.1) -> Draw:
    """Draw a row of numbered features for each layout, with an arch over each pair."""

    def draw(palette: Palette) -> Figure:
        figure, grid = plt.subplots(
            len(layouts), 1, figsize=(WIDTH, height * len(layouts)), squeeze=False
        )
        for axes, (name, wires) in zip(grid.flat, layouts.items(), strict=True):
            for number, (left, right) in enumerate(wires):
                hue = palette.data[number % len(palette.data)]
                middle, wide = (left + right) / 2, right - left
                tall = 0.5 + 0.28 * wide
                axes.add_patch(
                    Arc((middle, 0.3), wide, tall, theta1=0, theta2=180, color=hue, lw=1.6)
                )
                for feature in (left, right):
                    axes.text(feature, 0, str(feature), ha="center", va="center", color=hue)
            last = max(max(pair) for pair in wires)
            top = 0.45 + max(0.25 + 0.14 * (b - a) for a, b in wires)
            axes.set(xlim=(-0.6, last + 0.6), ylim=(-0.35, top), title=name)
            axes.set_axis_off()
        return figure

    return draw
