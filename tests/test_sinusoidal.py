"""The claims of docs/articles/sinusoidal.md, checked on snippets/sinusoidal.py."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.optimize
import scipy.special
import scipy.stats
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck
from torch.autograd.functional import jacobian
from torch.testing import assert_close

from snippets.positions import Attention, SinusoidalPositions, rotary
from snippets.sinusoidal import (
    Layout,
    block_terms,
    decay,
    encode,
    expansion,
    frequencies,
    kernel_positions,
    mean_cosine,
    mixed_hessian,
    mixed_term,
    orbit,
    relative_part,
    similarity,
    sinusoidal,
    turn,
)

pytestmark = pytest.mark.usefixtures("reproducible")  # one seed, float64

LAYOUTS: list[Layout] = ["interleaved", "half"]
SIZES = [(2, 10000.0), (6, 3.5), (64, 1000), (130, 10000.0)]


def table(length: int, features: int, base: float) -> np.ndarray:
    """The formula of the paper, entry by entry, in Python's own floats."""
    return np.array(
        [
            [
                (math.cos if j % 2 else math.sin)(k / base ** ((j - j % 2) / features))
                for j in range(features)
            ]
            for k in range(length)
        ]
    )


def tokens(length: int = 6, width: int = 8, std: float = 1.0) -> Tensor:
    return std * torch.randn(length, width)


class Pooled(nn.Module):
    """Attention, then the mean over tokens and a readout: one number, blind to order."""

    def __init__(self, width: int = 8, heads: int = 2) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.readout = nn.Sequential(nn.Linear(width, 16), nn.Tanh(), nn.Linear(16, 1))
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.5)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y, _ = self.attention(x[None], x[None], x[None], need_weights=False, attn_mask=mask)
        return self.readout(y[0].mean(0)).squeeze()


def of_two(model: Callable[[Tensor], Tensor], x: Tensor, m: int = 1, n: int = 4) -> Any:
    """The function of two positions: both are added to their tokens."""

    def f(p_m: Tensor, p_n: Tensor) -> Tensor:
        place = torch.zeros(len(x), 2)
        place[m, 0] = place[n, 1] = 1
        return model(x + place @ torch.stack([p_m, p_n]))

    return f


class Polynomial:
    """c + a p + b q + p A p / 2 + q B q / 2 + p H q + cubic: each coefficient known."""

    def __init__(self, width: int, cubic: float = 0.0) -> None:
        self.c, self.cubic = torch.randn(()), cubic
        self.a, self.b = torch.randn(2, width)
        A, B, self.H = torch.randn(3, width, width)
        self.A, self.B = A + A.T, B + B.T

    def __call__(self, p: Tensor, q: Tensor) -> Tensor:
        apart = self.c + self.a @ p + self.b @ q + p @ self.A @ p / 2 + q @ self.B @ q / 2
        return apart + p @ self.H @ q + self.cubic * (p.sum() ** 2 * q.sum() + q.sum() ** 3)


# Attention without positions, and the first term in which two of them meet


def test_pooled_attention_is_blind_to_order() -> None:
    """sinusoidal:symmetry, on PyTorch's own layer: all 120 orders of five tokens."""
    model, x = Pooled(), tokens(5)
    outputs = torch.stack([model(x[list(order)]) for order in itertools.permutations(range(5))])
    assert (outputs - outputs[0]).abs().max() < 1e-12


def test_a_layer_moves_with_its_tokens_and_a_mask_breaks_it() -> None:
    """sinusoidal:symmetry is of the pooled output: per token it is equivariance, not invariance."""
    attention, x = Pooled().attention, tokens(5)
    order = torch.tensor([2, 0, 4, 1, 3])

    def run(x: Tensor, mask: Tensor | None = None) -> Tensor:
        return attention(x[None], x[None], x[None], need_weights=False, attn_mask=mask)[0][0]

    assert (run(x[order]) - run(x)[order]).abs().max() < 1e-12
    assert (run(x[order]) - run(x)).abs().max() > 0.01
    causal = nn.Transformer.generate_square_subsequent_mask(5)
    assert (run(x[order], causal).mean(0) - run(x, causal).mean(0)).abs().max() > 0.01
    positions = sinusoidal(5, 8)
    assert (run(x[order] + positions).mean(0) - run(x + positions).mean(0)).abs().max() > 1e-3


def test_the_attention_of_the_house_is_blind_too_until_positions_come() -> None:
    """sinusoidal:symmetry, over batches: swapped tokens, with and without positions."""
    x, swap = torch.randn(3, 7, 8), torch.tensor([0, 5, 2, 3, 4, 1, 6])
    for position, causal, blind in (
        (None, False, True),
        (SinusoidalPositions(8), False, False),
        (None, True, False),
    ):
        layer = Attention(8, 2, position=position, causal=causal)
        change = (layer(x[:, swap]).mean(1) - layer(x).mean(1)).abs().max()
        assert (change < 1e-12) == blind


def test_expansion_reads_off_the_coefficients_of_a_polynomial() -> None:
    """sinusoidal:taylor: six terms, each against the coefficient that was put in."""
    f = Polynomial(5, cubic=3.0)
    p, q = torch.randn(2, 5)
    slopes, curves = (f.a @ p, f.b @ q), (p @ f.A @ p / 2, q @ f.B @ q / 2)
    expected = torch.stack([f.c, *slopes, *curves, p @ f.H @ q])
    assert_close(expansion(f, p, q), expected)
    assert_close(mixed_hessian(f, 0 * p, 0 * q), f.H)


def test_expansion_of_attention_errs_by_the_third_order() -> None:
    """sinusoidal:taylor: a tenth of the positions leaves a thousandth of the error."""
    f = of_two(Pooled(), tokens())
    p, q = torch.randn(2, 8)
    errors = [
        abs(f(size * p, size * q) - expansion(f, size * p, size * q).sum()).item()
        for size in (1e-1, 1e-2, 1e-3)
    ]
    assert 300 < errors[0] / errors[1] < 3000
    assert 300 < errors[1] / errors[2] < 3000


