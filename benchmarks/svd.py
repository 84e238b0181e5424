"""Truncation and alternating least squares beside exact and randomised decompositions."""

from functools import partial

import torch
from sklearn.utils.extmath import randomized_svd
from torch import Tensor

from benchmarks.duels import Duel, Growth, Results, Work
from snippets.data import load_mnist
from snippets.svd import alternating_least_squares, discarded_energy, low_rank

IMAGES, RANK, SWEEPS = 1000, 32, 5


def _matrix(small: bool) -> Tensor:
    images, _ = load_mnist()
    return images[: 40 if small else IMAGES].flatten(1) / 255


def _exact(matrix: Tensor, rank: int) -> Tensor:
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    return (u[:, :rank] * s[:rank]) @ vh[:rank]


def _lowrank(matrix: Tensor, rank: int) -> Tensor:
    u, s, v = torch.svd_lowrank(matrix, q=rank + 10, niter=2)
    return (u[:, :rank] * s[:rank]) @ v[:, :rank].T


def _randomized(matrix: Tensor, rank: int) -> Tensor:
    u, s, vh = randomized_svd(matrix.numpy(), rank, random_state=0)
    return torch.from_numpy((u * s) @ vh)


APPROXIMATE = {"torch.svd_lowrank": _lowrank, "scikit-learn, randomized_svd": _randomized}


def truncation(small: bool) -> Duel:
    """Rank 32 of 1,000 MNIST images; ours and the first rival compute in float64."""
    matrix, rank = _matrix(small), 3 if small else RANK
    double, single = "torch.linalg.svd, float64", "torch.linalg.svd, float32"
    rivals = {
        double: lambda: _exact(matrix.double(), rank).float(),
        single: lambda: _exact(matrix, rank),
    }
    rough = {name: partial(function, matrix, rank) for name, function in APPROXIMATE.items()}
    return Duel(lambda: low_rank(matrix, rank), rivals, rough)


def sweeps(small: bool) -> Duel:
    """Five sweeps at rank 32, by lstsq where we have pinv; beside them the exact truncation."""
    matrix, rank = _matrix(small), 3 if small else RANK

    def ours() -> Tensor:
        encoder, decoder = alternating_least_squares(matrix, rank, sweeps=SWEEPS)
        return matrix @ encoder @ decoder

    def solved() -> Tensor:
        samples = matrix.double()
        encoder = torch.randn(matrix.shape[1], rank, dtype=torch.float64)
        decoder = encoder.T
        for _ in range(SWEEPS):
            decoder = torch.linalg.lstsq(samples @ encoder, samples).solution
            ones = torch.eye(rank, dtype=torch.float64)
            encoder = torch.linalg.lstsq(decoder, ones, driver="gelsd").solution
        return (samples @ encoder @ decoder).float()

    exact = {"torch.linalg.svd, float64": lambda: _exact(matrix.double(), rank)}
    return Duel(ours, {"torch.linalg.lstsq": solved}, exact, tolerance=1e-3)


DUELS = {"low_rank": truncation, "five sweeps of ALS": sweeps}


def excess(small: bool) -> Results:
    """Return how much more energy than the optimum each loses, in per cent."""
    matrix, rank = _matrix(small), 3 if small else RANK
    least = discarded_energy(matrix.double(), rank)
    torch.manual_seed(0)
    encoder, decoder = alternating_least_squares(matrix, rank, sweeps=SWEEPS)
    rebuilt = {name: function(matrix, rank) for name, function in APPROXIMATE.items()}
    rebuilt |= {"ours": low_rank(matrix, rank), "five sweeps of ALS": matrix @ encoder @ decoder}
    lost = {name: (matrix - each).double().square().sum() for name, each in rebuilt.items()}
    return {name: max(0.0, (100 * (each / least - 1)).item()) for name, each in lost.items()}


SHARES = {"excess": excess}


def _truncated(size: int) -> Work:
    torch.manual_seed(0)
    matrix = torch.randn(size, size)
    return lambda: low_rank(matrix, 16)


def _swept(columns: int) -> Work:
    torch.manual_seed(0)
    matrix = torch.randn(columns, columns)
    return lambda: alternating_least_squares(matrix, 16, sweeps=SWEEPS)


GROWTH = {
    "low_rank, side": Growth(_truncated, (32, 64, 128, 256, 512, 1024), "rows and columns", 3, 2),
    "five sweeps of ALS, side": Growth(
        _swept, (64, 128, 256, 512, 1024, 2048), "rows and columns", 2, 2
    ),
}
