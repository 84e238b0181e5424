"""tools/price.py: bytes that are known beforehand, and calls that are counted."""

import torch
from torch import Tensor

from tools.price import cost_of, peak_bytes


def test_peak_counts_what_is_held_at_once() -> None:
    kept = torch.ones(1000)
    assert peak_bytes(lambda: kept.sum()) < 100
    assert 12_000 <= peak_bytes(lambda: torch.ones(1000) + torch.ones(1000)) < 12_200
    assert 4_000 <= peak_bytes(lambda: [torch.ones(1000).sum() for _ in range(9)]) < 5_000


def test_cost_is_that_of_the_call_and_of_its_gradient() -> None:
    seen: list[bool] = []

    def function(x: Tensor) -> Tensor:
        seen.append(x.requires_grad)
        return x * 2

    x = torch.ones(1000)
    _, held = cost_of(function, x, learn=False, calls=3)
    assert seen == [False] * 4
    milliseconds, learnt = cost_of(function, x, learn=True, calls=3)
    assert seen[4:] == [True] * 4
    assert 4_000 <= held < learnt
    assert 0 < milliseconds < 1000
    assert x.grad is None
