"""Refusals of wrong counts, dtypes and shapes: what was expected, and what came."""

from typing import Any

import pytest
import torch

from snippets.checks import require_alike, require_count, require_counts, require_dtype

ONE = torch.zeros(2)


def test_lets_through_what_is_right() -> None:
    require_dtype("x", ONE)
    require_dtype("x", ONE.double())
    require_dtype("x", ONE.long(), torch.int32, torch.int64)
    require_alike("x", ONE, "y", ONE + 1)
    require_counts(layers=1, heads=3)
    require_count("rank", 0, 0, 4)


@pytest.mark.refusal
def test_refuses_the_rest() -> None:
    with pytest.raises(TypeError, match=r"^x must be float32 or float64, got torch.int64$"):
        require_dtype("x", ONE.long())
    with pytest.raises(TypeError, match=r"^x must be torch.float64, got torch.float32$"):
        require_dtype("x", ONE, torch.float64)
    with pytest.raises(ValueError, match=r"^shape of x must be \(2,\), got \(1, 2\)$"):
        require_alike("x", ONE[None], "y", ONE)
    with pytest.raises(TypeError, match=r"^x must be torch.float64, got torch.float32$"):
        require_alike("x", ONE, "y", ONE.double())
    with pytest.raises(TypeError, match=r"^y must be float32 or float64, got torch.int64$"):
        require_alike("x", ONE, "y", ONE.long())


@pytest.mark.refusal
@pytest.mark.parametrize(
    ("count", "message"),
    [
        (0, "heads must be at least 1, got 0"),
        (2.0, "heads must be a whole number, got 2.0"),
        (True, "heads must be a whole number, got True"),
        ("3", "heads must be a whole number, got '3'"),
        (float("nan"), "heads must be a whole number, got nan"),
    ],
)
def test_refuses_what_counts_nothing(count: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        require_counts(heads=count)


@pytest.mark.refusal
@pytest.mark.parametrize("count", [-1, 5])
def test_refuses_counts_out_of_bounds(count: int) -> None:
    with pytest.raises(ValueError, match=f"^rank must be 0 to 4, got {count}$"):
        require_count("rank", count, 0, 4)
