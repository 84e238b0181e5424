"""The charts that labs share: what they draw, and the geometry under the mosaic."""

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.testing import assert_close

from tools import charts
from tools.palette import DARK, LIGHT, Palette

mpl.use("agg")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Leave no figure open: the next test may count them."""
    yield
    plt.close("all")


def axes_of(draw: charts.Draw, palette: Palette = LIGHT) -> list:
    figure = draw(palette)
    assert isinstance(figure, Figure)
    figure.canvas.draw()
    return figure.axes


def test_lines_count_from_one_and_are_named() -> None:
    (axes,) = axes_of(charts.lines({"a": [3.0, 1.0], "b": [2.0]}, "epoch", "nats", yscale="log"))
    first, second = axes.get_lines()
    assert first.get_xdata().tolist() == [1, 2]
    assert list(first.get_ydata()) == [3, 1]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("epoch", "nats", "log")
    assert second.get_label() == "b"


def test_bands_are_one_standard_deviation_to_each_side_of_the_mean() -> None:
    seeds = torch.tensor([[1.0, 4.0], [3.0, 4.0]])
    (axes,) = axes_of(charts.bands({"a": seeds}, torch.tensor([1.0, 10.0]), "beta", "nats"))
    (line,) = axes.get_lines()
    assert_close(torch.as_tensor(line.get_ydata()), torch.tensor([2.0, 4.0]))
    corners = torch.as_tensor(axes.collections[0].get_paths()[0].vertices)
    at_one = corners[corners[:, 0] == 1.0, 1]
    assert_close(at_one.amax() - at_one.amin(), torch.tensor(2 * 2**0.5).double())


def test_dots_show_every_seed_and_the_mean() -> None:
    (axes,) = axes_of(charts.dots({"a": [1.0, 2.0, 6.0], "b": [4.0]}, "error (%)"))
    seeds, mean, *_ = axes.get_lines()
    assert list(seeds.get_xdata()) == [1, 2, 6]
    assert list(mean.get_xdata()) == [3]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]


def test_ellipses_reach_one_standard_deviation_from_their_centre() -> None:
    mean, std = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 2.0]])
    points, cloud = axes_of(charts.ellipses({"AE": (mean, None), "VAE": (mean, std)}, [7]))
    assert len(points.collections) == 1
    outline = cloud.collections[1]
    assert (outline.get_widths(), outline.get_heights()) == ([1.0], [4.0])
    assert outline.get_offsets().tolist() == [[0.0, 1.0]]


def test_plane_shows_curves_as_lines_and_points_as_marks() -> None:
    (axes,) = axes_of(charts.plane({"a": [(0, 2), (1, 3)]}, {"b": [(4, 5)]}, "rate", "nats"))
    curve, cloud = axes.get_lines()
    assert (list(curve.get_xdata()), curve.get_linestyle()) == ([0, 1], "-")
    assert (list(cloud.get_ydata()), cloud.get_linestyle(), cloud.get_marker()) == (
        [5],
        "None",
        "o",
    )
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_chains_have_a_box_a_word_and_an_arrow_between_each_two() -> None:
    (axes,) = axes_of(charts.chains({"AE": "x > z > y | one", "VIB": "x > z | two"}))
    words = [text.get_text() for text in axes.texts]
    assert words.count("") == 3
    assert [word for word in words if word] == ["AE", "x", "z", "y", "one", "VIB", "x", "z", "two"]


def test_band_panels_give_each_group_its_axis() -> None:
    seeds = torch.tensor([[1.0, 4.0], [3.0, 4.0]])
    over = {"noise": torch.tensor([0.0, 1.0]), "step": torch.tensor([0.0, 2.0])}
    first, second = axes_of(
        charts.band_panels({"noise": {"a": seeds}, "step": {"a": seeds}}, over, "error")
    )
    assert (first.get_xlabel(), first.get_ylabel()) == ("noise", "error")
    assert second.get_lines()[0].get_xdata().tolist() == [0, 2]
    assert second.get_lines()[0].get_ydata().tolist() == [2, 4]
    assert first.get_legend()
    assert not second.get_legend()


def test_images_lie_in_rows_and_are_cut_to_the_range_of_ink() -> None:
    rows = [torch.tensor([[0.0, 0.1, 0.2, 0.3], [2.0, -1.0, 0.5, 0.6]])]
    (axes,) = axes_of(charts.images(rows, [0.5], side=2))
    picture = torch.as_tensor(axes.get_images()[0].get_array())
    assert_close(picture.float(), torch.tensor([[0.0, 0.1, 1.0, 0.0], [0.2, 0.3, 0.5, 0.6]]))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0.5"]


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_panels_have_one_title_each_and_hide_what_is_left_over(palette: Palette) -> None:
    clouds = dict.fromkeys("abcd", torch.rand(2, 2))
    panels = axes_of(charts.scatter(clouds, [0, 1]), palette)
    titles = [axes.get_title(loc="left") or axes.get_title() for axes in panels[:4]]
    assert titles == list("abcd")
    assert [axes.get_visible() for axes in panels] == [True] * 4 + [False] * 2


def test_in_matrices_only_zero_is_paper() -> None:
    (axes, *_) = axes_of(charts.matrices({"m": torch.tensor([[0.0, 1e-9], [-1.0, 7.0]])}))
    shown = torch.as_tensor(axes.collections[0].get_array()).flatten()
    assert_close(shown.float(), torch.tensor([0.0, 0.25, 1.0, 1.0]))


def test_tiles_are_squares_that_cover_the_rectangle_once() -> None:
    tiles = charts.tiles((0.0, 2.0), (-1.0, 0.0), 0.5)
    assert_close(charts.areas(tiles), torch.full((8,), 0.25))
    assert_close(tiles.amin((0, 1)), torch.tensor([0.0, -1.0]))
    assert_close(tiles.amax((0, 1)), torch.tensor([2.0, 0.0]))
    assert len(axes_of(charts.cells({"data": tiles}))[0].collections[0].get_paths()) == 8


def test_areas_grow_by_the_determinant() -> None:
    tiles, matrix = (
        charts.tiles((0.0, 1.0), (0.0, 1.0), 0.5),
        torch.tensor([[2.0, 1.0], [0.5, 3.0]]),
    )
    assert_close(charts.areas(tiles @ matrix.T), torch.full((4,), 0.25 * 5.5))
    assert_close(charts.areas(tiles.flip(1)), torch.full((4,), -0.25))


def test_stages_go_through_the_layers_in_turn() -> None:
    class Plus(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
            return x + 1, 0

    seen = charts.stages({"one": Plus(), "two": Plus()}, torch.zeros(2))
    assert {name: x.tolist() for name, x in seen.items()} == {
        "data": [0, 0],
        "one": [1, 1],
        "two": [2, 2],
    }
