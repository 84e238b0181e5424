"""What a call costs: time of one core, and memory beyond what is there."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile


def peak_bytes(function: Callable[[], object]) -> int:
    """Return the most bytes that tensors made by a call hold at once, its result included."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        kept = function()
    del kept
    assert record.profiler is not None
    events: Any = record.profiler.kineto_results.events()  # pyright: ignore
    changes = [(e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]"]
    held = torch.tensor([size for _, size in sorted(changes)], dtype=torch.int64).cumsum(0)
    return int(held.max()) if len(held) else 0


def cost_of(
    function: Callable[[Tensor], Tensor], x: Tensor, learn: bool, *, calls: int = 9
) -> tuple[float, int]:
    """Return the median milliseconds of a call on x and its peak bytes.

    To learn, the sum of the result is sent backwards to x.
    """
    x = x.detach().clone().requires_grad_(learn)

    def call() -> Tensor:
        result = function(x)
        if learn:
            result.square().sum().backward()
            x.grad = None
        return result.detach()

    took = []
    for _ in range(calls):
        start = time.process_time()
        call()
        took.append(1000 * (time.process_time() - start))
    return sorted(took)[calls // 2], peak_bytes(call)
