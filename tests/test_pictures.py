"""Pages show pictures in their lighter form, pixel for pixel."""

from pathlib import Path

import numpy as np
import pytest
from bs4 import BeautifulSoup
from PIL import Image

from tools import kept, pictures
from tools.pictures import Album, show_lighter

PAGE = (
    '<img alt="a" src="../figures/a.light.png#only-light"><img src="../figures/none.png">'
    '<a href="../figures/a.light.png">PNG</a>'
)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page with a picture of noise that repeats, half of it transparent."""
    monkeypatch.setattr(kept, "CACHE", tmp_path / "cache")
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 4), dtype=np.uint8)
    figures = tmp_path / "site" / "figures"
    figures.mkdir(parents=True)
    Image.fromarray(np.tile(noise, (8, 8, 1)), "RGBA").save(figures / "a.light.png")
    return tmp_path / "site"


def shown(site: Path) -> str:
    return show_lighter(PAGE, Album(site).shown(PAGE, Path("nice/index.html")))


def test_a_page_shows_the_same_pixels(site: Path) -> None:
    assert shown(site) == (
        '<img alt="a" src="../figures/a.light.webp#only-light"><img src="../figures/none.png">'
        '<a href="../figures/a.light.png">PNG</a>'
    )
    before, after = site / "figures" / "a.light.png", site / "figures" / "a.light.webp"
    assert after.stat().st_size < before.stat().st_size
    with Image.open(before) as old, Image.open(after) as new:
        assert np.array_equal(np.asarray(old), np.asarray(new.convert("RGBA")))


def test_a_picture_that_would_be_heavier_stays(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_webp", lambda content: (content, b""))
    assert shown(site) == PAGE
    assert not list(site.rglob("*.webp"))


def test_a_phone_gets_fewer_pixels_where_that_is_much_lighter(site: Path) -> None:
    """Of a photograph, say; not of a drawing that has few to begin with, as above."""
    grain = np.random.default_rng(0).normal(128, 6, (900, 1200, 3)).clip(0, 255)
    Image.fromarray(grain.astype(np.uint8)).save(site / "figures" / "a.light.png")
    (picture, *_) = BeautifulSoup(shown(site), "html.parser").select("img")
    assert picture["src"] == "../figures/a.light.webp#only-light"
    assert picture["srcset"] == "../figures/a.light.phone.webp 750w, ../figures/a.light.webp 1200w"
    assert picture["sizes"] == "(max-width: 40em) calc(100vw - 2em), 1200px"
    with Image.open(site / "figures" / "a.light.phone.webp") as small:
        assert small.size == (750, 562)
        assert np.asarray(small.convert("RGB")).mean() == pytest.approx(grain.mean(), abs=1)


def test_no_picture_is_enlarged(site: Path) -> None:
    grain = np.random.default_rng(0).normal(128, 6, (500, 750, 3)).clip(0, 255)
    Image.fromarray(grain.astype(np.uint8)).save(site / "figures" / "a.light.png")
    assert "srcset" not in shown(site)
    assert not list(site.rglob("*.phone.webp"))
