"""Comparisons over seeds, against SciPy and by hand."""

import numpy as np
import pytest
import torch
from scipy import stats

from snippets.comparisons import best_marked, paired_differences

pytestmark = pytest.mark.usefixtures("reproducible")


def test_pairs_are_compared_as_scipy_does() -> None:
    """stats.ttest_rel, and Holm's correction by its definition."""
    scores = torch.randn(5, 6) + torch.arange(6) / 2
    means, values = paired_differences(scores, 2)
    raw = [stats.ttest_rel(scores[:, i], scores[:, 2]).pvalue for i in (0, 1, 3, 4, 5)]
    order = np.argsort(raw)
    holm, worst = np.empty(5), 0.0
    for rank, place in enumerate(order):
        worst = max(worst, min(1.0, (5 - rank) * raw[place]))
        holm[place] = worst
    np.testing.assert_allclose(values[[0, 1, 3, 4, 5]], holm, rtol=1e-4)
    np.testing.assert_allclose(means, (scores - scores[:, 2:3]).mean(0), atol=1e-6)
    assert values[2] == 1
    assert means[2] == 0


def test_equal_scores_differ_by_nothing() -> None:
    means, values = paired_differences(torch.ones(3, 2), 1)
    assert means.tolist() == [0, 0]
    assert values.tolist() == [1, 1]


def test_the_best_is_marked_and_what_is_not_told_apart_from_it() -> None:
    seeds = torch.arange(5.0)[:, None] / 100
    right = (
        seeds
        + torch.tensor([0.1, 0.9, 0.9, torch.nan])
        + torch.tensor([0.0, 0, 1, 0]) * (torch.tensor([0.02, -0.03, 0.01, 0.0, -0.01])[:, None])
    )
    columns = {"right": right, "bits": right}
    rows, numbers = best_marked(columns, ["a", "b", "c", "d"], low=["bits"])
    rows = [[cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row] for row in rows]
    assert rows[0] == ["a", "0.12 ± 0.02", "0.12 ± 0.02 †"]
    assert rows[1] == ["b", "0.92 ± 0.02 †", "0.92 ± 0.02"]
    assert rows[2][1].endswith(" †")
    assert rows[3] == ["d", "refuses", "refuses"]
    assert "d: right" not in numbers
    (whole, *_), _ = best_marked({"x": 100 * right}, ["a", "b", "c", "d"], digits=0)
    assert whole[1] == "12\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}2"
    mean, spread, behind, p = numbers["a: right"]
    assert mean == pytest.approx(0.12)
    assert spread == pytest.approx(np.std([0.1, 0.11, 0.12, 0.13, 0.14], ddof=1))
    assert behind == pytest.approx(0.8)
    assert p < 1e-6
    assert numbers["b: bits"][2] == pytest.approx(0.8)
    assert numbers["a: bits"][2:] == [0, 1]


@pytest.mark.refusal
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: paired_differences(torch.ones(1, 2), 0), "members of scores must be at least 2"),
        (lambda: paired_differences(torch.ones(2, 2), 2), "reference must be 0 to 1, got 2"),
        (lambda: best_marked({"x": torch.ones(2, 2)}, ["a"]), "shape of x must be"),
        (lambda: best_marked({"x": torch.full((2, 1), torch.nan)}, ["a"]), "x must be finite"),
    ],
)
def test_refuses(call, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()
