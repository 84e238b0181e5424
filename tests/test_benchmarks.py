"""The benchmarks: sides agree in value, results are whole, the page quotes them, fits are right."""

import copy
import importlib
import math
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.colors import to_hex
from torch import nn

from benchmarks import duels
from benchmarks.duels import Duel, Step, contest, fit, memory, merged, require_equal
from tools import ratios
from tools.articles import read
from tools.charts.ratios import bars
from tools.palette import LIGHT

mpl.use("agg")

ROOT = Path(__file__).parents[1]
SLUGS = ("nice", "positions", "capsules", "vae", "bottleneck", "infomax", "svd")
SLOWER = 0.95  # of our time: from here on the page owes a reason


@pytest.fixture(scope="module")
def found() -> ratios.Found:
    return ratios.load(ROOT)


@pytest.fixture
def module(request: pytest.FixtureRequest) -> Any:
    """A module of benchmarks, imported no sooner than needed: its libraries take their time."""
    return importlib.import_module(f"benchmarks.{request.param}")


each_module = pytest.mark.parametrize("module", SLUGS, indirect=True)
# x-transformers scripts a function, as PyTorch no longer likes.
quietly = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")


@quietly
@each_module
def test_all_sides_return_the_same(module: Any) -> None:
    """Libraries are the independent route, with our weights copied into them."""
    for make in module.DUELS.values():
        duel = make(small=True)
        assert duel.rivals
        require_equal(duel)


@quietly
@each_module
def test_results_are_whole(module: Any, found: ratios.Found) -> None:
    slug = module.__name__.rpartition(".")[2]
    for name, make in module.DUELS.items():
        values = found[f"{slug}/{name}"]
        duel = make(small=True)
        assert values["rivals"] == [*duel.rivals]
        assert values["yardsticks"] == [*duel.yardsticks]
        for side in duel.sides:
            middle, low, high = values[side]
            assert 0 < low <= middle <= high
            assert (f"{side}, memory" in values) == duel.memory
    for name, growth in module.GROWTH.items():
        values = found[f"{slug}/{name}"]
        assert values["sizes"] == [*growth.sizes]
        for cost, law in (("time", growth.time), ("memory", growth.memory)):
            assert values[f"{cost}, law"] == law
            again = fit(growth.sizes, values[cost], law)
            assert values[f"{cost}, fit"] == pytest.approx(list(again), rel=0.02, abs=2e-3)
    for name in getattr(module, "SHARES", {}):
        assert all(math.isfinite(value) for value in found[f"{slug}/{name}"].values())


def test_page_shows_what_was_measured(found: ratios.Found) -> None:
    """Tables are those of the results; whoever is faster than we are is named in the prose."""
    page = read(ROOT / ratios.PAGE)
    for name, text in ratios.tables(found).items():
        assert (ROOT / ratios.TABLES / f"{name}.md").read_text("utf-8") == text
        assert f'--8<-- "{ratios.TABLES / name}.md"' in page.text
    keys = ratios.quoted(page)
    assert {key.partition("/")[0] for key in keys} >= {*SLUGS, "machine"}
    faster = {
        f"{module}/{what}/{name}[0]"
        for module, what, values in ratios.duels(found)
        for name in values["rivals"]
        if values[name][0] < SLOWER
    }
    assert faster <= keys


@pytest.mark.parametrize("law", [0.5, 1.0, 2.0, 3.0])
def test_fits_recover_known_exponents(law: float) -> None:
    """A power law under a constant: it is found above, and said to be left below."""
    sizes = [2**power for power in range(4, 14)]
    exact = fit(sizes, [3.0 * size**law for size in sizes], law)
    assert exact == pytest.approx((law, 0, sizes[0]), abs=1e-9)
    start = [64**law + size**law for size in sizes]
    found = fit(sizes, start, law)
    assert found.exponent == pytest.approx(law, abs=0.15)
    assert found.error > 1e-4
    slopes = [math.log2(b / a) for a, b in pairwise(start)]
    late = next(
        size for size, slope in zip(sizes, slopes, strict=False) if law - slope < duels.LEFT
    )
    assert found.since == late
    assert fit(sizes, start, law + 1).since == 0


def test_error_of_a_fit_is_that_of_least_squares() -> None:
    """NumPy's covariance of a straight line."""
    numpy = pytest.importorskip("numpy")
    sizes, costs = [1, 2, 4, 8, 16, 32], [1.0, 2.5, 3.5, 9.0, 15.0, 34.0]
    line, covariance = numpy.polyfit(numpy.log(sizes[2:]), numpy.log(costs[2:]), 1, cov=True)
    found = fit(sizes, costs, 1)
    assert found.exponent == pytest.approx(line[0])
    assert found.error == pytest.approx(covariance[0, 0] ** 0.5)


