"""The stylesheet's tokens: the palette of the figures, contrast that can be read, light faces."""

import re
from pathlib import Path

import pytest

from tools.palette import DARK, LIGHT, Palette

ASSETS = Path(__file__).parents[1] / "docs" / "assets"
CSS = (ASSETS / "site.css").read_text("utf-8")
SCHEMES = {"default": LIGHT, "slate": DARK}
READABLE = 4.5  # WCAG 2, level AA, for text of any size
TEXT = ("ink", "muted", "accent")
CODE = ("code-keyword", "code-string", "code-number", "code-name", "code-comment")


def tokens(scheme: str) -> dict[str, str]:
    """Return the colours that the stylesheet gives to a scheme, by name."""
    block = re.search(rf'^\[data-md-color-scheme="{scheme}"\] {{(.*?)^}}', CSS, re.S | re.M)
    assert block, f"site.css has no block for {scheme}"
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block[1]))


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2 for #rrggbb."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG 2, between 1 and 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_figures_and_pages_share_their_colours(scheme: str) -> None:
    found, palette = tokens(scheme), SCHEMES[scheme]
    assert palette == Palette(
        paper=found["paper"],
        ink=found["ink"],
        muted=found["muted"],
        grid=found["line"],
        accent=found["accent"],
        data=tuple(found[f"data-{place}"] for place in range(1, len(palette.data) + 1)),
    )
    assert f"data-{len(palette.data) + 1}" not in found


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("paper", ["paper", "surface", "surface-2"])
@pytest.mark.parametrize("text", TEXT + CODE)
def test_text_can_be_read(scheme: str, paper: str, text: str) -> None:
    found = tokens(scheme)
    assert contrast(found[text], found[paper]) >= READABLE


@pytest.mark.parametrize("scheme", SCHEMES)
def test_marked_text_can_be_read(scheme: str) -> None:
    found = tokens(scheme)
    assert contrast(found["ink"], found["mark"]) >= READABLE


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_first_lines_of_a_plot_stand_out(scheme: str) -> None:
    palette = SCHEMES[scheme]
    for colour in palette.data[:3]:
        assert contrast(colour, palette.paper) >= 3  # WCAG 2, for graphics


def test_both_schemes_define_the_same_tokens() -> None:
    assert tokens("default").keys() == tokens("slate").keys()


def test_every_token_that_is_used_is_defined() -> None:
    defined = set(re.findall(r"(--[\w-]+):", CSS))
    used = {name for name in re.findall(r"var\((--[\w-]+)", CSS) if not name.startswith("--md-")}
    assert used <= defined


def test_faces_are_there_and_weigh_at_most_70_kb() -> None:
    faces = {ASSETS / source for source in re.findall(r'url\("(vendor/[^"]+)"\)', CSS)}
    assert faces == set((ASSETS / "vendor" / "fonts").glob("*.woff2"))
    assert sum(face.stat().st_size for face in faces) <= 70_000


def test_colours_are_written_in_tokens_only() -> None:
    rules = CSS[CSS.index("/* ---- The page ---- */") :]
    assert re.findall(r"#[0-9a-f]{3,6}\b", rules) == []


def test_nothing_large_asks_what_it_holds() -> None:
    """A page's `:has()` has all of its style computed anew for each button the theme adds to it."""
    holders = re.findall(r"([\w.-]*):has\(", re.sub(r"/\*.*?\*/", "", CSS, flags=re.S))
    assert {*holders} <= {"div.mjx-display"}
