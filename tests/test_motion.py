"""Stills of animations: drawn into pages that ask for them, and left alone where none does."""

import re
from pathlib import Path

import pytest
import torch

from snippets.positions import rotary
from tools.articles import parse
from tools.motion import FOLDER, STILLS, add_scenes, positions_parts, read
from tools.scenes import FOLDER as KEPT
from tools.twin import twin

ROOT = Path(__file__).parents[1]
ASKED = '<p><a class="motion" href="#in-motion" id="in-motion">Two moons &amp; a “board”.</a></p>'


NICE = Path("articles/nice/index.html")


def scene(slug: str) -> str:
    return (KEPT / f"{slug}.js").read_text("utf-8")


def test_a_still_stands_where_an_article_asks_for_it() -> None:
    page = add_scenes(f"<p>Before.</p>\n{ASKED}\n<p>After.</p>", NICE, scene("nice"))
    assert "<a " not in page
    assert 'aria-label="Two moons &amp; a “board”."' in page
    assert f'data-source="../../{FOLDER}/nice.js"' in page
    assert page.startswith("<p>Before.</p>") and page.endswith("<p>After.</p>")
    assert "After coupling 2, points moved left or right." in page
    assert 'style="' not in page  # a policy may forbid it
    assert add_scenes(page, NICE, scene("nice")) == page


@pytest.mark.parametrize(("slug", "numbers"), [("nice", ""), ("svd", scene("nice"))])
def test_an_animation_without_numbers_or_still_is_refused(slug: str, numbers: str) -> None:
    with pytest.raises(ValueError, match=f"articles/{slug}: an animation, but no scene"):
        add_scenes(ASKED, Path("articles") / slug / "index.html", numbers)


@pytest.mark.parametrize("slug", STILLS)
def test_every_part_of_a_still_can_be_found_once(slug: str) -> None:
    """The script looks parts up by name."""
    steps = [slider.at for slider in STILLS[slug].sliders]
    picture = STILLS[slug].picture(read(scene(slug)), *steps)
    parts = re.findall(r'data-part="([^"]+)"', picture)
    assert parts and len(parts) == len(set(parts))


@pytest.mark.parametrize(("place", "offset"), [(0, 0), (3, 2), (24, -8), (11, 5)])
def test_arrows_stand_where_rotary_turns_them(place: int, offset: int) -> None:
    """positions:rotary, through atan2 of the turned features."""
    numbers = read(scene("positions"))
    parts = positions_parts(numbers, place, offset)
    turned = []
    for name, at in (("query", place), ("key", place + offset)):
        x = torch.tensor([numbers[name]]).double()
        turned.append(rotary(x, positions=torch.tensor([float(at)]))[0])
        angle = -torch.atan2(turned[-1][1], turned[-1][0]).rad2deg().item()
        drawn = float(parts[name]["transform"][7:-1])
        assert (drawn - angle + 180) % 360 - 180 == pytest.approx(0, abs=0.01)
    product = (turned[0] @ turned[1]).item()
    assert parts["product"]["cy"] == pytest.approx(-100 * product, abs=0.01)


def test_a_copy_of_the_page_leads_to_the_animation() -> None:
    text = "# A page\n\n[Animation: a thing.](#in-motion){ #in-motion .motion }\n"
    assert "[Animation: a thing.](./#in-motion)\n" in twin(ROOT, parse(text, Path("nice.md")))
