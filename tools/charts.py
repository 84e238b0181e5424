"""The charts that labs share: each call returns a `draw` for `tools.publish.figure`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
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
