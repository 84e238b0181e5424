"""What can be wrong with an argument, and what comes of it."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

NAN, INFINITY = float("nan"), float("inf")


class Sample(NamedTuple):
    """A public name, what calls it, and arguments that are right.

    `other` holds, by argument, what else can be wrong with it.
    """

    name: str
    call: Callable[..., Any]
    arguments: dict[str, Any]
    other: dict[str, dict[str, Any]] | None = None


def wrong_values(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield, by what is wrong, values that should not stand in for a right one."""
    if torch.is_tensor(value):
        yield from _wrong_tensors(value)
    elif isinstance(value, bool):
        return
    elif isinstance(value, int | float):
        yield from _wrong_numbers(value)
    elif isinstance(value, str):
        yield "other", "other"
    elif isinstance(value, tuple | list) and all(isinstance(each, int) for each in value):
        yield from {"none": (), "0": (0, *value[1:]), "-1": (-1, *value[1:])}.items()
        yield from {"2.5": (2.5, *value[1:]), "text": "no"}.items()


def _wrong_numbers(value: float) -> Iterator[tuple[str, Any]]:
    yield from {"NaN": NAN, "infinity": INFINITY, "-1": -1, "0": 0, "text": "1"}.items()
    if isinstance(value, int):
        yield from {"2.5": 2.5, "True": True}.items()


def _wrong_tensors(x: Tensor) -> Iterator[tuple[str, Any]]:
    yield "axis more", x[None]
    if x.ndim:
        yield "axis less", x[0]
        yield "no axes", x.flatten()[0]
        yield "last axis - 1", x[..., :-1]
        yield "first axis + 1", torch.cat([x, x[:1]])
        yield "empty", x[:0]
    if x.is_floating_point():
        yield from {"int64": x.long(), "float64": x.double(), "bfloat16": x.bfloat16()}.items()
        yield from {"complex64": x + 0j, "NaN": _marked(x, NAN)}.items()
        yield from {"infinity": _marked(x, INFINITY), "-infinity": _marked(x, -INFINITY)}.items()
    else:
        yield from {"float32": x.float(), "bool": x > 0}.items()
        yield from {"-1000": _marked(x, -1000), "1000": _marked(x, 1000)}.items()


def _marked(x: Tensor, number: float) -> Tensor:
    """Return a copy whose first entry is another number."""
    x = x.clone(memory_format=torch.contiguous_format)
    x.view(-1)[0] = number
    return x


def outcome(sample: Sample, argument: str, value: Any) -> str:
    """Say what comes of one wrong argument: an error and its words, a number, or a result."""
    torch.manual_seed(0)
    try:
        result = sample.call(**sample.arguments | {argument: value})
    except Exception as error:  # which one it is, is the question
        words = " ".join(str(error).split())
        # Those of Python and PyTorch change with their versions.
        return type(error).__name__ + (f": {words}" if " must be " in words else "")
    return "result" if finite(result) else "NaN or infinity"


def finite(result: Any) -> bool:
    """Say whether all numbers of a result are finite."""
    if torch.is_tensor(result):
        return bool(result.isfinite().all())
    if isinstance(result, nn.Module):
        return all(finite(each) for each in result.parameters())
    if isinstance(result, tuple | list):
        return all(finite(each) for each in result)
    if isinstance(result, float):
        return math.isfinite(result)
    return True
