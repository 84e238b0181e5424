"""The claims of docs/articles/svd.md, checked on snippets/svd.py."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import sklearn.decomposition
import sklearn.metrics
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from snippets.svd import (
    LinearAutoencoder,
    alternating_least_squares,
    decayed_autoencoder,
    discarded_energy,
    low_rank,
    principal_angles,
    principal_axes,
    rectified_low_rank,
    storage_ratio,
)

pytestmark = pytest.mark.usefixtures("reproducible")  # one seed, float64

SHAPES = [(60, 30), (30, 60), (12, 12), (1, 7), (7, 1), (1, 1)]


def rank_deficient(rows: int = 20, columns: int = 15, rank: int = 6) -> Tensor:
    return torch.randn(rows, rank) @ torch.randn(rank, columns)


def energy(x: Tensor) -> Tensor:
    return x.square().sum()


def gram_energies(matrix: Tensor) -> np.ndarray:
    """Squared singular values, largest first, without an SVD: eigenvalues of the smaller Gram."""
    x = matrix.numpy()
    gram = x @ x.T if x.shape[0] < x.shape[1] else x.T @ x
    return np.linalg.eigvalsh(gram)[::-1].clip(min=0)


def least_squares(a: Any, b: Any) -> Any:
    return scipy.linalg.lstsq(a, b)[0]  # pyright: ignore[reportOptionalSubscript]


def minimise(loss: Any, *start: Tensor, iterations: int = 2000) -> list[Tensor]:
    """L-BFGS of SciPy on autograd's gradients."""
    sizes = [x.numel() for x in start]

    def unpack(flat: np.ndarray) -> list[Tensor]:
        parts = torch.as_tensor(flat).split(sizes)
        return [
            part.reshape(x.shape).clone().requires_grad_()
            for part, x in zip(parts, start, strict=True)
        ]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        parts = unpack(flat)
        value = loss(*parts)
        gradients = torch.autograd.grad(value, parts)
        return value.item(), torch.cat([g.flatten() for g in gradients]).numpy()

    flat = torch.cat([x.flatten() for x in start]).numpy()
    how: Any = {"maxiter": iterations, "maxfun": 2 * iterations, "ftol": 1e-15, "gtol": 1e-10}
    found = scipy.optimize.minimize(objective, flat, jac=True, method="L-BFGS-B", options=how)
    return [part.detach() for part in unpack(found.x)]


# The truncation and its error


@pytest.mark.parametrize("shape", SHAPES)
def test_truncation_is_that_of_numpy_at_every_rank(shape: tuple[int, int]) -> None:
    """svd:svd, svd:truncation: partial sums of NumPy's triples."""
    matrix = torch.randn(shape)
    u, s, vh = np.linalg.svd(matrix.numpy(), full_matrices=False)
    total = np.zeros(shape)
    for rank in range(min(shape) + 1):
        np.testing.assert_allclose(low_rank(matrix, rank).numpy(), total, atol=1e-12)
        if rank < min(shape):
            total = total + s[rank] * np.outer(u[:, rank], vh[rank])
    assert_close(low_rank(matrix, min(shape)), matrix)


