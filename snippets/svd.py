"""SVD: what a linear autoencoder learns, and the floor under its loss.

Article:  docs/articles/svd.md; `svd:...` below names one of its equations.
Paper:    Baldi and Hornik (1989), Neural Networks 2(1), 53-58.
Shapes:   matrices (n, D), one sample a row; r, the rank, counts codes.
Units:    energies are sums of squares of entries, angles are in radians.
"""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from snippets.checks import (
    require,
    require_count,
    require_counts,
    require_dtype,
    require_finite,
    require_shape,
)

Matrix = Float[Tensor, "n D"]
Encoder = Float[Tensor, "D r"]
Decoder = Float[Tensor, "r D"]
Number = Float[Tensor, ""]
TINY = torch.finfo(torch.float64).tiny


# --8<-- [start:low-rank]
def low_rank(matrix: Matrix, rank: int) -> Matrix:
    """Return a nearest matrix of at most a rank: `svd:truncation`.

    It is the best product of two factors (`svd:two-factors`), and of three
    (`svd:three-factors`): the terms of `svd:svd` with the largest singular
    values. Where the last one kept equals the first one dropped, any of the
    nearest matrices may come out, and there is no gradient.

    Args:
        matrix: Finite numbers. Zeros count as observed: `svd:hidden-cell`.
        rank: From 0 to the smaller side of the matrix.
    """
    _check_matrix("matrix", matrix, rank)
    # In float32 the rounding alone would be as large as a small tail.
    truncated = _Truncation.apply(matrix.double(), rank)
    return truncated.to(matrix.dtype)  # pyright: ignore


def discarded_energy(matrix: Matrix, rank: int) -> Number:
    """Return the squared error of `low_rank`, which no rank-r matrix beats.

    It is the sum of the squares of the singular values after the first r
    (`svd:eckart-young`): the axes that no code captures (`svd:captured`).
    """
    _check_matrix("matrix", matrix, rank)
    tail = torch.linalg.svdvals(matrix.double())[rank:]
    return tail.square().sum().to(matrix.dtype)


