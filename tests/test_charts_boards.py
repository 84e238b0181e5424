"""The charts of tools/charts/boards.py: what is drawn where, and in which colour."""

import math
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.colors import to_hex

from tools.charts import Draw, boards
from tools.palette import DARK, LIGHT

mpl.use("agg")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Leave no figure open: the next test may count them."""
    yield
    plt.close("all")


def axes_of(draw: Draw) -> list[Any]:
    """Return the axes of what is drawn on light paper."""
    return list(draw(LIGHT).axes)


def test_a_board_names_and_colours_each_cell() -> None:
    draw = boards.board(
        {"a": ["on", "off"], "b": ["off", "off"]}, ["x", "y"], {"on": 1, "off": None}
    )
    for palette in (LIGHT, DARK):
        (axes,) = draw(palette).axes
        faces = [to_hex(patch.get_facecolor(), keep_alpha=True) for patch in axes.patches]
        assert faces == [palette.data[1] + "ff", "#00000000", "#00000000", "#00000000"]
        assert [text.get_text() for text in axes.texts] == ["on", "off", "off", "off"]
        assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b"]
        assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row is on top


def test_error_rows_show_means_and_deviations() -> None:
    near, far = (
        torch.tensor([[0.2, 1.0], [0.4, 1.0]]),
        torch.tensor([[0.0, math.nan], [0.0, math.nan]]),
    )
    draw = boards.error_rows(
        {"p": {"near": near, "far": far}, "q": {"near": near}}, ["a", "b"], "share", level=0.5
    )
    left, right = axes_of(draw)
    assert len(left.containers) == 2
    assert len(right.containers) == 1
    points, _, (bars,) = left.containers[0].lines
    assert points.get_xdata().tolist() == pytest.approx([0.3, 1.0])
    (start, end) = bars.get_segments()[0]
    assert end[0] - start[0] == pytest.approx(2 * 0.02**0.5)
    assert start[1] < 0 < left.containers[1].lines[0].get_ydata()[0]
    assert not any(text.get_text() for text in right.get_yticklabels())


def test_dials_point_where_they_are_told() -> None:
    left, right = axes_of(boards.dials({"a": (0.0, math.pi / 2), "b": (1.0, 2.0)}))
    tips = [text.xy for text in left.texts if text.get_text() == ""]
    assert tips[0] == pytest.approx((1, 0))
    assert tips[1] == pytest.approx((0, 1))
    arc = right.patches[1]
    assert arc.theta2 - arc.theta1 == pytest.approx(math.degrees(1))


def test_wirings_join_pairs_in_one_colour() -> None:
    top, bottom = axes_of(boards.wirings({"near": [(0, 1), (2, 3)], "far": [(0, 2), (1, 3)]}))
    assert [patch.width for patch in top.patches] == [1, 1]
    assert [patch.width for patch in bottom.patches] == [2, 2]
    hues = {text.get_text(): text.get_color() for text in bottom.texts}
    assert hues["0"] == hues["2"] == LIGHT.data[0]
    assert hues["1"] == hues["3"] == LIGHT.data[1]
