"""Runs of hours: trained through Accelerate, kept in checkpoints, ended by a budget.

A script of docs/labs/full makes one `Run`, trains its networks with it one after the other, and
reports. Killed or out of time, it goes on from its last checkpoint when it is started again with
the same options, to the same numbers. Under `accelerate launch` every batch is split.
"""

import argparse
import math
import os
import platform
import re
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Generator, Tensor, nn
from tqdm import tqdm

from snippets.training import Objective, batches
from tools import publish

RISE = 0.1  # part of a cycle in which the rate of learning grows
Measure = Callable[[Any], Mapping[str, float]]


class Stopped(SystemExit):
    """The budget is spent, or someone asked for an end; what was done is kept."""


@dataclass(frozen=True)
class Plan:
    """How one network is trained: by Adam, its rate up and down once, or in cycles that double.

    Attributes:
        epochs: Passes over the data.
        batch_size: Rows a step, all processes together.
        rate: Of learning, at the top of a cycle.
        seed: Of weights, order and noise.
        first_cycle: Epochs of the first cycle, each next being twice as long; None for one cycle
            of all epochs. With cycles that double, a run may be given more epochs later.
    """

    epochs: int
    batch_size: int
    rate: float
    seed: int = 0
    first_cycle: int | None = None

    def rate_at(self, done: float) -> float:
        """Return the rate of learning after so many epochs."""
        start, length = 0, self.first_cycle or self.epochs
        while done >= start + length:
            start, length = start + length, 2 * length
        progress = (done - start) / length
        falling = (1 + math.cos(math.pi * (progress - RISE) / (1 - RISE))) / 2
        return self.rate * (progress / RISE if progress < RISE else falling)

    def fixed(self) -> dict[str, Any]:
        """Return what a run cannot change on its way."""
        settings = asdict(self)
        return settings | {"epochs": None} if self.first_cycle else settings


class Trained(NamedTuple):
    """The network of the epoch that was best on validation images, and how it came about."""

    model: Any
    history: dict[str, list[float]]
    epochs: int
    best_epoch: int
    hours: float
    core_hours: float


class Run:
    """One script's run: its options, its budget, its checkpoints.

    Args:
        slug: The article's; names the folder of checkpoints and the results.
        arguments: The command line, for tests.
    """

    def __init__(self, slug: str, arguments: Sequence[str] | None = None) -> None:
        self.options = _parser(slug).parse_args(arguments)
        os.environ["LAB_SCALE"] = "full"
        self.slug, self.folder = slug, Path(self.options.folder) / slug
        self.deadline = time.monotonic() + 60 * self.options.minutes
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)
        self.accelerator = Accelerator(mixed_precision=self.options.precision)
        self.main = self.accelerator.is_main_process
        self.results: dict[str, tuple[Plan, Trained]] = {}

    def _ask(self, *_: object) -> None:
        self.asked = True

    def train(
        self,
        name: str,
        build: Callable[[], nn.Module],
        loss: Callable[..., Any],
        tensors: Sequence[Tensor],
        plan: Plan,
        measure: Measure,
    ) -> Trained:
        """Train a network to the end of its plan, or raise `Stopped`; with `--report`, not at all.

        Args:
            name: Of its checkpoint.
            build: Makes the network, after seeding.
            loss: From the network, the rows of a batch and the part of the plan that is done, 0 to
                1, to a 0-d tensor, or to a NamedTuple of which `total` is minimised.
            tensors: The data, all of one length.
            plan: Epochs, sizes, rate, seed.
            measure: Called without gradients after each epoch; its "validation" is to be low.
        """
        torch.manual_seed(plan.seed)
        model = build()
        training = _Training(self, name, plan, model, loss, tensors)
        while training.epoch < plan.epochs and not self.options.report:
            if not training.advance(self._stop):
                raise Stopped(training.save(measured=False))
            training.finish_epoch(measure)
            training.save()
        self.results[name] = plan, training.result()
        return self.results[name][1]

    def report(
        self, found: Mapping[str, object], header: Sequence[str], rows: Iterable[Sequence[object]]
    ) -> None:
        """Write SLUG.full.json, and SLUG.full.md for the article: a table and how it was made."""
        if not self.main:
            return
        plans, trained = zip(*self.results.values(), strict=True)
        hours = [sum(getattr(each, name) for each in trained) for name in ("hours", "core_hours")]
        made = {
            "networks": list(self.results),
            "seeds": [plan.seed for plan in plans],
            "epochs_planned": [plan.epochs for plan in plans],
            "epochs_done": [each.epochs for each in trained],
            "best_epochs": [each.best_epoch for each in trained],
            "hours": hours[0],
            "core_hours": hours[1],
            "command": self._command(),
            "processor": processor(self.accelerator.device),
            "processes": self.accelerator.num_processes,
        }
        publish.numbers(self.slug, {**found, **made})
        note = f"{made['core_hours']:.2f} core hours on {made['processor']}: `{made['command']}`."
        publish.full_table(self.slug, header, rows, note)

    def _command(self) -> str:
        given = {name: getattr(self.options, name) for name in ("epochs", "precision")}
        words = [f"--{name} {value}" for name, value in given.items() if value is not None]
        return " ".join(["python", f"docs/labs/full/{self.slug}.py", *words])

    def _stop(self) -> bool:
        """All processes stop if one does."""
        wish = self.asked or time.monotonic() > self.deadline
        if self.accelerator.num_processes == 1:
            return wish
        wishes = torch.tensor(float(wish), device=self.accelerator.device)
        return bool(self.accelerator.reduce(wishes, "sum"))


