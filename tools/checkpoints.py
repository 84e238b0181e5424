"""One network's training for hours, resumed from a checkpoint to the same numbers.

A checkpoint holds weights, optimizer, random states, place within the epoch and the best network so
far. It is written whole or not at all. Under `accelerate launch` every batch is split.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Generator, Tensor, nn
from tqdm import tqdm

from snippets.training import Objective, batches

RISE = 0.1  # part of a cycle in which the rate of learning grows
Measure = Callable[[Any], Mapping[str, float]]
KEPT = ("epoch", "step", "order", "history", "best", "seconds", "core_seconds")


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


class Training:
    """One network on its way, with all that a checkpoint holds."""

    def __init__(
        self,
        path: Path,
        accelerator: Accelerator,
        plan: Plan,
        model: nn.Module,
        loss: Callable[..., Any],
        tensors: Sequence[Tensor],
    ) -> None:
        self.path, self.accelerator, self.plan = path, accelerator, plan
        self.model, self.tensors = model, tensors
        adam = torch.optim.Adam(model.parameters(), fused=True)
        objective = Objective(model, lambda *batch: loss(model, *batch, self.done()))
        self.objective, self.adam = accelerator.prepare(objective, adam)
        self.steps = -(-len(tensors[0]) // plan.batch_size)
        self.generator = Generator().manual_seed(plan.seed)
        torch.manual_seed(plan.seed + 1000 * accelerator.process_index)
        self.epoch, self.step, self.sums = 0, 0, {}
        self.order = self.generator.get_state()
        self.history: dict[str, list[float]] = {}
        self.best: dict[str, Any] = {}
        self.seconds, self.core_seconds = 0.0, 0.0
        if self.path.is_file():
            self._load()
        self._mark()

    def advance(self, stop: Callable[[], bool], *, every: float) -> bool:
        """Take the steps that are left of this epoch; return False if it was stopped on its way.

        Args:
            stop: Asked before each step.
            every: Seconds between checkpoints.
        """
        self.model.train()
        saved, progress = time.monotonic(), self._progress()
        for number, batch in enumerate(self._batches()):
            progress.update()
            if number < self.step:
                continue
            if self._agreed(stop()):
                return False
            self._one_step(batch)
            if self._agreed(time.monotonic() > saved + every):
                self.save(measured=False)
                saved = time.monotonic()
        progress.close()
        return True

    def _batches(self) -> Iterator[tuple[Tensor, ...]]:
        """Yield this process's part of each batch."""
        part = (self.accelerator.process_index, self.accelerator.num_processes)
        size = self.plan.batch_size // part[1]
        return batches(self.tensors, size, generator=self.generator, part=part)

    def _progress(self) -> tqdm:
        quiet = not self.accelerator.is_main_process
        return tqdm(total=self.steps, desc=self._where(), disable=quiet, mininterval=5)

    def _agreed(self, wish: bool) -> bool:
        """Return whether any process wishes so: all must do it together."""
        if self.accelerator.num_processes == 1:
            return wish
        wishes = torch.tensor(float(wish), device=self.accelerator.device)
        return bool(self.accelerator.reduce(wishes, "sum"))

    def _one_step(self, batch: tuple[Tensor, ...]) -> None:
        for group in self.adam.param_groups:
            group["lr"] = self.plan.rate_at(self.done() * self.plan.epochs)
        device = self.accelerator.device
        value = self.objective(*(rows.to(device) for rows in batch))
        self.adam.zero_grad()
        self.accelerator.backward(value["total"])
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
        reduce = self.accelerator.reduce
        return {name: reduce(each, "mean") for name, each in self.sums.items()}  # pyright: ignore

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
            "cuda": gather_object([self._cuda()]),
            "sums": self._reduced(),
            **{name: getattr(self, name) for name in KEPT},
        }
        if self.accelerator.is_main_process:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(state, part := self.path.with_suffix(".part"))
            part.replace(self.path)
        step = "done" if measured else f"step {self.step} of {self.steps}"
        return f"{self._where()} {step}"

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
        device = self.accelerator.device
        self.sums = {name: each.to(device) for name, each in state["sums"].items()}
        self.generator.set_state(self.order)
        process = self.accelerator.process_index
        torch.set_rng_state(state["random"][process])
        if self._cuda() is not None:
            torch.cuda.set_rng_state(state["cuda"][process])

    def _cuda(self) -> Tensor | None:
        return torch.cuda.get_rng_state() if self.accelerator.device.type == "cuda" else None

    def result(self) -> Trained:
        """Return the best network on the CPU, ready to be scored."""
        if not self.best:
            raise ValueError(f"{self._where()}, stopped at step {self.step} of {self.steps}")
        self.model.load_state_dict(self.best["model"])
        model = self.model.cpu().eval().requires_grad_(False)
        hours = self.seconds / 3600, self.core_seconds / 3600
        return Trained(model, self.history, self.epoch, self.best["epoch"], *hours)

    def _mark(self) -> None:
        self.since, self.core_since = time.monotonic(), time.process_time()

    def _where(self) -> str:
        name = f"{self.path.parent.name}, {self.path.stem}"
        return f"{name}: epoch {self.epoch + 1} of {self.plan.epochs}"