# --8<-- [end:low-rank]
class _Truncation(torch.autograd.Function):
    """`low_rank` in float64, with the gradient of `svd:gradient`.

    PyTorch differentiates through each singular vector, and divides by zero
    where two singular values are equal. The truncation as a whole asks only
    for a gap between those that it keeps and those that it drops.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, rank: int) -> Tensor:
        u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
        ctx.save_for_backward(matrix, u, s, vh)
        ctx.rank = rank
        return (u[:, :rank] * s[:rank]) @ vh[:rank]

    # --8<-- [start:gradient]
    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:  # pyright: ignore
        (grad,), (matrix, u, s, vh) = grads, ctx.saved_tensors
        if torch.is_grad_enabled():  # someone asks for second derivatives
            u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
        u1, u2 = u[:, : ctx.rank], u[:, ctx.rank :]
        v1, v2 = vh[: ctx.rank].T, vh[ctx.rank :].T
        right, left = u1.T @ grad @ v2, (u2.T @ grad @ v1).T
        ratio = s[ctx.rank :] / s[: ctx.rank, None]
        gain = ratio / (1 - ratio.square())
        turned = u1 @ (gain * (ratio * right + left)) @ v2.T
        turned = turned + u2 @ (gain * (ratio * left + right)).T @ v1.T
        outside = grad - u1 @ (u1.T @ grad)
        return grad - (outside - outside @ v1 @ v1.T) + turned, None

    # --8<-- [end:gradient]


def principal_axes(matrix: Matrix, rank: int) -> Encoder:
    """Return the first r right singular vectors as columns: `svd:svd`.

    They are what data vary along, from the origin, not from their mean
    (`svd:centring`). Each comes with an arbitrary sign.
    """
    _check_matrix("matrix", matrix, rank)
    vh = torch.linalg.svd(matrix.double(), full_matrices=False).Vh
    return vh[:rank].T.to(matrix.dtype)


# --8<-- [start:angles]
def principal_angles(
    a: Float[Tensor, "D p"], b: Float[Tensor, "D q"]
) -> Float[Tensor, "angles"]:
    """Return the angles between two column spaces, ascending, in radians.

    There are min(p, q) of them. `svd:angles` gives each a cosine and a sine;
    the arctangent of the two keeps its digits at both ends, where the
    arccosine alone cannot tell 1e-9 from 0.

    Raises:
        ValueError: Columns depend on each other to within rounding: their
            space has fewer dimensions than they pretend.
    """
    wide, narrow = _orthonormal("a", a), _orthonormal("b", b)
    require(len(a) == len(b), "rows of b", len(a), len(b))
    require_dtype("b", b, a.dtype)
    if wide.shape[1] < narrow.shape[1]:
        wide, narrow = narrow, wide
    inside = wide.T @ narrow
    cosines = torch.linalg.svdvals(inside)
    sines = torch.linalg.svdvals(narrow - wide @ inside).flip(0)
    return torch.atan2(sines, cosines).to(a.dtype)


def _orthonormal(name: str, x: Tensor) -> Tensor:
    """Return an orthonormal basis of a column space, in float64."""
    _check_matrix(name, x)
    largest = x.double().abs().amax(0)
    x64 = x.double() / largest.where(largest > 0, 1)
    sizes = torch.linalg.svdvals(x64)
    tolerance = max(x.shape) * torch.finfo(x.dtype).eps * sizes[0]
    rank = int((sizes > tolerance).sum())
    columns = x.shape[1]
    require(rank == columns, f"independent columns of {name}", columns, rank)
    return torch.linalg.qr(x64).Q


# --8<-- [end:angles]
# --8<-- [start:autoencoder]
class LinearAutoencoder(nn.Module):
    """Code x as xC and decode it as xCB: `svd:autoencoder`.

    The best C costs nothing (`svd:encoder-is-free`), and so would no deeper
    encoder before this decoder gain anything (`svd:any-encoder`). At the
    optimum CB projects on the principal axes (`svd:subspace`); all other
    places where the gradient is zero are saddles (`svd:saddles`).

    Args:
        features: D, the length of a sample.
        rank: Length of its code, from 0 to `features`.
        bias: Add biases: PCA, not SVD, since the best ones take the mean away
            (`svd:bias`), worth one code at most (`svd:worth-of-a-bias`).
    """

    def __init__(self, features: int, rank: int, *, bias: bool = False) -> None:
        super().__init__()
        require_counts(features=features)
        require_count("rank", rank, 0, features)
        start = torch.randn(2, features, rank) / math.sqrt(features)
        self.encoder = nn.Parameter(start[0].clone())
        self.decoder = nn.Parameter(start[1].T.clone())
        zeros = (torch.zeros(rank), torch.zeros(features))
        self.code_bias = nn.Parameter(zeros[0]) if bias else None
        self.bias = nn.Parameter(zeros[1]) if bias else None

    def encode(self, x: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch r"]:
        """Return the codes of samples."""
        _check_samples("x", x, self.encoder)
        codes = x @ self.encoder
        return codes if self.code_bias is None else codes + self.code_bias

    def decode(
        self, codes: Float[Tensor, "*batch r"]
    ) -> Float[Tensor, "*batch D"]:
        """Return the samples that codes stand for."""
        _check_samples("codes", codes, self.decoder)
        x = codes @ self.decoder
        return x if self.bias is None else x + self.bias

    # --8<-- [end:autoencoder]
    def forward(
        self, x: Float[Tensor, "*batch D"]
    ) -> Float[Tensor, "*batch D"]:
        """Return the reconstruction of samples."""
        return self.decode(self.encode(x))


# --8<-- [start:als]
@torch.no_grad()
def alternating_least_squares(
    matrix: Matrix,
    rank: int,
    *,
    sweeps: int,
    generator: Generator | None = None,
) -> tuple[Encoder, Decoder]:
    """Fit a linear autoencoder to a matrix, one factor at a time: `svd:als`.

    Each half of a sweep is the exact optimum of one factor given the other,
    so the loss never rises. The angle to the principal axes shrinks by
    `svd:convergence` a sweep. The factors are one pair of many: which pair,
    the random start decides (`svd:gauge`).

    Returns:
        Encoder C and decoder B; `matrix @ C @ B` is the reconstruction.
    """
    _check_matrix("matrix", matrix, rank)
    require_counts(sweeps=sweeps)
    samples = matrix.double()
    samples = samples / samples.abs().max().clamp(min=TINY)  # C, B stay
    size = (matrix.shape[1], rank)
    options: dict[str, Any] = {"dtype": samples.dtype, "device": matrix.device}
    encoder = torch.randn(size, generator=generator, **options)
    decoder = encoder.T
    for _ in range(sweeps):
        decoder = torch.linalg.pinv(samples @ encoder) @ samples
        encoder = torch.linalg.pinv(decoder)
    return encoder.to(matrix.dtype), decoder.to(matrix.dtype)


# --8<-- [end:als]
# --8<-- [start:decay]
def decayed_autoencoder(
    matrix: Matrix, rank: int, *, decay: float
) -> tuple[Encoder, Decoder]:
    """Return a linear autoencoder that is best under weight decay.

    It minimises `svd:weight-decay`. Its decoder is the transpose of its
    encoder, and its axes are orthogonal, each shrunk by `svd:shrinkage`: an
    axis whose energy is no more than the decay is switched off.
    """
    _check_matrix("matrix", matrix, rank)
    finite = 0 <= decay < math.inf
    require(finite, "decay", "finite and at least 0", decay)
    _, s, vh = torch.linalg.svd(matrix.double(), full_matrices=False)
    ratio = math.sqrt(decay) / s[:rank].clamp(min=TINY)
    kept = (1 - ratio.square()).clamp(min=0) * (s[:rank] > 0)
    encoder = vh[:rank].T * kept.sqrt()
    return encoder.to(matrix.dtype), encoder.T.to(matrix.dtype)


# --8<-- [end:decay]
# --8<-- [start:rectified]
def rectified_low_rank(matrix: Matrix, rank: int) -> Matrix:
    """Truncate a matrix of counts, then set what is negative to zero.

    That moves every entry towards the truth (`svd:relu`), but leaves the
    factors signed; those of `svd:nmf` are not, and fit less well. At rank 1
    there is nothing to set to zero (`svd:perron`).
    """
    _check_matrix("matrix", matrix)
    least = matrix.min().item()
    require(least >= 0, "matrix", "non-negative", least)
    return low_rank(matrix, rank).clamp(min=0)


# --8<-- [end:rectified]
def storage_ratio(rows: int, columns: int, rank: int) -> float:
    """Return the numbers in two factors over those in the matrix.

    Below 1 the factors are cheaper to keep: `svd:storage`.
    """
    require_counts(rows=rows, columns=columns)
    require_count("rank", rank, 0, min(rows, columns))
    return (rows + columns) * rank / (rows * columns)


def _check_matrix(name: str, x: Tensor, rank: int = 0) -> None:
    require(x.ndim == 2, f"axes of {name}", 2, x.ndim)  # noqa: PLR2004
    shape = tuple(x.shape)
    require(min(shape) > 0, f"shape of {name}", "at least (1, 1)", shape)
    require_dtype(name, x)
    require_finite(name, x)
    require_count("rank", rank, 0, min(shape))


def _check_samples(name: str, x: Tensor, weight: Tensor) -> None:
    require(x.ndim > 0, f"axes of {name}", "at least 1", x.ndim)
    require_shape(name, x, (*x.shape[:-1], weight.shape[0]))
    require_dtype(name, x, weight.dtype)
