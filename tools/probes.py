"""What autoencoders learn, as labs compare it: a training run, and what its codes are worth."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits
from torch import Generator, Tensor
from torch.optim.lr_scheduler import OneCycleLR

from snippets.training import History, fit


def one_cycle(model: Any, x: Tensor, *, epochs: int, rate: float, seed: int, **how: Any) -> History:
    """Train by Adam on batches of 128; its rate rises to `rate` and falls to 0.

    A model without a `loss` of its own is an autoencoder: its loss is the squared error.
    """
    adam = torch.optim.Adam(model.parameters(), fused=True)
    schedule = OneCycleLR(adam, rate, epochs * -(-len(x) // 128), pct_start=0.2)
    how |= {"generator": Generator().manual_seed(seed), "schedule": schedule, "epochs": epochs}
    loss = getattr(model, "loss", lambda x: (x - model(x)).square().sum(1).mean())
    return fit(model, loss, [x], adam, **how)


def centres(model: Any, x: Tensor) -> Tensor:
    """Return the codes of an autoencoder, or the first of what another model encodes to."""
    codes = model.encode(x)
    return codes if torch.is_tensor(codes) else codes[0]


def coded(models: Iterable[Any], *parts: Tensor) -> list[list[Tensor]]:
    """Return for each model the codes of each part of the data."""
    return [[centres(model, part) for part in parts] for model in models]


def errors(pairs: Iterable[Sequence[Tensor]], labels: Tensor, truth: Tensor) -> Tensor:
    """Return errors, in percent, of ten nearest neighbours and of a linear classifier.

    Both learn from the first codes of a pair with `labels`, and are scored on the others, all in
    units of the spread of the first along each axis. One row a pair.
    """
    rows = []
    for codes, others in pairs:
        known, unseen = ((each - codes.mean(0)) / codes.std(0) for each in (codes, others))
        kinds = KNeighborsClassifier(10), LogisticRegression(max_iter=1000)
        with threadpool_limits(1):  # small products: two threads take ten times as long as one
            rows.append([kind.fit(known, labels).score(unseen, truth) for kind in kinds])
    return 100 * (1 - torch.tensor(rows))


def mean_and_spread(values: Tensor) -> list[str]:
    """Write the mean of each column of (seeds, columns), and the standard deviation over seeds."""
    if len(values) == 1:
        return [f"{value:.1f}" for value in values[0]]
    spread, mean = torch.std_mean(values, 0)
    return [f"{middle:.1f} ± {around:.1f}" for middle, around in zip(mean, spread, strict=True)]
