"""The charts of tools/dials.py: what they draw, and how windows are averaged."""

import math
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.colors import to_rgb
from torch.testing import assert_close

from tools import charts
from tools.dials import clocks, key_last, signed, windows
from tools.palette import DARK, LIGHT, Palette

mpl.use("agg")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def test_hands_go_clockwise_from_the_top() -> None:
    angles = torch.tensor([0.0, math.pi / 2, math.pi])
    (axes,) = clocks({"a": angles, "b": angles}, ["x", "y", "z"])(LIGHT).axes
    assert len(axes.patches) == 6
    hands: Any = axes.collections[0]
    tips = torch.tensor([path.vertices[1].tolist() for path in hands.get_paths()])
    expected = [[0.0, 0.4], [1.4, 0.0], [2.0, -0.4], [0.0, -0.6], [1.4, -1.0], [2.0, -1.4]]
    assert_close(tips, torch.tensor(expected), atol=1e-6, rtol=0)
    assert {text.get_text() for text in axes.texts} == {"a", "b", "x", "y", "z"}


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_signs_are_colours_and_zero_is_paper(palette: Palette) -> None:
    matrix = torch.tensor([[0.0, 2.0], [-2.0, 1.0]])
    figure = signed({"one": matrix, "two": matrix}, "n", "m", columns=2)(palette)
    first, second = figure.axes
    image: Any = first.images[0]
    assert image.get_clim() == (-2, 2)
    paper = to_rgb(palette.paper)
    assert image.cmap(image.norm(0.0))[:3] == pytest.approx(paper, abs=0.02)
    assert image.cmap(image.norm(2.0))[:3] == pytest.approx(to_rgb(palette.data[1]))
    assert (first.get_ylabel(), second.get_ylabel(), second.get_xlabel()) == ("m", "", "n")
    fixed = signed({"one": matrix}, reach=4)(palette).axes[0]
    assert fixed.images[0].get_clim() == (-4, 4)


def test_key_moves_to_the_last_panel() -> None:
    curves = {"one": ([0, 1], [2, 3]), "two": ([0, 1], [4, 5])}
    first, last = key_last(charts.traces({"left": curves, "right": curves}, "x"))(LIGHT).axes
    key: Any = last.get_legend()
    assert first.get_legend() is None
    assert [text.get_text() for text in key.get_texts()] == ["one", "two"]


def test_windows_hold_the_root_mean_square() -> None:
    offsets = torch.tensor([1.0, 2.0, 50.0, 100.0])
    middles, sizes = windows(offsets, torch.tensor([3.0, -4.0, 1.0, 1.0]), 2)
    assert_close(middles, torch.tensor([10**0.5, 1000**0.5], dtype=torch.float64))
    assert_close(sizes, torch.tensor([12.5**0.5, 1.0], dtype=torch.float64))
