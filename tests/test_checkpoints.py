"""Training that is stopped, killed or prolonged goes on to the same numbers."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.testing import assert_close

from tools.checkpoints import Plan, Training

pytestmark = pytest.mark.usefixtures("reproducible")
PLAN = Plan(epochs=3, batch_size=16, rate=0.1, seed=5)


class KilledError(Exception):
    pass


@pytest.fixture
def data() -> list[Tensor]:
    x = torch.randn(72, 4)
    return [x, x.sum(1, keepdim=True) + 0.1 * torch.randn(72, 1)]


def start(path: Path, data: list[Tensor], plan: Plan = PLAN, dies_at: int = -1) -> Training:
    """A model whose loss has noise, so that the state of the random numbers matters."""
    torch.manual_seed(plan.seed)
    calls = [0]

    def loss(model: Any, x: Tensor, y: Tensor, done: float) -> Tensor:
        if calls[0] == dies_at:
            raise KilledError
        calls[0] += 1
        return (model(x + 0.3 * torch.randn_like(x)) - y).square().mean() * (2 - done)

    return Training(path, Accelerator(cpu=True), plan, nn.Linear(4, 1), loss, data)


def run(training: Training, *, every: float = math.inf, asks: int = 10**6) -> None:
    """Train to the end, or until `stop` was asked so many times."""
    wishes: Iterator[bool] = (n >= asks for n in range(10**6))
    while training.epoch < training.plan.epochs:
        if not training.advance(lambda: next(wishes), every=every):
            training.save(measured=False)
            return
        training.finish_epoch(lambda model: {"validation": model.weight.sum().item()})
        training.save()


def same(one: Any, other: Any) -> None:
    assert one.history == other.history
    assert torch.equal(one.model.weight, other.model.weight)
    assert torch.equal(one.best["model"]["weight"], other.best["model"]["weight"])


@pytest.fixture
def whole(tmp_path: Path, data: list[Tensor]) -> Training:
    training = start(tmp_path / "whole.pt", data)
    run(training)
    return training


def test_history_has_an_entry_an_epoch(whole: Training) -> None:
    assert {name: len(values) for name, values in whole.history.items()} == {
        "total": 3,
        "validation": 3,
    }
    assert whole.history["total"][-1] < whole.history["total"][0]


@pytest.mark.parametrize("asks", [0, 4, 5, 8])
def test_stopped_anywhere_it_goes_on_to_the_same_numbers(
    tmp_path: Path, data: list[Tensor], whole: Training, asks: int
) -> None:
    run(start(tmp_path / "part.pt", data), asks=asks)
    resumed = start(tmp_path / "part.pt", data)
    assert (resumed.epoch, resumed.step) == divmod(asks, 5)
    run(resumed)
    same(resumed, whole)


def test_killed_within_an_epoch_it_goes_on_from_the_last_checkpoint(
    tmp_path: Path, data: list[Tensor], whole: Training
) -> None:
    with pytest.raises(KilledError):
        run(start(tmp_path / "part.pt", data, dies_at=8), every=0)
    resumed = start(tmp_path / "part.pt", data)
    assert (resumed.epoch, resumed.step) == (1, 3)
    run(resumed)
    same(resumed, whole)


def test_a_checkpoint_is_whole_or_the_one_before(
    tmp_path: Path, data: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "part.pt"
    run(start(path, data), asks=6)
    before = path.read_bytes()

    def full_disk(state: object, file: Path) -> None:
        file.write_bytes(b"half of a checkp")
        raise OSError("no space left")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="no space left"):
        run(start(path, data))
    assert path.read_bytes() == before


def test_another_plan_is_refused(tmp_path: Path, data: list[Tensor]) -> None:
    run(start(tmp_path / "part.pt", data), asks=6)
    with pytest.raises(ValueError, match=r"trained by .*'rate': 0.1.* another --folder"):
        start(tmp_path / "part.pt", data, Plan(3, 16, 0.2, 5))


def test_cycles_that_double_may_be_prolonged(tmp_path: Path, data: list[Tensor]) -> None:
    plans = [Plan(epochs, 16, 0.1, first_cycle=1) for epochs in (3, 7)]
    run(start(tmp_path / "long.pt", data, plans[1]))
    for plan in plans:
        run(start(tmp_path / "part.pt", data, plan))
    long, part = (start(tmp_path / name, data, plans[1]) for name in ("long.pt", "part.pt"))
    assert part.epoch == 7
    assert_close(part.adam.param_groups[0]["lr"], long.adam.param_groups[0]["lr"])


def test_rates_of_cycles() -> None:
    """Up from 0 to the top in a tenth of a cycle, down to 0 at its end; cycles double."""
    plan = Plan(epochs=7, batch_size=1, rate=0.5, first_cycle=1)
    for start_of, length in ((0, 1), (1, 2), (3, 4), (7, 8)):
        assert plan.rate_at(start_of) == 0
        assert plan.rate_at(start_of + 0.05 * length) == pytest.approx(0.25)
        assert plan.rate_at(start_of + 0.1 * length) == pytest.approx(0.5)
        assert plan.rate_at(start_of + 0.55 * length) == pytest.approx(0.25)
        assert plan.rate_at(start_of + length - 1e-9) == pytest.approx(0, abs=1e-9)
    assert Plan(epochs=4, batch_size=1, rate=0.5).rate_at(0.4) == pytest.approx(0.5)


def test_the_best_epoch_on_validation_is_what_comes_out(tmp_path: Path, data: list[Tensor]) -> None:
    training, values, weights = start(tmp_path / "best.pt", data), iter([3.0, 1.0, 2.0]), []

    def measure(model: Any) -> dict[str, float]:
        weights.append(model.weight.detach().clone())
        return {"validation": next(values)}

    for _ in range(3):
        training.advance(lambda: False, every=math.inf)
        training.finish_epoch(measure)
    result = training.result()
    assert (result.epochs, result.best_epoch) == (3, 2)
    assert torch.equal(result.model.weight, weights[1])
    assert not result.model.weight.requires_grad


def test_a_loss_without_end_is_refused(tmp_path: Path, data: list[Tensor]) -> None:
    training = start(tmp_path / "bad.pt", data, Plan(1, 16, 1e200))
    training.advance(lambda: False, every=math.inf)
    with pytest.raises(FloatingPointError, match="loss must be finite"):
        training.finish_epoch(lambda model: {"validation": 0.0})
