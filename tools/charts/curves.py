"""Charts of numbers over numbers: curves, bands of seeds, bars."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter
from torch import Tensor

from tools.charts.base import WIDTH, Draw, panels
from tools.palette import Palette


def lines(curves: Mapping[str, Sequence[float]], across: str, up: str, **options: Any) -> Draw:
    """Draw named curves over 1, 2, 3 ... in one pair of axes; options go to `Axes.set`."""

    def draw(_: Palette) -> Figure:
        figure, axes = plt.subplots()
        for name, curve in curves.items():
            axes.plot(range(1, len(curve) + 1), curve, label=name)
        axes.set(xlabel=across, ylabel=up, **options)
        axes.legend()
        return figure

    return draw


def bands(curves: Mapping[str, Tensor], over: Tensor, across: str, up: str, **options: Any) -> Draw:
    """Draw named curves, (seeds, points) each, over `over`: their means, and a band of one
    standard deviation to each side; options go to `Axes.set`.
    """
    spreads = {
        name: (
            curve.mean(0).cpu().numpy(),
            curve.std(0, correction=int(len(curve) > 1)).cpu().numpy(),
        )
        for name, curve in curves.items()
    }

    def draw(_: Palette) -> Figure:
        figure, axes = plt.subplots()
        for name, (mean, spread) in spreads.items():
            (line,) = axes.plot(over.cpu().numpy(), mean, label=name, marker="o", markersize=3)
            low, high = mean - spread, mean + spread
            axes.fill_between(
                over.cpu().numpy(), low, high, color=line.get_color(), alpha=0.2, lw=0
            )
        axes.set(xlabel=across, ylabel=up, **options)
        axes.legend()
        return figure

    return draw


def band_panels(
    groups: Mapping[str, Mapping[str, Iterable[Tensor]]], over: Mapping[str, Tensor], up: str
) -> Draw:
    """Draw a panel a group, named by its axis: curves, a row a seed, a band of one deviation."""
    names = list(groups)

    def paint(axes: Axes, index: int, _: Palette) -> None:
        places = over[names[index]].cpu().numpy()
        for name, curve in groups[names[index]].items():
            seeds = torch.stack(list(curve)).cpu()
            mean, spread = seeds.mean(0).numpy(), seeds.std(0).numpy()
            (line,) = axes.plot(places, mean, label=name, marker="o", markersize=3)
            band = mean - spread, mean + spread
            axes.fill_between(places, *band, color=line.get_color(), alpha=0.2, lw=0)
        axes.set(xlabel=names[index], ylabel=up if index == 0 else "")
        if index == 0:
            axes.legend()

    return panels([""] * len(names), paint, columns=2, height=3.2, sharey=True)


def dots(groups: Mapping[str, Sequence[float]], across: str, **options: Any) -> Draw:
    """Draw named groups of numbers, one a row: a dot for each seed, a tick for their mean."""

    def draw(palette: Palette) -> Figure:
        figure, axes = plt.subplots(figsize=(WIDTH, 0.8 + 0.36 * len(groups)))
        for row, values in enumerate(groups.values()):
            axes.plot(values, [row] * len(values), "o", markersize=5, alpha=0.7, mew=0)
            axes.plot([sum(values) / len(values)], [row], "|", markersize=16, color=palette.ink)
        axes.set_yticks(range(len(groups)), list(groups))
        axes.invert_yaxis()
        axes.set(xlabel=across, **options)
        axes.tick_params(axis="y", length=0)
        return figure

    return draw


def plots(
    curves: Mapping[str, tuple[Tensor, Tensor]],
    across: str,
    up: str,
    *,
    marks: Mapping[str, tuple[Tensor, Tensor]] | None = None,
    **options: Any,
) -> Draw:
    """Draw named curves (x, y), and named marks (x, y) as circles; options go to `Axes.set`."""

    def draw(palette: Palette) -> Figure:
        figure, axes = plt.subplots()
        for name, (x, y) in curves.items():
            axes.plot(x.cpu().numpy(), y.detach().cpu().numpy(), label=name)
        for name, (x, y) in (marks or {}).items():
            where = x.cpu().numpy(), y.detach().cpu().numpy()
            axes.plot(*where, "o", mfc="none", color=palette.ink, markersize=5, label=name)
        axes.set(xlabel=across, ylabel=up, **options)
        axes.legend()
        return figure

    return draw


def traces(
    charts: Mapping[str, Mapping[str, Sequence[Any]]],
    across: str,
    *,
    rules: Mapping[str, float] | None = None,
    **options: Any,
) -> Draw:
    """Draw panels side by side, titled by what goes up: named curves, each (x, y), and vertical
    rules at named places; options go to `Axes.set`.
    """
    curves = [
        {name: [torch.as_tensor(side).cpu().numpy() for side in curve] for name, curve in c.items()}
        for c in charts.values()
    ]

    def paint(axes: Axes, index: int, palette: Palette) -> None:
        for name, (x, y) in curves[index].items():
            axes.plot(x, y, label=name)
        for name, place in (rules or {}).items():
            axes.axvline(place, color=palette.muted, lw=0.9, ls=(0, (4, 3)))
            up = axes.get_xaxis_transform()
            axes.text(place, 0.99, f" {name}", transform=up, va="top", color=palette.muted)
        axes.set(xlabel=across, **options)
        if index == 0:
            axes.legend()

    return panels(list(charts), paint, columns=len(curves), height=3.2)


def plane(
    curves: Mapping[str, Sequence[Any]],
    points: Mapping[str, Sequence[Any]],
    across: str,
    up: str,
    **options: Any,
) -> Draw:
    """Draw named curves and named clouds, rows of (x, y) each; options go to `Axes.set`."""

    def draw(palette: Palette) -> Figure:
        figure, axes = plt.subplots(figsize=(WIDTH, 4.0))
        for (name, rows), style in zip(curves.items(), ("-", "--", ":"), strict=False):
            axes.plot(*zip(*rows, strict=True), style, color=palette.ink, label=name)
        for (name, rows), marker in zip(points.items(), "os^Dv", strict=False):
            axes.plot(*zip(*rows, strict=True), marker, ms=5, alpha=0.8, mew=0, label=name)
        axes.set(xlabel=across, ylabel=up, **options)
        axes.legend()
        return figure

    return draw


def stacks(
    parts: Mapping[str, Sequence[float]], across: str, up: str, *, level: float, **options: Any
) -> Draw:
    """Draw bars 1, 2, 3 ... of named parts on top of each other, and a line at `level`."""

    def draw(palette: Palette) -> Figure:
        figure, axes = plt.subplots()
        bottom = [0.0] * len(next(iter(parts.values())))
        for name, heights in parts.items():
            axes.bar(range(1, len(bottom) + 1), heights, 0.8, bottom=bottom, label=name, lw=0)
            bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
        axes.axhline(level, color=palette.ink, lw=0.8)
        axes.set(xlabel=across, ylabel=up, **options)
        axes.legend(loc="upper left", bbox_to_anchor=(0, 1.16), ncols=len(parts))
        return figure

    return draw


class _Plain(LogFormatter):
    def _num_to_string(self, x: float, *_: float) -> str:
        return f"{x:g}"


def plain(draw: Draw) -> Draw:
    """Write the numbers of a logarithmic horizontal axis in full, not as powers of ten."""

    def drawn(palette: Palette) -> Figure:
        figure = draw(palette)
        for axes in figure.axes:
            axes.xaxis.set_major_formatter(_Plain(minor_thresholds=(2, 0.5)))
            axes.xaxis.set_minor_formatter(_Plain(minor_thresholds=(2, 0.5)))
        return figure

    return drawn