def test_mixed_term_is_all_that_couples_two_positions() -> None:
    """sinusoidal:mixed: of a polynomial it keeps p H q and the mixed cubic term, coefficient 1."""
    f = Polynomial(5, cubic=2.0)
    p, q = torch.randn(2, 5)
    assert_close(mixed_term(f, p, q), p @ f.H @ q + 2 * p.sum() ** 2 * q.sum())
    f.cubic = 0.0
    assert_close(mixed_term(f, 1e3 * p, 1e3 * q), 1e6 * p @ f.H @ q)


def test_mixed_term_takes_any_shapes() -> None:
    """sinusoidal:mixed, for functions of batches, and in float32."""
    p, q = torch.randn(2, 4, 3, 5, dtype=torch.float32)
    found = mixed_term(lambda p, q: (p * q).sum(-1) + p.exp().sum(-1) + q.sin().sum(-1), p, q)
    assert found.dtype == torch.float32
    assert_close(found, torch.einsum("abc,abc->ab", p, q), atol=1e-4, rtol=1e-4)
    assert_close(
        mixed_term(lambda p, q: p.outer(q), torch.ones(3), torch.ones(3)), torch.ones(3, 3)
    )


def test_mixed_term_of_attention_is_its_mixed_hessian() -> None:
    """sinusoidal:mixed: the relative error falls with the size; a half would leave it at 1."""
    f = of_two(Pooled(), tokens())
    p, q = torch.randn(2, 8)
    H = mixed_hessian(f, 0 * p, 0 * q)
    errors = []
    for size in (1e-2, 1e-3, 1e-4):
        bilinear = (size * p) @ H @ (size * q)
        errors.append(abs(mixed_term(f, size * p, size * q) / bilinear - 1).item())
    assert errors[0] < 0.1
    assert 5 < errors[0] / errors[1] < 20
    assert 5 < errors[1] / errors[2] < 20


@pytest.mark.parametrize("layer", ["pytorch", "house"])
def test_mixed_hessian_is_that_of_differences(layer: str) -> None:
    """sinusoidal:mixed, entry by entry with central differences, away from 0 too."""
    f = of_two(Pooled(), tokens())
    if layer == "house":
        attention, readout = Attention(8, 2, causal=True), nn.Linear(8, 1)
        nn.init.normal_(attention.query.weight, std=0.5)
        f = of_two(lambda x: readout(attention(x[None])[0].tanh().mean(0)).squeeze(), tokens())
    step, unit = 1e-4, torch.eye(8)
    for p, q in ((torch.zeros(8), torch.zeros(8)), (torch.randn(8), torch.randn(8))):
        H = mixed_hessian(f, p, q)
        for i, j in ((0, 0), (3, 1), (7, 4)):
            near, far = step * unit[i], step * unit[j]
            corners = f(p + near, q + far) - f(p + near, q - far)
            corners = corners - f(p - near, q + far) + f(p - near, q - far)
            assert abs(corners / (4 * step**2) - H[i, j]) < 1e-6


# The encoding