def test_truncation_is_that_of_scikit_learn() -> None:
    """svd:truncation, by TruncatedSVD's codes and components."""
    matrix = torch.randn(40, 25) + 1
    model = sklearn.decomposition.TruncatedSVD(4, algorithm="arpack", random_state=0)
    codes: Any = model.fit_transform(matrix.numpy())
    np.testing.assert_allclose(low_rank(matrix, 4).numpy(), codes @ model.components_, atol=1e-9)
    axes = principal_axes(matrix, 4).numpy()
    np.testing.assert_allclose(np.abs(np.diag(model.components_ @ axes)), 1, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_principal_axes_diagonalise_the_gram_matrix(shape: tuple[int, int]) -> None:
    """svd:svd: orthonormal columns V with V^T M^T M V diagonal, by plain products."""
    matrix = torch.randn(shape)
    rank = min(shape)
    axes = principal_axes(matrix, rank)
    assert axes.shape == (shape[1], rank)
    assert_close(axes.T @ axes, torch.eye(rank))
    diagonal = torch.as_tensor(gram_energies(matrix).copy()).diag()
    assert_close(axes.T @ matrix.T @ matrix @ axes, diagonal, atol=1e-10, rtol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_discarded_energy_is_the_tail_of_the_gram_eigenvalues(shape: tuple[int, int]) -> None:
    """svd:eckart-young (brief 1): tail sums by eigvalsh, and the error of `low_rank` itself."""
    matrix = 3 * torch.randn(shape)
    energies = gram_energies(matrix)
    for rank in range(min(shape) + 1):
        floor = discarded_energy(matrix, rank)
        assert floor.ndim == 0
        assert abs(floor.item() - energies[rank:].sum()) < 1e-10 * energies.sum()
        assert_close(energy(matrix - low_rank(matrix, rank)), floor, atol=1e-10, rtol=1e-10)


def test_a_space_loses_what_it_does_not_capture_of_each_axis() -> None:
    """svd:captured: random spaces by NumPy's QR, shares between 0 and 1, r of them in all."""
    matrix = torch.randn(12, 9)
    _, s, vh = np.linalg.svd(matrix.numpy())
    for rank in (1, 4, 9):
        q = np.linalg.qr(np.random.default_rng(rank).normal(size=(9, rank)))[0]
        shares = ((vh @ q) ** 2).sum(1)
        assert (shares >= 0).all()
        assert (shares <= 1 + 1e-12).all()
        assert abs(shares.sum() - rank) < 1e-12
        loss = ((matrix.numpy() - matrix.numpy() @ q @ q.T) ** 2).sum()
        assert abs(loss - ((1 - shares) * s**2).sum()) < 1e-10
        assert loss > discarded_energy(matrix, rank).item() - 1e-10


def test_no_candidate_of_that_rank_beats_the_truncation() -> None:
    """svd:eckart-young (brief 1): 3000 candidates, half of them the truncation, disturbed."""
    matrix, rank = torch.randn(12, 9), 3
    floor = discarded_energy(matrix, rank)
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    for trial in range(3000):
        left, right = torch.randn(12, rank), torch.randn(rank, 9)
        if trial % 2:
            size = 10.0 ** -(trial % 7)
            left, right = u[:, :rank] * s[:rank] + size * left, vh[:rank] + size * right
        assert energy(matrix - left @ right) >= floor * (1 - 1e-12)


def test_two_factors_by_gradient_descent_end_on_the_floor() -> None:
    """svd:two-factors, svd:eckart-young: L-BFGS on A and B from five random starts."""
    matrix, rank = torch.randn(14, 10), 3
    floor = discarded_energy(matrix, rank)
    for _ in range(5):
        a, b = minimise(
            lambda a, b: energy(matrix - a @ b), torch.randn(14, rank), torch.randn(rank, 10)
        )
        assert_close(a @ b, low_rank(matrix, rank), atol=1e-4, rtol=0)
        assert 0 <= energy(matrix - a @ b) / floor - 1 < 1e-8


def test_a_third_factor_buys_nothing() -> None:
    """svd:three-factors (brief 10): ranks r and q give the floor of min(r, q), by L-BFGS."""
    matrix = torch.randn(12, 9)
    for r, q in ((2, 4), (4, 2), (3, 3)):
        start = (torch.randn(12, r), torch.randn(r, q), torch.randn(q, 9))
        a, middle, b = minimise(lambda a, k, b: energy(matrix - a @ k @ b), *start)
        product = a @ middle @ b
        assert np.linalg.matrix_rank(product.numpy(), tol=1e-8) <= min(r, q)
        floor = discarded_energy(matrix, min(r, q))
        assert 0 <= energy(matrix - product) / floor - 1 < 1e-6
        # Constructed: the truncation, with an identity cut to r by q in the middle.
        u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
        built = (u[:, :r] * s[:r]) @ torch.eye(r, q) @ vh[:q]
        assert_close(energy(matrix - built), floor, rtol=1e-10, atol=0)


# The autoencoder


@pytest.mark.parametrize("shape", [(60, 30), (8, 40), (20, 15)])
@pytest.mark.parametrize("deficient", [False, True])
def test_that_codes_come_from_an_encoder_costs_nothing(
    shape: tuple[int, int], deficient: bool
) -> None:
    """svd:encoder-is-free (brief 5): for the best A, SciPy's lstsq finds C with MC = A."""
    matrix = rank_deficient(*shape) if deficient else torch.randn(shape)
    rank = 5
    u, s, vh = np.linalg.svd(matrix.numpy(), full_matrices=False)
    codes = u[:, :rank] * s[:rank]
    encoder = least_squares(matrix.numpy(), codes)
    np.testing.assert_allclose(matrix.numpy() @ encoder, codes, atol=1e-10)
    loss = ((matrix.numpy() - matrix.numpy() @ encoder @ vh[:rank]) ** 2).sum()
    floor = discarded_energy(matrix, rank).item()
    assert abs(loss - floor) < 1e-8 * floor + 1e-18


def test_autoencoder_multiplies_by_its_two_matrices() -> None:
    """svd:autoencoder, in NumPy, with and without biases, over batch axes."""
    for bias in (False, True):
        model: Any = LinearAutoencoder(6, 2, bias=bias)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_()
        for batch in ((), (4,), (2, 3), (0,)):
            x = torch.randn(*batch, 6)
            codes = x.numpy() @ model.encoder.detach().numpy()
            codes = codes + model.code_bias.detach().numpy() if bias else codes
            expected = codes @ model.decoder.detach().numpy()
            expected = expected + model.bias.detach().numpy() if bias else expected
            assert model.encode(x).shape == (*batch, 2)
            np.testing.assert_allclose(model.encode(x).detach().numpy(), codes)
            np.testing.assert_allclose(model.decode(model.encode(x)).detach().numpy(), expected)
            assert torch.equal(model(x), model.decode(model.encode(x)))
        assert len(list(model.parameters())) == (4 if bias else 2)


def by_adam(model: nn.Module, matrix: Tensor, *, steps: int = 6000) -> Tensor:
    """Train with full batches and a learning rate that falls to zero; return the last loss."""
    adam = torch.optim.Adam(model.parameters(), 0.02)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(steps):
        adam.zero_grad()
        energy(matrix - model(matrix)).backward()
        adam.step()
        fall.step()
    return energy(matrix - model(matrix)).detach()


def test_adam_ends_on_the_floor_in_the_right_subspace() -> None:
    """svd:subspace, svd:eckart-young (brief 3): Adam, with SciPy's subspace_angles."""
    matrix = torch.randn(60, 30)
    model: Any = LinearAutoencoder(30, 5)
    loss = by_adam(model, matrix)
    assert -1e-12 < loss / discarded_energy(matrix, 5) - 1 < 1e-6
    vh = np.linalg.svd(matrix.numpy())[2]
    decoder = model.decoder.detach().numpy()
    assert scipy.linalg.subspace_angles(decoder.T, vh[:5].T).max() < 1e-4
    assert scipy.linalg.subspace_angles(model.encoder.detach().numpy(), vh[:5].T).max() < 1e-3
    projection = (model.encoder @ model.decoder).detach().numpy()
    np.testing.assert_allclose(projection, vh[:5].T @ vh[:5], atol=1e-3)


def test_the_factors_are_not_found_but_the_reconstruction_tells_them() -> None:
    """svd:gauge, svd:svd (brief 4): rows of B match no v_i; the SVD of MCB returns them all."""
    matrix = torch.randn(60, 30)
    vh = np.linalg.svd(matrix.numpy())[2][:5]
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        encoder, decoder = alternating_least_squares(matrix, 5, sweeps=500, generator=generator)
        rows = decoder.numpy() / np.linalg.norm(decoder.numpy(), axis=1, keepdims=True)
        best = np.abs(rows @ vh.T).max(1)
        assert best.min() < 0.9
        assert np.median(best) < 0.95
        back = np.linalg.svd((matrix @ encoder @ decoder).numpy())[2][:5]
        np.testing.assert_allclose(np.abs(np.diag(back @ vh.T)), 1, atol=1e-8)


def test_any_invertible_mixing_of_the_codes_leaves_the_loss() -> None:
    """svd:gauge (brief 6): (CG, G^-1 B), G far from orthogonal."""
    matrix = torch.randn(20, 12)
    model: Any = LinearAutoencoder(12, 4)
    before = energy(matrix - model(matrix))
    mixing = torch.randn(4, 4)
    with torch.no_grad():
        model.encoder.copy_(model.encoder @ mixing)
        model.decoder.copy_(torch.linalg.solve(mixing, model.decoder))
    assert_close(energy(matrix - model(matrix)), before, rtol=1e-10, atol=0)
    assert torch.linalg.cond(mixing) > 2


def test_no_deeper_encoder_passes_under_the_floor() -> None:
    """svd:any-encoder: a tanh network of 64 units in front of a linear decoder, by L-BFGS."""
    matrix, rank = torch.randn(25, 8), 3
    start = (torch.randn(8, 64) / 3, torch.randn(64, rank) / 8, torch.randn(rank, 8))
    one, two, b = minimise(
        lambda one, two, b: energy(matrix - (matrix @ one).tanh() @ two @ b), *start
    )
    loss, floor = energy(matrix - (matrix @ one).tanh() @ two @ b), discarded_energy(matrix, rank)
    assert floor * (1 - 1e-12) <= loss < floor * 1.001


def test_every_other_critical_point_is_a_saddle() -> None:
    """svd:saddles: for each choice of up to two axes, autograd's gradient and Hessian."""
    matrix = torch.randn(9, 4)
    _, s, vh = torch.linalg.svd(matrix, full_matrices=False)

    def loss(flat: Tensor) -> Tensor:
        c, b = flat[:8].reshape(4, 2), flat[8:].reshape(2, 4)
        return energy(matrix - matrix @ c @ b)

    for chosen in (c for size in range(3) for c in itertools.combinations(range(4), size)):
        axes = torch.cat([vh[list(chosen)], torch.zeros(2 - len(chosen), 4)])
        flat = torch.cat([axes.T.flatten(), axes.flatten()])
        left_out = [i for i in range(4) if i not in chosen]
        assert_close(loss(flat), s[left_out].square().sum())
        assert torch.autograd.functional.jacobian(loss, flat).abs().max() < 1e-10
        least = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, flat))[0]
        assert (least < -1e-3) == (chosen != (0, 1)), chosen


