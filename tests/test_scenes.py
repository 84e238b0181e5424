"""The scenes of the animations: what the models compute, small, and true to what they teach."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from snippets.positions import rotary
from tools.motion import read
from tools.scenes import FOLDER, REACH, SCENES, UNIT, Scene

LIMIT = 30_000  # bytes
LAB = json.loads((FOLDER.parents[1] / "labs" / "capsules.json").read_text("utf-8"))


@pytest.fixture(scope="module", params=SCENES)
def slug(request: pytest.FixtureRequest) -> str:
    """Each scene in turn."""
    return request.param


def stored(slug: str) -> Scene:
    return read((FOLDER / f"{slug}.js").read_text("utf-8"))


def leaves(value: Any) -> Iterator[Any]:
    """Yield what a scene holds, in order."""
    if isinstance(value, dict):
        value = [each for pair in value.items() for each in pair]
    if isinstance(value, list):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def shoelace(x: list[int], y: list[int]) -> float:
    """Return the area of a polygon, from its corners in turn."""
    sides = zip(x, y, [*x[1:], x[0]], [*y[1:], y[0]], strict=True)
    return sum(a * d - c * b for a, b, c, d in sides) / 2 / UNIT**2


def test_scenes_are_current(slug: str) -> None:
    """What `make scenes` would write is there: whole numbers to one step, others to 1e-3."""
    new, old = list(leaves(SCENES[slug]())), list(leaves(stored(slug)))
    assert [type(each) for each in new] == [type(each) for each in old]
    for mine, other in zip(new, old, strict=True):
        if isinstance(mine, str):
            assert mine == other
        else:
            assert mine == pytest.approx(other, abs=1 if isinstance(mine, int) else 1e-3)


def test_scenes_are_light(slug: str) -> None:
    assert (FOLDER / f"{slug}.js").stat().st_size <= LIMIT


def test_couplings_move_one_coordinate_and_keep_the_drawn_area() -> None:
    """nice:unit-det on the polygon that a reader sees, by the shoelace formula."""
    scene = stored("nice")
    x, y, *moves = scene["clouds"]["marked"]
    place, first = [x, y], shoelace(x, y)
    assert first == pytest.approx(0.16, abs=1e-3)
    for axis, moved in zip(scene["axes"], moves, strict=True):
        halfway = [(a + b) / 2 for a, b in zip(place[axis], moved, strict=True)]
        for row in (halfway, moved):
            place[axis] = row
            assert shoelace(*place) == pytest.approx(first, rel=0.02)
    assert scene["axes"] == [1, 0, 1, 0]


def test_moons_end_as_the_prior_has_them() -> None:
    """A flow that was not trained, or points out of order, would not spread like the logistic."""
    scene = stored("nice")
    clouds = [scene["clouds"][f"moon-{kind}"] for kind in (1, 2)]
    for axis, row in ((1, 4), (0, 5)):  # the couplings that move y and x last
        ends = [value for cloud in clouds for value in cloud[row]]
        widths = torch.tensor(ends).double() / UNIT * scene["factors"][axis]
        assert 1.2 < widths.std() < 2.4  # of the prior: 1.81
    assert sum(len(cloud[0]) for cloud in clouds) == 200


def test_routing_is_that_of_the_lab() -> None:
    """Activations and children that found their parents, as docs/labs/capsules.json has them."""
    scene = stored("capsules")
    for count in (1, 2, 3, 4, 6, 8):
        active = [value / 1000 for value in scene["steps"][count - 1]["activations"]]
        assert active == pytest.approx(LAB[f"toy_active_{count}"], abs=1e-3)
        said = "All shares equal" if count == 1 else f"{LAB[f'toy_right_{count}']} of 30"
        assert said in scene["says"][count - 1]
    for step in scene["steps"]:
        assert all(abs(sum(shares) - 1000) <= 2 for shares in zip(*step["shares"], strict=True))


def test_products_are_those_of_rotary_wherever_both_stand() -> None:
    """positions:rotary-relative: the curve of offsets holds at every place of the query."""
    scene = stored("positions")
    offsets = torch.arange(-REACH, REACH + 1).double()
    query, key = (torch.tensor(scene[name]).double().expand(17, 2) for name in ("query", "key"))
    for place in (0.0, 7.0, 24.0):
        turned = rotary(query, positions=torch.full_like(offsets, place))
        products = (turned * rotary(key, positions=place + offsets)).sum(-1)
        drawn = torch.tensor(scene["products"][::10]).double()
        assert_close(products, drawn, atol=1e-4, rtol=0)
