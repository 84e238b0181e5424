"""What labs publish: reproducible figures in both schemes, refusals, rounded numbers, tables."""

import json
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from tools import publish
from tools.palette import DARK, LIGHT, Palette


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Publish into an empty folder, at the default scale, from matplotlib's own settings."""
    plt.rcdefaults()
    monkeypatch.setattr(publish, "FIGURES", tmp_path)
    monkeypatch.setattr(publish, "LABS", tmp_path)
    monkeypatch.delenv("LAB_SCALE", raising=False)
    return tmp_path


def curve(palette: Palette) -> Figure:
    """Draw words, a formula, a line and an image."""
    drawn, (left, right) = plt.subplots(1, 2)
    left.plot([0, 1], [-1, 1], color=palette.accent)
    left.set(xlabel=r"shift $m(x_1)$", ylabel="nats")
    right.imshow([[0, 1], [1, 0]])
    return drawn


def test_the_same_drawing_gives_the_same_bytes(folders: Path) -> None:
    for raster in (False, True):
        publish.figure("nice_curve", curve, alt="A line", raster=raster)
        first = {path.name: path.read_bytes() for path in folders.iterdir()}
        publish.figure("nice_curve", curve, alt="A line", raster=raster)
        assert first == {path.name: path.read_bytes() for path in folders.iterdir()}
        assert len(set(first.values())) == len(first)
    assert sorted(first) == [
        f"nice_curve.{scheme}.{kind}" for scheme in ("dark", "light") for kind in ("png", "svg")
    ]


def test_each_scheme_has_its_own_ink_and_no_paper(folders: Path) -> None:
    publish.figure("nice_curve", curve, alt="A line")
    for scheme, own, other in (("light", LIGHT, DARK), ("dark", DARK, LIGHT)):
        svg = (folders / f"nice_curve.{scheme}.svg").read_text()
        for colour in (own.ink, own.muted, own.accent):
            assert colour in svg
        assert own.paper not in svg, "the figure must be clear"
        assert other.ink not in svg
        assert "<text" not in svg, "text must be drawn as paths"
        assert "<dc:date>" not in svg


def test_figures_are_closed_and_the_style_is_left_behind() -> None:
    before = dict(plt.rcParams)
    publish.figure("nice_curve", curve, alt="A line")
    assert plt.get_fignums() == []
    assert dict(plt.rcParams) == before


def test_a_raster_has_two_pixels_for_each_of_the_page(folders: Path) -> None:
    shown = publish.figure("nice_curve", curve, alt="A line", raster=True)
    assert shown is not None
    pixels = plt.imread(folders / "nice_curve.light.png")
    assert pixels.shape[:2] == (2 * 346 - 1, 2 * 614)  # 3.6 in at 192 dpi is 691.2
    assert (shown.width, shown.height) == (614, 346)
    assert pixels[0, 0, 3] == 0, "the corner must be transparent"


def test_too_heavy_a_figure_is_refused_and_not_left_behind(folders: Path) -> None:
    def noise(_: Palette) -> Figure:
        drawn, axes = plt.subplots()
        axes.imshow(np.random.default_rng(0).random((600, 600, 3)))
        return drawn

    with pytest.raises(ValueError, match=r"nice_noise\.light\.png must weigh at most 300000"):
        publish.figure("nice_noise", noise, alt="Noise", raster=True)
    assert list(folders.iterdir()) == []
    assert plt.get_fignums() == []


@pytest.mark.parametrize("name", ["nice", "Nice_x", "nice_x.svg", "../nice_x", "nice_"])
def test_a_name_says_slug_and_subject(name: str) -> None:
    with pytest.raises(ValueError, match="name must be SLUG_what"):
        publish.figure(name, curve, alt="A line")


def test_a_figure_without_words_for_it_is_refused() -> None:
    with pytest.raises(ValueError, match="nice_curve: alt"):
        publish.figure("nice_curve", curve, alt=" ")


def test_a_notebook_shows_the_pair() -> None:
    shown = publish.figure("nice_curve", curve, alt='Two "moons" & a <grid>')
    assert shown is not None
    found: dict[str, dict[str, str | None]] = {}
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: found.update({tag: dict(attrs)})
    parser.feed(shown._repr_html_())
    assert list(found) == ["figure", "picture", "source", "img"]
    assert found["source"]["srcset"] == "../articles/figures/nice_curve.dark.svg"
    assert found["source"]["media"] == "(prefers-color-scheme: dark)"
    assert found["img"] == {
        "src": "../articles/figures/nice_curve.light.svg",
        "alt": 'Two "moons" & a <grid>',
        "width": "614",
        "height": "346",
    }


def test_numbers_are_rounded_sorted_and_plain(folders: Path) -> None:
    publish.numbers(
        "nice",
        {
            "widths": np.array([1 / 3, 2e-9], dtype=np.float32),
            "bits": 4.3561234567,
            "images": 10_000_019,
            "prior": "logistic",
        },
    )
    text = (folders / "nice.json").read_text()
    assert json.loads(text) == {
        "bits": 4.35612,
        "images": 10_000_019,
        "prior": "logistic",
        "widths": [0.333333, 2e-9],
    }
    assert text.index("bits") < text.index("images") < text.index("prior") < text.index("widths")


@pytest.mark.parametrize("value", [float("nan"), [1.0, float("inf")], None, {"a": 1}])
def test_what_is_no_number_is_refused(value: object, folders: Path) -> None:
    with pytest.raises(ValueError, match="loss must be"):
        publish.numbers("nice", {"loss": value})
    assert list(folders.iterdir()) == []


def test_a_table_is_markdown(folders: Path) -> None:
    publish.table("nice_priors", ["prior", "nats"], [("logistic", 1), ("Gaussian", "2.0")])
    assert (folders / "nice_priors.md").read_text() == (
        "| prior | nats |\n| --- | --- |\n| logistic | 1 |\n| Gaussian | 2.0 |\n"
    )
    with pytest.raises(ValueError, match="2 cells, got 1"):
        publish.table("nice_priors", ["prior", "nats"], [("logistic",)])


def test_full_scale_writes_numbers_only(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SCALE", "full")
    assert publish.figure("nice_curve", curve, alt="A line") is None
    publish.table("nice_priors", ["prior"], [("logistic",)])
    publish.numbers("nice", {"bits": 1.0})
    assert [path.name for path in folders.iterdir()] == ["nice.full.json"]


def test_an_unknown_scale_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SCALE", "huge")
    with pytest.raises(ValueError, match="LAB_SCALE must be default or full, got 'huge'"):
        publish.scale()