# Alternating least squares


@pytest.mark.parametrize("shape", [(60, 30), (30, 60), (25, 25)])
def test_alternating_least_squares_ends_on_the_floor(shape: tuple[int, int]) -> None:
    """svd:als, svd:subspace (brief 2): excess < 1e-8, angles by SciPy < 1e-6."""
    matrix = torch.randn(shape)
    encoder, decoder = alternating_least_squares(matrix, 5, sweeps=500)
    assert encoder.shape == (shape[1], 5)
    assert decoder.shape == (5, shape[1])
    loss = energy(matrix - matrix @ encoder @ decoder)
    assert abs(loss / discarded_energy(matrix, 5) - 1) < 1e-8
    axes = np.linalg.svd(matrix.numpy())[2][:5].T
    for space in (decoder.T.numpy(), encoder.numpy()):
        assert scipy.linalg.subspace_angles(space, axes).max() < 1e-6
    assert_close(encoder @ decoder, torch.as_tensor(axes @ axes.T), atol=1e-6, rtol=0)


def test_one_sweep_solves_two_least_squares_problems() -> None:
    """svd:als: SciPy's lstsq for B given C, and for C given B by Kronecker's product."""
    matrix = torch.randn(7, 5)
    start = torch.randn(5, 2, generator=torch.Generator().manual_seed(3))
    encoder, decoder = alternating_least_squares(
        matrix, 2, sweeps=1, generator=torch.Generator().manual_seed(3)
    )
    x = matrix.numpy()
    expected = least_squares(x @ start.numpy(), x)
    np.testing.assert_allclose(decoder.numpy(), expected, atol=1e-10)
    design = np.kron(x, expected.T)  # (M (x) B^T) vec(C) = vec(MCB), rows first
    best = least_squares(design, x.flatten()).reshape(5, 2)
    np.testing.assert_allclose(x @ encoder.numpy(), x @ best, atol=1e-9)


def test_loss_never_rises_and_the_angle_shrinks_by_the_squared_ratio() -> None:
    """svd:als, svd:convergence: tangents by SciPy's angles, singular values 4, 3, 2, 1, ..."""
    sizes = np.array([4.0, 3.0, 2.0, 1.0, 0.5, 0.1])
    left, right = (np.linalg.qr(np.random.default_rng(0).normal(size=(n, 6)))[0] for n in (20, 9))
    matrix = torch.as_tensor((left * sizes) @ right.T)
    tangents, losses = [], []
    for sweeps in range(1, 16):
        encoder, decoder = alternating_least_squares(
            matrix, 3, sweeps=sweeps, generator=torch.Generator().manual_seed(0)
        )
        losses.append(energy(matrix - matrix @ encoder @ decoder).item())
        angle = scipy.linalg.subspace_angles(decoder.numpy().T, right[:, :3]).max()
        tangents.append(math.tan(angle))
    assert all(later <= earlier * (1 + 1e-12) for earlier, later in itertools.pairwise(losses))
    ratios = [later / earlier for earlier, later in itertools.pairwise(tangents)]
    assert abs(np.mean(ratios[6:]) - (1 / 2) ** 2) < 0.01
    assert abs(losses[-1] - (sizes[3:] ** 2).sum()) < 1e-8


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1.0, 1e150, 1e300])
def test_scale_does_not_matter(scale: float) -> None:
    """svd:als, svd:truncation: codes are in units of M, factors and axes have none."""
    matrix = torch.randn(9, 6)
    small = low_rank(matrix, 2)
    assert_close(low_rank(scale * matrix, 2) / scale, small)
    how: Any = {"sweeps": 300, "generator": torch.Generator().manual_seed(0)}
    encoder, decoder = alternating_least_squares(scale * matrix, 2, **how)
    assert_close(scale * matrix @ encoder @ decoder / scale, small, atol=1e-6, rtol=0)
    assert_close(principal_angles(scale * matrix[:, :2], matrix[:, :2]), torch.zeros(2))


