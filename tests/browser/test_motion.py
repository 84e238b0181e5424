"""The animations, on a phone and by keyboard: what is drawn is what their numbers say."""

import re
from collections.abc import Callable, Iterator
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
STILL = 0.003  # of layout shift
NEAR = 0.11  # in coordinates, which the script rounds to a tenth

# Attributes of the named parts of a picture, and of their children.
DRAWN = """figure => Object.fromEntries([...figure.querySelectorAll("[data-part]")].map(part => {
  const all = e => Object.fromEntries([...e.attributes].map(({name, value}) => [name, value]));
  return [part.dataset.part, [all(part), [...part.children].map(all)]];
}))"""
# What a slider shows in each frame of half a second.
FRAMES = """slider => new Promise(done => {
  const seen = [], began = performance.now();
  const look = now => {
    seen.push(Number(slider.value));
    if (now - began < 500) requestAnimationFrame(look);
    else done(seen);
  };
  requestAnimationFrame(look);
})"""
SCRUB = """(slider, value) => {
  slider.value = value;
  slider.dispatchEvent(new Event("input", {bubbles: true}));
}"""


class Player:
    """An animation in a window, its controls, and what its numbers say."""

    def __init__(self, slug: str, figure: Locator) -> None:
        self.slug, self.figure, self.still = slug, figure, motion.STILLS[slug]
        self.scene = motion.read((SITE / motion.FOLDER / f"{slug}.js").read_text("utf-8"))
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
            assert self.drawn(name, attributes) == alike(numbers(attributes))

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


def alike(drawn: list[float]) -> Any:
    """Return what equals the same picture: to a tenth of a coordinate, to a hundredth of 1."""
    return pytest.approx(drawn, abs=min(NEAR, 0.01 * max(map(abs, drawn))))


@pytest.fixture(scope="module", params=motion.STILLS)
def player(request: pytest.FixtureRequest, reading: Window) -> Iterator[Player]:
    """An animation on a phone, come near enough to have its numbers."""
    slug: str = request.param
    with reading(width=390) as reader:
        page = reader.open(f"articles/{slug}/")
        assert f"{motion.FOLDER}/{slug}.js" not in reader.files, "not needed yet"
        player = Player(slug, page.locator(".motion"))
        player.expect(*(slider.at for slider in player.still.sliders))
        player.figure.scroll_into_view_if_needed()
        page.wait_for_selector(".motion.ready")
        yield player


def test_an_animation_shows_what_its_numbers_say(player: Player) -> None:
    """By steps, by keys and playing; and nothing moves around it."""
    page, (_, first, last, at) = player.figure.page, player.still.sliders[0]
    others = [slider.at for slider in player.still.sliders[1:]]
    player.figure.scroll_into_view_if_needed()
    page.wait_for_timeout(100)  # a passage that one jumps into gets its height a frame later
    room, moved = player.figure.bounding_box(), page.evaluate(probes.SHIFT)
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
    player.slider.press("End")
    player.expect(last, *others)
    assert player.figure.bounding_box() == room, "words of another length move the page"
    assert page.evaluate(probes.SHIFT) - moved < STILL


def test_an_animation_is_true_between_its_steps(player: Player) -> None:
    """Half-way stands the mean, and a further slider moves what it should."""
    others = [slider.at for slider in player.still.sliders[1:]]
    player.slider.evaluate(SCRUB, 2.5)
    ends = [PARTS[player.slug](player.scene, step, *others) for step in (2, 3)]
    for name, attributes in ends[0].items():
        pairs = zip(*(numbers(end[name]) for end in ends), strict=True)
        means = [(one + other) / 2 for one, other in pairs]
        assert player.drawn(name, attributes) == alike(means)
    if others:
        player.slider.press("Home")
        player.figure.locator("input").nth(1).press("ArrowRight")
        player.expect(player.still.sliders[0].first, others[0] + 1)


def test_reduced_motion_has_steps_and_paper_no_buttons(player: Player) -> None:
    """A flow that has come to its end runs backwards, other animations begin anew."""
    page, (_, first, last, _) = player.figure.page, player.still.sliders[0]
    page.emulate_media(reduced_motion="reduce")
    player.slider.press("End")
    returns = player.still.returns
    expect(player.play).to_have_text("Play back" if returns else "Play")
    player.play.press("Space")
    seen = player.slider.evaluate(FRAMES)
    assert all(value == int(value) for value in seen), "it glides"
    assert seen[-1] < last if returns else first <= seen[-1] < last
    player.play.press("Space")
    page.emulate_media(media="print")
    assert not player.play.is_visible()
