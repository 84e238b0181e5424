"""The charts of tools/charts/scores.py, and the contest whose results they show."""

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.figure import Figure

from snippets.experiments import METHODS
from tools import charts, contest
from tools.charts import Draw
from tools.palette import LIGHT
from tools.workers import run_all

mpl.use("agg")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Leave no figure open: the next test may count them."""
    yield
    plt.close("all")


def axes_of(draw: Draw) -> list:
    figure = draw(LIGHT)
    assert isinstance(figure, Figure)
    figure.canvas.draw()
    return figure.axes


def test_contours_show_clouds_and_surfaces_by_name() -> None:
    ticks = torch.linspace(-1, 1, 5)
    surface = ticks[:, None] * ticks
    draw = charts.contours(
        {"a": torch.rand(4, 2), "b": torch.rand(3, 2)}, {"true": surface, "learned": 2 * surface},
        ticks, (-0.5, 0.5), ("pairs", "scores"),
    )  # fmt: skip
    left, right = axes_of(draw)
    assert [len(cloud.get_offsets()) for cloud in left.collections] == [4, 3]
    names = [text.get_text() for text in right.get_legend().get_texts()]
    assert names == ["true", "learned"]
    assert right.get_xlim() == (-1, 1)


def test_ceilings_are_drawn_where_an_estimate_comes_near() -> None:
    over = {"few": torch.tensor([0.0, 1.0]), "many": torch.tensor([0.0, 9.0])}
    curves = {"a": torch.tensor([[0.0, 0.8], [0.0, 1.2]])}
    draw = charts.under_ceilings(dict.fromkeys(over, curves), over, {"four": 4.0}, "nats")
    few, many = axes_of(draw)
    assert few.get_lines()[1].get_ydata().tolist() == [0, 1]
    assert [text.get_text() for text in few.texts] == []
    assert [text.get_text() for text in many.texts] == ["four"]
    assert few.get_xlabel() == "few"


def test_histograms_are_densities() -> None:
    values = {"a": torch.randn(5000), "wide": 10 * torch.randn(5000)}
    panels = axes_of(charts.histograms(values))
    for axes, sample in zip(panels, values.values(), strict=True):
        heights, edges, _ = axes.patches[0].get_data()
        inside = (sample.abs() < 4).double().mean().item()
        assert (heights * (edges[1:] - edges[:-1])).sum() == pytest.approx(inside, abs=1e-3)


def test_labels_stand_beside_their_clouds() -> None:
    groups = {"one": [(0.0, 1.0), (2.0, 3.0)], "two": [(5.0, 5.0)]}
    (axes,) = axes_of(charts.labelled(groups, "nats", "right (%)"))
    assert [text.get_text() for text in axes.texts] == ["one", "two"]
    assert axes.texts[0].xy == (1.0, 3.0)
    assert [len(line.get_xdata()) for line in axes.get_lines()] == [2, 1]


def test_pairing_joins_a_code_to_every_row_of_patches_and_every_word() -> None:
    draw = charts.pairing(torch.rand(8, 8), torch.rand(8, 8), 4, "one two", "three four five")
    left, right = axes_of(draw)
    assert len(left.get_lines()) == 8
    assert len(left.patches) == 32
    assert [text.get_text() for text in right.texts][:5] == ["one", "two", "three", "four", "five"]


def test_a_contest_chooses_by_held_out_images_and_judges_once() -> None:
    torch.manual_seed(0)
    labels = torch.arange(120) % 10
    images = torch.rand(120, 1, 8, 8)
    images[torch.arange(120), 0, labels % 8, labels // 8] += 3
    grid = dict.fromkeys(METHODS, (0.1,)) | {"VAE": (0.1, 1e4)}
    parts = images.split([60, 40, 20]), labels.split([60, 40, 20])
    options = {"epochs": 2, "widths": (4, 8), "workers": 1}
    held = contest.hold(grid, *parts, seeds=2, **options)
    assert held.best.keys() == grid.keys()
    assert held.best["VAE"] in (0.1, 1e4)
    assert len(held.nets) == 7 * 2 + 1
    codes = contest.codes_of(held, parts[0][0], parts[0][2])
    assert [len(pairs) for pairs in codes.values()] == [2] * 7 + [1]
    scores = contest.judged(codes, parts[1][0], parts[1][2], noise=1.0)
    assert scores["AE"].shape == (2, 3)
    assert scores["PCA"].shape == (1, 3)
    assert all(((each[:, :2] >= 0) & (each[:, :2] <= 100)).all() for each in scores.values())


def test_neighbours_are_nearest_in_angle_the_query_first() -> None:
    angles = torch.tensor([0.0, 3.0, 0.1, 1.5, 4.5])
    codes = torch.stack([angles.cos(), angles.sin()], 1)
    codes = codes - codes.mean(0)
    images = torch.arange(5.0)[:, None, None, None].expand(5, 1, 2, 2)
    (row,) = contest.neighbours(codes, images, [0], 2)
    assert row.shape == (3, 4)
    assert row[:2, 0].tolist() == [0, 2]


def test_workers_make_of_each_job_what_one_makes() -> None:
    jobs = [(base, power) for base in (2, 3) for power in (1, 2, 5)]
    each = [run_all(lambda base, power: base**power, jobs, workers=n) for n in (1, 2)]
    assert each == [{job: job[0] ** job[1] for job in jobs}] * 2
