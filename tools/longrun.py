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
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tools.checkpoints import Measure, Plan, Trained, Training
from tools.results import as_json, as_table

LABS = Path(__file__).parents[1] / "docs" / "labs"


class Stopped(SystemExit):
    """The budget is spent, or someone asked for an end; what was done is kept."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.code = 0  # no failure
        print(f"stopped at {where}; the same command goes on", file=sys.stderr)


class Run:
    """One script's run: its options, its budget, its checkpoints.

    Args:
        slug: The article's; names the folder of checkpoints and the results.
        arguments: The command line, for tests.
    """

    def __init__(self, slug: str, arguments: Sequence[str] | None = None) -> None:
        self.options = _parser(slug).parse_args(arguments)
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
        model, path = build(), self.folder / f"{name}.pt"
        training = Training(path, self.accelerator, plan, model, loss, tensors)
        while training.epoch < plan.epochs and not self.options.report:
            if not training.advance(self._stop, every=self.options.every):
                raise Stopped(training.save(measured=False))
            training.finish_epoch(measure)
            training.save()
        self.results[name] = plan, training.result()
        return self.results[name][1]

    def report(
        self, found: Mapping[str, object], header: Sequence[str], rows: Iterable[Sequence[object]]
    ) -> None:
        """Write SLUG.full.json, and full/SLUG.md for the article: a table and how it was made."""
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
            "last_losses": [each.history["total"][-1] for each in trained],
            "hours": hours[0],
            "core_hours": hours[1],
            "command": self._command(),
            "processor": processor(self.accelerator.device),
            "processes": self.accelerator.num_processes,
        }
        note = (
            f"{sum(made['epochs_done'])} of {sum(made['epochs_planned'])} epochs, "
            f"{hours[1]:.2f} core hours on {made['processor']}: `{made['command']}`."
        )
        folder, text = self.options.results, as_table(self.slug, header, rows)
        (folder / "full").mkdir(exist_ok=True)
        (folder / f"{self.slug}.full.json").write_text(as_json({**found, **made}))
        (folder / "full" / f"{self.slug}.md").write_text(f"{text}\n{note}\n")

    def _command(self) -> str:
        given = {name: getattr(self.options, name) for name in ("epochs", "seeds", "precision")}
        usual = _parser(self.slug)
        words = [f"--{k} {v}" for k, v in given.items() if v != usual.get_default(k)]
        return " ".join(["python", f"docs/labs/full/{self.slug}.py", *words])

    def _stop(self) -> bool:
        return self.asked or time.monotonic() > self.deadline


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
    add("--seeds", type=int, default=3, help="where there are several")
    add("--precision", default="no", choices=["no", "bf16", "fp16"], help="of Accelerate")
    add("--folder", default=os.environ.get("LAB_RUNS", "runs"), help="of checkpoints")
    add("--every", type=float, default=300, help="seconds between checkpoints within an epoch")
    add("--results", type=Path, default=LABS, help="folder for what comes out")
    add("--report", action="store_true", help="train no more: score what the checkpoints hold")
    return parser
