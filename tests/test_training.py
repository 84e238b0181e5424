"""The training loop of the labs, checked on problems whose solution is known."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from snippets.training import batches, fit
from tests.launching import launch

pytestmark = pytest.mark.usefixtures("reproducible")


class Loss(NamedTuple):
    total: Tensor
    squares: Tensor
    penalty: Tensor


def regression() -> tuple[nn.Linear, list[Tensor], Tensor]:
    """A model, data and the least-squares solution by LAPACK."""
    x = torch.randn(200, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.1 * torch.randn(200, 1)
    return nn.Linear(3, 1, bias=False), [x, y], torch.linalg.lstsq(x, y).solution.T


def test_batches_yield_every_row_once_and_rows_together() -> None:
    index = torch.arange(10)
    seen = list(batches([index, index**2], 4, generator=torch.Generator().manual_seed(3)))
    assert [len(first) for first, _ in seen] == [4, 4, 2]
    assert all(torch.equal(first**2, second) for first, second in seen)
    order = torch.cat([first for first, _ in seen])
    assert torch.equal(order.sort().values, index)
    assert not torch.equal(order, index)


def test_one_row_is_a_batch() -> None:
    assert [batch[0].tolist() for batch in batches([torch.tensor([7])], 3)] == [[7]]


def test_batches_come_in_a_new_order_each_time_and_can_be_repeated() -> None:
    index = torch.arange(50)
    generator = torch.Generator().manual_seed(3)
    first, second = (
        torch.cat([b for (b,) in batches([index], 7, generator=generator)]) for _ in "ab"
    )
    again = torch.cat([b for (b,) in batches([index], 7, generator=generator.manual_seed(3))])
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_parts_are_equal_disjoint_and_nearly_everything() -> None:
    index = torch.arange(11)
    parts = [
        torch.cat(
            [
                rows
                for (rows,) in batches(
                    [index], 2, generator=torch.Generator().manual_seed(3), part=(k, 3)
                )
            ]
        )
        for k in range(3)
    ]
    assert [len(part) for part in parts] == [3, 3, 3]
    assert len(torch.cat(parts).unique()) == 9


def test_fit_finds_the_least_squares_solution() -> None:
    model, data, solution = regression()
    optimizer = torch.optim.SGD(model.parameters(), 0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 60 * 4)
    history = fit(
        model,
        lambda x, y: (model(x) - y).square().mean(),
        data,
        optimizer,
        epochs=60,
        batch_size=50,
        schedule=schedule,
    )
    assert_close(model.weight.detach(), solution, atol=2e-3, rtol=0)
    assert len(history["total"]) == 60
    assert history["total"][-1] < history["total"][0] / 10
    assert optimizer.param_groups[0]["lr"] < 1e-12  # one step of the schedule a batch


def test_same_seed_same_history() -> None:
    histories = []
    for seed in (1, 1, 2):
        torch.manual_seed(0)
        model, data, _ = regression()
        histories.append(
            fit(
                model,
                lambda x, y, model=model: (model(x) - y).square().mean(),
                data,
                torch.optim.Adam(model.parameters(), 0.1),
                epochs=3,
                batch_size=32,
                generator=torch.Generator().manual_seed(seed),
            )
        )
    assert histories[0] == histories[1]
    assert histories[0] != histories[2]


def test_history_has_the_parts_of_a_loss_and_what_an_epoch_reports() -> None:
    linear, data, _ = regression()
    model: Any = nn.Sequential(linear, nn.Dropout(0.5))
    modes = []

    def loss(x: Tensor, y: Tensor) -> Loss:
        modes.append(model.training)
        squares = (model(x) - y).square().mean()
        penalty = model[0].weight.square().sum()
        return Loss(squares + penalty, squares, penalty)

    def after_epoch(epoch: int) -> dict[str, float] | None:
        modes.append((model.training, torch.is_grad_enabled()))
        return {"epoch": epoch} if epoch > 1 else None

    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    before = model[0].weight.square().sum().item()
    history = fit(model, loss, data, optimizer, epochs=3, batch_size=100, after_epoch=after_epoch)
    assert modes == 3 * [True, True, (False, False)]
    assert history["epoch"] == [2, 3]
    assert set(history) == {"total", "squares", "penalty", "epoch"}
    assert_close(history["penalty"], [before] * 3)
    for total, squares in zip(history["total"], history["squares"], strict=True):
        assert_close(total - squares, before)


def test_a_batch_has_128_rows_unless_told_otherwise() -> None:
    model, sizes = nn.Linear(1, 1), []

    def loss(x: Tensor) -> Tensor:
        sizes.append(len(x))
        return model(x[:, None]).mean()

    fit(model, loss, [torch.ones(300)], torch.optim.SGD(model.parameters(), 0.1), epochs=1)
    assert sizes == [128, 128, 44]


def test_total_is_minimised_wherever_it_stands() -> None:
    class Parts(NamedTuple):
        distance: Tensor
        total: Tensor

    point: Any = nn.ParameterList([torch.zeros(())])

    def loss(x: Tensor) -> Parts:
        return Parts(point[0].square(), (point[0] - x).square().mean())

    optimizer = torch.optim.SGD(point.parameters(), 0.5)
    fit(point, loss, [torch.full((4,), 3.0)], optimizer, epochs=1)
    assert_close(point[0].item(), 3.0)


def test_history_is_the_mean_over_batches() -> None:
    model = nn.Linear(1, 1)
    data = [torch.arange(6.0)]
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    history = fit(
        model,
        lambda x: x.mean() + 0 * model.weight.sum(),
        data,
        optimizer,
        epochs=2,
        batch_size=2,
    )
    assert_close(history["total"], [2.5, 2.5])


def test_progress_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    model, data, _ = regression()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    fit(model, lambda x, y: (model(x) - y).square().mean(), data, optimizer, epochs=2)
    out, err = capsys.readouterr()
    assert not out
    assert "2/2" in err


LAUNCHED = """
import torch
from torch import nn
from snippets.training import fit