@pytest.mark.parametrize("scale", [1e-307, 4e307])
def test_least_squares_alternate_at_the_ends_of_the_range(scale: float) -> None:
    """svd:als, where the product of a matrix and an encoder alone would overflow."""
    matrix = torch.randn(9, 6)
    fixed = torch.Generator().manual_seed(0)
    encoder, decoder = alternating_least_squares(scale * matrix, 2, sweeps=300, generator=fixed)
    assert_close(matrix @ encoder @ decoder, low_rank(matrix, 2), atol=1e-6, rtol=0)


@pytest.mark.parametrize("rank", [1, 4, 6, 9, 15])
def test_rank_deficient_matrices_are_rebuilt_as_far_as_they_go(rank: int) -> None:
    """svd:als, svd:eckart-young, when the true rank is 6 of 15: no rank fails."""
    matrix = rank_deficient()
    encoder, decoder = alternating_least_squares(matrix, rank, sweeps=400)
    loss = energy(matrix - matrix @ encoder @ decoder).item()
    assert abs(loss - gram_energies(matrix)[rank:].sum()) < 1e-7 * energy(matrix)
    assert torch.linalg.matrix_rank(low_rank(matrix, rank)) == min(rank, 6)


def test_nothing_is_coded_as_nothing() -> None:
    """svd:als, svd:truncation of a matrix of zeros: no scale to divide by, no NaN."""
    zeros = torch.zeros(4, 3)
    encoder, decoder = alternating_least_squares(zeros, 2, sweeps=3)
    assert encoder.isfinite().all()
    assert decoder.isfinite().all()
    assert torch.equal(low_rank(zeros, 2), zeros)
    assert discarded_energy(zeros, 1) == 0


def test_equal_generators_give_equal_factors_and_leave_the_global_state() -> None:
    """svd:gauge: the start decides which factors come out."""
    matrix, state = torch.randn(9, 6), torch.get_rng_state()
    runs = [
        alternating_least_squares(
            matrix, 2, sweeps=50, generator=torch.Generator().manual_seed(seed)
        )
        for seed in (1, 1, 2)
    ]
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(runs[0][0], runs[1][0])
    assert (runs[0][0] - runs[2][0]).abs().max() > 0.1
    assert not alternating_least_squares(matrix.requires_grad_(), 2, sweeps=1)[0].requires_grad


# Angles


@pytest.mark.parametrize(("p", "q"), [(3, 3), (2, 5), (5, 2), (1, 4), (7, 7), (1, 1)])
def test_angles_are_those_of_scipy(p: int, q: int) -> None:
    """svd:angles, against subspace_angles, which lists them from the largest down."""
    for _ in range(20):
        a, b = torch.randn(7, p), torch.randn(7, q)
        theirs = scipy.linalg.subspace_angles(a.numpy(), b.numpy())[::-1]
        ours = principal_angles(a, b)
        assert ours.shape == (min(p, q),)
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-8)
        assert (ours.diff() >= 0).all()
        assert_close(principal_angles(b, a), ours, atol=1e-8, rtol=0)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-9, 1e-5, 0.3, 1.5, math.pi / 2 - 1e-9])
def test_angles_that_were_built_are_found(angle: float) -> None:
    """svd:angles: planes at known angles in six dimensions; arccos would lose 1e-9 entirely."""
    basis = torch.linalg.qr(torch.randn(6, 6)).Q
    tilted = math.cos(angle) * basis[:, 1] + math.sin(angle) * basis[:, 3]
    turned = math.cos(0.4) * basis[:, 0] + math.sin(0.4) * basis[:, 2]
    a = basis[:, :2] @ torch.randn(2, 2)
    b = torch.stack([tilted, turned], 1) @ torch.randn(2, 2)
    expected = torch.tensor(sorted([angle, 0.4]))
    assert_close(principal_angles(a, b), expected, atol=2e-14, rtol=1e-9)
    if angle == 1e-9:
        q_a, q_b = torch.linalg.qr(a).Q, torch.linalg.qr(b).Q
        naive = torch.linalg.svdvals(q_a.T @ q_b)[0].clamp(max=1).acos()
        assert abs(naive - 1e-9) > 5e-10


@pytest.mark.parametrize("tilt", [1e-4, 1e-8, 1e-12])
def test_nearly_parallel_columns_still_span_a_plane(tilt: float) -> None:
    """svd:angles: columns a tilt apart are independent as long as float64 can tell."""
    basis = torch.linalg.qr(torch.randn(6, 3)).Q
    a = torch.stack([basis[:, 0], basis[:, 0] + tilt * basis[:, 1]], 1)
    assert principal_angles(a, basis[:, :2]).max() < 1e-15 / tilt
    assert principal_angles(a, basis[:, 2:]).item() == pytest.approx(math.pi / 2, abs=1e-15 / tilt)


def test_angles_depend_on_spaces_alone() -> None:
    """svd:angles: other bases, columns of wild scales and a rotation of all leave them."""
    a, b = torch.randn(8, 3), torch.randn(8, 2)
    before = principal_angles(a, b)
    scales = torch.tensor([1e-200, 1.0, 1e200])
    assert_close(principal_angles(a * scales, b), before)
    assert_close(principal_angles(a @ torch.randn(3, 3), b @ torch.randn(2, 2)), before)
    turn = torch.linalg.qr(torch.randn(8, 8)).Q
    assert_close(principal_angles(turn @ a, turn @ b), before)
    single = principal_angles(a.float(), b.float())
    assert single.dtype == torch.float32
    assert_close(single.double(), before, atol=1e-6, rtol=1e-6)


