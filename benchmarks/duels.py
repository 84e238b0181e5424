"""What all benchmarks share: sides that do the same work, proved equal, then timed in turn.

A module of this package has `DUELS`, functions that set a comparison up at a size, `GROWTH`, what
is measured at growing sizes, and perhaps `SHARES`, other numbers. `small` sizes are for the test
that all sides agree; the others are those that are timed.
"""

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import unwrap
from random import Random
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.testing import assert_close

from tools.price import peak_bytes

Work = Callable[[], Any]
Results = dict[str, Any]  # under "module/what/whom", as docs/benchmarks.json has them

TURNS = range(9, 61)  # of each duel
SECONDS = 3.0  # that a duel may take
LEAST = 3  # calls at each size, the quickest of which counts
ROUND = 2e-3  # seconds that a round lasts at least
LEFT = 0.25  # how far a local slope may lie from the law that it is said to follow


@dataclass(frozen=True)
class Duel:
    """One piece of work, as we do it and as others do.

    Args:
        ours: Does the work, and returns what must be equal.
        rivals: Others that do it, by name.
        yardsticks: What does less, or other work: stated beside, and never compared in value.
        memory: Whether peak memory is compared, too.
        tolerance: How far values may differ, relative to 1 and to the value itself.
        calls: How many in a row must be equal; a steep loss makes rounding grow from step to step.
    """

    ours: Work
    rivals: Mapping[str, Work]
    yardsticks: Mapping[str, Work] = field(default_factory=dict)
    memory: bool = False
    tolerance: float = 1e-4
    calls: int = 2

    @property
    def sides(self) -> dict[str, Work]:
        """All that take turns, ours first."""
        return {"ours": self.ours, **self.rivals, **self.yardsticks}


@dataclass(frozen=True)
class Growth:
    """Work of growing sizes, and the power of the size that time and memory should follow."""

    make: Callable[[int], Work]
    sizes: Sequence[int]
    over: str
    time: float
    memory: float


class Fit(NamedTuple):
    """A power law through measurements, and the size from which on they keep to another one."""

    exponent: float
    error: float
    since: int


class Step:
    """A step of Adam on the weights of a model; a call returns the loss before it.

    Args:
        model: Its weights move at each call.
        loss: Of the model.
    """

    def __init__(self, model: nn.Module, loss: Callable[[], Tensor]) -> None:
        self.parameters = [*model.parameters()]
        self.adam, self.loss = torch.optim.Adam(self.parameters), loss

    def __call__(self) -> Tensor:
        """Take the step."""
        self.adam.zero_grad()
        value = self.loss()
        value.backward()
        self.adam.step()
        return value.detach()

    def slope(self) -> Tensor:
        """Return the norm of the gradient of the last step: Adam hides the scale of it."""
        grads = [torch.as_tensor(each.grad) for each in self.parameters]
        return torch.stack([grad.norm() for grad in grads]).norm()


def require_equal(duel: Duel) -> None:
    """Fail unless all rivals return what we do, call after call, from the same random state."""
    for call in range(duel.calls):
        torch.manual_seed(call)
        expected = _seen(duel.ours)
        for name, rival in duel.rivals.items():
            torch.manual_seed(call)
            assert_close(
                _seen(rival), expected, rtol=duel.tolerance, atol=duel.tolerance,
                msg=lambda said, name=name, call=call: f"{name}, call {call + 1}: {said}",
            )  # fmt: skip


def _seen(work: Work) -> Any:
    """Call a side, and return all that must be equal."""
    result, step = work(), unwrap(work)
    return [result, step.slope()] if isinstance(step, Step) else result


def contest(duel: Duel, benchmark: Any) -> Results:
    """Let the sides take turns under pytest-benchmark, and return what came of it.

    The plugin knows no rivals, but asks a `setup` what to call in each round: here, the next side.
    Each turn has an order of its own, since a side feels the caches and the threads that the one
    before it left. A ratio is that of a rival's time to ours in the same turn.
    """
    sides = duel.sides
    once = {name: _seconds(work) for name, work in sides.items()}
    loops = {name: max(1, round(ROUND / seconds)) for name, seconds in once.items()}
    turn = sum(once[name] * loops[name] for name in once)
    turns = min(max(int(SECONDS / turn), TURNS[0]), TURNS[-1])
    shuffle = Random(0).sample
    order = [name for _ in range(turns + 1) for name in shuffle([*sides], len(sides))]
    following = iter([(sides[name], loops[name]) for name in order])
    benchmark.pedantic(
        _repeat, setup=lambda: (next(following), {}),
        rounds=turns * len(sides), warmup_rounds=len(sides),
    )  # fmt: skip
    columns: dict[str, list[float]] = {name: [] for name in sides}
    for name, seconds in zip(order[len(sides) :], benchmark.stats.stats.data, strict=True):
        columns[name].append(seconds / loops[name])
    return _compared(duel, columns, turns) | (memory(duel) if duel.memory else {})


