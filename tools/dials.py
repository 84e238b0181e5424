"""Charts of what turns: rows of clock faces, and matrices with a sign."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from tools.charts.base import WIDTH, Draw, panels
from tools.palette import Palette


def clocks(rows: Mapping[str, Tensor], columns: Sequence[str]) -> Draw:
    """Draw named rows of clock faces: a hand at each angle, radians clockwise from the top.

    A row is (faces,) angles; its faces stand under the names in `columns`.
    """

    def draw(palette: Palette) -> Figure:
        size = WIDTH / (len(columns) + 2.0)
        height = size * (len(rows) + 0.7)
        figure, axes = plt.subplots(figsize=(WIDTH, height))
        hands = []
        for row, (name, angles) in enumerate(rows.items()):
            axes.text(-0.75, -row, name, ha="right", va="center")
            for column, angle in enumerate(angles.double().cpu()):
                axes.add_patch(Circle((column, -row), 0.4, fill=False, ec=palette.muted, lw=0.8))
                tip = column + 0.4 * angle.sin().item(), -row + 0.4 * angle.cos().item()
                hands.append([(column, -row), tip])
        axes.add_collection(LineCollection(hands, colors=palette.data[1], linewidths=2))
        for column, name in enumerate(columns):
            axes.text(column, 0.55, name, ha="center", va="bottom", color=palette.muted)
        axes.set(xlim=(-2.4, len(columns) - 0.5), ylim=(0.5 - len(rows), 1.0), aspect="equal")
        axes.set_axis_off()
        return figure

    return draw


def signed(
    matrices: Mapping[str, Tensor],
    across: str = "",
    up: str = "",
    *,
    reach: float | None = None,
    columns: int = 3,
    height: float = 2.2,
) -> Draw:
    """Draw named matrices, row 0 on top: blue below 0, paper at 0, orange above.

    Full colour is at `reach`, or at each matrix's own largest size.
    """
    values = [matrix.detach().cpu() for matrix in matrices.values()]
    ends = [reach or each.abs().max().item() for each in values]

    def paint(axes: Axes, index: int, palette: Palette) -> None:
        shades = [palette.data[0], palette.paper, palette.data[1]]
        ramp = LinearSegmentedColormap.from_list("signed", shades)
        end = ends[index]
        axes.imshow(values[index].numpy(), vmin=-end, vmax=end, cmap=ramp, aspect="auto")
        axes.set(xlabel=across, ylabel=up if index % columns == 0 else "")
        axes.locator_params(nbins=4, integer=True)

    return panels(list(matrices), paint, columns=columns, height=height)


def key_last(draw: Draw) -> Draw:
    """Move the key of the first panel to the last, where there is room for it."""

    def drawn(palette: Palette) -> Figure:
        figure = draw(palette)
        first, last = figure.axes[0], figure.axes[-1]
        handles, names = first.get_legend_handles_labels()
        if (key := first.get_legend()) is not None:
            key.remove()
        last.legend(handles, names)
        return figure

    return drawn


def windows(offsets: Tensor, values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Cut the offsets into `count` windows of one ratio; return their middles and the root mean
    square of the values in each.
    """
    place = offsets.double().log()
    low, high = place.aminmax()
    index = ((place - low) / (high - low) * count).long().clamp(max=count - 1)
    empty = torch.zeros(count, dtype=torch.float64)
    total = empty.index_add(0, index, values.double().square())
    size = empty.index_add(0, index, torch.ones_like(place))
    middle = low + (torch.arange(count).double() + 0.5) * (high - low) / count
    return middle.exp(), (total / size).sqrt()