# Means, weight decay


def test_with_biases_the_autoencoder_is_pca() -> None:
    """svd:bias (brief 11): Adam with biases reaches scikit-learn's PCA, without them the SVD."""
    matrix = torch.randn(80, 6) * torch.tensor([3.0, 2.0, 1.0, 1.0, 0.5, 0.5]) + 2
    pca = sklearn.decomposition.PCA(2).fit(matrix.numpy())
    rebuilt = pca.inverse_transform(pca.transform(matrix.numpy()))
    error = ((matrix.numpy() - rebuilt) ** 2).sum()
    centred = matrix - matrix.mean(0)
    assert abs(discarded_energy(centred, 2).item() - error) < 1e-8
    model: Any = LinearAutoencoder(6, 2, bias=True)
    loss = by_adam(model, matrix, steps=3000)
    assert abs(loss.item() / error - 1) < 1e-6
    np.testing.assert_allclose(model(matrix).detach().numpy(), rebuilt, atol=1e-2)
    plain: Any = LinearAutoencoder(6, 2)
    loss = by_adam(plain, matrix, steps=3000)
    floor = discarded_energy(matrix, 2)
    assert abs(loss / floor - 1) < 1e-6
    assert floor > 1.2 * error


def test_a_bias_is_worth_at_most_one_code() -> None:
    """svd:worth-of-a-bias, with scikit-learn's PCA for the centred floor."""
    for mean in (0.0, 0.5, 20.0):
        matrix = torch.randn(40, 8) * torch.linspace(2, 0.5, 8) + mean
        for rank in range(1, 8):
            pca: Any = sklearn.decomposition.PCA(rank).fit(matrix.numpy())
            rebuilt = pca.inverse_transform(pca.transform(matrix.numpy()))
            centred = ((matrix.numpy() - rebuilt) ** 2).sum()
            assert discarded_energy(matrix, rank + 1).item() <= centred + 1e-9
            assert centred <= discarded_energy(matrix, rank).item() + 1e-9


def test_the_best_bias_is_the_mean() -> None:
    """svd:bias: for any CB, least squares over an offset (SciPy) takes the mean away first."""
    matrix, product = torch.randn(30, 5) + 3, torch.randn(5, 2) @ torch.randn(2, 5)
    residual = (matrix - matrix @ product).numpy()
    offset = least_squares(np.ones((30, 1)), residual)
    mean = matrix.mean(0)
    np.testing.assert_allclose(offset[0], (mean - mean @ product).numpy(), atol=1e-12)
    centred = matrix - mean
    np.testing.assert_allclose(residual - offset, (centred - centred @ product).numpy(), atol=1e-12)


def test_second_moments_are_covariance_plus_mean() -> None:
    """svd:centring (brief 11), by NumPy's cov; a mean of 2 captures the first axis."""
    matrix = torch.randn(200, 20) * torch.linspace(2, 0.5, 20) + 2
    x = matrix.numpy()
    mean = x.mean(0)
    moments = 200 * np.cov(x.T, bias=True) + 200 * np.outer(mean, mean)
    np.testing.assert_allclose(x.T @ x, moments, atol=1e-9)
    first = principal_axes(matrix, 1)[:, 0].numpy()
    pca: Any = sklearn.decomposition.PCA(1).fit(x)
    component = pca.components_[0]
    assert abs(first @ mean) / np.linalg.norm(mean) > 0.98
    assert abs(first @ component) < 0.5


def decayed_loss(matrix: Tensor, encoder: Tensor, decoder: Tensor, decay: float) -> Tensor:
    fit = energy(matrix - matrix @ encoder @ decoder)
    return fit + decay * (energy(encoder) + energy(decoder))


@pytest.mark.parametrize("decay", [0.5, 30.0])
def test_weight_decay_gives_back_orthogonal_axes(decay: float) -> None:
    """svd:weight-decay, svd:shrinkage (brief 12): L-BFGS knows no SVD; B = C^T, 1 - decay / s^2."""
    matrix, rank = torch.randn(20, 8), 5
    start = (torch.randn(8, rank), torch.randn(rank, 8))
    encoder, decoder = minimise(lambda c, b: decayed_loss(matrix, c, b, decay), *start)
    assert_close(decoder, encoder.T, atol=1e-5, rtol=0)
    s = np.linalg.svd(matrix.numpy())[1]
    expected = np.clip(1 - decay / s[:rank] ** 2, 0, None)
    assert (expected == 0).any() == (decay == 30)
    eigenvalues = np.linalg.eigvalsh((encoder @ decoder).numpy())[::-1][:rank]
    np.testing.assert_allclose(eigenvalues, expected, atol=1e-5)
    closed = decayed_autoencoder(matrix, rank, decay=decay)
    best, found = (decayed_loss(matrix, *pair, decay) for pair in (closed, (encoder, decoder)))
    assert abs(found / best - 1) < 1e-8
    assert_close(closed[0] @ closed[1], encoder @ decoder, atol=1e-5, rtol=0)
    # The decoder alone now tells the axes and their order.
    vh = np.linalg.svd(matrix.numpy())[2]
    alive = int((expected > 0).sum())
    back = np.linalg.svd(decoder.numpy(), full_matrices=False)[2][:alive]
    np.testing.assert_allclose(np.abs(np.diag(back @ vh[:alive].T)), 1, atol=1e-4)


def test_decay_of_zero_projects_and_a_large_one_switches_all_off() -> None:
    """svd:shrinkage at its ends, on a matrix of rank 6 too; whole numbers will do."""
    for matrix in (torch.randn(10, 7), rank_deficient()):
        encoder, decoder = decayed_autoencoder(matrix, 4, decay=0)
        assert_close(matrix @ encoder @ decoder, low_rank(matrix, 4))
        encoder, decoder = decayed_autoencoder(matrix, 4, decay=energy(matrix).item())
        assert not encoder.any()
        assert not decoder.any()
    encoder, decoder = decayed_autoencoder(torch.zeros(3, 4), 2, decay=0)
    assert not encoder.any()


