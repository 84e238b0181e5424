"""The training loop of every lab, from one core to several machines.

Article:  none of its own; docs/labs/*.py train with it.
Source:   Hugging Face Accelerate, which places models, data and gradients.
Shapes:   tensors share their first axis: one row, one sample.
Units:    those of the caller's loss, averaged over the batches of an epoch.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from torch import Generator, Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from tqdm import trange

from snippets.checks import require_counts

History = dict[str, list[float]]


def batches(
    tensors: Sequence[Tensor],
    size: int,
    *,
    generator: Generator | None = None,
    part: tuple[int, int] = (0, 1),
) -> Iterator[tuple[Tensor, ...]]:
    """Yield the rows of all tensors in one random order, `size` at a time.

    With `part` (k, n) come the rows of the k-th of n equal parts, less the
    few that are over; all parts need the same state of `generator`.
    """
    lengths = [len(tensor) for tensor in tensors]
    if not lengths or min(lengths) < 1 or min(lengths) != max(lengths):
        raise ValueError(f"tensors must be of one length, got {lengths}")
    require_counts(size=size)
    index, parts = part
    rows = lengths[0] // parts * parts
    order = torch.randperm(lengths[0], generator=generator)[:rows]
    for chosen in order[index::parts].split(size):
        yield tuple(tensor[chosen] for tensor in tensors)


class Objective(nn.Module):
    """Own the model while it is trained, so that replicas share gradients."""

    def __init__(self, model: nn.Module, loss: Callable[..., Any]) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, *batch: Tensor) -> dict[str, Tensor]:
        """Return the loss of a batch and its parts, `total` among them."""
        value = self.loss(*batch)
        return {"total": value} if torch.is_tensor(value) else value._asdict()


def fit(
    model: nn.Module,
    loss: Callable[..., Any],
    tensors: Sequence[Tensor],
    optimizer: Optimizer,
    *,
    epochs: int,
    batch_size: int = 128,
    schedule: LRScheduler | None = None,
    generator: Generator | None = None,
    after_epoch: Callable[[int], Mapping[str, float] | None] | None = None,
) -> History:
    """Minimise a loss by stochastic gradients, in place.

    Under `accelerate launch` each process takes its part of every epoch, and
    the call stays as it is.

    Args:
        model: What is trained; it ends on the accelerator, if there is one.
        loss: From the rows of a batch to a 0-d tensor, or to a NamedTuple of
            such tensors, of which `total` is minimised.
        tensors: The data, all of one length.
        optimizer: Over the parameters of the model.
        epochs: Passes over the data.
        batch_size: Rows a step, in each process.
        schedule: Of the learning rate; it steps after every batch.
        generator: Source of the order of rows.
        after_epoch: Called without gradients, in evaluation mode, with the
            count of epochs done; what it returns is recorded.

    Returns:
        One number an epoch of each part of the loss, averaged over batches,
        and of what `after_epoch` returned.
    """
    require_counts(epochs=epochs)
    accelerator = Accelerator()
    objective, optimizer, schedule = accelerator.prepare(
        Objective(model, loss), optimizer, schedule
    )  # pyright: ignore[reportAssignmentType]
    part = (accelerator.process_index, accelerator.num_processes)
    shuffled = partial(batches, tensors, batch_size, generator=generator)
    history: History = defaultdict(list)
    quiet = not accelerator.is_main_process
    for epoch in (progress := trange(epochs, disable=quiet)):
        model.train()
        steps = []
        for batch in shuffled(part=part):
            value = objective(*(rows.to(accelerator.device) for rows in batch))
            optimizer.zero_grad()
            accelerator.backward(value["total"])
            optimizer.step()
            if schedule is not None:
                schedule.step()
            steps.append({name: each.detach() for name, each in value.items()})
        _record(history, steps, accelerator)
        progress.set_postfix(loss=history["total"][-1])
        if after_epoch is not None:
            _evaluate(model, partial(after_epoch, epoch + 1), history)
    return dict(history)


def _record(
    history: History, steps: list[dict[str, Tensor]], accelerator: Accelerator
) -> None:
    """Add the means of one epoch's losses; refuse to go on without a loss."""
    for name in steps[0]:
        mean = torch.stack([step[name] for step in steps]).mean()
        mean = accelerator.reduce(mean, "mean")
        history[name].append(float(mean))  # pyright: ignore
    if not math.isfinite(history["total"][-1]):
        raise FloatingPointError(f"loss must be finite, got {dict(history)}")


def _evaluate(
    model: nn.Module,
    measure: Callable[[], Mapping[str, float] | None],
    history: History,
) -> None:
    model.eval()
    with torch.no_grad():
        for name, number in (measure() or {}).items():
            history[name].append(number)
