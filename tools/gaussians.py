"""A chart of Gaussians that are fitted to weighted points, as routing fits them to votes."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Ellipse
from torch import Tensor

from tools.charts import Draw, panels
from tools.palette import Palette


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
