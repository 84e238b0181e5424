"""Small dense networks, and the run of Adam that labs compare them with.

Article:  none of its own; docs/labs/svd.py trains with it.
Source:   Smith and Topin (2019) for the one-cycle schedule.
Shapes:   rows are samples.
Units:    those of the caller's loss.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from snippets.checks import require_alike, require_counts
from snippets.svd import LinearAutoencoder, principal_angles
from snippets.training import History, fit


def dense(inputs: int, outputs: int, *, hidden: int = 0) -> nn.Sequential:
    """Build a linear layer, or one with a ReLU layer of `hidden` before it.

    The last layer starts small and without a bias: a decoder of few codes
    would otherwise begin with random pictures that it must first unlearn.
    """
    require_counts(inputs=inputs, outputs=outputs, hidden=hidden + 1)
    last = nn.Linear(hidden or inputs, outputs)
    nn.init.normal_(last.weight, std=max(hidden or inputs, outputs) ** -0.5)
    nn.init.zeros_(last.bias)
    if not hidden:
        return nn.Sequential(last)
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), last)


def descend(
    model: nn.Module,
    loss: Callable[[Tensor], Tensor],
    rows: Tensor,
    *,
    rate: float,
    epochs: int,
    batch_size: int = 128,
    after_epoch: Any = None,
) -> History:
    """Minimise a loss by Adam, its rate one cycle up and down to zero.

    The model ends on the CPU, and no longer asks for gradients.
    """
    require_counts(epochs=epochs, batch_size=batch_size)
    adam = torch.optim.Adam(model.parameters(), fused=True)
    steps = epochs * -(-len(rows) // batch_size)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        adam, rate, steps, pct_start=0.1
    )
    history = fit(
        model, loss, [rows], adam, epochs=epochs, batch_size=batch_size,
        schedule=cycle, after_epoch=after_epoch,
        generator=Generator().manual_seed(0),
    )  # fmt: skip
    model.cpu().requires_grad_(False)
    return history


def linear_autoencoder(
    rows: Tensor, axes: Tensor, *, decay: float = 0.0, steps: int = 1500
) -> tuple[LinearAutoencoder, History]:
    """Fit a linear autoencoder to all rows at once, as long as `axes`.

    The history holds the largest angle of its decoder to the axes, too, in
    degrees, after every tenth step; not under weight decay, which may switch
    codes off.
    """
    torch.manual_seed(0)
    model = LinearAutoencoder(*axes.shape).to(rows.dtype)

    def loss(x: Tensor) -> Tensor:
        weights = model.encoder.square().sum() + model.decoder.square().sum()
        return (x - model(x)).square().sum() + decay * weights

    def angle(step: int) -> dict[str, float]:
        if step % 10:
            return {}
        angles = principal_angles(model.decoder.T.cpu(), axes)
        return {"angle": angles[-1].rad2deg().item()}

    history = descend(
        model, loss, rows, rate=0.02, epochs=steps, batch_size=len(rows),
        after_epoch=None if decay else angle,
    )  # fmt: skip
    return model, history


def autoencoder(
    rows: Tensor, width: int, deep: tuple[int, int], seed: int, epochs: int
) -> nn.Sequential:
    """Fit an autoencoder whose encoder and decoder are deep (1) or not."""
    torch.manual_seed(seed)
    features = rows.shape[1]
    model = nn.Sequential(
        dense(features, width, hidden=256 * deep[0]),
        dense(width, features, hidden=256 * deep[1]),
    )

    def loss(x: Tensor) -> Tensor:
        return (x - model(x)).square().sum() / len(x)

    descend(model, loss, rows, rate=4e-3, epochs=epochs)
    return model


def share(rebuilt: Tensor, x: Tensor) -> float:
    """Return the energy of x that a reconstruction loses, in per cent."""
    require_alike("rebuilt", rebuilt, "x", x)
    return (100 * (x - rebuilt).square().sum() / x.square().sum()).item()


def spreads(
    runs: Mapping[str, Sequence[Sequence[float]]],
) -> list[tuple[str, ...]]:
    """Return rows of a table: by name, means and deviations over its runs."""
    rows = []
    for name, values in runs.items():
        each = torch.tensor(values)
        deviation = each.std(0, correction=int(len(each) > 1))
        pairs = zip(each.mean(0), deviation, strict=True)
        rows.append((name, *(f"{m:.1f} ± {s:.1f}" for m, s in pairs)))
    return rows
