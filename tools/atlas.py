"""Maps of code space: clouds with their ellipses, what decodes where, and where no code is."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgba
from matplotlib.patheffects import withStroke
from torch import Generator, Tensor
from torch.distributions import Normal

from tools.charts import Draw, panels
from tools.palette import Palette


def atlas(
    codes: Mapping[str, tuple[Tensor, Tensor | None]], labels: Tensor, **options: Any
) -> Draw:
    """Draw named clouds of codes as `ellipses` does, faintly, with each label at its median."""
    clouds = [[each.detach().cpu() for each in pair if each is not None] for pair in codes.values()]

    def paint(axes: Axes, index: int, palette: Palette) -> None:
        mean, *std = clouds[index]
        hues = [palette.data[label % len(palette.data)] for label in labels.tolist()]
        axes.scatter(mean[:, 0], mean[:, 1], s=2.5, c=hues, linewidths=0, alpha=0.5 if std else 0.9)
        for each in std:
            wide, high = (2 * each).T.tolist()
            outlines = EllipseCollection(
                wide, high, [0.0] * len(mean), units="xy", offsets=mean.numpy(), lw=0.6,
                offset_transform=axes.transData,
                facecolors=[to_rgba(hue, 0.1) for hue in hues],
                edgecolors=[to_rgba(hue, 0.75) for hue in hues],
            )  # fmt: skip
            axes.add_collection(outlines)
        for label in labels.unique().tolist():
            x, y = mean[labels == label].median(0).values.tolist()
            name = axes.text(x, y, str(label), fontsize=15, ha="center", va="center")
            name.set_path_effects([withStroke(linewidth=3, foreground=palette.paper)])
        axes.set_aspect("equal", "datalim")
        axes.locator_params(nbins=5)

    return panels(list(codes), paint, **{"columns": 2, "height": 3.2, **options})


def grids(pictures: Mapping[str, Tensor], *, side: int = 28, **options: Any) -> Draw:
    """Draw named grids of square images, (rows, columns, side x side), 0 paper to 1 ink."""
    sheets = [
        rearrange(each, "r c (h w) -> (r h) (c w)", h=side).detach().clamp(0, 1).cpu()
        for each in pictures.values()
    ]

    def paint(axes: Axes, index: int, _: Palette) -> None:
        axes.imshow(sheets[index].numpy(), vmin=0, vmax=1)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)

    return panels(list(pictures), paint, **{"columns": 2, "height": 3.3, **options})


def square(codes: Tensor, steps: int) -> Tensor:
    """Lay a square of codes, (steps x steps, 2), over a cloud, at a Gaussian's quantiles."""
    ticks = torch.special.ndtri(torch.linspace(0.05, 0.95, steps).to(codes))
    return codes.mean(0) + codes.std(0) * torch.cartesian_prod(-ticks, ticks).flip(1)


def gaps(codes: Tensor, count: int, draws: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Look for gaps within two standard deviations of the middle of a cloud of codes.

    Returns:
        The `count` of `draws` random places that are farthest from any code, from left to right,
        and the distances of all places from the nearest code, in standard deviations.
    """
    noise = torch.randn(draws, codes.shape[1], generator=generator).to(codes)
    noise = noise[noise.norm(dim=1) < 2]  # noqa: PLR2004
    near = torch.cdist(noise, (codes - codes.mean(0)) / codes.std(0)).amin(1)
    far = noise[near.topk(count).indices]
    return codes.mean(0) + codes.std(0) * far[far[:, 0].argsort()], near


def mismatch(log_q: Callable[[Tensor], Tensor], *, reach: float = 6.0, steps: int = 300) -> Tensor:
    """Integrate q log(q / p) over the plane on a grid: the KL of q to a standard Gaussian p."""
    ticks = torch.linspace(-reach, reach, steps)
    plane = torch.cartesian_prod(ticks, ticks)
    log_ratio = log_q(plane) - Normal(0, 1).log_prob(plane).sum(1)
    return (log_ratio * log_q(plane).exp()).sum() * ticks.diff()[0] ** 2