class _Training:
    """One network on its way, with all that a checkpoint holds."""

    def __init__(
        self,
        run: Run,
        name: str,
        plan: Plan,
        model: nn.Module,
        loss: Callable[..., Any],
        tensors: Sequence[Tensor],
    ) -> None:
        self.run, self.plan, self.model, self.tensors = run, plan, model, tensors
        self.name, self.path = name, run.folder / f"{name}.pt"
        adam = torch.optim.Adam(model.parameters(), fused=True)
        objective = Objective(model, lambda *batch: loss(model, *batch, self.done()))
        prepared = run.accelerator.prepare(objective, adam)
        self.objective, self.adam = prepared
        self.steps = -(-len(tensors[0]) // plan.batch_size)
        self.generator = Generator().manual_seed(plan.seed)
        torch.manual_seed(plan.seed + 1000 * run.accelerator.process_index)
        self.epoch, self.step, self.sums = 0, 0, {}
        self.order = self.generator.get_state()
        self.history: dict[str, list[float]] = {}
        self.best: dict[str, Any] = {}
        self.seconds, self.core_seconds = 0.0, 0.0
        if self.path.is_file():
            self._load()
        self._mark()

    def advance(self, stop: Callable[[], bool]) -> bool:
        """Take the steps that are left of this epoch; return False if it was stopped on its way."""
        self.model.train()
        accelerator, saved = self.run.accelerator, time.monotonic()
        parts = accelerator.num_processes
        part = (accelerator.process_index, parts)
        size = self.plan.batch_size // parts
        rows = batches(self.tensors, size, generator=self.generator, part=part)
        bar = tqdm(total=self.steps, desc=self._where(), disable=not self.run.main, mininterval=5)
        with bar:
            for number, batch in enumerate(rows):
                bar.update()
                if number < self.step:
                    continue
                if stop():
                    return False
                self._one_step(batch)
                if time.monotonic() > saved + self.run.options.every:
                    self.save(measured=False)
                    saved = time.monotonic()
        return True

    def _one_step(self, batch: tuple[Tensor, ...]) -> None:
        for group in self.adam.param_groups:
            group["lr"] = self.plan.rate_at(self.done() * self.plan.epochs)
        device = self.run.accelerator.device
        value = self.objective(*(rows.to(device) for rows in batch))
        self.adam.zero_grad()
        self.run.accelerator.backward(value["total"])
        self.adam.step()
        for name, each in value.items():
            self.sums[name] = self.sums.get(name, 0) + each.detach().double()
        self.step += 1

    def done(self) -> float:
        """Return the part of the plan that lies behind the middle of this step."""
        return (self.epoch + (self.step + 0.5) / self.steps) / self.plan.epochs

    def finish_epoch(self, measure: Measure) -> None:
        """Record means of losses and what is measured; keep the weights if they are the best."""
        means = {name: float(each) / self.step for name, each in self._reduced().items()}
        if not math.isfinite(means["total"]):
            raise FloatingPointError(f"loss must be finite, got {means}")
        self.model.eval()
        with torch.no_grad():
            means |= measure(self.model)
        for name, value in means.items():
            self.history.setdefault(name, []).append(float(value))
        self.epoch, self.step, self.sums = self.epoch + 1, 0, {}
        self.order = self.generator.get_state()
        if not self.best or means["validation"] <= self.best["validation"]:
            weights = {key: each.cpu().clone() for key, each in self.model.state_dict().items()}
            self.best = {"validation": means["validation"], "epoch": self.epoch, "model": weights}

    def _reduced(self) -> dict[str, Tensor]:
        reduce = self.run.accelerator.reduce
        return {name: reduce(each, "mean") for name, each in self.sums.items()}

    def save(self, *, measured: bool = True) -> str:
        """Write the checkpoint, whole or not at all; return where the training stands."""
        self.seconds += time.monotonic() - self.since
        self.core_seconds += time.process_time() - self.core_since
        self._mark()
        state = {
            "plan": self.plan.fixed(),
            "model": self.model.state_dict(),
            "optimizer": self.adam.state_dict(),
            "random": gather_object([torch.get_rng_state()]),
            "sums": self._reduced(),
            **{name: getattr(self, name) for name in KEPT},
        }
        if self.run.main:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(state, part := self.path.with_suffix(".part"))
            part.replace(self.path)
        return f"{self._where()} {'done' if measured else f'step {self.step} of {self.steps}'}"

    def _load(self) -> None:
        state = torch.load(self.path, map_location="cpu", weights_only=True)
        if state["plan"] != self.plan.fixed():
            raise ValueError(
                f"{self.path} was trained by {state['plan']}, not {self.plan.fixed()}: "
                f"name another --folder"
            )
        self.model.load_state_dict(state["model"])
        self.adam.load_state_dict(state["optimizer"])
        for name in KEPT:
            setattr(self, name, state[name])
        device = self.run.accelerator.device
        self.sums = {name: each.to(device) for name, each in state["sums"].items()}
        self.generator.set_state(self.order)
        torch.set_rng_state(state["random"][self.run.accelerator.process_index])

    def result(self) -> Trained:
        """Return the best network on the CPU, ready to be scored."""
        if not self.best:
            raise Stopped(f"{self._where()}: no epoch is done, so there is nothing to report")
        self.model.load_state_dict(self.best["model"])
        model = self.model.cpu().eval().requires_grad_(False)
        hours = self.seconds / 3600, self.core_seconds / 3600
        return Trained(model, self.history, self.epoch, self.best["epoch"], *hours)

    def _mark(self) -> None:
        self.since, self.core_since = time.monotonic(), time.process_time()

    def _where(self) -> str:
        return f"{self.run.slug}, {self.name}: epoch {self.epoch + 1} of {self.plan.epochs}"


KEPT = ("epoch", "step", "order", "history", "best", "seconds", "core_seconds")


def processor(device: torch.device) -> str:
    """Name what a run computes on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    listed = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.+)", listed.read_text() if listed.is_file() else "")
    threads = torch.get_num_threads()
    return f"{(names or [platform.machine()])[0]}, {threads} thread{'s' * (threads > 1)}"


def _parser(slug: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(f"python docs/labs/full/{slug}.py")
    add = parser.add_argument
    add("--minutes", type=float, default=math.inf, help="stop then, with a checkpoint")
    add("--epochs", type=int, help="instead of the script's own")
    add("--precision", default="no", choices=["no", "bf16", "fp16"], help="of Accelerate")
    add("--folder", default=os.environ.get("LAB_RUNS", "runs"), help="of checkpoints")
    add("--every", type=float, default=300, help="seconds between checkpoints within an epoch")
    add("--report", action="store_true", help="train no more: score what the checkpoints hold")
    return parser
