"""Charts of things: images, matrices, clouds, mosaics, boxes."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, Rectangle
from torch import Tensor, nn

from tools.charts.base import WIDTH, Draw, panels
from tools.palette import Palette


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


def fits(stages: Mapping[str, Sequence[tuple[Tensor, ...]]], **options: Any) -> Draw:
    """Draw named panels of Gaussians fitted to weighted points, a colour each.

    A Gaussian comes as its points (n, 2), their weights (n,) from 0 to 1, drawn as opacity, its
    mean (2,) and its standard deviations (2,), drawn as the ellipses of one and of two. Options
    go to `panels`.
    """
    drawn = [[[each.detach().cpu() for each in fit] for fit in group] for group in stages.values()]

    def paint(axes: Axes, index: int, palette: Palette) -> None:
        for colour, (points, weights, mean, std) in zip(palette.data, drawn[index], strict=False):
            shades = [to_rgba(colour, 0.12 + 0.88 * weight) for weight in weights.tolist()]
            axes.scatter(*points.T.numpy(), s=9, c=shades, linewidths=0)
            for size in (2, 4):
                width, height = (size * std).tolist()
                centre = tuple(mean.tolist())
                axes.add_patch(Ellipse(centre, width, height, fill=False, ec=colour))
        axes.set_aspect("equal", "datalim")
        axes.locator_params(nbins=5)

    return panels(list(stages), paint, **options)


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


def photographs(pictures: Mapping[str, Tensor], *, columns: int = 2, height: float = 2.4) -> Draw:
    """Draw named pictures (h, w), 0 black and 1 white, in 32 greys, on light paper and on dark."""
    greys = [(31 * picture.detach().clamp(0, 1)).round() / 31 for picture in pictures.values()]
    values = [picture.cpu().numpy() for picture in greys]

    def paint(axes: Axes, index: int, _: Palette) -> None:
        axes.imshow(values[index], cmap="gray", vmin=0, vmax=1)
        axes.set_axis_off()

    return panels(list(pictures), paint, columns=columns, height=height)


def heatmaps(
    matrices: Mapping[str, Tensor],
    rows: Sequence[str] = (),
    across: Sequence[str] = (),
    *,
    marked: tuple[int, int] | None = None,
    **options: Any,
) -> Draw:
    """Draw named matrices from 0, paper, to 1, ink; with names of rows, each entry as a number.

    The entry `marked` gets a frame. Options go to `panels`.
    """
    values = [matrix.detach().cpu().numpy() for matrix in matrices.values()]

    def paint(axes: Axes, index: int, palette: Palette) -> None:
        axes.imshow(values[index], vmin=0, vmax=1.1, aspect="auto")
        axes.set_xticks(range(len(across)), across)
        axes.set_yticks(range(len(rows)), rows)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for (i, j), value in np.ndenumerate(values[index]) if rows else ():
            colour = palette.paper if round(value) else palette.ink
            text = f"{value:.3f}" if value % 1 else f"{value:.0f}"
            axes.text(j, i, text, ha="center", va="center", color=colour)
        if marked:
            i, j = marked
            frame = Rectangle((j - 0.47, i - 0.46), 0.94, 0.92, fill=False, lw=2)
            frame.set_edgecolor(palette.data[1])
            axes.add_patch(frame)

    return panels(list(matrices), paint, **options)


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
