"""Refusals of wrong dtypes and shapes: what was expected, and what came."""

import pytest
import torch

from snippets.dtypes import require_dtype, require_like

ONE = torch.zeros(2)


def test_lets_through_what_is_right() -> None:
    require_dtype("x", ONE)
    require_dtype("x", ONE.double())
    require_dtype("x", ONE.long(), torch.int32, torch.int64)
    require_like("x", ONE, ONE + 1)


@pytest.mark.refusal
def test_refuses_the_rest() -> None:
    with pytest.raises(TypeError, match=r"^x must be torch.float32 or torch.float64, got torch.i"):
        require_dtype("x", ONE.long())
    with pytest.raises(TypeError, match=r"^x must be torch.float64, got torch.float32$"):
        require_dtype("x", ONE, torch.float64)
    with pytest.raises(ValueError, match=r"^shape of x must be \(2,\), got \(1, 2\)$"):
        require_like("x", ONE[None], ONE)
    with pytest.raises(TypeError, match=r"^x must be torch.float64, got torch.float32$"):
        require_like("x", ONE, ONE.double())
