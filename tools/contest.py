"""Encoders compared on one data set: settings chosen on held-out images, then several seeds."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from sklearn.decomposition import PCA
from torch import Generator, Tensor

from snippets.experiments import METHODS, noisy_information, trained
from tools import probes
from tools.workers import run_all

Job = tuple[str, float, int]  # a method, its setting, a seed


class Contest(NamedTuple):
    """All networks that were trained, and the setting that was best for each method."""

    nets: dict[Job, Any]
    best: dict[str, float]


def train_all(
    jobs: Sequence[Job], images: Tensor, labels: Tensor, *, workers: int, **how: Any
) -> dict[Job, Any]:
    """Train each job, so many at a time."""
    run = partial(trained, images=images, labels=labels, **how)
    return run_all(run, jobs, workers=workers)


def hold(
    grid: Mapping[str, Sequence[float]],
    images: Sequence[Tensor],
    labels: Sequence[Tensor],
    *,
    seeds: int,
    **how: Any,
) -> Contest:
    """Choose each method's setting by a linear probe of held-out images, then train more seeds.

    Args:
        grid: Settings to try, by method; the first seed is tried with all of them.
        images: Training and held-out images; labels are theirs.
        labels: Labels of both.
        seeds: How many in all.
        how: Options of `train_all`.
    """
    tried = [(method, setting, 0) for method, settings in grid.items() for setting in settings]
    nets, scores = train_all(tried, images[0], labels[0], **how), {}
    for method, setting, seed in tried:
        pairs = probes.coded([nets[method, setting, seed]], *images[:2])
        scores[method, setting] = probes.errors(pairs, *labels[:2])[0, 1].item()
    best = {m: min(settings, key=lambda s, m=m: scores[m, s]) for m, settings in grid.items()}
    more = [(method, best[method], seed) for method in grid for seed in range(1, seeds)]
    nets |= train_all(more, images[0], labels[0], **how)
    return Contest(nets, best)


def codes_of(held: Contest, train: Tensor, test: Tensor) -> dict[str, list[list[Tensor]]]:
    """Return by method, PCA among them, the codes of training and test images, a pair a seed."""
    codes = {}
    for method in METHODS:
        nets = [
            net for (m, s, _), net in held.nets.items() if (m, s) == (method, held.best[method])
        ]
        codes[method] = probes.coded(nets, train, test)
    pca = PCA(32, random_state=0).fit(train.flatten(1))
    codes["PCA"] = [[torch.tensor(pca.transform(x.flatten(1))) for x in (train, test)]]
    return codes


def judged(
    codes: Mapping[str, Iterable[Sequence[Tensor]]], known: Tensor, truth: Tensor, *, noise: float
) -> dict[str, Tensor]:
    """Return by method one row a seed: accuracies of a linear probe and of ten neighbours in per
    cent, and the information that test codes keep behind noise, in nats.
    """
    rows = {}
    for method, pairs in codes.items():
        right = 100 - probes.errors(pairs, known, truth).flip(1)
        nats = [
            noisy_information(test, noise=noise, generator=Generator().manual_seed(0))
            for _, test in pairs
        ]
        rows[method] = torch.cat([right, torch.tensor(nats).to(right)[:, None]], 1)
    return rows


def neighbours(codes: Tensor, images: Tensor, queries: Sequence[int], count: int) -> list[Tensor]:
    """Return for each query its image and those of the `count` codes nearest in angle, flat."""
    directions = torch.nn.functional.normalize(codes - codes.mean(0), dim=1)
    closest = (directions[list(queries)] @ directions.T).topk(count + 1).indices
    return [images[row].flatten(1) for row in closest]