@pytest.mark.parametrize(("features", "base"), SIZES)
def test_encoding_is_the_formula_of_the_paper(features: int, base: float) -> None:
    """sinusoidal:encoding, sinusoidal:frequencies, entry by entry."""
    expected = table(50, features, base)
    np.testing.assert_allclose(sinusoidal(50, features, base=base), expected, atol=1e-12)
    half = np.concatenate([expected[:, ::2], expected[:, 1::2]], 1)
    np.testing.assert_allclose(sinusoidal(50, features, base=base, layout="half"), half, atol=1e-12)
    rates = [base ** (-2 * i / features) for i in range(features // 2)]
    np.testing.assert_allclose(frequencies(features, base=base), rates, rtol=1e-13)


def test_encoding_is_that_of_libraries() -> None:
    """sinusoidal:encoding: DistilBERT interleaves, Marian does not, both in transformers."""
    from transformers.models.distilbert import modeling_distilbert
    from transformers.models.marian import modeling_marian

    out = torch.empty(60, 24, dtype=torch.float32)
    modeling_distilbert.create_sinusoidal_embeddings(60, 24, out)
    assert_close(sinusoidal(60, 24).float(), out.detach())
    marian = modeling_marian.MarianSinusoidalPositionalEmbedding(60, 24).create_weight()
    assert_close(sinusoidal(60, 24, layout="half"), marian.double(), atol=1e-6, rtol=0)


def test_positions_may_have_any_shape_and_dtype() -> None:
    """sinusoidal:encoding of batches, of one position, of fractions, of transposed storage."""
    every = sinusoidal(12, 8)
    assert_close(sinusoidal(torch.arange(12).reshape(3, 4), 8), every.reshape(3, 4, 8))
    assert_close(sinusoidal(torch.tensor(7), 8), every[7])
    assert_close(
        sinusoidal(torch.arange(12).reshape(3, 4).T, 8),
        every.reshape(3, 4, 8).mT.mT.transpose(0, 1),
    )
    assert_close(sinusoidal(torch.tensor([2.5]), 2), torch.tensor([[math.sin(2.5), math.cos(2.5)]]))
    assert sinusoidal(torch.zeros(0), 8).shape == (0, 8)
    assert sinusoidal(1, 8).shape == (1, 8)
    assert_close(
        sinusoidal(torch.tensor([-3], dtype=torch.int8), 2), sinusoidal(torch.tensor([-3.0]), 2)
    )
    for dtype in (torch.float32, torch.float64):
        assert sinusoidal(torch.ones(2, dtype=dtype), 4).dtype == dtype
        torch.set_default_dtype(dtype)
        assert sinusoidal(3, 4).dtype == sinusoidal(torch.tensor([3]), 4).dtype == dtype
        torch.set_default_dtype(torch.float64)


def test_large_positions_keep_their_digits() -> None:
    """sinusoidal:encoding: float32 results of whole numbers, against mpmath at 40 digits."""
    torch.set_default_dtype(torch.float32)
    places = [16_777_217, 10**9 + 7, 2**40 + 1]
    found = sinusoidal(torch.tensor(places), 4)
    with mpmath.workdps(40):
        expected = [
            [
                float(g(mpmath.mpf(k) / mpmath.mpf(100) ** i))
                for i in (0, 1)
                for g in (mpmath.sin, mpmath.cos)
            ]
            for k in places
        ]
    assert np.abs(found.numpy() - np.array(expected)).max() < 2e-4
    assert np.abs(found[:2].numpy() - np.array(expected[:2])).max() < 5e-7


def test_a_large_offset_keeps_its_digits() -> None:
    """sinusoidal:kernel: of a Python number, too; 2^24 + 1.5 is no float32."""
    torch.set_default_dtype(torch.float32)
    found = similarity(2**24 + 1.5, 2)
    assert found.dtype == torch.float32
    assert float(found) == pytest.approx(math.cos(2**24 + 1.5), abs=1e-6)


def test_encoding_has_the_slope_of_circles() -> None:
    """sinusoidal:rotation: the derivative is the frequency times the point a quarter turn on."""
    places = 5 * torch.randn(7)
    places.requires_grad_()
    assert gradcheck(lambda k: sinusoidal(k, 6), places)
    assert gradcheck(
        lambda rates: encode(torch.arange(5.0), rates), torch.rand(3, requires_grad=True)
    )
    slope = jacobian(lambda k: sinusoidal(k, 6).sum(0), places)
    places = places.detach()
    quarter = torch.stack([sinusoidal(places, 6)[:, 1::2], -sinusoidal(places, 6)[:, ::2]], -1)
    assert_close(slope.T, (quarter * frequencies(6)[:, None]).flatten(1))


@pytest.mark.parametrize(("features", "base"), SIZES)
def test_a_pair_is_a_complex_exponential(features: int, base: float) -> None:
    """sinusoidal:rotation: cosine + i sine is exp(i m theta), in NumPy; steps multiply."""
    pairs = sinusoidal(40, features, base=base).numpy()
    z = pairs[:, 1::2] + 1j * pairs[:, ::2]
    rates = base ** (-np.arange(0, features, 2) / features)
    np.testing.assert_allclose(z, np.exp(1j * np.outer(np.arange(40), rates)), atol=1e-12)
    np.testing.assert_allclose(z[1:], z[:-1] * z[1], atol=1e-12)
    np.testing.assert_allclose(
        z[5:] * z[:-5].conj(), np.broadcast_to(z[5], (35, features // 2)), atol=1e-12
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("features", "base"), SIZES)
def test_inner_products_depend_on_offsets_alone(features: int, base: float, layout: Layout) -> None:
    """sinusoidal:relative, sinusoidal:kernel: the Gram matrix is SciPy's Toeplitz matrix of g."""
    p = sinusoidal(300, features, base=base, layout=layout)
    g = similarity(torch.arange(300), features, base=base)
    assert np.abs((p @ p.T).numpy() - scipy.linalg.toeplitz(g)).max() < 1e-10


def test_two_thousand_positions_are_toeplitz() -> None:
    """sinusoidal:relative: d = 128; norm, bound and evenness of g as well."""
    p = sinusoidal(2000, 128)
    gram = (p @ p.T).numpy()
    assert max(np.ptp(np.diagonal(gram, k)) for k in range(2000)) < 1e-9
    assert_close(p.norm(dim=1), torch.full((2000,), 8.0))
    k = torch.cat([torch.arange(-300, 300), torch.tensor([10**7, -(10**7)])])
    g = similarity(k, 128)
    assert_close(g, similarity(-k, 128))
    assert g.abs().max() == similarity(0, 128) == 64


@pytest.mark.parametrize(("features", "base"), SIZES)
def test_similarity_is_a_sum_of_cosines(features: int, base: float) -> None:
    """sinusoidal:kernel, by Python's floats: any shape, dtype and sign, whole or fractional."""
    offsets = torch.tensor([[0.0, -1.0, 2.5], [17.0, 1e3, -1e4]])
    expected = [
        [sum(math.cos(k * base ** (-2 * i / features)) for i in range(features // 2)) for k in row]
        for row in offsets.tolist()
    ]
    np.testing.assert_allclose(similarity(offsets, features, base=base), expected, atol=1e-10)
    np.testing.assert_allclose(
        similarity(offsets.T, features, base=base), np.transpose(expected), atol=1e-10
    )
    single = similarity(offsets.float(), features, base=base)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single, expected, rtol=1e-5, atol=1e-4)
    assert (
        similarity(0, features, base=base) == similarity(torch.tensor(0), features) == features / 2
    )
    assert gradcheck(
        lambda k: similarity(k, features, base=base), 5 * torch.rand(4, requires_grad=True)
    )


def test_order_of_features_changes_no_product() -> None:
    """sinusoidal:kernel: interleaved, halves, sine and cosine swapped: one Gram matrix."""
    p, q = sinusoidal(100, 32), sinusoidal(100, 32, layout="half")
    swapped = p.unflatten(-1, (16, 2)).flip(-1).flatten(1)
    assert not torch.isclose(p, q).all()
    for other in (q, swapped):
        assert (p @ p.T - other @ other.T).abs().max() < 1e-12


# Offsets act as rotations


def generator(rates: Tensor) -> Any:
    """The skew matrix whose exponential turns pairs (sine, cosine)."""
    return scipy.linalg.block_diag(*[rate * np.array([[0, 1], [-1, 0]]) for rate in rates.tolist()])


def test_an_offset_is_one_matrix_for_all_positions() -> None:
    """sinusoidal:shift: SciPy's matrix exponential of the generator, at fractions too."""
    rates = frequencies(10, base=50)
    p = sinusoidal(30, 10, base=50)
    for offset in (1, -4, 2.5, 1000):
        R = scipy.linalg.expm(offset * generator(rates))
        np.testing.assert_allclose(turn(p, offset, rates), p.numpy() @ R.T, atol=1e-10)
        moved = sinusoidal(torch.arange(30.0) + offset, 10, base=50)
        assert_close(turn(p, offset, rates), moved, atol=1e-10, rtol=0)


def test_turn_takes_one_offset_a_vector() -> None:
    """sinusoidal:shift, over batches, against turns one at a time; float32 stays float32."""
    x, rates = torch.randn(3, 4, 6), torch.rand(3)
    offsets = torch.randint(-50, 50, (3, 4))
    each = [[turn(x[i, j], offsets[i, j], rates) for j in range(4)] for i in range(3)]
    assert_close(turn(x, offsets, rates), torch.stack([torch.stack(row) for row in each]))
    assert_close(turn(x, offsets, rates).norm(dim=-1), x.norm(dim=-1))
    assert turn(x.float(), offsets, rates.float()).dtype == torch.float32
    assert gradcheck(
        lambda x, k: turn(x, k, rates), (x[0].requires_grad_(), torch.randn(4, requires_grad=True))
    )


def test_turned_queries_and_keys_see_their_offset_alone() -> None:
    """sinusoidal:rotary, by complex products in NumPy; a shift of both changes nothing."""
    rates = frequencies(8)
    q, k = torch.randn(2, 8)
    z = [(x[1::2] + 1j * x[::2]).numpy() for x in (q, k)]
    for m, n in ((0, 0), (3, 17), (400, 9)):
        score = turn(q, m, rates) @ turn(k, n, rates)
        assert_close(score, turn(q, m + 1234, rates) @ turn(k, n + 1234, rates))
        expected = (z[0] * z[1].conj() * np.exp(1j * (m - n) * rates.numpy())).sum().real
        assert abs(score - expected) < 1e-11


def test_turn_is_rotary_the_other_way() -> None:
    """sinusoidal:rotary: the house's rotary turns (x, y) where we turn (sine, cosine)."""
    x = torch.randn(2, 9, 12)
    places = torch.arange(9.0).expand(2, 9)
    assert_close(turn(x, places, frequencies(12)), rotary(x, positions=-torch.arange(9.0)))


# What a mixed Hessian can see


def bilinear(m: Tensor, n: Tensor, mixed: Tensor, rates: Tensor) -> Tensor:
    """p_m H p_n for two lists of positions."""
    return torch.einsum("mi,ij,nj->mn", encode(m, rates), mixed, encode(n, rates))


def test_a_block_has_four_terms() -> None:
    """sinusoidal:block: least squares on the four waves finds the amplitudes, and no remainder."""
    block, rates = torch.randn(2, 2), torch.tensor([0.37])
    m, n = torch.arange(11.0), torch.arange(13.0)
    apart, total = (m[:, None] - n) * rates, (m[:, None] + n) * rates
    waves = torch.stack([apart.cos(), apart.sin(), total.cos(), total.sin()], -1).reshape(-1, 4)
    values = bilinear(m, n, block, rates).reshape(-1)
    fit, residue, *_ = np.linalg.lstsq(waves.numpy(), values.numpy())
    np.testing.assert_allclose(block_terms(block), fit, atol=1e-12)
    assert residue < 1e-20
    blocks = torch.randn(3, 4, 2, 2)
    assert_close(block_terms(blocks)[2, 1], block_terms(blocks[2, 1]))


def spread_along_diagonals(values: Tensor) -> float:
    """How far p_m H p_n is from depending on m - n alone."""
    length = len(values)
    return max(float(np.ptp(np.diagonal(values.numpy(), k))) for k in range(1 - length, length))


def test_relative_part_is_the_average_over_rotations() -> None:
    """sinusoidal:commuting: R(a).T H R(a), averaged over quarter turns of each pair alone."""
    H, average = torch.randn(6, 6), np.zeros((6, 6))
    for turns in itertools.product(range(4), repeat=3):
        R = scipy.linalg.expm(generator(torch.tensor(turns) * math.pi / 2))
        average += R.T @ H.numpy() @ R / 64
    np.testing.assert_allclose(relative_part(H), average, atol=1e-12)
    R = scipy.linalg.expm(generator(torch.tensor([0.3, 1.1, -2.0])))
    kept = relative_part(H).numpy()
    np.testing.assert_allclose(kept @ R, R @ kept, atol=1e-12)
    np.testing.assert_allclose(relative_part(relative_part(H)), kept)
    assert relative_part(H.float()).dtype == torch.float32


def test_relative_means_commuting_with_rotations() -> None:
    """sinusoidal:commuting: what is kept is Toeplitz, anything more is not, to every direction."""
    rates, places = frequencies(6, base=20), torch.arange(25)
    H = torch.randn(6, 6)
    assert spread_along_diagonals(bilinear(places, places, relative_part(H), rates)) < 1e-12
    rest = H - relative_part(H)
    assert spread_along_diagonals(bilinear(places, places, H, rates)) > 0.1
    for entry in itertools.product(range(6), range(6)):
        only = torch.zeros(6, 6)
        only[entry] = rest[entry]
        only = only - relative_part(only)
        if only.abs().max() > 1e-6:
            assert spread_along_diagonals(bilinear(places, places, only, rates)) > 1e-3


def test_the_antisymmetric_part_tells_left_from_right() -> None:
    """sinusoidal:commuting: with H = I the product is even; with a skew block it is odd."""
    rates, places = torch.tensor([0.4]), torch.arange(6)
    even = bilinear(places, places, torch.eye(2), rates)
    odd = bilinear(places, places, torch.tensor([[0.0, 1.0], [-1.0, 0.0]]), rates)
    assert_close(even, even.T)
    assert_close(odd, -odd.T)
    assert_close(odd[3, 1], torch.tensor(math.sin(0.8)))


def test_a_diagonal_interaction_keeps_a_relative_and_an_absolute_wave() -> None:
    """sinusoidal:block: diagonal H, half the sum on m - n and half the difference on m + n."""
    h = torch.rand(2)
    rates = torch.tensor([0.7])
    for m, n in ((0.0, 3.0), (5.0, 1.0)):
        value = bilinear(torch.tensor([m]), torch.tensor([n]), h.diag(), rates)
        expected = h.mean() * math.cos((m - n) * 0.7) + (h[1] - h[0]) / 2 * math.cos((m + n) * 0.7)
        assert_close(value.squeeze(), expected)


# Unique, and not


@pytest.mark.parametrize("d", [2, 3, 5, 8])
def test_orbits_of_an_isometry_have_sums_of_cosines_for_a_kernel(d: int) -> None:
    """sinusoidal:unique: SciPy's random U; weights and angles from NumPy's eigenvectors."""
    U = scipy.stats.ortho_group.rvs(d, random_state=d)
    p = orbit(torch.tensor(U), torch.randn(d), 30)
    values, vectors = np.linalg.eig(U)
    weights = np.abs(np.linalg.solve(vectors, p[0].numpy())) ** 2
    kernel = [(weights * np.cos(k * np.angle(values))).sum() for k in range(30)]
    assert np.abs((p @ p.T).numpy() - scipy.linalg.toeplitz(kernel)).max() < 1e-11
    assert_close(p[7], torch.tensor(np.linalg.matrix_power(U, 7)) @ p[0])


def test_positions_with_relative_products_are_an_orbit() -> None:
    """sinusoidal:unique, the other way: least squares finds an orthogonal step and its angles."""
    rates = frequencies(6, base=30)
    mixing = torch.tensor(scipy.stats.ortho_group.rvs(6, random_state=1))
    p = torch.tensor([3.0, 3.0, 2.0, 2.0, 0.5, 0.5]) * sinusoidal(40, 6, base=30) @ mixing
    U = np.linalg.lstsq(p[:-1].numpy(), p[1:].numpy())[0]
    np.testing.assert_allclose(U @ U.T, np.eye(6), atol=1e-10)
    angles = np.sort(np.abs(np.angle(np.linalg.eigvals(U))))
    np.testing.assert_allclose(angles, np.repeat(np.sort(rates.numpy()), 2), atol=1e-8)


def test_two_vectors_in_turn_are_relative_and_no_rotation() -> None:
    """sinusoidal:unique: in the plane a reflection gives a constant plus (-1)^k, at any angle."""
    u, v = torch.randn(2, 2)
    v = v / v.norm() * u.norm()
    axis = (u - v) / (u - v).norm()
    p = orbit(torch.eye(2) - 2 * axis.outer(axis), u, 12)
    assert_close(p[::2], u.expand(6, 2))
    assert_close(p[1::2], v.expand(6, 2))
    g = (p @ p.T)[0]
    even, odd = (u @ u + u @ v) / 2, (u @ u - u @ v) / 2
    assert_close(g, even + odd * (-1.0) ** torch.arange(12))
    assert spread_along_diagonals(p @ p.T) < 1e-12


def test_linear_offsets_are_powers_of_one_matrix() -> None:
    """sinusoidal:linear: complex powers, z2 z1^m; norms stay bounded iff no modulus exceeds 1."""
    for modulus in (0.9, 1.0, 1.1):
        z1, z2 = modulus * np.exp(0.3j), 2 * np.exp(1j)
        step = torch.tensor([[z1.real, -z1.imag], [z1.imag, z1.real]])
        p = orbit(step, torch.tensor([z2.real, z2.imag]), 100)
        z = z2 * z1 ** np.arange(100)
        np.testing.assert_allclose(p.numpy(), np.stack([z.real, z.imag], 1), rtol=1e-9, atol=1e-9)
        assert (p.norm(dim=1).max() < 2.001) == (modulus <= 1)
        shifted = step.matrix_power(7) @ p[:-7].T
        assert_close(shifted.T, p[7:])


KERNELS = {
    "exponential": lambda k: np.exp(-k / 10),
    "gaussian": lambda k: np.exp(-((k / 2) ** 2)),
    "triangle": lambda k: np.maximum(1 - k / 20, 0),
    "exponential cosine": lambda k: 3 * np.exp(-k / 5) * np.cos(k),
}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("length", [1, 2, 60])
def test_any_positive_definite_kernel_has_positions(name: str, length: int) -> None:
    """sinusoidal:cholesky, with SciPy's Toeplitz matrix."""
    kernel = KERNELS[name](np.arange(float(length)))
    p = kernel_positions(torch.tensor(kernel))
    assert np.abs((p @ p.T).numpy() - scipy.linalg.toeplitz(kernel)).max() < 1e-12


def test_kernel_positions_need_as_many_features_as_positions() -> None:
    """sinusoidal:cholesky: the rank is the length; six sinusoids of any length have rank 6."""
    p = kernel_positions(torch.tensor(KERNELS["exponential"](np.arange(60.0))))
    assert np.linalg.matrix_rank(p.numpy()) == 60
    assert np.linalg.matrix_rank(sinusoidal(60, 6, base=3).numpy()) == 6
    assert p[0] @ p[30] < similarity(30, 64) / 32


# Decay: the integral, its closed form, its laws


BASES = [1.001, 2.0, math.e, 30.0, 1e3, 10000, 1e8]


@pytest.mark.parametrize("base", BASES)
def test_decay_is_the_integral(base: float) -> None:
    """sinusoidal:integral: SciPy's adaptive quadrature over the logarithm of the frequency."""
    for k in (0.0, 0.01, 1.0, 5.0, 12.0, 100.0, 400.0):
        quad: Any = scipy.integrate.quad
        expected = quad(lambda t, k=k: math.cos(k * base**-t), 0, 1, limit=2000, epsabs=1e-11)[0]
        assert abs(decay(torch.tensor(k), base=base).item() - expected) < 1e-9


@pytest.mark.parametrize("base", BASES)
def test_decay_is_a_difference_of_cosine_integrals(base: float) -> None:
    """sinusoidal:cosine-integral: SciPy's sici, from tiny offsets to 1e9."""
    k = np.concatenate([np.logspace(-6, 9, 3000), np.linspace(3, 50, 500)])
    upper, lower = (scipy.special.sici(each)[1] for each in (k, k / base))
    expected = (upper - lower) / math.log(base)
    tolerance = 1e-12 if base > 1.1 else 1e-10
    assert np.abs(decay(torch.tensor(k), base=base).numpy() - expected).max() < tolerance


@pytest.mark.parametrize("base", [1 + 1e-12, 1 + 1e-7, 1.001, 1e4, 1e100])
def test_decay_holds_at_any_base(base: float) -> None:
    """sinusoidal:cosine-integral: mpmath at 50 digits, where float64 would cancel."""
    with mpmath.workdps(50):
        for k in (1e-300, 1e-3, 5.99, 6.01, 19.5, 3e4, 987654321.0):
            upper, lower = mpmath.mpf(k), mpmath.mpf(k) / mpmath.mpf(base)
            exact = (mpmath.ci(upper) - mpmath.ci(lower)) / mpmath.log(mpmath.mpf(base))
            tolerance = 1e-13 if k * math.log(base) < 20 else 1e-8
            assert abs(decay(torch.tensor(k), base=base).item() - float(exact)) < tolerance


def test_decay_has_the_values_of_the_page() -> None:
    """sinusoidal:cosine-integral at base 10000, to the digits that are printed."""
    k = torch.tensor([0, 1, 10, 100, 1000, 20000, 100000])
    expected = [1, 0.97396, 0.68239, 0.43677, 0.18769, -0.0459, 0.0049]
    np.testing.assert_allclose(decay(k), expected, atol=5e-5)


@pytest.mark.parametrize("base", [1.5, 100, 10000.0])
def test_decay_takes_what_positions_take(base: float) -> None:
    """sinusoidal:integral: shapes, dtypes, signs, plain numbers, strides and slopes."""
    k = torch.tensor([[0.0, -2.0, 30.0], [7.0, 1e4, -1e6]])
    found = decay(k, base=base)
    assert_close(decay(k.T, base=base).T, found)
    assert_close(decay(-k, base=base), found)
    assert found[0, 0] == decay(0, base=base) == 1
    assert_close(decay(k.long(), base=base), found)
    assert_close(decay(k.float(), base=base), found.float())
    assert decay(k.float(), base=base).dtype == torch.float32
    assert decay(2.5, base=base).item() == decay(torch.tensor(2.5), base=base).item()
    assert decay(torch.zeros(0), base=base).shape == (0,)
    places = torch.tensor([0.0, 0.5, 5.9, 6.1, 25.0, 300.0], requires_grad=True)
    slope = torch.autograd.grad(decay(places, base=base).sum(), places)[0]
    k = places.detach().clamp(min=1e-9)
    by_hand = (k.cos() - (k / base).cos()) / (k * math.log(base))
    assert_close(slope, by_hand, rtol=0, atol=1e-8)
    assert gradgradcheck(lambda k: decay(k, base=base), places, atol=1e-4)


@pytest.mark.parametrize(("base", "features"), [(10000.0, 4096), (50, 1000)])
def test_similarity_of_many_features_is_near_its_limit(base: float, features: int) -> None:
    """sinusoidal:integral: the sum is a left Riemann sum, whose error falls with 1/d."""
    k = torch.arange(129)
    errors = [
        (similarity(k, d, base=base) * 2 / d - decay(k, base=base)).abs().max().item()
        for d in (features, 2 * features)
    ]
    assert errors[0] < 4 / features
    assert 1.8 < errors[0] / errors[1] < 2.2


def test_a_sum_of_64_features_departs_from_the_integral() -> None:
    """sinusoidal:integral: the brief's errors at d = 64 ... 4096, and of midpoints."""
    k = torch.arange(129)
    wanted = {64: (0.142, 0.154), 128: (0.078, 0.066), 768: (0.0028, 0.0004), 4096: (0.0005, 1e-5)}
    limit = decay(k)
    for d, (left, middle) in wanted.items():
        found = (similarity(k, d) * 2 / d - limit).abs().max().item()
        assert found == pytest.approx(left, rel=0.1)
        t = (torch.arange(d // 2) + 0.5) * 2 / d
        found = (mean_cosine(k, 10000**-t) - limit).abs().max().item()
        assert found == pytest.approx(middle, rel=0.3)
    assert similarity(128, 64) / 32 == pytest.approx(0.284, abs=1e-3)
    assert limit[128] == pytest.approx(0.411, abs=1e-3)


def test_decay_is_logarithmic_between_one_and_the_base() -> None:
    """sinusoidal:logarithm: gamma from NumPy; within .005 at 10, .0006 at 100, .0004 at 1000."""
    k = np.array([10.0, 100.0, 1000.0])
    law = 1 - (np.log(k) + np.euler_gamma) / np.log(1e4)
    errors = np.abs(decay(torch.tensor(k)).numpy() - law)
    np.testing.assert_allclose(errors, [0.0049, 0.0006, 0.0004], atol=6e-5)
    k, base = torch.logspace(2, 8, 50), 1e12
    law = 1 - (k.log() + np.euler_gamma) / math.log(base)
    assert (decay(k, base=base) - law).abs().max() < 4e-4


@pytest.mark.parametrize(("base", "zero"), [(1e3, 617.7), (1e4, 6166), (1e5, 61651)])
def test_decay_first_vanishes_near_the_first_zero_of_the_cosine_integral(
    base: float, zero: float
) -> None:
    """sinusoidal:first-zero: SciPy's root of Ci, and a scan of every whole offset."""
    root: Any = scipy.optimize.brentq(lambda x: scipy.special.sici(x)[1], 0.3, 1)
    assert root == pytest.approx(0.6165, abs=1e-4)
    first = int((decay(torch.arange(round(base)), base=base) <= 0).nonzero()[0])
    assert abs(first - root * base) < 2
    assert abs(first - zero) <= 1


@pytest.mark.parametrize("alpha", [1.5, 2, 3, 6])
def test_other_schedules_decay_like_powers(alpha: float) -> None:
    """sinusoidal:power: frequencies t^alpha; SciPy's Gamma, half a million midpoints."""
    t = (torch.arange(500_000) + 0.5) / 500_000
    k = torch.tensor([300.0, 1000.0, 3000.0])
    law = scipy.special.gamma(1 + 1 / alpha) * np.cos(np.pi / 2 / alpha) * k.numpy() ** (-1 / alpha)
    found = mean_cosine(k, t**alpha).numpy()
    assert np.abs(found - law).max() < 1.05 / (alpha * 300)


def test_power_laws_have_the_values_of_the_page() -> None:
    """sinusoidal:power at k = 1000, and sin k / k, zero at pi, for frequencies t."""
    t = (torch.arange(200_000) + 0.5) / 200_000
    for alpha, law, value in ((2, 0.0198, 0.0202), (3, 0.0773, 0.0776)):
        size = math.gamma(1 + 1 / alpha) * math.cos(math.pi / 2 / alpha)
        assert size * 1000 ** (-1 / alpha) == pytest.approx(law, abs=5e-5)
        assert mean_cosine(1000, t**alpha).item() == pytest.approx(value, abs=5e-5)
    k = torch.tensor([1.0, math.pi, 10.0, 40.0])
    assert_close(mean_cosine(k, t), k.sin() / k, atol=1e-8, rtol=0)
    for alpha in (0.5, 1.0):
        assert 1000 * abs(mean_cosine(1000, t**alpha).item()) < 2.5


@pytest.mark.parametrize(("features", "peak"), [(16, 0.87), (64, 0.60), (768, 0.14)])
def test_finite_features_never_decay(features: int, peak: float) -> None:
    """sinusoidal:floor: 20,000 offsets up to 1e7; one Weyl sum is 1/sqrt(d) in root mean square."""
    k = torch.randint(10**5, 10**7, (20_000,))
    value = similarity(k, features) * 2 / features
    assert value.square().mean().sqrt() * features**0.5 == pytest.approx(1, abs=0.05)
    assert value.max() == pytest.approx(peak, rel=0.25)


def test_no_positions_have_smaller_products_for_ever() -> None:
    """sinusoidal:floor: any unit rows in d features, by their Gram matrices; ours come near."""
    d, rows = 8, 4000
    for p in (
        torch.nn.functional.normalize(torch.randn(rows, d), dim=1),
        torch.nn.functional.normalize(torch.rand(rows, d) - 0.2, dim=1),
        sinusoidal(rows, d, base=3) / (d / 2) ** 0.5,
    ):
        mean_square = (p @ p.T).square().mean().item()
        assert mean_square >= 1 / d - 1e-12
    assert mean_square < 1.01 / d
    weights = torch.rand(d // 2)
    p = sinusoidal(rows, d, base=3) * (weights / weights.sum()).sqrt().repeat_interleave(2)
    expected = (weights / weights.sum()).square().sum() / 2
    assert abs((p @ p.T).square().mean() / expected - 1) < 0.01


def test_mean_cosine_is_exact_for_resonant_frequencies() -> None:
    """sinusoidal:floor needs frequencies without a common period: with one, all returns to 1."""
    rates = 2 * math.pi * torch.arange(8.0) / 8
    assert_close(mean_cosine(torch.arange(17), rates), ((torch.arange(17) % 8) == 0).double())
    assert gradcheck(lambda r: mean_cosine(torch.arange(5), r), torch.rand(3, requires_grad=True))


@pytest.mark.parametrize(("features", "base", "length"), [(768, 10000.0, 512), (64, 500, 100)])
def test_share_of_slow_pairs(features: int, base: float, length: int) -> None:
    """sinusoidal:wavelengths: counted, against 1 - log(L / 2 pi) / log base, to within one pair."""
    slow = (2 * np.pi / frequencies(features, base=base).numpy() > length).mean()
    share = 1 - math.log(length / (2 * math.pi)) / math.log(base)
    assert abs(slow - share) <= 2 / features
    if features == 768:
        assert slow == pytest.approx(0.52, abs=0.005)


def test_slow_pairs_leave_the_table_short_of_rank() -> None:
    """sinusoidal:wavelengths: NumPy's numerical rank of 500 positions in 64 features is 40."""
    assert abs(np.linalg.matrix_rank(sinusoidal(500, 64).numpy()) - 40) <= 1


# Mistakes seen in the wild


def test_other_exponents_are_other_frequencies() -> None:
    """sinusoidal:frequencies: i/d squares the lowest to its root, i/(d/2 - 1) reaches 1/base."""
    ours = frequencies(64)
    assert ours[-1] == pytest.approx(10000 ** (-62 / 64))
    assert (10000 ** (-torch.arange(32) / 64))[-1] > 80 * ours[-1]
    assert (10000 ** (-torch.arange(32) / 31))[-1] == pytest.approx(1e-4)


def test_half_precision_positions_collide() -> None:
    """sinusoidal:encoding: arange in bfloat16 tells 256 + 1 from 256 no more; ours are distinct."""
    coarse = torch.arange(4096).to(torch.bfloat16)
    assert len(coarse.unique()) == 256 + 4 * 128 + 1
    torch.set_default_dtype(torch.float32)
    assert len(sinusoidal(4096, 64).unique(dim=0)) == 4096


def wild(argument: Any) -> Any:
    """What no type allows."""
    return argument


REFUSALS = {
    "odd features": (lambda: sinusoidal(4, 7), "features must be even, got 7"),
    "no features": (lambda: sinusoidal(4, 0), "features must be at least 2, got 0"),
    "half a feature": (
        lambda: sinusoidal(4, wild(2.5)),
        "features must be .* whole .*",
    ),
    "no positions": (lambda: sinusoidal(0, 4), "positions must be at least 1, got 0"),
    "negative length": (lambda: sinusoidal(-2, 4), "positions must be at least 1, got -2"),
    "fractional length": (
        lambda: sinusoidal(wild(2.5), 4),
        "positions must be .* whole .*",
    ),
    "base of one": (lambda: sinusoidal(4, 4, base=1), "base must be above 1 and finite, got 1"),
    "base nan": (
        lambda: sinusoidal(4, 4, base=math.nan),
        "base must be above 1 and finite, got nan",
    ),
    "base inf": (lambda: frequencies(4, base=math.inf), "base must be above 1 and finite, got inf"),
    "layout": (
        lambda: sinusoidal(4, 4, layout=wild("thirds")),
        "layout must be interleaved or half, got 'thirds'",
    ),
    "matrix of frequencies": (
        lambda: encode(3, torch.ones(2, 2)),
        r"shape of frequencies must be \(4,\), got \(2, 2\)",
    ),
    "no frequencies": (
        lambda: mean_cosine(3, torch.ones(0)),
        r"shape of frequencies must be \(1,\), got \(0,\)",
    ),
    "similarity of odd": (lambda: similarity(1, 3), "features must be even, got 3"),
    "similarity base": (
        lambda: similarity(1, 4, base=-2),
        "base must be above 1 and finite, got -2",
    ),
    "decay base": (lambda: decay(1, base=0.5), "base must be above 1 and finite, got 0.5"),
    "two shapes": (
        lambda: mixed_term(lambda p, q: p @ q, torch.ones(3), torch.ones(4)),
        r"shape of p_n must be \(3,\), got \(4,\)",
    ),
    "a function of changing shape": (
        lambda: mixed_term(lambda p, q: p[q > 0], torch.ones(3), torch.ones(3)),
        r"shape of f without n must be \(3,\), got \(0,\)",
    ),
    "hessian at a matrix": (
        lambda: mixed_hessian(lambda p, q: (p * q).sum(), torch.ones(2, 2), torch.ones(2, 2)),
        "rank of p_m must be 1, got 2",
    ),
    "hessian of two widths": (
        lambda: mixed_hessian(lambda p, q: p.sum() * q.sum(), torch.ones(2), torch.ones(3)),
        r"shape of p_n must be \(2,\), got \(3,\)",
    ),
    "expansion of two widths": (
        lambda: expansion(lambda p, q: p.sum() * q.sum(), torch.ones(2), torch.ones(3)),
        r"shape of p_n must be \(2,\), got \(3,\)",
    ),
    "a block of three": (
        lambda: block_terms(torch.ones(3, 3)),
        r"shape of block must be \(2, 2\), got \(3, 3\)",
    ),
    "oblong H": (
        lambda: relative_part(torch.ones(4, 2)),
        r"shape of mixed must be \(4, 4\), got \(4, 2\)",
    ),
    "odd H": (lambda: relative_part(torch.ones(3, 3)), "length of mixed must be even, got 3"),
    "number for H": (lambda: relative_part(torch.tensor(1.0)), "rank of mixed must be 2, got 0"),
    "turn of another width": (
        lambda: turn(torch.ones(5, 6), 1, torch.ones(2)),
        r"shape of x must be \(5, 4\), got \(5, 6\)",
    ),
    "turns of another batch": (
        lambda: turn(torch.ones(5, 4), torch.ones(4), torch.ones(2)),
        r"shape of offsets must be \(5,\), got \(4,\)",
    ),
    "oblong step": (
        lambda: orbit(torch.ones(2, 3), torch.ones(2), 4),
        r"shape of step must be \(2, 2\), got \(2, 3\)",
    ),
    "start of another width": (
        lambda: orbit(torch.eye(2), torch.ones(3), 4),
        r"shape of start must be \(2,\), got \(3,\)",
    ),
    "no orbit": (
        lambda: orbit(torch.eye(2), torch.ones(2), 0),
        "length must be at least 1, got 0",
    ),
    "indefinite kernel": (
        lambda: kernel_positions(torch.tensor([1.0, -2.0, 0.0, 0.0, 0.0])),
        r"kernel must be positive definite, got \[1.0, -2.0, 0.0, 0.0\]",
    ),
    "matrix for a kernel": (
        lambda: kernel_positions(torch.eye(2)),
        r"shape of kernel must be \(4,\), got \(2, 2\)",
    ),
    "empty kernel": (
        lambda: kernel_positions(torch.ones(0)),
        r"shape of kernel must be \(1,\), got \(0,\)",
    ),
}


@pytest.mark.refusal
@pytest.mark.parametrize("case", REFUSALS)
def test_refuses_bad_input(case: str) -> None:
    call, message = REFUSALS[case]
    with pytest.raises(ValueError, match=f"^{message}$"):
        call()


WRONG_DTYPES = {
    "half positions": lambda: sinusoidal(torch.ones(3, dtype=torch.float16), 4),
    "bfloat positions": lambda: sinusoidal(torch.ones(3, dtype=torch.bfloat16), 4),
    "complex positions": lambda: sinusoidal(torch.ones(3) * 1j, 4),
    "truth values": lambda: sinusoidal(torch.tensor([True]), 4),
    "half offsets": lambda: similarity(torch.ones(3, dtype=torch.float16), 4),
    "bfloat offsets": lambda: decay(torch.ones(3, dtype=torch.bfloat16)),
    "truth offset": lambda: decay(torch.tensor(True)),
    "whole frequencies": lambda: encode(3, torch.tensor([1, 2])),
    "whole frequencies of a mean": lambda: mean_cosine(3, torch.tensor([1, 2])),
    "whole p": lambda: mixed_term(lambda p, q: p * q, torch.tensor([1]), torch.tensor([1])),
    "mixed dtypes": lambda: mixed_hessian(torch.dot, torch.ones(2), torch.ones(2).float()),
    "whole block": lambda: block_terms(torch.ones(2, 2, dtype=torch.int64)),
    "whole H": lambda: relative_part(torch.ones(2, 2, dtype=torch.int64)),
    "whole x": lambda: turn(torch.tensor([1, 2]), 1, torch.ones(1)),
    "whole step": lambda: orbit(torch.tensor([[1]]), torch.ones(1), 2),
    "start of other dtype": lambda: orbit(torch.eye(2), torch.ones(2).float(), 2),
    "whole kernel": lambda: kernel_positions(torch.tensor([1])),
    "a list of offsets": lambda: decay(wild([1, 2])),
    "a list of positions": lambda: similarity(wild([1, 2]), 4),
}


@pytest.mark.refusal
@pytest.mark.parametrize("case", WRONG_DTYPES)
def test_refuses_wrong_dtypes(case: str) -> None:
    with pytest.raises(TypeError):
        WRONG_DTYPES[case]()
