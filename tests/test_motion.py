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


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site whose article asks for the animation of NICE."""
    scenes, page = tmp_path / FOLDER, tmp_path / "articles" / "nice" / "index.html"
    scenes.mkdir(parents=True)
    page.parent.mkdir(parents=True)
    page.write_text(f"<p>Before.</p>\n{ASKED}\n<p>After.</p>")
    (scenes / "nice.js").write_bytes((KEPT / "nice.js").read_bytes())
    return tmp_path


def test_a_still_stands_where_an_article_asks_for_it(site: Path) -> None:
    file = site / "articles" / "nice" / "index.html"
    add_scenes(site)
    page = file.read_text()
    assert "<a " not in page
    assert 'aria-label="Two moons &amp; a “board”."' in page
    assert f'data-source="../../{FOLDER}/nice.js"' in page
    assert page.startswith("<p>Before.</p>") and page.endswith("<p>After.</p>")
    assert "After coupling 2, points moved left or right." in page
    assert 'style="' not in page  # a policy may forbid it
    add_scenes(site)
    assert file.read_text() == page


@pytest.mark.parametrize("missing", ["scene", "still"])
def test_an_animation_without_numbers_is_refused(site: Path, missing: str) -> None:
    slug = {"scene": "nice", "still": "svd"}[missing]
    (site / FOLDER / "nice.js").rename(site / FOLDER / "svd.js")
    (site / "articles" / "nice").rename(site / "articles" / slug)
    with pytest.raises(ValueError, match=f"articles/{slug}: an animation, but no scene"):
        add_scenes(site)


@pytest.mark.parametrize("slug", STILLS)
def test_every_part_of_a_still_can_be_found_once(slug: str) -> None:
    """The script looks parts up by name."""
    steps = [slider.at for slider in STILLS[slug].sliders]
    picture = STILLS[slug].picture(read(KEPT / f"{slug}.js"), *steps)
    parts = re.findall(r'data-part="([^"]+)"', picture)
    assert parts and len(parts) == len(set(parts))


@pytest.mark.parametrize(("place", "offset"), [(0, 0), (3, 2), (24, -8), (11, 5)])
def test_arrows_stand_where_rotary_turns_them(place: int, offset: int) -> None:
    """positions:rotary, through atan2 of the turned features."""
    scene = read(KEPT / "positions.js")
    parts = positions_parts(scene, place, offset)
    turned = []
    for name, at in (("query", place), ("key", place + offset)):
        x = torch.tensor([scene[name]]).double()
        turned.append(rotary(x, positions=torch.tensor([float(at)]))[0])
        angle = -torch.atan2(turned[-1][1], turned[-1][0]).rad2deg().item()
        drawn = float(parts[name]["transform"][7:-1])
        assert (drawn - angle + 180) % 360 - 180 == pytest.approx(0, abs=0.01)
    product = (turned[0] @ turned[1]).item()
    assert parts["product"]["cy"] == pytest.approx(-100 * product, abs=0.01)


def test_a_copy_of_the_page_leads_to_the_animation() -> None:
    text = "# A page\n\n[Animation: a thing.](#in-motion){ #in-motion .motion }\n"
    assert "[Animation: a thing.](./#in-motion)\n" in twin(ROOT, parse(text, Path("nice.md")))
