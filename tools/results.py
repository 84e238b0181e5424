"""How results are written: numbers as JSON, rows as a Markdown table."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def as_json(values: Mapping[str, object]) -> str:
    """Write numbers to six digits, sorted by name; arrays and tensors become lists."""
    rounded = {key: _rounded(value, key) for key, value in values.items()}
    return json.dumps(rounded, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def as_table(name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write rows below their header; `name` is for the complaint about one of another length."""
    lines = [header, ["---"] * len(header), *rows]
    for line in lines:
        if len(line) != len(header):
            raise ValueError(f"{name}: rows must have {len(header)} cells, got {len(line)}: {line}")
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def mean_and_spread(values: Any, decimals: int = 2) -> str:
    """Write the mean of some runs and, if there are several, their standard deviation."""
    mean = f"{values.mean():.{decimals}f}"
    return f"{mean} ± {values.std():.{decimals}f}" if len(values) > 1 else mean


def _rounded(value: Any, key: str) -> Any:
    """Round to six significant digits what JSON can hold; arrays and tensors become lists."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    match value:
        case str() | int():
            return value
        case float() if math.isfinite(value):
            return float(f"{value:.6g}")
        case list() | tuple():
            return [_rounded(item, key) for item in value]
    raise ValueError(f"{key} must be finite numbers, text or lists of them, got {value!r}")