# Counts, zeros, storage


WORDS = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]], dtype=torch.float64)


def test_the_table_of_two_rows() -> None:
    """svd:hidden-cell (brief 7): 4 / sqrt(65), with the Gram matrix's closed form beside it."""
    s = np.sqrt(gram_energies(WORDS))
    np.testing.assert_allclose(s, [2.92081, 0.68474], atol=1e-5)
    np.testing.assert_allclose(s**2, [(9 + 65**0.5) / 2, (9 - 65**0.5) / 2])
    rebuilt = low_rank(WORDS, 1)
    assert abs(rebuilt[1, 4].item() - 4 / 65**0.5) < 1e-14
    expected = [[1.0582] * 4 + [0.5620], [0.9341] * 4 + [0.4961]]
    np.testing.assert_allclose(rebuilt.numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("columns", [2, 5, 50, 5000])
def test_a_hidden_cell_scores_less_than_a_half_however_long_the_table(columns: int) -> None:
    """svd:hidden-cell, for tables of any length, by the power method on the rows."""
    table = torch.ones(2, columns)
    table[1, -1] = 0
    left = np.array([1.0, 0.9])
    for _ in range(400):
        left = table.numpy() @ (table.numpy().T @ left)
        left = left / np.linalg.norm(left)
    score = low_rank(table, 1)[1, -1].item()
    assert abs(score - left[1] * (left @ table.numpy()[:, -1])) < 1e-9
    formula = (columns - 1) / math.sqrt(1 + 4 * (columns - 1) ** 2)
    assert abs(score - formula) < 1e-12
    assert score < 0.5


def test_rectifying_moves_every_entry_towards_the_truth() -> None:
    """svd:relu (brief 8), entry by entry; strictly, once an entry is negative."""
    for rank in range(1, 8):
        matrix = torch.rand(20, 12).pow(3)
        plain, rectified = low_rank(matrix, rank), rectified_low_rank(matrix, rank)
        np.testing.assert_array_equal(rectified.numpy(), np.maximum(plain.numpy(), 0))
        assert ((rectified - matrix).abs() <= (plain - matrix).abs()).all()
        if plain.min() < -1e-9:
            assert energy(rectified - matrix) < energy(plain - matrix)


def test_the_first_truncation_of_counts_has_no_negative_entry() -> None:
    """svd:perron (brief 9): random counts, NumPy's rank-1 product; at rank 2 they do appear."""
    negative = 0
    for _ in range(200):
        matrix = torch.rand(12, 9).pow(2) * (torch.rand(12, 9) < 0.6)
        u, _, vh = np.linalg.svd(matrix.numpy())
        assert (np.outer(u[:, 0], vh[0]) * np.sign(u[:, 0].sum() * vh[0].sum()) > -1e-12).all()
        assert low_rank(matrix, 1).min() > -1e-12
        negative += int((low_rank(matrix, 2) < -1e-9).any())
        assert rectified_low_rank(matrix, 2).min() >= 0
    assert negative > 150


def test_non_negative_factors_fit_less_well_than_signed_ones() -> None:
    """svd:nmf: scikit-learn's NMF never gets below the floor, nor as low."""
    matrix = torch.rand(30, 20).pow(2)
    for rank in (1, 2, 5):
        how: Any = {"n_components": rank, "init": "nndsvda", "solver": "mu", "max_iter": 5000}
        model = sklearn.decomposition.NMF(**how)
        codes: Any = model.fit_transform(matrix.numpy())
        assert codes.min() >= 0
        assert model.components_.min() >= 0
        error = ((matrix.numpy() - codes @ model.components_) ** 2).sum()
        ratio = error / discarded_energy(matrix, rank).item()
        assert ratio > 1 - 1e-9
        assert (ratio > 1.0001) == (rank > 1)


def test_hidden_pairs_of_a_block_matrix_come_out_high() -> None:
    """svd:truncation at work (brief 13): mean AUC over 40 seeds, by scikit-learn."""
    areas = []
    for seed in range(40):
        draw = np.random.default_rng(seed)
        rows, columns = draw.integers(0, 4, 60), draw.integers(0, 4, 50)
        allowed = draw.random((4, 4)) < 0.5
        allowed[np.arange(4), draw.permutation(4)] = True
        allowed[draw.integers(4), draw.integers(4)] = False
        compatible = allowed[rows][:, columns]
        hidden = compatible & (draw.random((60, 50)) < 0.1)
        scores = low_rank(torch.as_tensor((compatible & ~hidden).astype(float)), 4).numpy()
        asked = hidden | ~compatible
        areas.append(sklearn.metrics.roc_auc_score(compatible[asked], scores[asked]))
    assert np.mean(areas) > 0.95


def test_storage_pays_below_the_harmonic_bound() -> None:
    """svd:storage (brief 14): numbers counted in the factors themselves."""
    for rows, columns in ((427, 640), (3, 4), (50, 50), (1, 9)):
        for rank in range(min(rows, columns) + 1):
            count = torch.empty(rows, rank).numel() + torch.empty(rank, columns).numel()
            ratio = storage_ratio(rows, columns, rank)
            assert abs(ratio - count / (rows * columns)) < 1e-12
            assert (ratio < 1) == (rank * (rows + columns) < rows * columns)


# Gradients, dtypes, layouts


@pytest.mark.parametrize(("shape", "rank"), [((5, 4), 2), ((4, 5), 3), ((4, 4), 0), ((3, 5), 3)])
def test_gradients_are_those_of_finite_differences(shape: tuple[int, int], rank: int) -> None:
    """svd:gradient, twice the residual for svd:eckart-young; second derivatives of both."""
    matrix = torch.randn(shape, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: low_rank(x, rank), matrix)
    assert torch.autograd.gradcheck(lambda x: discarded_energy(x, rank), matrix)
    assert torch.autograd.gradgradcheck(lambda x: low_rank(x, rank), matrix)
    assert torch.autograd.gradgradcheck(lambda x: discarded_energy(x, rank), matrix)
    (gradient,) = torch.autograd.grad(discarded_energy(matrix, rank), matrix)
    assert_close(gradient, 2 * (matrix - low_rank(matrix, rank)).detach())


def test_gradients_survive_equal_singular_values() -> None:
    """svd:gradient: pairs 2, 2 and 1, 1 and a matrix of rank 2, where PyTorch's own is NaN."""
    left, right = torch.linalg.qr(torch.randn(5, 4)).Q, torch.linalg.qr(torch.randn(4, 4)).Q
    for sizes in ([2.0, 2.0, 1.0, 1.0], [2.0, 2.0, 0.0, 0.0]):
        matrix = ((left * torch.tensor(sizes)) @ right).requires_grad_()
        assert torch.autograd.gradcheck(lambda x: low_rank(x, 2), matrix)
    angles = torch.randn(6, 2, requires_grad=True)
    fixed = torch.randn(6, 3)
    assert torch.autograd.gradcheck(lambda x: principal_angles(x, fixed), angles)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_kept_and_single_precision_loses_no_small_tail(dtype: torch.dtype) -> None:
    """svd:eckart-young in float32: a tail of 1e-12 of the energy, against NumPy in float64."""
    left, right = np.linalg.qr(np.random.default_rng(1).normal(size=(2, 30, 8)))[0]
    matrix = torch.as_tensor((left * np.logspace(0, -7, 8)) @ right.T).to(dtype)
    s = np.linalg.svd(matrix.double().numpy())[1]
    floor = discarded_energy(matrix, 4)
    assert_close(floor.double().item(), (s[4:] ** 2).sum(), rtol=1e-5, atol=0)
    u, s, vh = np.linalg.svd(matrix.double().numpy())
    expected = (u[:, :3] * s[:3]) @ vh[:3]
    np.testing.assert_allclose(low_rank(matrix, 3).numpy(), expected, rtol=1e-7, atol=1e-16)
    pair = alternating_least_squares(matrix, 2, sweeps=2)
    decayed = decayed_autoencoder(matrix, 2, decay=1)
    model: Any = LinearAutoencoder(30, 2).to(dtype)
    results = [low_rank(matrix, 2), floor, principal_axes(matrix, 2), *pair, *decayed]
    results += [rectified_low_rank(matrix.abs(), 2), model(matrix), model.encode(matrix[0])]
    results += [principal_angles(matrix[:, :2], matrix[:, 3:5])]
    assert {result.dtype for result in results} == {dtype}


def test_layout_of_memory_and_graph_do_not_matter() -> None:
    """svd:truncation, of a transposed, strided matrix that asks for gradients."""
    wide = torch.randn(12, 20, requires_grad=True)
    view = wide.T[::2, 1::3]
    copy = view.detach().clone(memory_format=torch.contiguous_format)
    assert_close(low_rank(view, 2).detach(), low_rank(copy, 2))
    assert_close(discarded_energy(view, 2).detach(), discarded_energy(copy, 2))
    assert_close(principal_angles(view[:, :2], view[:, 2:]).detach(),
                 principal_angles(copy[:, :2], copy[:, 2:]))  # fmt: skip
    before = copy.clone()
    alternating_least_squares(copy, 2, sweeps=2)
    rectified_low_rank(copy.abs(), 2)
    assert torch.equal(before, copy)


def test_no_code_at_all_is_the_zero_reconstruction() -> None:
    """svd:eckart-young at rank 0: all energy is lost; with a bias, all but that of the mean."""
    matrix = torch.randn(5, 3)
    assert not low_rank(matrix, 0).any()
    assert_close(discarded_energy(matrix, 0), energy(matrix))
    encoder, decoder = alternating_least_squares(matrix, 0, sweeps=1)
    assert (encoder.shape, decoder.shape) == ((3, 0), (0, 3))
    assert not (matrix @ encoder @ decoder).any()
    assert not LinearAutoencoder(3, 0)(matrix).any()
    model: Any = LinearAutoencoder(3, 0, bias=True)
    with torch.no_grad():
        model.bias.copy_(matrix.mean(0))
    assert_close(energy(matrix - model(matrix)), energy(matrix - matrix.mean(0)))
    assert storage_ratio(3, 4, 0) == 0


M = torch.ones(4, 3)
BROKEN = torch.tensor([[1.0, math.nan], [math.inf, 1.0]])
TAKE_RANK = {
    "low_rank": low_rank,
    "discarded_energy": discarded_energy,
    "principal_axes": principal_axes,
    "rectified_low_rank": rectified_low_rank,
    "alternating_least_squares": lambda x, r: alternating_least_squares(x, r, sweeps=1),
    "decayed_autoencoder": lambda x, r: decayed_autoencoder(x, r, decay=0.1),
}
BAD_MATRICES: dict[str, tuple[Any, int, str]] = {
    "rank beyond": (M, 4, "rank must be 0 to 3, got 4"),
    "rank below": (M, -1, "rank must be 0 to 3, got -1"),
    "rank a fraction": (M, 1.5, "rank must be a whole number, got 1.5"),  # pyright: ignore
    "rank a truth value": (M, True, "rank must be a whole number, got True"),
    "a vector": (M[0], 1, "axes of matrix must be 2, got 1"),
    "a batch": (M[None], 1, "axes of matrix must be 2, got 3"),
    "no rows": (M[:0], 0, r"shape of matrix must be at least \(1, 1\), got \(0, 3\)"),
    "no columns": (M[:, :0], 0, r"shape of matrix must be at least \(1, 1\), got \(4, 0\)"),
    "NaN": (BROKEN, 1, "count of NaN and infinity in matrix must be 0, got 2"),
}


@pytest.mark.refusal
@pytest.mark.parametrize("function", TAKE_RANK)
@pytest.mark.parametrize("case", BAD_MATRICES)
def test_refuses_bad_matrices_and_ranks(function: str, case: str) -> None:
    matrix, rank, message = BAD_MATRICES[case]
    with pytest.raises(ValueError, match=f"^{message}$"):
        TAKE_RANK[function](matrix, rank)


@pytest.mark.refusal
@pytest.mark.parametrize("function", TAKE_RANK)
@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float16, torch.complex64])
def test_refuses_wrong_dtypes(function: str, dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match=f"matrix must be float32 or float64, got {dtype}"):
        TAKE_RANK[function](M.to(dtype), 1)


