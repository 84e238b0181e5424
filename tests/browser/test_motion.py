"""The animations, on a phone and by keyboard: what is drawn is what their numbers say."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import probes
import pytest
from built import SITE
from playwright.sync_api import Locator, expect
from reader import Reader

from tools import motion

Window = Callable[..., AbstractContextManager[Reader]]

PARTS: dict[str, Callable[..., motion.Parts]] = {
    "nice": motion.nice_parts,
    "capsules": motion.capsules_parts,
    "positions": motion.positions_parts,
}
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
NEAR = 0.11  # the script rounds to a tenth of a coordinate

# Attributes of the named parts of a picture, and of their children.
DRAWN = """figure => Object.fromEntries([...figure.querySelectorAll("[data-part]")].map(part => {
  const all = e => Object.fromEntries([...e.attributes].map(({name, value}) => [name, value]));
  return [part.dataset.part, [all(part), [...part.children].map(all)]];
}))"""
SCRUB = """(slider, value) => {
  slider.value = value;
  slider.dispatchEvent(new Event("input", {bubbles: true}));
}"""


class Player:
    """An animation in a window, its controls, and what its numbers say."""

    def __init__(self, slug: str, figure: Locator) -> None:
        self.slug, self.figure, self.still = slug, figure, motion.STILLS[slug]
        self.scene = motion.read(SITE / motion.FOLDER / f"{slug}.js")
        self.slider = figure.locator("input").first
        self.play, self.step = figure.locator("button").all()

    def expect(self, *steps: int) -> None:
        """Wait for a step, and compare picture, slider and words with the numbers."""
        expect(self.figure.locator("output")).to_have_text(self.still.says(self.scene, *steps))
        self.figure.page.wait_for_function(
            "([slider, step]) => Number(slider.value) === step",
            arg=[self.slider.element_handle(), steps[0]],
        )
        for name, attributes in PARTS[self.slug](self.scene, *steps).items():
            assert numbers(attributes) == pytest.approx(self.drawn(name, attributes), abs=NEAR)

    def drawn(self, name: str, like: Any) -> list[float]:
        """Return the numbers in a part's attributes."""
        own, children = self.figure.evaluate(DRAWN)[name]
        if isinstance(like, list):
            pairs = zip(children, like, strict=True)
            return numbers([{key: child[key] for key in each} for child, each in pairs])
        return numbers({key: own[key] for key in like})


def numbers(attributes: Any) -> list[float]:
    """Return all numbers in attributes, in the order of their names."""
    if isinstance(attributes, list):
        return [number for each in attributes for number in numbers(each)]
    values = [str(attributes[name]) for name in sorted(attributes)]
    return [float(number) for value in values for number in NUMBER.findall(value)]


@pytest.fixture(params=motion.STILLS)
def reader(request: pytest.FixtureRequest, reading: Window) -> Any:
    """A phone with an article that has an animation."""
    with reading(width=390) as reader:
        reader.open(f"articles/{request.param}/")
        yield reader


def test_an_animation_shows_what_its_numbers_say(reader: Reader) -> None:
    """Still, by steps, by keys, playing and in between; nothing moves around it."""
    page, slug = reader.page, reader.opened.split("/")[-2]
    player = Player(slug, page.locator(".motion"))
    first, last, at = player.still.sliders[0][1:]
    others = [slider.at for slider in player.still.sliders[1:]]
    player.expect(at, *others)
    assert f"{motion.FOLDER}/{slug}.js" not in reader.files, "numbers come before they are needed"
    player.figure.scroll_into_view_if_needed()
    page.wait_for_selector(".motion.ready")

    player.step.press("Enter")
    player.expect(first if at == last else at + 1, *others)
    player.slider.press("Home")
    player.expect(first, *others)
    player.slider.press("ArrowRight")
    player.expect(first + 1, *others)
    player.slider.press("ArrowLeft")
    player.slider.press("ArrowLeft")  # there is nothing before the first
    player.expect(first, *others)

    player.play.press("Space")
    expect(player.play).to_have_text("Pause")
    page.wait_for_function("s => s.value % 1 > 0", arg=player.slider.element_handle())
    player.play.press("Space")
    expect(player.play).to_have_text("Play")
    assert page.evaluate(probes.SHIFT) < 0.003


def test_an_animation_is_true_between_its_steps(reader: Reader) -> None:
    """Half-way stands the mean; with reduced motion there is no half-way; paper has no buttons."""
    page, slug = reader.page, reader.opened.split("/")[-2]
    player = Player(slug, page.locator(".motion"))
    others = [slider.at for slider in player.still.sliders[1:]]
    player.figure.scroll_into_view_if_needed()
    page.wait_for_selector(".motion.ready")

    player.slider.evaluate(SCRUB, 2.5)
    ends = [PARTS[slug](player.scene, step, *others) for step in (2, 3)]
    for name, attributes in ends[0].items():
        means = [
            (a + b) / 2 for a, b in zip(*(numbers(end[name]) for end in ends), strict=True)
        ]
        assert player.drawn(name, attributes) == pytest.approx(means, abs=NEAR)

    if slug == "positions":  # the offset turns the key alone, and moves the dot
        player.slider.press("Home")
        before = player.drawn("query", {"transform": 0})
        player.figure.locator("input").nth(1).press("ArrowRight")
        player.expect(0, others[0] + 1)
        assert player.drawn("query", {"transform": 0}) == before

    page.emulate_media(reduced_motion="reduce")
    player.slider.press("Home")
    seen = "s => new Promise(done => setTimeout(() => done(s.value), 400))"
    player.play.press("Space")
    first = player.still.sliders[0].first
    assert player.slider.evaluate(seen) == str(first + 1), "it glides"
    page.emulate_media(media="print")
    assert not player.play.is_visible()


def test_the_last_step_of_a_flow_leads_back(reading: Window) -> None:
    """The inverse runs the layers backwards; other animations begin anew."""
    with reading(width=390) as reader:
        page = reader.open("articles/nice/")
        player = Player("nice", page.locator(".motion"))
        player.figure.scroll_into_view_if_needed()
        page.wait_for_selector(".motion.ready")
        page.emulate_media(reduced_motion="reduce")
        player.slider.press("End")
        expect(player.play).to_have_text("Play back")
        player.play.press("Space")
        player.expect(4)
