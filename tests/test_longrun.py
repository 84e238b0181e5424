"""A script at full scale: its budget, its results, and the same run in one process and in two."""

import json
import os
import re
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.launching import launch
from tools import hygiene, labs
from tools.checkpoints import Plan, Trained
from tools.longrun import Run, Stopped

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "docs" / "labs" / "full" / "capsules.py"
PLAN = Plan(epochs=2, batch_size=8, rate=0.1)


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Give SIGTERM back to pytest, and the random numbers."""
    handler, state = signal.getsignal(signal.SIGTERM), torch.get_rng_state()
    yield
    signal.signal(signal.SIGTERM, handler)
    torch.set_rng_state(state)


def loss(model: Any, x: Tensor, done: float) -> Tensor:
    return (model(x) - 1).square().mean()


def trained(run: Run, loss: Any = loss) -> Trained:
    def measure(model: Any) -> dict[str, float]:
        return {"validation": model(torch.ones(1, 2)).item()}

    return run.train("net", lambda: nn.Linear(2, 1), loss, [torch.ones(16, 2)], PLAN, measure)


def options(folder: Path, *more: str) -> list[str]:
    return ["--folder", str(folder), "--results", str(folder), *more]


def test_a_budget_ends_a_run_and_says_how_far_it_came(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match="demo, net: epoch 1 of 2 step 0 of 2") as stopped:
        trained(Run("demo", options(tmp_path, "--minutes", "0")))
    assert stopped.value.code == 0
    assert trained(Run("demo", options(tmp_path))).epochs == 2


def test_a_signal_ends_a_run_after_the_step(tmp_path: Path) -> None:
    def interrupted(model: Any, x: Tensor, done: float) -> Tensor:
        if done > 0.5:
            os.kill(os.getpid(), signal.SIGTERM)
        return loss(model, x, done)

    with pytest.raises(Stopped, match="epoch 2 of 2 step 1 of 2"):
        trained(Run("demo", options(tmp_path)), interrupted)


def test_a_report_scores_what_there_is_and_trains_no_more(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="demo, net: epoch 1 of 2, stopped at step 0 of 2"):
        trained(Run("demo", options(tmp_path, "--report")))
    calls = []

    def interrupted(model: Any, x: Tensor, done: float) -> Tensor:
        calls.append(done)
        if done > 0.5:
            os.kill(os.getpid(), signal.SIGTERM)
        return loss(model, x, done)

    with pytest.raises(Stopped):
        trained(Run("demo", options(tmp_path)), interrupted)
    steps = len(calls)
    run = Run("demo", options(tmp_path, "--report", "--epochs", "2"))
    assert trained(run, interrupted).epochs == 1
    assert len(calls) == steps
    run.report({"nats": 1.5}, ["network", "nats"], [("ours", 1.5)])
    made = json.loads((tmp_path / "demo.full.json").read_text())
    assert made["nats"] == 1.5
    assert (made["networks"], made["seeds"]) == (["net"], [0])
    assert (made["epochs_planned"], made["epochs_done"], made["best_epochs"]) == ([2], [1], [1])
    assert made["command"] == "python docs/labs/full/demo.py --epochs 2"
    assert 0 < made["core_hours"] < 0.01
    table = (tmp_path / "full" / "demo.md").read_text()
    assert table.startswith("| network | nats |\n| --- | --- |\n| ours | 1.5 |\n\n")
    assert f"\n1 of 2 epochs, {made['core_hours']:.2f} core hours on " in table
    assert f"`{made['command']}`" in table
    assert str(tmp_path) not in table + json.dumps(made)


def test_full_scale_takes_the_script_made_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the options after `--`; a lab without one runs itself."""
    ran: list[list[str]] = []

    def run(command: list[str], **how: Any) -> Any:
        ran.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    for name in ("docs/labs/nice.py", "docs/labs/svd.py", "docs/labs/full/nice.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    labs.main(["--scale", "full", "--only", "nice", "--", "--minutes", "9"], tmp_path)
    labs.main(["--scale", "full", "--only", "svd"], tmp_path)
    assert ran == [
        [str(tmp_path / "docs/labs/full/nice.py"), "--minutes", "9"],
        [str(tmp_path / "docs/labs/svd.py")],
    ]


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """Noise in the format of MNIST, 48 and 8 images."""
    generator = np.random.default_rng(0)
    for stem, count in (("train", 48), ("t10k", 8)):
        for kind, shape, top in (
            ("images-idx3", (count, 28, 28), 256),
            ("labels-idx1", (count,), 10),
        ):
            values = generator.integers(top, size=shape, dtype=np.uint8)
            header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
            (tmp_path / f"{stem}-{kind}-ubyte").write_bytes(header + values.tobytes())
    return tmp_path


def test_two_processes_split_batches_and_come_to_the_same(
    mnist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The losses of seven networks after 2 to 10 steps, of 32 rows in one process or 2 x 16."""
    one, two = mnist / "one", mnist / "two"
    one.mkdir()
    two.mkdir()
    both = launch(SCRIPT, *options(two), count=2, MNIST_DIR=str(mnist))
    monkeypatch.setenv("MNIST_DIR", str(mnist))
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *options(one)])
    runpy.run_path(str(SCRIPT))
    said = [process.communicate(timeout=300)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    alone, shared = (
        json.loads((folder / "capsules.full.json").read_text()) for folder in (one, two)
    )
    assert (alone["processes"], shared["processes"]) == (1, 2)
    assert len(alone["last_losses"]) == 7
    np.testing.assert_allclose(shared["last_losses"], alone["last_losses"], rtol=1e-4)


def test_tables_of_full_scale_name_no_machine() -> None:
    for path in (*ROOT.glob("docs/labs/*.full.json"), *ROOT.glob("docs/labs/full/*.md")):
        assert not any(re.search(r"/(tmp|root|home|work)/", line) for line in path.read_text())
    assert hygiene.LINES["docs/labs/**/*.py"] == 150
