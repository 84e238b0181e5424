"""What is refused: the page says what comes of each wrong argument, and of every public name."""

import importlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tools.robustness import __main__ as page
from tools.robustness.samples import samples
from tools.robustness.table import Case, kind, tables
from tools.robustness.wrong import Sample, finite, outcome, wrong_values

ROOT = Path(__file__).parents[1]
MODULES = ("vae", "svd", "capsules", "nice", "infomax", "bottleneck", "sinusoidal", "positions")
# Parts that are called with arguments which were checked before, and base classes.
INNER = {
    "capsules.cost",
    "capsules.route",
    "nice.logistic_draw",
    "positions.Scheme",
    "sinusoidal.require_base",
}


@pytest.mark.refusal
def test_the_page_and_the_list_say_what_comes() -> None:
    written, words = page.written()
    advice = "run `python -m tools.robustness`, and review the difference"
    assert page.PAGE.read_text("utf-8") == written, advice
    assert page.WORDS.read_text("utf-8") == words, advice


def public_names() -> Iterator[str]:
    """All functions and classes of the articles' modules, less results that are tuples."""
    for name in MODULES:
        module = importlib.import_module(f"snippets.{name}")
        for key in getattr(module, "__all__", dir(module)):
            value = getattr(module, key)
            own = getattr(value, "__module__", "").startswith(module.__name__)
            named_tuple = inspect.isclass(value) and issubclass(value, tuple)
            if own and callable(value) and not key.startswith("_") and not named_tuple:
                yield f"{name}.{key}"


def test_no_public_name_is_left_out() -> None:
    listed = {".".join(sample.name.partition(",")[0].split(".")[:2]) for sample in samples()}
    assert set(public_names()) - listed == INNER


def test_right_arguments_are_right() -> None:
    for sample in samples():
        torch.manual_seed(0)
        assert finite(sample.call(**sample.arguments)), sample.name


def test_every_way_to_be_wrong_is_another() -> None:
    every = dict(wrong_values(torch.ones(2, 3)))
    assert len(every) == 13
    assert [every[name].shape for name in ("axis more", "axis less", "no axes", "empty")] == [
        (1, 2, 3), (3,), (), (0, 3)
    ]  # fmt: skip
    assert every["last axis - 1"].shape == (2, 2)
    assert every["first axis + 1"].shape == (3, 3)
    assert int(every["NaN"].isnan().sum()) == int(every["infinity"].isinf().sum()) == 1
    assert dict(wrong_values(torch.tensor([3])))["1000"].tolist() == [1000]
    assert [value for _, value in wrong_values(0.5)][2:4] == [-1, 0]
    assert dict(wrong_values((2, 3)))["-1"] == (-1, 3)
    assert not list(wrong_values(True))


@pytest.mark.parametrize(
    ("call", "came"),
    [
        (lambda x: x, "result"),
        (lambda x: (x, [x.log()]), "NaN or infinity"),
        (lambda x: x.mean() / 0, "NaN or infinity"),
        (lambda x: float(x) * float("nan"), "NaN or infinity"),
        (lambda x: x.nothing, "AttributeError"),
        (lambda x: torch.linalg.qr(x, 1, 2, 3), "TypeError"),
        (lambda x: int("x must be a number"), "ValueError: "),
    ],
)
def test_what_came_is_told_from_the_rest(call: Any, came: str) -> None:
    assert outcome(Sample("name", call, {"x": 1}), "x", torch.tensor(0.0)).startswith(came)


def test_what_is_accepted_needs_a_reason() -> None:
    excused = Case("svd.low_rank", "rank", "0", "result")
    assert "result" not in kind(excused)
    assert len(kind(excused)) == 1
    assert kind(Case("x.y", "z", "NaN", "NaN or infinity")) == "NaN or infinity"
    for case in (
        Case("svd.low_rank", "rank", "-1", "result"),
        Case("svd.low_rank", "matrix", "empty", "NaN or infinity"),
        Case("svd.low_rank", "rank", "text", "RuntimeError"),
    ):
        with pytest.raises(ValueError, match="0 reasons for it"):
            kind(case)


def test_a_table_counts_and_sorts() -> None:
    text = tables([
        Case("svd.low_rank", "rank", "0", "result"),
        Case("svd.low_rank", "rank", "-1", "ValueError: rank must be 0 to 4, got -1"),
        Case("svd.low_rank", "matrix", "NaN", "NaN or infinity"),
    ])  # fmt: skip
    assert "3 wrong arguments of 1 calls." in text
    assert "ValueError: 1, a result: 1" in text.replace("NaN or infinity: 1, ", "")
    assert "| `low_rank` | `rank` | \N{MINUS SIGN}1 | – | – | 0 (g) |" in text
    assert "|  | `matrix` | – | – | NaN | – |" in text


def test_the_list_holds_the_words_of_errors() -> None:
    words = json.loads((ROOT / "docs" / "robustness.json").read_text("utf-8"))
    said = words["vae.gaussian_kl"]["log_var"]["axis less"]
    assert said == "ValueError: shape of log_var must be (3, 2), got (2,)"