def _compared(duel: Duel, columns: dict[str, list[float]], turns: int) -> Results:
    """Return our milliseconds, and the ratios of all others to them."""
    ours = columns.pop("ours")
    found: Results = {"ours": spread([1e3 * seconds for seconds in ours]), "turns": turns}
    found |= {"rivals": [*duel.rivals], "yardsticks": [*duel.yardsticks]}
    for name, column in columns.items():
        found[name] = spread([theirs / own for theirs, own in zip(column, ours, strict=True)])
    return found


def memory(duel: Duel) -> Results:
    """Return the peak memory of a call in megabytes, and for the others in units of ours."""
    peaks = {name: held(work) for name, work in duel.sides.items()}
    ours = peaks.pop("ours")
    return {"ours, memory": ours / 1e6} | {f"{n}, memory": each / ours for n, each in peaks.items()}


def held(work: Work) -> int:
    """Return the peak bytes of a call. Gradients that were there before would count as a relief."""
    step = unwrap(work)
    if isinstance(step, Step):
        step.adam.zero_grad()
    return peak_bytes(work)


def spread(values: Sequence[float]) -> list[float]:
    """Return the median and the quartiles below and above it."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return [middle, low, high]


def with_gradients(function: Callable[..., Any], inputs: Sequence[Tensor]) -> Work:
    """Return a call that sends ones back from all results, and returns them and the gradients."""

    def call() -> list[Tensor]:
        leaves = [x.detach().requires_grad_() for x in inputs]
        results = function(*leaves)
        results = [results] if torch.is_tensor(results) else list(results)
        torch.autograd.backward(results, [torch.ones_like(each) for each in results])
        return [*(each.detach() for each in results), *(torch.as_tensor(x.grad) for x in leaves)]

    return call


def share(part: Work, whole: Work) -> float:
    """Return the median of ratios of the time of a part to that of the whole, in turn."""
    for work in (part, whole):
        work()
    return statistics.median(_timed(part) / _timed(whole) for _ in range(TURNS[-1]))


def grown(growth: Growth) -> Results:
    """Measure time and peak memory at each size, and fit a power law to either."""
    costs = [price(growth.make(size)) for size in growth.sizes]
    found: Results = {"over": growth.over, "sizes": list(growth.sizes)}
    for name, law, column in zip(
        ("time", "memory"), (growth.time, growth.memory), zip(*costs, strict=True), strict=True
    ):
        found[name] = list(column)
        found[f"{name}, law"] = law
        found[f"{name}, fit"] = list(fit(growth.sizes, column, law))
    return found


def price(work: Work, *, seconds: float = 0.15) -> tuple[float, float]:
    """Return the least milliseconds of several calls, and the peak megabytes of one."""
    work()
    times: list[float] = []
    while len(times) < LEAST or (sum(times) < seconds and len(times) < TURNS[-1]):
        times.append(_timed(work))
    return 1e3 * min(times), held(work) / 1e6


def fit(sizes: Sequence[int], costs: Sequence[float], law: float) -> Fit:
    """Fit a power law to the upper half of measurements, by least squares of the logarithms.

    Returns:
        Its exponent, the standard error of that, and the least size from which on all local
        slopes lie within a quarter of the expected law; 0 if the last one does not.
    """
    x, y = (torch.tensor(each, dtype=torch.float64).log() for each in (sizes, costs))
    slopes = (y.diff() / x.diff()).tolist()
    start = len(sizes) // 2 - 1
    across, up = x[start:] - x[start:].mean(), y[start:] - y[start:].mean()
    exponent = (across @ up / across.square().sum()).item()
    rest = (up - exponent * across).square().sum() / (len(up) - 2)
    since = 0
    for size, slope in zip(reversed(sizes[:-1]), reversed(slopes), strict=True):
        if abs(slope - law) > LEFT:
            break
        since = size
    return Fit(exponent, (rest / across.square().sum()).sqrt().item(), since)


def merged(known: Results, new: Results) -> Results:
    """Put new results in the place of old ones of the same names; keep none of another machine."""
    ran_on = {key: value for key, value in new.items() if key.startswith("machine/")}
    if any(known.get(key) != value for key, value in ran_on.items()):
        known = {}
    fresh = {key.rpartition("/")[0] for key in new}
    kept = {key: value for key, value in known.items() if key.rpartition("/")[0] not in fresh}
    return kept | new


def written(results: Results) -> str:
    """Write results as the file holds them: sorted, with four digits."""
    lines = [
        f"  {json.dumps(key, ensure_ascii=False)}: {json.dumps(rounded(results[key]))}"
        for key in sorted(results)
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def rounded(value: Any) -> Any:
    """Round numbers, also those in lists, to four significant digits."""
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _repeat(work: Work, count: int) -> None:
    for _ in range(count):
        work()


def _seconds(work: Work) -> float:
    """Return how long a call takes that is not the first."""
    work()
    return min(_timed(work) for _ in range(2))


def _timed(work: Work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
