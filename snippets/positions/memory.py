"""How much memory tensors hold while some code runs, on any device.

Article:  none of its own; the survey of docs/articles/positions.md asks it.
Source:   none.
Shapes:   any.
Units:    bytes.
"""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


def peak_memory(work: Callable[[], object]) -> int:
    """Return the most bytes that tensors made by a piece of work held.

    What a kernel keeps to itself is not seen.
    """
    with _Meter() as meter:
        work()
    return meter.most


class _Meter(TorchDispatchMode):
    """Count the bytes of storages that some new tensor still holds."""

    def __init__(self) -> None:
        super().__init__()
        self.held = self.most = 0
        self.holders: dict[int, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        old = {x.data_ptr() for x in _storages(args)}
        for x in out if isinstance(out, tuple | list) else [out]:
            if not isinstance(x, Tensor):
                continue
            storage = x.untyped_storage()
            place, size = storage.data_ptr(), storage.nbytes()
            if place in self.holders or place not in old:
                self._hold(place, size)
                weakref.finalize(x, self._drop, place, size)
        return out

    def _hold(self, place: int, size: int) -> None:
        first = place not in self.holders
        self.holders[place] = self.holders.get(place, 0) + 1
        self.held += size if first else 0
        self.most = max(self.most, self.held)

    def _drop(self, place: int, size: int) -> None:
        self.holders[place] -= 1
        if not self.holders[place]:
            del self.holders[place]
            self.held -= size


def _storages(args: Any) -> list[torch.UntypedStorage]:
    flat = [x for a in args for x in (a if isinstance(a, list) else (a,))]
    return [x.untyped_storage() for x in flat if isinstance(x, Tensor)]
