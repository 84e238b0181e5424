"""The charts that labs share: each call returns a `draw` for `tools.publish.figure`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import torch
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, PolyCollection
from matplotlib.figure import Figure
from torch import Tensor, nn

from tools.palette import Palette

Draw = Callable[[Palette], Figure]
WIDTH = 6.4  # inches: the column of an article


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


def chains(rows: Mapping[str, str]) -> Draw:
    """Draw named rows "word > word > word | note": boxes, arrows between them, the note beneath."""

    def draw(palette: Palette) -> Figure:
        figure, axes = plt.subplots(figsize=(WIDTH, 0.2 + 0.9 * len(rows)))
        box = {"boxstyle": "round,pad=0.45", "facecolor": "none", "edgecolor": palette.muted}
        arrow = {"arrowstyle": "->", "color": palette.accent, "shrinkA": 7, "shrinkB": 7}
        for row, (name, line) in enumerate(rows.items()):
            words, note = line.split(" | ")
            axes.text(0.0, -row, name, va="center", fontsize=13, color=palette.accent)
            places = torch.linspace(0.16, 0.96, words.count(" > ") + 1).tolist()
            texts = [
                axes.text(place, -row, word, ha="center", va="center", bbox=box, fontsize=11)
                for place, word in zip(places, words.split(" > "), strict=True)
            ]
            for left, right in pairwise(texts):
                axes.annotate("", (0.0, 0.5), (1.0, 0.5), right, left, arrowprops=arrow)  # pyright: ignore[reportArgumentType]
            axes.text(0.13, -row - 0.42, note, va="center", color=palette.muted)
        axes.set(xlim=(-0.01, 1.01), ylim=(0.45 - len(rows), 0.4))
        axes.set_axis_off()
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


def images(rows: Sequence[Tensor], labels: Iterable[object], *, side: int = 28) -> Draw:
    """Draw rows of square images (columns, side x side), 0 paper to 1 ink, with a label a row."""
    picture = rearrange(list(rows), "r c (h w) -> (r h) (c w)", h=side).detach().clamp(0, 1).cpu()

    def draw(_: Palette) -> Figure:
        height, width = picture.shape
        figure, axes = plt.subplots(figsize=(WIDTH, 0.92 * WIDTH * height / width))
        axes.imshow(picture.numpy(), vmin=0, vmax=1)
        axes.set_xticks([])
        axes.set_yticks(torch.arange(side / 2, height, side).tolist(), list(map(str, labels)))
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        return figure

    return draw


def panels(
    titles: Sequence[str],
    paint: Callable[[Axes, int, Palette], object],
    *,
    columns: int = 3,
    height: float = 2.2,
    **options: Any,
) -> Draw:
    """Draw one panel a title with `paint(axes, index, palette)`, `height` inches a row.

    Options, such as `sharex`, go to `plt.subplots`.
    """

    def draw(palette: Palette) -> Figure:
        rows = -(-len(titles) // columns)
        size = (WIDTH, height * rows)
        figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, **options)
        for index, axes in enumerate(grid.flat):
            if index < len(titles):
                paint(axes, index, palette)
                axes.set_title(titles[index])
            else:
                axes.set_visible(False)
        return figure

    return draw


def stages(layers: Mapping[str, nn.Module], start: Tensor) -> dict[str, Tensor]:
    """Send points through the layers of a flow; return what each makes of them, by name."""
    seen = {"data": start}
    for name, layer in layers.items():
        start, _ = layer(start)
        seen[name] = start
    return seen


def scatter(stages: Mapping[str, Tensor], labels: Iterable[int], **options: Any) -> Draw:
    """Draw named clouds of the same points (n, 2), coloured by label; options go to `panels`."""
    clouds, kinds = [points.detach().cpu() for points in stages.values()], list(labels)

    def paint(axes: Axes, index: int, palette: Palette) -> None:
        colours = [palette.data[kind] for kind in kinds]
        axes.scatter(*clouds[index].T, s=5, c=colours, linewidths=0)
        axes.set_aspect("equal", "datalim")
        axes.locator_params(nbins=4)

    return panels(list(stages), paint, **options)


def ellipses(
    codes: Mapping[str, tuple[Tensor, Tensor | None]], labels: Sequence[int], **options: Any
) -> Draw:
    """Draw named clouds of codes, (n, 2) means and standard deviations: a one-sigma ellipse each.

    Without standard deviations a code is a point. Options go to `panels`.
    """
    clouds = [
        (mean.detach().cpu().numpy(), None if std is None else std.detach().cpu())
        for mean, std in codes.values()
    ]

    def paint(axes: Axes, index: int, palette: Palette) -> None:
        mean, std = clouds[index]
        colours = [palette.data[label % len(palette.data)] for label in labels]
        axes.scatter(*mean.T, s=3, c=colours, linewidths=0)
        if std is not None:
            wide, high = (2 * std).T.tolist()
            outlines = EllipseCollection(
                wide, high, [0.0] * len(wide), units="xy", offsets=mean,
                offset_transform=axes.transData, facecolors="none", edgecolors=colours, lw=0.6,
            )  # fmt: skip
            axes.add_collection(outlines)
            for side in (-1, 1):
                axes.update_datalim(mean + side * std.numpy())
        axes.set_aspect("equal", "datalim")
        axes.locator_params(nbins=5)

    return panels(list(codes), paint, **{"columns": 2, "height": 3.0, **options})


def cells(stages: Mapping[str, Tensor], **options: Any) -> Draw:
    """Draw named mosaics of polygons (n, corners, 2), each cell in one colour throughout."""
    mosaics = [polygons.detach().cpu().tolist() for polygons in stages.values()]

    def paint(axes: Axes, index: int, palette: Palette) -> None:
        colours = [palette.data[cell % len(palette.data)] for cell in range(len(mosaics[index]))]
        axes.add_collection(PolyCollection(mosaics[index], facecolors=colours, linewidths=0))
        axes.autoscale_view()
        axes.set_aspect("equal", "datalim")
        axes.locator_params(nbins=4)

    return panels(list(stages), paint, **options)


def matrices(stages: Mapping[str, Tensor], **options: Any) -> Draw:
    """Draw named matrices: only 0 is paper, 1 and all beyond is ink, and little is a quarter."""
    sizes = [matrix.detach().abs().clamp(max=1).cpu() for matrix in stages.values()]
    sizes = [(0.25 + 0.75 * size) * (size > 0) for size in sizes]

    def paint(axes: Axes, index: int, _: Palette) -> None:
        axes.pcolormesh(sizes[index], vmin=0, vmax=1)
        axes.set_aspect("equal")
        axes.invert_yaxis()
        axes.set_xticks([])
        axes.set_yticks([])

    return panels(list(stages), paint, **options)


def tiles(across: tuple[float, float], up: tuple[float, float], size: float) -> Tensor:
    """Cut a rectangle into square cells, (n, corners, 2), their edges fine enough to bend."""
    edge = torch.arange(0, 1, 1 / 64)
    side = torch.stack([edge, torch.zeros_like(edge)], -1)
    turn = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    start = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    turns = [start[k] + side @ torch.linalg.matrix_power(turn, k) for k in range(4)]
    corners = torch.cartesian_prod(torch.arange(*across, size), torch.arange(*up, size))
    return corners[:, None] + size * torch.cat(turns)


def areas(polygons: Tensor) -> Tensor:
    """Return the signed areas of polygons, (..., corners, 2), by the shoelace formula."""
    x, y = polygons.unbind(-1)
    return (x * y.roll(-1, -1) - x.roll(-1, -1) * y).sum(-1) / 2