class Plugin:
    """What `contest` uses of pytest-benchmark's fixture, with a clock that the sides set."""

    def __init__(self) -> None:
        self.data: list[float] = []
        self.stats = self
        self.order: list[str] = []

    def pedantic(self, target: Any, *, setup: Any, rounds: int, warmup_rounds: int) -> None:
        """Call the target with what `setup` gives, as the plugin does."""
        for number in range(warmup_rounds + rounds):
            arguments, named = setup()
            before = len(self.order)
            target(*arguments, **named)
            done = self.order[before:]
            if number >= warmup_rounds:
                self.data.append(sum({"a": 1.0, "b": 3.0, "c": 0.5}[name] for name in done))


def test_sides_take_turns_and_ratios_are_of_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = Plugin()
    monkeypatch.setattr(duels, "_seconds", lambda work: work())
    times = {"a": 1e-3, "b": 1e-4, "c": 1e-2}  # so that loops are 2, 20 and 1

    def side(name: str) -> duels.Work:
        return lambda: (plugin.order.append(name), times[name])[1]

    found = contest(Duel(side("a"), {"b": side("b")}, {"c": side("c")}), plugin)
    rounds = plugin.order[3:]  # what is not yet loops was to see how long each takes
    turn = 2 + 20 + 1
    firsts = set()
    for start in range(0, len(rounds), turn):
        each = rounds[start : start + turn]
        assert sorted(each) == ["a"] * 2 + ["b"] * 20 + ["c"]
        assert len([*groupby(each)]) == 3
        firsts.add(each[0])
    assert firsts == {"a", "b", "c"}  # no side is always the first
    assert found["ours"] == [1e3] * 3
    assert found["b"] == [3.0] * 3
    assert found["c"] == [0.5] * 3
    assert (found["rivals"], found["yardsticks"]) == (["b"], ["c"])
    assert found["turns"] == duels.TURNS[-1]


def test_spread_is_the_median_between_quartiles() -> None:
    assert duels.spread([4.0, 1.0, 2.0, 3.0, 5.0]) == [3.0, 2.0, 4.0]


def test_gradients_that_were_there_are_no_relief() -> None:
    """Each call frees those of the call before, which must not hide what it makes itself."""
    layer = nn.Linear(100, 100, bias=False)
    step = Step(layer, lambda: layer(torch.ones(1, 100)).square().mean())
    step()
    assert duels.held(step) > layer.weight.nbytes


def test_memory_is_in_units_of_ours() -> None:
    duel = Duel(lambda: torch.ones(1000), {"twice": lambda: (torch.ones(1000), torch.ones(1000))})
    assert memory(duel) == {"ours, memory": pytest.approx(0.004), "twice, memory": 2.0}


def test_a_side_that_differs_is_refused() -> None:
    """In its value, or only in the gradient, which Adam would hide."""
    one = torch.ones(3)
    with pytest.raises(AssertionError, match="other, call 1"):
        require_equal(Duel(lambda: one, {"same": one.clone, "other": lambda: 1.001 * one}))
    torch.manual_seed(0)
    net, x = nn.Linear(2, 1), torch.ones(2)
    other = copy.deepcopy(net)
    ours = Step(net, lambda: net(x).square().sum())

    def wrong(factor: float) -> Step:
        def value() -> torch.Tensor:
            right = other(x).square().sum()
            return factor * right + (1 - factor) * right.detach()

        return Step(other, value)

    require_equal(Duel(ours, {"other": wrong(1.0)}))
    with pytest.raises(AssertionError, match="other, call 1"):
        require_equal(Duel(ours, {"other": wrong(1.01)}))


def test_results_of_another_machine_are_forgotten() -> None:
    known = {"machine/cores": 2, "a/b/ours": 1, "a/b/gone": 2, "a/c/ours": 3}
    new = {"machine/cores": 2, "a/b/ours": 4}
    assert merged(known, new) == {"machine/cores": 2, "a/b/ours": 4, "a/c/ours": 3}
    assert merged(known, new | {"machine/cores": 4}) == {"machine/cores": 4, "a/b/ours": 4}


def test_bars_start_at_one_and_show_both_quartiles() -> None:
    draw = bars({"m": {"slow": (2.0, 1.5, 3.0), "fast": (0.5, 0.4, 0.6)}}, "ratio")
    axes: Any = draw(LIGHT).axes[0]
    plt.close("all")
    ends = [sorted((bar.get_x(), bar.get_x() + bar.get_width())) for bar in axes.patches]
    assert ends == [pytest.approx([1, 2]), pytest.approx([0.5, 1])]
    assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == [*LIGHT.data[:2]]
    assert [[*line.get_xdata()] for line in axes.lines[:2]] == [[1.5, 3.0], [0.4, 0.6]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["m", "slow", "fast"]
    assert [*axes.get_yticks()] == [0, 1, 2]
