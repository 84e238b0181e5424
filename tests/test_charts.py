"""The charts that labs share: what they draw, and the geometry under the mosaic."""

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.testing import assert_close

from tools import atlas, charts
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


def test_traces_stand_side_by_side_with_rules_at_named_places() -> None:
    over = torch.tensor([1.0, 10.0, 100.0])
    charts_of = {"excess": {"a": (over, over / 2), "b": (over, over)}, "angle": {"a": (over, over)}}
    draw = charts.traces(charts_of, "step", rules={"here": 10.0}, xscale="log")
    left, right = axes_of(draw)
    first, second, rule = left.get_lines()
    assert list(first.get_xdata()) == [1, 10, 100]
    assert list(first.get_ydata()) == [0.5, 5, 50]
    assert second.get_label() == "b"
    assert list(rule.get_xdata()) == [10, 10]
    assert [text.get_text().strip() for text in left.texts] == ["here"]
    assert (left.get_title(), right.get_title()) == ("excess", "angle")
    assert {axes.get_xscale() for axes in (left, right)} == {"log"}


def test_photographs_are_white_at_one_in_both_schemes() -> None:
    for palette in (LIGHT, DARK):
        (axes, _) = axes_of(charts.photographs({"p": torch.tensor([[0.0, 2.0]])}), palette)
        image = axes.get_images()[0]
        assert torch.as_tensor(image.get_array()).tolist() == [[0, 1]]
        assert (image.get_cmap().name, image.get_clim()) == ("gray", (0, 1))


def test_heatmaps_write_the_entries_of_named_rows_and_frame_one() -> None:
    matrix = torch.tensor([[1.0, 0.25], [0.0, 0.75]])
    draw = charts.heatmaps({"m": matrix}, ["a", "b"], ["x", "y"], marked=(1, 0), columns=1)
    (axes,) = axes_of(draw)
    assert [text.get_text() for text in axes.texts] == ["1", "0.250", "0", "0.750"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    (frame,) = axes.patches
    assert frame.get_xy() == (-0.47, 0.54)
    (bare, *_) = axes_of(charts.heatmaps({"m": matrix}))
    assert not bare.texts


def test_plots_take_their_own_axis_and_mark_what_was_measured() -> None:
    x = torch.tensor([0.5, 2.0])
    draw = charts.plots({"a": (x, x**2)}, "x", "y", marks={"b": (x[:1], x[1:])}, xscale="log")
    (axes,) = axes_of(draw)
    curve, mark = axes.get_lines()
    assert list(curve.get_xdata()) == [0.5, 2.0]
    assert list(curve.get_ydata()) == [0.25, 4.0]
    assert (list(mark.get_ydata()), mark.get_linestyle()) == ([2.0], "None")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_stacks_stand_on_each_other() -> None:
    (axes,) = axes_of(charts.stacks({"a": [0.2, 0.5], "b": [0.7, 0.5]}, "latent", "sum", level=1))
    tops = [bar.get_y() + bar.get_height() for bar in axes.patches]
    assert tops == pytest.approx([0.2, 0.5, 0.9, 1.0])


def test_atlas_names_each_label_at_its_median() -> None:
    mean = torch.tensor([[0.0, 0.0], [1.0, 2.0], [5.0, 4.0], [9.0, 9.0]])
    draw = atlas.atlas({"AE": (mean, None), "VAE": (mean, mean + 1)}, torch.tensor([3, 3, 3, 7]))
    points, cloud = axes_of(draw)
    assert len(points.collections) == 1
    assert list(cloud.collections[1].get_widths()) == [2, 4, 12, 20]
    names = {text.get_text(): text.get_position() for text in points.texts}
    assert names == {"3": (1, 2), "7": (9, 9)}


def test_grids_lie_as_they_are_given() -> None:
    sheet = torch.arange(8.0).reshape(1, 2, 4) / 8
    (axes, _) = axes_of(atlas.grids({"AE": sheet}, side=2))
    picture = torch.as_tensor(axes.get_images()[0].get_array()).float()
    assert_close(picture, torch.tensor([[0.0, 0.125, 0.5, 0.625], [0.25, 0.375, 0.75, 0.875]]))


def test_square_lies_at_the_quantiles_of_the_cloud() -> None:
    codes = 3 + 2 * torch.randn(50_000, 2, dtype=torch.float64)
    found = atlas.square(codes, 3).reshape(3, 3, 2)
    assert_close(found[1, 1], torch.tensor([3.0, 3.0]).double(), atol=0.05, rtol=0)
    reach = 2 * 1.6449  # the normal quantile at 95%
    top_left = torch.tensor([3 - reach, 3 + reach]).double()
    assert_close(found[0, 0], top_left, atol=0.06, rtol=0)


def test_gaps_are_where_no_code_is() -> None:
    angle = torch.linspace(0, 2 * torch.pi, 400)
    ring = torch.stack([angle.cos(), angle.sin()], 1)
    places, near = atlas.gaps(ring, 4, 5000, torch.Generator().manual_seed(0))
    assert (places.norm(dim=1) < 0.2).all()  # the middle of the ring is its widest hole
    assert places[:, 0].tolist() == sorted(places[:, 0].tolist())
    assert 1.2 < near.max() < 1.5  # in standard deviations: a radius of 1 is 2 ** 0.5


def test_mismatch_is_the_kl_of_torch() -> None:
    q = torch.distributions.Normal(torch.tensor([0.5, -1.0]), torch.tensor([0.7, 1.2]))
    p = torch.distributions.Normal(0.0, 1.0)
    found = atlas.mismatch(lambda z: q.log_prob(z).sum(1), reach=8.0)
    assert_close(found, torch.distributions.kl_divergence(q, p).sum(), atol=1e-4, rtol=0)


def test_plain_writes_no_powers() -> None:
    x = torch.tensor([0.3, 60.0])
    (axes,) = axes_of(charts.plain(charts.plots({"a": (x, x)}, "x", "y", xscale="log")))
    marks = [*axes.get_xticklabels(), *axes.get_xticklabels(minor=True)]
    words = {text.get_text() for text in marks} - {""}
    assert {"1", "10"} <= words
    assert all(word.replace(".", "").isdigit() for word in words)


def test_fits_show_weights_as_opacity_and_two_ellipses() -> None:
    fit = torch.zeros(2, 2), torch.tensor([0.0, 1.0]), torch.ones(2), torch.tensor([0.5, 1.0])
    figure = charts.fits({"iteration 1": [fit, fit]})(LIGHT)
    assert isinstance(figure, Figure)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == 1
    assert shown[0].get_title() == "iteration 1"
    opacities = [cloud.get_facecolors()[:, 3].tolist() for cloud in shown[0].collections]  # pyright: ignore
    assert len(opacities) == 2
    assert opacities[0][0] < 0.2
    assert opacities[0][1] == 1
    sizes = [(patch.width, patch.height) for patch in shown[0].patches]  # pyright: ignore
    assert sizes == [(1, 2), (2, 4)] * 2
    assert tuple(shown[0].patches[0].get_center()) == (1, 1)  # pyright: ignore
