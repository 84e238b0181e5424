"""Charts of scores and of what they are for: pairs, bounds under ceilings, histograms, labels."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from torch import Tensor

from tools.charts.base import WIDTH, Draw, panels
from tools.palette import Palette

Bands = Mapping[str, Tensor]


def contours(
    clouds: Mapping[str, Tensor],
    surfaces: Mapping[str, Tensor],
    ticks: Tensor,
    levels: Sequence[float],
    titles: tuple[str, str],
) -> Draw:
    """Draw named clouds (n, 2) and, beside them, the level lines of named surfaces over a square.

    A surface is (rows, columns), x along its columns; the first is drawn in full lines with numbers
    on them, the others dashed.
    """
    points = [cloud.detach().cpu().numpy() for cloud in clouds.values()]
    heights = [surface.detach().cpu().numpy() for surface in surfaces.values()]
    places = ticks.cpu().numpy()

    def paint(axes: Axes, index: int, palette: Palette) -> None:
        if index == 0:
            for name, cloud, colour in zip(clouds, points, palette.data, strict=False):
                axes.scatter(*cloud.T, s=4, c=colour, linewidths=0, alpha=0.6, label=name)
        else:
            styles = [(palette.ink, "-"), (palette.data[1], "--"), (palette.data[0], ":")]
            for name, height, (hue, line) in zip(surfaces, heights, styles, strict=False):
                drawn = axes.contour(
                    places, places, height, levels, colors=hue, linestyles=line, linewidths=1.3
                )
                axes.plot([], [], line, color=hue, label=name)
                if line == "-":
                    axes.clabel(drawn, fontsize=8)
        reach = (places[0], places[-1])
        axes.set(xlabel="$x$", ylabel="$z$", xlim=reach, ylim=reach, aspect="equal")
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.18), ncols=2)

    return panels(titles, paint, columns=2, height=4.0)


def under_ceilings(
    groups: Mapping[str, Bands],
    over: Mapping[str, Tensor],
    ceilings: Mapping[str, float],
    up: str,
) -> Draw:
    """Draw a panel a group, named by its axis: curves, a row a seed, with a band of one deviation.

    The diagonal is where an estimate is right; each ceiling is a dotted line with its name.
    """
    names = list(groups)

    def paint(axes: Axes, index: int, palette: Palette) -> None:
        places = over[names[index]].cpu().numpy()
        axes.plot(places, places, color=palette.muted, lw=1, label="the truth")
        for name, seeds in groups[names[index]].items():
            mean, spread = seeds.mean(0).cpu().numpy(), seeds.std(0).cpu().numpy()
            (line,) = axes.plot(places, mean, label=name, marker="o", markersize=3)
            band = mean - spread, mean + spread
            axes.fill_between(places, *band, color=line.get_color(), alpha=0.2, lw=0)
        for name, height in ceilings.items():
            if height < axes.get_ylim()[1]:
                axes.axhline(height, color=palette.muted, lw=0.9, ls=":")
                axes.text(places[-1], height, name, ha="right", va="bottom", color=palette.muted)
        axes.set(xlabel=names[index], ylabel=up if index == 0 else "")
        if index == 0:
            axes.legend()

    return panels([""] * len(names), paint, columns=len(names), height=3.4)


def histograms(values: Mapping[str, Tensor], *, reach: float = 4.0) -> Draw:
    """Draw named histograms as densities, each with the standard normal density over it."""
    samples = [each.detach().flatten().cpu() for each in values.values()]
    ticks = torch.linspace(-reach, reach, 200)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(ticks).exp().numpy()

    def paint(axes: Axes, index: int, palette: Palette) -> None:
        heights, edges = torch.histogram(samples[index], 60, range=(-reach, reach), density=True)
        inside = (samples[index].abs() < reach).double().mean().item()
        axes.stairs((heights * inside).numpy(), edges.numpy(), fill=True, alpha=0.6)
        axes.plot(ticks.numpy(), normal, color=palette.ink, lw=1.1)
        axes.set(yticks=[], ylim=(0, None))
        axes.spines["left"].set_visible(False)

    return panels(list(values), paint, columns=len(samples), height=2.2)


def labelled(
    groups: Mapping[str, Sequence[Sequence[float]]], across: str, up: str, **options: object
) -> Draw:
    """Draw named clouds, rows of (x, y) each, with names above the even and below the odd."""

    def draw(palette: Palette) -> Figure:
        figure, axes = plt.subplots(figsize=(WIDTH, 4.2))
        for index, (name, rows) in enumerate(groups.items()):
            x, y = torch.tensor(rows, dtype=torch.float64).T
            hue = palette.data[index % len(palette.data)]
            marker = "os^D"[index % 4]
            axes.plot(x.numpy(), y.numpy(), marker, color=hue, ms=5, mew=0, alpha=0.8)
            edge, side = (y.min(), -6) if index % 2 else (y.max(), 6)
            text = axes.annotate(
                name,
                (x.mean().item(), edge.item()),
                xytext=(0, side),
                textcoords="offset points",
                ha="center",
                va="top" if index % 2 else "bottom",
            )
            text.set_path_effects([withStroke(linewidth=3, foreground=palette.paper)])
        axes.margins(0.12)
        axes.set(xlabel=across, ylabel=up, **options)  # pyright: ignore[reportArgumentType]
        return figure

    return draw


def pairing(own: Tensor, other: Tensor, patches: int, sentence: str, strangers: str) -> Draw:
    """Draw who is paired with whom: a code with patches of two images, a word with other words."""
    pictures = [image.detach().cpu().numpy() for image in (own, other)]

    def draw(palette: Palette) -> Figure:
        size = (WIDTH, 3.5)
        figure, (left, right) = plt.subplots(1, 2, figsize=size, width_ratios=(1, 1))
        for row, image in enumerate(pictures):
            extent = (0.0, 1.0, 1.2 * (1 - row), 1.2 * (1 - row) + 1.0)
            left.imshow(image, extent=extent, vmin=0, vmax=1)
            _grid(left, extent, patches, palette)
            hue, line = (palette.data[0], "-") if row == 0 else (palette.data[1], "--")
            for place in range(patches):
                height = extent[2] + (place + 0.5) / patches
                left.plot([1 - 0.5 / patches, 1.9], [height, 1.1], line, color=hue, lw=1.1)
        left.text(2.02, 1.1, "$z$", va="center", fontsize=14)
        left.text(1.35, 2.02, "true pairs", color=palette.data[0])
        left.text(1.35, 0.1, "negatives", color=palette.data[1])
        left.set(xlim=(-0.05, 2.35), ylim=(-0.05, 2.3), title="an image and its patches")
        _words(right, sentence.split(), strangers.split(), palette)
        for axes in (left, right):
            axes.set_axis_off()
        return figure

    return draw


def _grid(axes: Axes, extent: tuple[float, ...], patches: int, palette: Palette) -> None:
    for i in range(patches):
        for j in range(patches):
            corner = extent[0] + i / patches, extent[2] + j / patches
            side = 1 / patches
            axes.add_patch(
                Rectangle(corner, side, side, fill=False, ec=palette.muted, lw=0.6, alpha=0.7)
            )


def _words(axes: Axes, own: list[str], other: list[str], palette: Palette) -> None:
    sides = ((own, 0.0, palette.data[0], "-"), (other, 1.0, palette.data[1], "--"))
    for words, across, hue, line in sides:
        for row, word in enumerate(words):
            height = 0.94 - 0.88 * row / max(1, len(words) - 1)
            axes.text(across, height, word, ha="right" if across == 0 else "left", va="center")
            axes.plot(
                [across + (0.03 if across == 0 else -0.03), 0.5], [height, 0.5], line, color=hue
            )
    axes.text(
        0.5, 0.5, "its code", ha="center", va="center",
        bbox={"boxstyle": "round", "facecolor": palette.paper, "edgecolor": palette.muted},
    )  # fmt: skip
    axes.set(xlim=(-0.35, 1.35), ylim=(0, 1.03), title="a window of text and its words")