torch.manual_seed(0)
x, y = torch.randn(65, 3), torch.randn(65, 1)
model = nn.Linear(3, 1, bias=False)
fit(
    model,
    lambda x, y: (model(x) - y).square().mean(),
    [x[:64], y[:64]],
    torch.optim.SGD(model.parameters(), 0.1),
    epochs=300,
    batch_size=32,
    generator=torch.Generator().manual_seed(0),
)
solution = torch.linalg.lstsq(x[:64], y[:64]).solution.T
off = (model.weight.detach() - solution).abs().max().item()
print(f"off by {off}\\n", end="")  # in one piece, as the other process prints, too
"""


def test_two_processes_share_their_gradients(tmp_path: Path) -> None:
    """As `accelerate launch` starts them: half of the rows each, one common solution."""
    script = tmp_path / "lab.py"
    script.write_text(LAUNCHED)
    said = [process.communicate(timeout=300) for process in launch(script, count=2)]
    off = [float(value) for out, _ in said for value in re.findall(r"off by (\S+)", out)]
    assert len(off) == 2, said
    assert max(off) < 1e-4


@pytest.mark.parametrize(
    ("tensors", "size", "message"),
    [
        ([torch.zeros(3), torch.zeros(4)], 1, r"tensors must be of one length, got \[3, 4\]"),
        ([torch.zeros(0)], 1, r"tensors must be of one length, got \[0\]"),
        ([], 1, r"tensors must be of one length, got \[\]"),
        ([torch.zeros(3)], 0, "size must be at least 1, got 0"),
    ],
)
def test_batches_refuse_bad_input(tensors: list[Tensor], size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        next(batches(tensors, size))


def test_fit_refuses_no_epochs() -> None:
    model, data, _ = regression()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match="epochs must be at least 1, got 0"):
        fit(model, lambda x, y: (model(x) - y).square().mean(), data, optimizer, epochs=0)


def test_fit_stops_when_the_loss_is_not_finite() -> None:
    model, data, _ = regression()
    optimizer = torch.optim.SGD(model.parameters(), 1e6)
    with pytest.raises(FloatingPointError, match="loss must be finite"):
        fit(model, lambda x, y: (model(x) - y).square().mean(), data, optimizer, epochs=100)
