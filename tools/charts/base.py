"""What all charts share: the type of a drawing, its width, and panels side by side."""

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tools.palette import Palette

Draw = Callable[[Palette], Figure]
WIDTH = 6.4  # inches: the column of an article


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