REFUSALS = {
    "no sweeps": (
        lambda: alternating_least_squares(M, 1, sweeps=0),
        "sweeps must be at least 1, got 0",
    ),
    "half a sweep": (
        lambda: alternating_least_squares(M, 1, sweeps=1.5),  # pyright: ignore
        "sweeps must be a whole number, got 1.5",
    ),
    "sweeps a truth value": (
        lambda: alternating_least_squares(M, 1, sweeps=True),
        "sweeps must be a whole number, got True",
    ),
    "negative decay": (
        lambda: decayed_autoencoder(M, 1, decay=-1),
        "decay must be finite and at least 0, got -1",
    ),
    "decay nan": (
        lambda: decayed_autoencoder(M, 1, decay=math.nan),
        "decay must be finite and at least 0, got nan",
    ),
    "decay inf": (
        lambda: decayed_autoencoder(M, 1, decay=math.inf),
        "decay must be finite and at least 0, got inf",
    ),
    "negative counts": (
        lambda: rectified_low_rank(-M, 1),
        "matrix must be non-negative, got -1.0",
    ),
    "no features": (
        lambda: LinearAutoencoder(0, 0),
        "features must be at least 1, got 0",
    ),
    "half a feature": (
        lambda: LinearAutoencoder(2.5, 1),  # pyright: ignore
        "features must be a whole number, got 2.5",
    ),
    "rank beyond the features": (
        lambda: LinearAutoencoder(3, 4),
        "rank must be 0 to 3, got 4",
    ),
    "samples too wide": (
        lambda: LinearAutoencoder(3, 2)(torch.randn(2, 4)),
        r"shape of x must be \(2, 3\), got \(2, 4\)",
    ),
    "samples that would broadcast": (
        lambda: LinearAutoencoder(3, 2).encode(torch.randn(2, 1)),
        r"shape of x must be \(2, 3\), got \(2, 1\)",
    ),
    "a number": (
        lambda: LinearAutoencoder(3, 2).encode(torch.tensor(1.0)),
        "axes of x must be at least 1, got 0",
    ),
    "codes too wide": (
        lambda: LinearAutoencoder(3, 2).decode(torch.randn(2, 3)),
        r"shape of codes must be \(2, 2\), got \(2, 3\)",
    ),
    "a vector for a space": (
        lambda: principal_angles(torch.randn(3), torch.randn(3, 1)),
        "axes of a must be 2, got 1",
    ),
    "spaces of other dimensions": (
        lambda: principal_angles(torch.eye(3), torch.eye(4)[:, :2]),
        "rows of b must be 3, got 4",
    ),
    "a column twice": (
        lambda: principal_angles(torch.ones(3, 2), torch.eye(3)),
        "independent columns of a must be 2, got 1",
    ),
    "a sum of columns": (
        lambda: principal_angles(torch.eye(5)[:, :2], torch.randn(5, 2) @ torch.randn(2, 3)),
        "independent columns of b must be 3, got 2",
    ),
    "a sum of columns in single precision": (
        lambda: principal_angles(
            torch.tensor([[0.1, 0.7], [0.2, 0.6], [0.3, 0.5]], dtype=torch.float32)
            @ torch.tensor([[1.0, 0.0, 0.3], [0.0, 1.0, 0.9]], dtype=torch.float32),
            torch.eye(3, dtype=torch.float32),
        ),
        "independent columns of a must be 3, got 2",
    ),
    "more columns than rows": (
        lambda: principal_angles(torch.randn(2, 3), torch.eye(2)),
        "independent columns of a must be 3, got 2",
    ),
    "a column of zeros": (
        lambda: principal_angles(torch.eye(3), torch.tensor([[1.0, 0.0]] * 3)),
        "independent columns of b must be 2, got 1",
    ),
    "no columns": (
        lambda: principal_angles(torch.eye(3), torch.empty(3, 0)),
        r"shape of b must be at least \(1, 1\), got \(3, 0\)",
    ),
    "an angle to NaN": (
        lambda: principal_angles(BROKEN, torch.eye(2)),
        "count of NaN and infinity in a must be 0, got 2",
    ),
    "storage of nothing": (
        lambda: storage_ratio(0, 4, 0),
        "rows must be at least 1, got 0",
    ),
    "storage of half a column": (
        lambda: storage_ratio(3, 2.5, 1),  # pyright: ignore
        "columns must be a whole number, got 2.5",
    ),
    "storage beyond": (
        lambda: storage_ratio(3, 4, 4),
        "rank must be 0 to 3, got 4",
    ),
}


@pytest.mark.refusal
@pytest.mark.parametrize("case", REFUSALS)
def test_refuses_bad_input(case: str) -> None:
    call, message = REFUSALS[case]
    with pytest.raises(ValueError, match=f"^{message}$"):
        call()


WRONG_DTYPES = {
    "single and double spaces": (
        lambda: principal_angles(torch.eye(3), torch.eye(3, dtype=torch.float32)),
        "b must be torch.float64, got torch.float32",
    ),
    "single x, double model": (
        lambda: LinearAutoencoder(3, 2)(torch.randn(2, 3, dtype=torch.float32)),
        "x must be torch.float64, got torch.float32",
    ),
    "whole codes": (
        lambda: LinearAutoencoder(3, 2).decode(torch.zeros(2, dtype=torch.int64)),
        "codes must be torch.float64, got torch.int64",
    ),
}


@pytest.mark.refusal
@pytest.mark.parametrize("case", WRONG_DTYPES)
def test_refuses_dtypes_that_disagree(case: str) -> None:
    call, message = WRONG_DTYPES[case]
    with pytest.raises(TypeError, match=message):
        call()
