"""The claims of docs/articles/positions.md, checked on snippets/positions/."""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.special
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from snippets.positions import (
    AlibiPositions,
    Attention,
    ComplexEmbedding,
    DebertaPositions,
    Layout,
    LearnedPositions,
    ProductPositions,
    RecurrentPositions,
    RotaryPositions,
    Scheme,
    ShawPositions,
    SinusoidalPositions,
    T5Positions,
    TransformerXLPositions,
    alibi_slopes,
    attention,
    four_terms,
    hierarchical_positions,
    interpolated_positions,
    ntk_base,
    padding_leak,
    relative_shift,
    rotary,
    t5_bucket,
    toeplitz,
)
from snippets.positions.rotation import _kept_tables as rotary_tables
from snippets.sinusoidal import sinusoidal

pytestmark = pytest.mark.usefixtures("reproducible")  # one seed, float64

DIM, HEADS, LENGTH = 12, 3, 10
WIDTH = DIM // HEADS
LAYOUTS: list[Layout] = ["interleaved", "half"]
SCHEMES: dict[str, Callable[[int, int], Scheme | None]] = {
    "none": lambda dim, heads: None,
    "learned": lambda dim, heads: LearnedPositions(600, dim),
    "product": lambda dim, heads: ProductPositions(600, dim),
    "sinusoidal": lambda dim, heads: SinusoidalPositions(dim, layout="half"),
    "recurrent": lambda dim, heads: RecurrentPositions(dim),
    "shaw": lambda dim, heads: ShawPositions(dim, heads, max_distance=3),
    "transformer-xl": lambda dim, heads: TransformerXLPositions(dim, heads),
    "t5": lambda dim, heads: T5Positions(heads, buckets=8, max_distance=9),
    "t5 causal": lambda dim, heads: T5Positions(heads, bidirectional=False),
    "deberta": lambda dim, heads: DebertaPositions(dim, heads, max_distance=3),
    "deberta wide": lambda dim, heads: DebertaPositions(dim, heads),
    "deberta code": lambda dim, heads: DebertaPositions(dim, heads, as_released=True),
    "rotary": lambda dim, heads: RotaryPositions(base=100),
    "rotary half": lambda dim, heads: RotaryPositions(layout="half", step=0.5),
    "alibi": lambda dim, heads: AlibiPositions(heads),
}
# What the scores of equal tokens can depend on.
ABSOLUTE = {"learned", "product", "recurrent", "sinusoidal"}
RELATIVE = SCHEMES.keys() - ABSOLUTE
ADDED = {"t5", "t5 causal", "alibi"}  # to the scores, whatever the tokens


def drawn(module: Any, std: float = 0.5) -> Any:
    """Draw every parameter anew, so that no law below holds by accident."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=std)
    return module


def layer(scheme: str, dim: int = DIM, heads: int = HEADS, *, causal: bool = False) -> Attention:
    net = drawn(Attention(dim, heads, position=SCHEMES[scheme](dim, heads), causal=causal))
    if isinstance(net.position, RecurrentPositions):
        drawn(net.position.dynamics, 0.2)  # no chaos
    return net


def tokens(batch: int = 2, length: int = LENGTH, dim: int = DIM) -> Tensor:
    return torch.randn(batch, length, dim)


def numpy(x: Any) -> np.ndarray:
    return x.detach().numpy()


def projected(net: Attention, x: Tensor, name: str, head: int) -> np.ndarray:
    """Return queries, keys or values of one head, in NumPy."""
    weight = numpy(getattr(net, name).weight)
    width = len(weight) // net.heads
    return numpy(x) @ weight[head * width : (head + 1) * width].T


def is_toeplitz(matrix: Tensor, tolerance: float = 1e-10) -> bool:
    return bool((matrix[..., 1:, 1:] - matrix[..., :-1, :-1]).abs().max() < tolerance)


# Attention


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", [1, 3, 12])
def test_attention_is_that_of_torch(heads: int, causal: bool) -> None:
    """positions:attention, against nn.MultiheadAttention with the same weights."""
    net = layer("none", heads=heads, causal=causal)
    theirs = nn.MultiheadAttention(DIM, heads, bias=False, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([net.query.weight, net.key.weight, net.value.weight]))
        theirs.out_proj.weight.copy_(net.output.weight)
    x = tokens()
    mask = torch.ones(LENGTH, LENGTH).triu(1).bool() if causal else None
    expected, weights = theirs(x, x, x, attn_mask=mask, average_attn_weights=False)
    assert_close(net(x), expected)
    assert_close(net.weights(x), weights)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_outputs_are_what_the_scores_say(scheme: str, causal: bool) -> None:
    """positions:attention, positions:shaw-values: softmax and means by SciPy and loops."""
    net, x = layer(scheme, causal=causal), tokens()
    scores = numpy(net.scores(x)).copy()
    if causal:
        scores[..., np.triu_indices(LENGTH, 1)[0], np.triu_indices(LENGTH, 1)[1]] = -np.inf
    weights = scipy.special.softmax(scores, -1)
    np.testing.assert_allclose(numpy(net.weights(x)), weights, atol=1e-14)
    with_positions = net.position(x)
    mixed = np.zeros((2, LENGTH, DIM))
    for head in range(HEADS):
        value = projected(net, with_positions, "value", head)
        columns = slice(head * WIDTH, (head + 1) * WIDTH)
        mixed[..., columns] = weights[:, head] @ value
        if scheme == "shaw":
            table = numpy(net.position.value_table)
            for i in range(LENGTH):
                for j in range(LENGTH):
                    row = table[int(np.clip(j - i, -3, 3)) + 3]
                    mixed[:, i, columns] += weights[:, head, i, j, None] * row
    expected = mixed @ numpy(net.output.weight).T
    np.testing.assert_allclose(numpy(net(x)), expected, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_fused_kernel_gives_the_same(
    scheme: str, causal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """positions:attention: beyond the length where the kernel takes over, and one below."""
    net, x = layer(scheme, causal=causal), tokens(1, 40)
    results = []
    for first in (40, 41):
        monkeypatch.setattr(attention, "FUSED", first)
        leaf = x.clone().requires_grad_()
        out = net(leaf)
        grads = torch.autograd.grad(out.square().sum(), [leaf, *net.parameters()])
        results.append([out, *grads])
    for fused, plain in zip(*results, strict=True):
        assert_close(fused, plain, atol=1e-9, rtol=1e-9)


def test_without_positions_order_is_lost() -> None:
    """positions:equivariance, to 1e-12 over permutations; with positions the gap is of order 1."""
    order = torch.randperm(LENGTH)
    x = tokens()
    gaps = {}
    for name in SCHEMES:
        net = layer(name)
        gaps[name] = (net(x[:, order]) - net(x)[:, order]).abs().max()
    assert gaps.pop("none") < 1e-12
    assert min(gaps.values()) > 1e-3
    assert gaps["learned"] > 0.1


def test_mask_alone_breaks_the_symmetry() -> None:
    """positions:equivariance fails without any encoding, if attention is causal."""
    net, x, order = layer("none", causal=True), tokens(), torch.randperm(LENGTH)
    assert (net(x[:, order]) - net(x)[:, order]).abs().max() > 0.1


def test_a_constant_a_row_changes_no_weight() -> None:
    """positions:row-constant, to 1e-12, with constants that differ by row."""
    net, x = layer("alibi", causal=True), tokens()
    scores = net.scores(x)
    row = 5 * torch.randn(*scores.shape[:-1], 1)
    hidden = torch.ones(LENGTH, LENGTH).triu(1).bool()
    moved = (scores + row).masked_fill(hidden, -torch.inf).softmax(-1)
    assert (moved - net.weights(x)).abs().max() < 1e-12


# All schemes


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_takes_any_batch_length_and_heads(scheme: str, causal: bool, dtype: torch.dtype) -> None:
    """positions:attention for every scheme: shapes, dtypes, strides, gradients, one token."""
    for heads, dim in ((1, 2), (1, 8), (4, 8), (2, 12)):
        net = layer(scheme, dim, heads, causal=causal).to(dtype)
        for batch, length in ((1, 1), (3, 1), (1, 2), (2, 5), (1, 17)):
            x = torch.randn(dim, length, batch, dtype=dtype).permute(2, 1, 0)
            assert batch * length * dim == max(batch, length, dim) or not x.is_contiguous()
            x.requires_grad_()
            out = net(x)
            assert (out.shape, out.dtype) == (x.shape, dtype)
            scores = net.scores(x)
            assert (scores.shape, scores.dtype) == ((batch, heads, length, length), dtype)
            assert_close(net(x.detach().contiguous()), out.detach())
            out.square().sum().backward()
            assert x.grad is not None
            assert x.grad.isfinite().all()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_batch_is_a_batch(scheme: str) -> None:
    """Each sequence is treated as if it were alone."""
    net, x = layer(scheme, causal=True), tokens(3)
    assert_close(net(x), torch.cat([net(row[None]) for row in x]))
    assert_close(net.scores(x), torch.cat([net.scores(row[None]) for row in x]))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_causal_outputs_ignore_what_follows(scheme: str) -> None:
    """A causal layer gives a prefix of the output for a prefix of the input."""
    net, x = layer(scheme, causal=True), tokens()
    assert_close(net(x[:, :4]), net(x)[:, :4])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_gradients_are_those_of_differences(scheme: str) -> None:
    """Autograd against central differences: input and all parameters."""
    net = layer(scheme, 4, 2, causal=scheme == "t5 causal")
    if scheme in ("learned", "product"):
        shorter = {"learned": LearnedPositions, "product": ProductPositions}[scheme]
        net.position = drawn(shorter(3, 4))
    if isinstance(net.position, DebertaPositions):
        net.position.table = nn.Parameter(net.position.table.detach()[:6].clone())
    names = [name for name, _ in net.named_parameters()]

    def outputs(x: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(net, dict(zip(names, parameters, strict=True)), (x,))

    inputs = (tokens(1, 3, 4).requires_grad_(), *net.parameters())
    assert torch.autograd.gradcheck(outputs, inputs)


@pytest.mark.parametrize("scheme", sorted(RELATIVE))
def test_equal_tokens_make_relative_scores_toeplitz(scheme: str) -> None:
    """positions:shaw and its like: one value an offset; absolute ones have no such diagonals."""
    net = layer(scheme)
    x = torch.randn(DIM).expand(1, 15, DIM)
    assert is_toeplitz(net.scores(x))
    values = {round(v, 9) for v in net.scores(x)[0, 0].flatten().tolist()}
    if scheme == "shaw":
        assert len(values) == 2 * 3 + 1  # clipped at 3: seven vectors for 29 offsets
    for name in ABSOLUTE:
        assert not is_toeplitz(layer(name).scores(x), 1e-3)


@pytest.mark.parametrize("scheme", sorted(RELATIVE))
def test_relative_scores_follow_the_tokens(scheme: str) -> None:
    """Tokens moved along with unlike ones around them keep their scores."""
    net, x = layer(scheme), tokens(1, 6)
    before, after = torch.randn(1, 4, DIM), torch.randn(1, 3, DIM)
    moved = net.scores(torch.cat([before, x, after], 1))[..., 4:10, 4:10]
    assert_close(moved, net.scores(x))


def test_parameters_are_those_of_the_papers() -> None:
    """Shapes of tables and projections, in order."""
    shapes = {
        name: [tuple(p.shape) for p in (make(DIM, HEADS) or Scheme()).parameters()]
        for name, make in SCHEMES.items()
    }
    assert shapes["learned"] == shapes["product"] == [(600, DIM)]
    assert shapes["shaw"] == [(7, WIDTH), (7, WIDTH)]
    assert shapes["t5"] == [(8, HEADS)]
    assert shapes["t5 causal"] == [(32, HEADS)]
    assert shapes["deberta wide"] == [(1024, DIM), (DIM, DIM), (DIM, DIM)]
    assert sorted(shapes["transformer-xl"]) == [(HEADS, WIDTH), (HEADS, WIDTH), (DIM, DIM)]
    for name in ("none", "sinusoidal", "rotary", "rotary half", "alibi"):
        assert shapes[name] == []
    assert tuple(ShawPositions(8, 2).key_table.shape) == (33, 4)


def test_max_length_says_which_lengths_work() -> None:
    """Tables end, the rest goes on: `max_length` and what happens one beyond it."""
    for name, make in SCHEMES.items():
        scheme = make(DIM, HEADS)
        longest = scheme.max_length if scheme else None
        assert longest == (600 if name in ("learned", "product") else None)
    for kind in (LearnedPositions, ProductPositions):
        net = Attention(4, 2, position=kind(5, 4))
        assert net(tokens(1, 5, 4)).shape == (1, 5, 4)
        for call in (net, net.scores, net.weights, net.position):
            with pytest.raises(ValueError, match="length must be 1 to 5, got 6"):
                call(tokens(1, 6, 4))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_copies_and_saved_states_agree(scheme: str) -> None:
    """deepcopy and state_dict carry all that matters, and nothing else."""
    net, x = layer(scheme), tokens()
    net(x)
    assert_close(copy.deepcopy(net)(x), net(x))
    fresh = Attention(DIM, HEADS, position=SCHEMES[scheme](DIM, HEADS))
    fresh.load_state_dict(net.state_dict())
    assert_close(fresh(x), net(x))
    assert set(net.state_dict()) == {name for name, _ in net.named_parameters()}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_follows_the_device_of_its_input(scheme: str) -> None:
    """A default device that is another changes nothing: every tensor made names its own."""
    net, x = layer(scheme, causal=True), tokens()
    expected = net(x)
    rotary_tables.cache_clear()
    if scheme not in ("sinusoidal", "transformer-xl"):  # frequencies go from the default device
        with torch.device("meta"):
            assert_close(net(x), expected)
    meta = net.to("meta")
    assert meta(x.to("meta")).shape == x.shape


# T5's bias is a view of windows, whose gradient vmap takes one model at a time, and says so.
@pytest.mark.filterwarnings("ignore:.*batching rule for aten..unfold_backward:UserWarning")
@pytest.mark.parametrize("scheme", SCHEMES)
def test_works_under_vmap_and_func_grad(scheme: str) -> None:
    """A stack of models at once, as labs train them: torch.func against a loop."""
    nets, x = [layer(scheme) for _ in range(2)], tokens()
    stacked = torch.func.stack_module_state(nets)[0]

    def loss(parameters: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(nets[0], parameters, (x,)).square().sum()

    grads = torch.func.vmap(torch.func.grad(loss))(stacked)
    for index, net in enumerate(nets):
        net(x).square().sum().backward()
        for name, parameter in net.named_parameters():
            assert_close(grads[name][index], parameter.grad)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_autocast_keeps_to_the_scores(scheme: str) -> None:
    """bfloat16 under autocast stays near float32; whole models in bfloat16 run, too."""
    net, x = drawn(layer(scheme), 0.2).float(), tokens().float()
    expected = net(x)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = net(net(x) * 0 + x)
    assert (mixed.float() - expected).abs().max() < 0.05 * (1 + expected.abs().max())
    small = net.bfloat16()(x.bfloat16())
    assert small.dtype == torch.bfloat16
    assert small.isfinite().all()


def test_a_scheme_of_ones_own_needs_one_hook() -> None:
    """positions:row-constant through `bias`; and what `turn` and `scale` do, by two layers."""

    class Mine(Scheme):
        max_length = LENGTH

        def bias(self, query: Tensor, key: Tensor) -> Tensor:
            return torch.arange(1.0, 1 + query.shape[-2])[:, None].expand(1, HEADS, -1, LENGTH)

        def turn(self, x: Tensor) -> Tensor:
            return -3 * x

        def scale(self, width: int) -> float:
            return width**-0.5 / 9

    plain = layer("none")
    net = Attention(DIM, HEADS, position=Mine())
    net.load_state_dict(plain.state_dict())
    x = tokens()
    assert_close(net(x), plain(x))
    gap = net.scores(x) - plain.scores(x)
    assert_close(gap, torch.arange(1.0, 1 + LENGTH)[:, None].expand_as(gap))
    with pytest.raises(ValueError, match="length must be 1 to 10, got 11"):
        net(tokens(1, LENGTH + 1))


# Absolute


def test_absolute_positions_add_and_multiply() -> None:
    """positions:additive, positions:product, in NumPy."""
    x = tokens()
    added, multiplied = drawn(LearnedPositions(30, DIM)), drawn(ProductPositions(30, DIM))
    np.testing.assert_array_equal(numpy(added(x)), numpy(x) + numpy(added.table)[:LENGTH])
    np.testing.assert_array_equal(numpy(multiplied(x)), numpy(x) * numpy(multiplied.table)[:LENGTH])
    for net in (LearnedPositions(3000, 8).table, ProductPositions(3000, 8).table - 1):
        assert net.mean().abs() < 1e-3
        assert abs(net.std() - 0.02) < 1e-3


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("base", [10000, 50.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sinusoidal_positions_are_the_formula(
    layout: Layout, base: float, dtype: torch.dtype
) -> None:
    """positions:sinusoid-ode: solutions sin and cos of each pair, in NumPy's float64."""
    scheme, x = SinusoidalPositions(8, base=base, layout=layout), tokens(1, 5000, 8).to(dtype)
    angle = np.arange(5000)[:, None] / base ** (np.arange(0, 8, 2) / 8)
    expected = np.stack([np.sin(angle), np.cos(angle)], -1)
    expected = np.swapaxes(expected, 1, 2) if layout == "half" else expected
    tolerance = 1e-6 if dtype == torch.float32 else 1e-12
    error = scheme(torch.zeros_like(x))[0] - torch.as_tensor(expected).reshape(5000, 8)
    assert error.abs().max() < tolerance
    assert scheme(x).dtype == dtype


def generator_of_sinusoids(dim: int, base: float = 10000.0) -> Any:
    theta = base ** (-np.arange(0, dim, 2) / dim)
    return scipy.linalg.block_diag(*(t * np.array([[0.0, 1], [-1, 0]]) for t in theta))


def test_sinusoids_flow_along_a_skew_matrix() -> None:
    """positions:sinusoid-ode, by SciPy's matrix exponential, to 1e-9 up to t = 500."""
    matrix, table = generator_of_sinusoids(8), numpy(sinusoidal(3001, 8))
    assert np.array_equal(matrix, -matrix.T)
    for t in (1, 10, 137, 500):
        assert np.abs(scipy.linalg.expm(t * matrix) @ table[0] - table[t]).max() < 1e-9
    step = scipy.linalg.expm(7 * matrix)
    assert np.abs(step @ step.T - np.eye(8)).max() < 1e-12
    assert np.abs(table[:-7] @ step.T - table[7:]).max() < 1e-10


def test_recurrent_positions_with_that_matrix_are_sinusoids() -> None:
    """positions:recurrent, positions:sinusoid-ode: a linear flow, short steps."""
    flow = nn.Linear(8, 8, bias=False)
    scheme = RecurrentPositions(8, dynamics=flow, steps=40)
    with torch.no_grad():
        flow.weight.copy_(torch.as_tensor(generator_of_sinusoids(8)))
        scheme.start.copy_(sinusoidal(1, 8)[0])
    assert (scheme.states(100) - sinusoidal(100, 8)).abs().max() < 1e-6
    coarse = RecurrentPositions(8, dynamics=flow, steps=1)
    coarse.start = scheme.start
    gap = (coarse.states(100) - sinusoidal(100, 8)).abs().max()
    assert 1e-6 < gap < 0.7  # Runge and Kutta lose amplitude at one radian a step


def test_recurrent_positions_solve_their_equation() -> None:
    """positions:recurrent, against SciPy's solver of another kind."""
    scheme = drawn(RecurrentPositions(5, steps=20))

    def slope(_: float, p: np.ndarray) -> np.ndarray:
        return numpy(scheme.dynamics(torch.as_tensor(p)))

    found = scipy.integrate.solve_ivp(
        slope, (0, 6), numpy(scheme.start), "LSODA", range(7), rtol=1e-10, atol=1e-12
    )
    np.testing.assert_allclose(numpy(scheme.states(7)), found.y.T, atol=1e-6)
    x = tokens(2, 7, 5)
    assert_close(scheme(x), x + scheme.states(7))
    assert_close(scheme.states(3), scheme.states(7)[:3])


def test_absolute_scores_are_four_terms() -> None:
    """positions:four-terms, positions:additive: einsum in NumPy, and the sum is the score."""
    net, x = layer("learned", heads=1), tokens()
    table: Any = net.position.table
    p = table[:LENGTH]
    parts = four_terms(x, p, net.query.weight, net.key.weight)
    form = numpy(net.query.weight).T @ numpy(net.key.weight)
    batch = np.broadcast_to(numpy(p), x.shape)
    sides = [numpy(x), batch]
    expected = [np.einsum("bid,de,bje->bij", a, form, b) for a in sides for b in sides]
    np.testing.assert_allclose(numpy(parts), expected, atol=1e-12)
    total = parts.sum(0) / math.sqrt(DIM)
    assert (total - net.scores(x)[:, 0]).abs().max() < 1e-12
    assert is_toeplitz(four_terms(x * 0 + 1, 0 * p, net.query.weight, net.key.weight).sum(0))
    one = four_terms(x[0], p, net.query.weight, net.key.weight)
    assert_close(one, parts[:, 0])


@pytest.mark.parametrize("alpha", [0.4, 0.3, 0.75])
def test_hierarchical_positions_extend_a_table(alpha: float) -> None:
    """positions:hierarchical, by loops; n squared vectors, all different, the first n the old."""
    table = torch.randn(6, 4)
    longer = hierarchical_positions(table, 36, alpha=alpha)
    u = [(p - alpha * table[0]) / (1 - alpha) for p in table]
    for a in range(6):
        for b in range(6):
            expected = alpha * u[a] + (1 - alpha) * u[b]
            assert_close(longer[6 * a + b], expected)
    assert (longer[:6] - table).abs().max() < 1e-12
    assert torch.pdist(longer).min() > 1e-3
    for length in (1, 5, 7, 36):
        assert_close(hierarchical_positions(table, length, alpha=alpha), longer[:length])
    nearly = hierarchical_positions(table, 36, alpha=0.5 - 1e-9)
    assert torch.pdist(nearly).min() < 1e-6  # at 1/2, (a, b) and (b, a) are one


# Relative


def test_shaw_scores_by_the_letter() -> None:
    """positions:shaw, entry by entry."""
    net, x = layer("shaw"), tokens()
    scores, table = numpy(net.scores(x)), numpy(net.position.key_table)
    for head in range(HEADS):
        q, k = projected(net, x, "query", head), projected(net, x, "key", head)
        for i in range(LENGTH):
            for j in range(LENGTH):
                row = table[min(max(j - i, -3), 3) + 3]
                expected = (q[:, i] * (k[:, j] + row)).sum(-1) / math.sqrt(WIDTH)
                np.testing.assert_allclose(scores[:, head, i, j], expected, atol=1e-12)


def test_shaw_values_are_those_of_the_papers_three_axes() -> None:
    """positions:shaw-values, against the (length, length, d) tensor of the paper's formula."""
    scheme = drawn(ShawPositions(DIM, HEADS, max_distance=2))
    weights, value = torch.rand(2, HEADS, 7, 7), torch.randn(2, HEADS, 7, WIDTH)
    offset = torch.arange(7) - torch.arange(7)[:, None]
    rows = scheme.value_table[offset.clamp(-2, 2) + 2]
    expected = torch.einsum("bhij,bhjd->bhid", weights, value)
    expected = expected + torch.einsum("bhij,ijd->bhid", weights, rows)
    assert_close(scheme.mix(weights, value), expected)


@pytest.mark.parametrize("base", [10000, 30.0])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_transformer_xl_scores_by_the_letter(base: float, layout: Layout) -> None:
    """positions:transformer-xl, entry by entry, keys to the right of the query included."""
    scheme = TransformerXLPositions(DIM, HEADS, base=base, layout=layout)
    net, x = drawn(Attention(DIM, HEADS, position=scheme)), tokens()
    scores = numpy(net.scores(x))
    for head in range(HEADS):
        q, k = projected(net, x, "query", head), projected(net, x, "key", head)
        rows = slice(head * WIDTH, (head + 1) * WIDTH)
        u, v = numpy(scheme.content_bias)[head], numpy(scheme.offset_bias)[head]
        for i in range(LENGTH):
            for j in range(LENGTH):
                angle = (i - j) / base ** (np.arange(0, DIM, 2) / DIM)
                wave = np.stack([np.sin(angle), np.cos(angle)], layout == "interleaved")
                far = numpy(scheme.key.weight)[rows] @ wave.reshape(-1)
                expected = ((q[:, i] + u) * k[:, j]).sum(-1) + (q[:, i] + v) @ far
                expected = expected / math.sqrt(WIDTH)
                np.testing.assert_allclose(scores[:, head, i, j], expected, atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (5, 5), (2, 3, 9, 9), (4, 1, 1)])
def test_relative_shift_is_a_gather(shape: tuple[int, ...]) -> None:
    """positions:relative-shift, by explicit indices, j <= i; with all offsets, everywhere."""
    scores, length = torch.randn(shape), shape[-1]
    shifted = relative_shift(scores)
    assert shifted.shape == scores.shape
    for i in range(length):
        for j in range(i + 1):
            assert torch.equal(shifted[..., i, j], scores[..., i, length - 1 - i + j])
    wide = torch.randn(*shape[:-1], 2 * length - 1)
    column = length - 1 - torch.arange(length)[:, None] + torch.arange(length)
    expected = wide.gather(-1, column.expand(shape))
    assert torch.equal(relative_shift(wide), expected)
    assert torch.equal(relative_shift(wide.mT.contiguous().mT), expected)


def test_square_shift_leaves_rubbish_above_the_diagonal() -> None:
    """positions:relative-shift holds for j <= i only: a 0, then the next row's entries."""
    shifted = relative_shift(torch.arange(1, 10).reshape(3, 3))
    assert shifted.tolist() == [[3, 0, 4], [5, 6, 0], [7, 8, 9]]
    assert shifted.dtype == torch.int64


@pytest.mark.parametrize("as_released", [False, True])
@pytest.mark.parametrize("farthest", [1, 3, 9, 10, 50])
def test_deberta_scores_by_the_letter(farthest: int, as_released: bool) -> None:
    """positions:deberta, entry by entry; the released code has another index in one term."""
    scheme = DebertaPositions(DIM, HEADS, max_distance=farthest, as_released=as_released)
    net, x = drawn(Attention(DIM, HEADS, position=scheme)), tokens()
    scores = numpy(net.scores(x))

    def delta(i: int, j: int) -> int:
        if i - j <= -farthest:
            return 0
        return 2 * farthest - 1 if i - j >= farthest else i - j + farthest

    assert delta(4, 4) == farthest
    table = numpy(scheme.table)
    for head in range(HEADS):
        q, k = projected(net, x, "query", head), projected(net, x, "key", head)
        rows = slice(head * WIDTH, (head + 1) * WIDTH)
        keys = table @ numpy(scheme.key.weight)[rows].T
        queries = table @ numpy(scheme.query.weight)[rows].T
        for i in range(LENGTH):
            for j in range(LENGTH):
                back = delta(i, j) if as_released else delta(j, i)
                expected = (q[:, i] * k[:, j]).sum(-1) + q[:, i] @ keys[delta(i, j)]
                expected = (expected + k[:, j] @ queries[back]) / math.sqrt(3 * WIDTH)
                np.testing.assert_allclose(scores[:, head, i, j], expected, atol=1e-12)


def test_deberta_scale_makes_unit_variance() -> None:
    """positions:deberta-variance: 3 d within 3 %, and 1 after the scale, on independent draws."""
    d = 24
    q, k, far_key, far_query = torch.randn(4, 50_000, d)
    total = (q * k + q * far_key + k * far_query).sum(-1)
    assert abs(total.var() / (3 * d) - 1) < 0.03
    scale = DebertaPositions(d, 1).scale(d)
    assert abs((scale * total).var() - 1) < 0.03


# Biases

STARTS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91]
CAUSAL_STARTS = [*range(17), 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113]


def test_t5_buckets_are_those_of_the_table() -> None:
    """positions:t5-bucket: the original's table for 0 to 30, and all starts; in float64."""
    left = t5_bucket(-torch.arange(2000))
    assert left[:31].tolist() == [*range(8), *4 * [8], *4 * [9], *7 * [10], *8 * [11]]
    starts = np.flatnonzero(np.diff(left.numpy(), prepend=-1))
    assert starts.tolist() == STARTS
    assert left[91:].unique().tolist() == [15]
    one_sided = t5_bucket(-torch.arange(2000), bidirectional=False)
    starts = np.flatnonzero(np.diff(one_sided.numpy(), prepend=-1))
    assert starts.tolist() == CAUSAL_STARTS
    assert one_sided[113:].unique().tolist() == [31]
    distance = np.arange(8, 2000)
    exact = 8 + np.floor(8 * np.log(distance / 8) / np.log(16) + 1e-12)
    np.testing.assert_array_equal(left[8:], np.minimum(exact, 15))


def test_t5_takes_key_minus_query_and_leaves_bucket_16_empty() -> None:
    """positions:t5-bucket: keys to the right have the upper half; 31 of 32 are used."""
    offset = torch.arange(-300, 301)
    bucket = t5_bucket(offset)
    assert bucket[offset > 0].min() == 17
    assert bucket[offset <= 0].max() == 15
    assert set(range(32)) - set(bucket.tolist()) == {16}
    assert torch.equal(bucket[offset > 0].flip(0), bucket[offset < 0] + 16)
    ahead = t5_bucket(offset, bidirectional=False)
    assert ahead[offset >= 0].unique().tolist() == [0]


@pytest.mark.parametrize("buckets", [4, 6, 32, 64])
@pytest.mark.parametrize("max_distance", [40, 128, 1000])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_t5_buckets_grow_and_end(buckets: int, max_distance: int, bidirectional: bool) -> None:
    """positions:t5-bucket: monotone in the distance, exact nearby, full from max_distance on."""
    each = buckets // 2 if bidirectional else buckets
    options: Any = {"buckets": buckets, "max_distance": max_distance}
    bucket = t5_bucket(-torch.arange(3000), bidirectional=bidirectional, **options)
    assert (bucket.diff() >= 0).all()
    assert bucket[: each // 2].tolist() == [*range(each // 2)]
    assert bucket[max_distance:].unique().tolist() == [each - 1]
    assert bucket.dtype == torch.int64
    shape = (2, 3, 5)
    some = torch.randint(-300, 300, shape, dtype=torch.int32)
    assert t5_bucket(some, bidirectional=bidirectional, **options).shape == shape


def test_t5_scores_by_the_letter() -> None:
    """positions:t5: unscaled, plus the table's entry of the bucket of j - i."""
    net, x = layer("t5"), tokens()
    scores, table = numpy(net.scores(x)), numpy(net.position.table)
    for head in range(HEADS):
        product = projected(net, x, "query", head) @ projected(net, x, "key", head).mT
        for i in range(LENGTH):
            for j in range(LENGTH):
                row = int(t5_bucket(torch.tensor(j - i), buckets=8, max_distance=9))
                expected = product[:, i, j] + table[row, head]
                np.testing.assert_allclose(scores[:, head, i, j], expected, atol=1e-12)


@pytest.mark.parametrize("heads", [1, 2, 3, 8, 12, 16])
def test_alibi_subtracts_a_slope_times_the_distance(heads: int) -> None:
    """positions:alibi, entry by entry, with slopes by the paper's rule written out."""
    power = 2 ** math.floor(math.log2(heads))
    slopes = [2 ** (-8 * h / power) for h in range(1, power + 1)]
    slopes += [2 ** (-8 * h / (2 * power)) for h in range(1, 2 * power + 1)][::2]
    assert_close(alibi_slopes(heads), torch.tensor(slopes[:heads]))
    dim = 2 * heads
    net = drawn(Attention(dim, heads, position=AlibiPositions(heads)))
    plain = copy.deepcopy(net)
    plain.position = Scheme()
    x = tokens(2, LENGTH, dim)
    added = net.scores(x) - plain.scores(x)
    place = np.arange(LENGTH)
    expected = -np.array(slopes[:heads])[:, None, None] * np.abs(place - place[:, None])
    np.testing.assert_allclose(numpy(added), np.stack([expected] * 2), atol=1e-12)


def test_alibi_rounds_products_not_distances() -> None:
    """positions:alibi in bfloat16, whose distances above 256 would collide: rounded once."""
    query = torch.zeros(1, 12, 600, 2)  # of twelve slopes four are no powers of 2
    exact = AlibiPositions(12).bias(query, query)
    half = query.bfloat16()
    assert torch.equal(AlibiPositions(12).bias(half, half), exact.bfloat16())


def test_toeplitz_is_scipys() -> None:
    """One value an offset, laid out: scipy.linalg.toeplitz."""
    for length in (1, 2, 7):
        values = torch.randn(3, 2 * length - 1)
        for row, matrix in zip(values.numpy(), toeplitz(values), strict=True):
            first_column, first_row = row[:length][::-1], row[length - 1 :]
            np.testing.assert_array_equal(matrix, scipy.linalg.toeplitz(first_column, first_row))


# Rotary


def by_complex_numbers(
    x: Tensor, positions: np.ndarray, base: float = 10000.0, layout: str = "interleaved"
) -> np.ndarray:
    """Turn in NumPy, by Euler's formula, in double precision."""
    values = np.asarray(x.double().detach())
    width = values.shape[-1]
    half = layout == "half"
    real, imaginary = (
        (values[..., : width // 2], values[..., width // 2 :])
        if half
        else (values[..., ::2], values[..., 1::2])
    )
    angle = np.asarray(positions, float)[:, None] * base ** (-np.arange(0, width, 2) / width)
    z = (real + 1j * imaginary) * np.exp(1j * angle)
    if half:
        return np.concatenate([z.real, z.imag], -1)
    return np.stack([z.real, z.imag], -1).reshape(values.shape)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("base", [10000, 10000.0, 7.5, 5e5])
@pytest.mark.parametrize("shape", [(1, 2), (5, 4), (2, 7, 8), (2, 3, 200, 64), (1, 1, 1, 6)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rotary_turns_complex_numbers(
    shape: tuple[int, ...], base: float, layout: Layout, dtype: torch.dtype
) -> None:
    """positions:rotary, against Euler's formula in NumPy: given positions, or none."""
    x, tolerance = torch.randn(shape, dtype=dtype), 1e-6 if dtype == torch.float32 else 1e-12
    turned = rotary(x, base=base, layout=layout)
    assert (turned.shape, turned.dtype) == (x.shape, dtype)
    length = shape[-2]
    expected = by_complex_numbers(x, np.arange(length), base, layout)
    assert np.abs(turned.double().numpy() - expected).max() < tolerance * 5
    for positions in (
        torch.arange(length),
        torch.arange(length, dtype=torch.int32) * 3 - 40,
        torch.rand(length) * 100,
        torch.randn(length, dtype=torch.float32),
    ):
        turned = rotary(x, positions=positions, base=base, layout=layout)
        expected = by_complex_numbers(x, positions.numpy(), base, layout)
        assert np.abs(turned.double().numpy() - expected).max() < tolerance * 5
        assert turned.dtype == dtype


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rotary_takes_any_strides(layout: Layout) -> None:
    """positions:rotary of views: heads split late, odd strides, odd offsets, expanded, sliced."""
    q = torch.randn(2, 9, 24)
    views = [
        q.unflatten(-1, (3, 8)).transpose(1, 2),
        torch.randn(2, 8, 9).mT,
        torch.randn(9, 9)[:, 1:],
        torch.randn(2, 9, 9)[..., :8],
        torch.randn(9, 16)[:, ::2],
        torch.randn(1, 8).expand(9, 8),
        torch.randn(73)[1:].view(9, 8),
        torch.randn(1, 73)[:, 1:].reshape(1, 9, 8),
        torch.randn(8, 9, 3).permute(2, 1, 0),
    ]
    for x in views:
        expected = by_complex_numbers(x, np.arange(9), layout=layout)
        before = x.clone()
        assert np.abs(rotary(x, layout=layout).numpy() - expected).max() < 1e-12
        assert torch.equal(x, before)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rotary_scores_see_the_offset_alone(layout: Layout) -> None:
    """positions:rotary-relative: a common shift up to 5000 changes nothing (1e-9); norms stay."""
    q, k = torch.randn(2, 4, 6, 16)
    places = torch.arange(6)

    def scores(shift: int) -> Tensor:
        turned = [rotary(x, positions=places + shift, layout=layout) for x in (q, k)]
        return turned[0] @ turned[1].mT

    for shift in (1, 17, 400, 5000, -3):
        assert (scores(shift) - scores(0)).abs().max() < 1e-9
    norms = rotary(q, layout=layout).norm(dim=-1)
    assert (norms - q.norm(dim=-1)).abs().max() < 1e-12
    back = rotary(rotary(q, layout=layout), positions=-places, layout=layout)
    assert (back - q).abs().max() < 1e-12
    three = torch.full((6,), 3)
    ahead, behind = (rotary(x, positions=p, layout=layout) for x, p in ((q, three), (k, -three)))
    assert_close(ahead @ k.mT, q @ behind.mT)


def test_rotary_score_is_the_real_part() -> None:
    """positions:rotary-relative, Re of q k* exp(i (m - n) theta), in NumPy's complex numbers."""
    q, k = torch.randn(2, 30, 8)
    scores = numpy(rotary(q) @ rotary(k).mT)
    theta = 10000.0 ** (-np.arange(0, 8, 2) / 8)
    a, b = (numpy(x)[:, ::2] + 1j * numpy(x)[:, 1::2] for x in (q, k))
    for m in (0, 3, 29):
        for n in (0, 11, 29):
            expected = (a[m] * b[n].conj() * np.exp(1j * (m - n) * theta)).sum().real
            assert abs(scores[m, n] - expected) < 1e-12


def test_layouts_agree_after_a_permutation_of_both() -> None:
    """positions:rotary-pairs: unlike scores for like weights, until features are permuted."""
    q, k = 2 * torch.randn(2, 50, 16)
    order = torch.arange(16).reshape(2, 8).T.reshape(-1)  # 0, 8, 1, 9, ...
    half = rotary(q, layout="half") @ rotary(k, layout="half").mT
    assert (rotary(q) @ rotary(k).mT - half).abs().max() > 1
    permuted = rotary(q[:, order]) @ rotary(k[:, order]).mT
    assert (permuted - half).abs().max() < 1e-12
    assert_close(rotary(q[:, order]), rotary(q, layout="half")[:, order])
    one_sided = rotary(q[:, order]) @ rotary(k).mT
    assert (one_sided - half).abs().max() > 1


def test_values_that_turn_must_turn_back() -> None:
    """positions:rotary-values: shift-invariant to 1e-12 with the back turn, not without."""
    weights, v = torch.rand(6, 6), torch.randn(6, 8)
    places = torch.arange(6)

    def out(shift: int, *, back: bool) -> Tensor:
        mixed = weights @ rotary(v, positions=places + shift)
        return rotary(mixed, positions=-places - shift) if back else mixed

    assert (out(100, back=True) - out(0, back=True)).abs().max() < 1e-12
    assert (out(100, back=False) - out(0, back=False)).abs().max() > 0.1
    for i in range(6):
        turned = [rotary(v[j : j + 1], positions=places[j : j + 1] - i)[0] for j in range(6)]
        assert_close(out(0, back=True)[i], weights[i] @ torch.stack(turned))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rotary_keeps_precision_far_out(layout: Layout) -> None:
    """positions:rotary up to a million positions, float32 against NumPy's float64."""
    places = torch.arange(10**6 - 50, 10**6)
    x = torch.randn(50, 64, dtype=torch.float32)
    expected = by_complex_numbers(x, places.numpy(), layout=layout)
    turned = rotary(x, positions=places, layout=layout)
    assert np.abs(turned.numpy() - expected).max() < 2e-6
    long = torch.randn(200_001, 4, dtype=torch.float32)
    expected = by_complex_numbers(long[-9:], np.arange(200_001)[-9:], layout=layout)
    assert np.abs(rotary(long, layout=layout)[-9:].numpy() - expected).max() < 2e-6


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_rotary_in_half_precision_rounds_once(layout: Layout, dtype: torch.dtype) -> None:
    """positions:rotary: the same as float32, rounded; positions above 256 stay apart."""
    x = torch.randn(2, 5000, 8).to(dtype)
    turned = rotary(x, layout=layout)
    assert turned.dtype == dtype
    assert torch.equal(turned, rotary(x.float(), layout=layout).to(dtype))
    places = torch.arange(5000).to(torch.float32)
    assert torch.equal(rotary(x, positions=places, layout=layout), turned)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rotary_has_all_derivatives(layout: Layout) -> None:
    """positions:rotary: reverse and forward mode, twice, positions too, and vmap of odd axes."""
    x = torch.randn(2, 3, 4, requires_grad=True)
    places = torch.rand(3, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: rotary(x, layout=layout), x)
    assert torch.autograd.gradgradcheck(lambda x: rotary(x, layout=layout).sin(), x)
    given = (x, places)
    assert torch.autograd.gradcheck(lambda x, p: rotary(x, positions=p, layout=layout), given)
    stack = torch.randn(3, 5, 4, 2)
    for axis in (0, 1, 3):
        found = torch.func.vmap(lambda x: rotary(x, layout=layout), in_dims=axis)(stack)
        for one, row in zip(found, stack.movedim(axis, 0), strict=True):
            assert_close(one, rotary(row, layout=layout))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_rotary_has_forward_derivatives(layout: Layout) -> None:
    """positions:rotary is linear: the derivative along t is what it makes of t."""
    x, t = torch.randn(2, 3, 5, 4)
    tangent = torch.func.jvp(lambda x: rotary(x, layout=layout), (x,), (t,))[1]
    assert_close(tangent, rotary(t, layout=layout))


# Tables of rotations


@pytest.fixture
def empty_cache() -> Any:
    rotary_tables.cache_clear()
    yield rotary_tables
    rotary_tables.cache_clear()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_tables_are_computed_once(layout: Layout, empty_cache: Any) -> None:
    """No table is made anew for the same dtype, device, base, width, and length or nearly."""
    x = torch.randn(2, 200, 8)
    rotary(x, layout=layout)
    assert empty_cache.cache_info().misses == 1
    for _ in range(3):
        rotary(torch.randn(7, 200, 8), layout=layout, base=10000)
        rotary(torch.randn(129, 8), layout=layout)
        Attention(8, 1, position=RotaryPositions(layout=layout))(x)
    assert empty_cache.cache_info().misses == 1
    rotary(x.float(), layout=layout)
    rotary(x, layout=layout, base=500)
    rotary(x[..., :4], layout=layout)
    rotary(torch.randn(300, 8), layout=layout)
    assert empty_cache.cache_info().misses == 5
    with pytest.MonkeyPatch.context() as patch:
        for name in ("cos", "sin", "polar", "arange"):
            patch.setattr(torch, name, None)
        rotary(x, layout=layout)


def test_tables_are_bounded(empty_cache: Any) -> None:
    """Growing inputs and many bases do not fill the memory."""
    for length in range(1, 300):
        rotary(torch.zeros(length, 4))
    assert empty_cache.cache_info().misses == 3  # 128, 256, 512 rows
    for base in range(2, 100):
        rotary(torch.zeros(3, 4), base=base)
    info = empty_cache.cache_info()
    assert info.currsize <= info.maxsize == 16


@pytest.mark.parametrize("layout", LAYOUTS)
def test_tables_made_in_any_mode_serve_in_any_other(layout: Layout, empty_cache: Any) -> None:
    """Made under inference mode, no_grad, autocast, torch.func or a default device: all alike."""
    net = drawn(Attention(8, 2, position=RotaryPositions(layout=layout)))
    x = tokens(1, 5, 8)
    reference = net(x)
    modes: dict[str, Callable[[], Any]] = {
        "inference": torch.inference_mode,
        "no grad": torch.no_grad,
        "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
        "meta": lambda: torch.device("meta"),
    }
    for mode in modes.values():
        empty_cache.cache_clear()
        with mode():
            net(x)
        leaf = x.clone().requires_grad_()
        out = net(leaf)
        assert_close(out, reference)
        out.sum().backward()
        assert all(p.grad is not None for p in (leaf, net.query.weight, net.key.weight))
    for transform in (torch.func.grad, torch.func.vmap):
        empty_cache.cache_clear()
        transform(lambda x: rotary(x, layout=layout).sum())(x)
        assert_close(net(x), reference)
        assert_close(copy.deepcopy(net)(x), reference)


def test_results_do_not_share_memory_with_tables() -> None:
    """What a caller does to a result leaves the next one alone."""
    for layout in LAYOUTS:
        x = torch.ones(5, 4)
        first = rotary(x, layout=layout)
        kept = first.clone()
        first.zero_()
        assert torch.equal(rotary(x, layout=layout), kept)


# Beyond the trained length


def test_interpolation_squeezes_positions() -> None:
    """positions:interpolation, with NumPy; shorter inputs keep theirs."""
    np.testing.assert_allclose(interpolated_positions(8, 4), np.arange(8) / 2)
    np.testing.assert_allclose(interpolated_positions(10, 4), np.arange(10) * 0.4)
    assert interpolated_positions(10, 4).dtype == torch.float64
    assert interpolated_positions(3, 4).tolist() == [0, 1, 2]
    assert interpolated_positions(4000, 100).max() < 100
    x = tokens(1, 8, 8)
    scheme = RotaryPositions(step=0.5)
    turned = rotary(x, positions=interpolated_positions(8, 4))
    assert_close(scheme.turn(x[None])[0], turned)


@pytest.mark.parametrize("width", [4, 16, 128])
@pytest.mark.parametrize("factor", [1, 2.0, 8])
def test_raised_base_slows_the_slowest_pair_alone(width: int, factor: float) -> None:
    """positions:ntk-base: the last frequency is divided by the factor, the first is 1 still."""
    base = ntk_base(10000, factor, width)
    powers = np.arange(0, width, 2) / width
    ratio = base**-powers / 10000**-powers
    assert ratio[0] == 1
    np.testing.assert_allclose(ratio[-1], 1 / factor, rtol=1e-10)
    assert (np.diff(ratio) <= 0).all()
    x = torch.eye(width)[:1].expand(9, width)
    turned = rotary(x, base=base)
    assert_close(turned[:, 0], torch.arange(9.0).cos())  # the first pair, at one radian a token


# Outside the rows


@pytest.mark.parametrize("shared", [False, True])
def test_complex_embedding_is_a_wave_a_word(shared: bool) -> None:
    """positions:complex, by Euler's formula in NumPy, and its products of two words."""
    embed = drawn(ComplexEmbedding(5, 3, shared_frequencies=shared))
    ids = torch.randint(5, (2, 7))
    r, w, t = (numpy(p) for p in (embed.amplitude, embed.frequency, embed.phase))
    rows = np.zeros_like(ids) if shared else ids.numpy()
    angle = w[rows] * np.arange(7)[:, None] + t[ids]
    np.testing.assert_allclose(numpy(embed(ids)), r[ids] * np.exp(1j * angle), atol=1e-14)
    assert embed(ids.int()).dtype == torch.complex128
    assert embed.float()(ids).dtype == torch.complex64


@pytest.mark.parametrize("shared", [False, True])
def test_complex_products_are_relative_only_for_shared_frequencies(shared: bool) -> None:
    """positions:complex: the same two words, moved together."""
    embed = drawn(ComplexEmbedding(2, 8, shared_frequencies=shared), 1.0)
    waves = numpy(embed(torch.tensor([[0] * 40, [1] * 40])))
    product = waves[0] @ waves[1].conj().T  # (position of word 0, position of word 1)
    gap = np.abs(product[1:, 1:] - product[:-1, :-1]).max()
    assert gap < 1e-12 if shared else gap > 0.1


def test_convolutions_that_leak_start_as_he_and_others_say() -> None:
    """One layer of torch.nn, with the gain of its ReLU over the root of its fan-in."""
    found = padding_leak(6, layers=1, channels=5, generator=torch.Generator().manual_seed(3))
    draw = torch.Generator().manual_seed(3)
    layer = torch.nn.Conv2d(5, 5, 3, padding=1)
    gain = torch.nn.init.calculate_gain("relu")
    with torch.no_grad():
        layer.weight.copy_(torch.randn(5, 5, 3, 3, generator=draw) * gain / 45**0.5)
        layer.bias.copy_(torch.randn(5, generator=draw) / 2)  # type: ignore[union-attr]
        torch.testing.assert_close(found, layer(torch.ones(1, 5, 6, 6)).relu()[0])


def test_tables_start_as_long_as_a_unit_vector() -> None:
    """Those of Shaw, for any width of a head."""
    for dim, heads in ((64, 1), (64, 4)):
        scheme = ShawPositions(dim, heads, max_distance=400)
        for table in (scheme.key_table, scheme.value_table):
            assert table.square().sum(1).mean().item() == pytest.approx(1, abs=0.1)


def test_padding_leaks_positions() -> None:
    """positions:padding-leak: zeros at the border show, five pixels deep; nothing else does."""
    draw = torch.Generator().manual_seed
    maps = {
        kind: padding_leak(32, padding=kind, generator=draw(0))
        for kind in ("zeros", "circular", "reflect", "valid")
    }
    spread = {kind: x.std((1, 2)).max() for kind, x in maps.items()}
    assert maps["valid"].shape == (8, 22, 22)
    assert spread["zeros"] > 0.1
    assert max(spread[kind] for kind in ("circular", "reflect", "valid")) < 1e-12
    inner = maps["zeros"][:, 5:-5, 5:-5]
    assert inner.std((1, 2)).max() < 1e-12
    assert maps["zeros"][:, 4].std(-1).max() > 0
    assert_close(inner[:, 0, 0], maps["valid"][:, 0, 0])
    assert torch.equal(maps["zeros"], padding_leak(32, generator=draw(0)))
    assert not torch.equal(maps["zeros"], padding_leak(32, generator=draw(1)))


# Refusals


def attend(**options: Any) -> Attention:
    return Attention(8, 2, **options)


def eye(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.ones(shape, dtype=dtype)


REFUSALS: dict[str, tuple[Callable[[], Any], str]] = {
    "no width": (lambda: Attention(0, 1), "dim must be at least 1, got 0"),
    "half a width": (lambda: Attention(8.0, 1), "dim must be a whole number, got 8.0"),  # pyright: ignore
    "no heads": (lambda: Attention(8, 0), "heads must be at least 1, got 0"),
    "truth for heads": (lambda: Attention(8, True), "heads must be a whole number, got True"),
    "heads that do not divide": (
        lambda: Attention(8, 3),
        "dim must be a multiple of 3 heads, got 8",
    ),
    "a name for a scheme": (
        lambda: attend(position="rotary"),
        "position must be a Scheme or None, got 'rotary'",
    ),
    "a class for a scheme": (
        lambda: attend(position=RotaryPositions),
        r"position must be a Scheme or None, got <class .*RotaryPositions'>",
    ),
    "a scheme of another width": (
        lambda: attend(position=LearnedPositions(9, 6)),
        "dim of position must be 8, got 6",
    ),
    "sinusoids of another width": (
        lambda: attend(position=SinusoidalPositions(6)),
        "dim of position must be 8, got 6",
    ),
    "a flow of another width": (
        lambda: attend(position=RecurrentPositions(6)),
        "dim of position must be 8, got 6",
    ),
    "Shaw of another width": (
        lambda: attend(position=ShawPositions(6, 2)),
        "dim of position must be 8, got 6",
    ),
    "Shaw of other heads": (
        lambda: attend(position=ShawPositions(8, 4)),
        "heads of position must be 2, got 4",
    ),
    "Transformer-XL of other heads": (
        lambda: attend(position=TransformerXLPositions(8, 4)),
        "heads of position must be 2, got 4",
    ),
    "DeBERTa of other heads": (
        lambda: attend(position=DebertaPositions(8, 4)),
        "heads of position must be 2, got 4",
    ),
    "T5 of other heads": (
        lambda: attend(position=T5Positions(4)),
        "heads of position must be 2, got 4",
    ),
    "ALiBi of other heads": (
        lambda: attend(position=AlibiPositions(1)),
        "heads of position must be 2, got 1",
    ),
    "rotary heads of odd width": (
        lambda: Attention(6, 2, position=RotaryPositions()),
        "dim / heads must be even, got 3",
    ),
    "x without a batch": (lambda: attend()(eye(3, 8)), "rank of x must be 3, got 2"),
    "x of another width": (
        lambda: attend()(eye(2, 3, 1)),
        r"shape of x must be \(2, 3, 8\), got \(2, 3, 1\)",
    ),
    "x without tokens": (lambda: attend()(eye(2, 0, 8)), "length must be at least 1, got 0"),
    "scores of x without a batch": (
        lambda: attend().scores(eye(3, 8)),
        "rank of x must be 3, got 2",
    ),
    "a longer input than its table": (
        lambda: attend(position=LearnedPositions(3, 8))(eye(1, 4, 8)),
        "length must be 1 to 3, got 4",
    ),
    "no rows": (lambda: LearnedPositions(0, 8), "length must be at least 1, got 0"),
    "no columns": (lambda: ProductPositions(3, 0), "dim must be at least 1, got 0"),
    "a table meets another width": (
        lambda: LearnedPositions(3, 8)(eye(1, 3, 1)),
        r"shape of x must be \(1, 3, 8\), got \(1, 3, 1\)",
    ),
    "sinusoids of odd width": (lambda: SinusoidalPositions(7), "dim must be even, got 7"),
    "sinusoids of base 1": (
        lambda: SinusoidalPositions(8, base=1),
        "base must be above 1 and finite, got 1",
    ),
    "sinusoids in thirds": (
        lambda: SinusoidalPositions(8, layout="thirds"),  # pyright: ignore
        "layout must be interleaved or half, got 'thirds'",
    ),
    "a flow without steps": (
        lambda: RecurrentPositions(4, steps=0),
        "steps must be at least 1, got 0",
    ),
    "a flow out of its space": (
        lambda: RecurrentPositions(4, dynamics=nn.Linear(4, 1))(eye(1, 2, 4)),
        r"shape of value of dynamics must be \(4,\), got \(1,\)",
    ),
    "no states": (lambda: RecurrentPositions(4).states(0), "length must be at least 1, got 0"),
    "Shaw with heads that do not divide": (
        lambda: ShawPositions(8, 3),
        "dim must be a multiple of 3 heads, got 8",
    ),
    "Shaw without distance": (
        lambda: ShawPositions(8, 2, max_distance=0),
        "max_distance must be at least 1, got 0",
    ),
    "Transformer-XL of odd width": (
        lambda: TransformerXLPositions(9, 3),
        "dim must be even, got 9",
    ),
    "Transformer-XL of negative base": (
        lambda: TransformerXLPositions(8, 2, base=-3),
        "base must be above 1 and finite, got -3",
    ),
    "Transformer-XL in thirds": (
        lambda: TransformerXLPositions(8, 2, layout="thirds"),  # pyright: ignore
        "layout must be interleaved or half, got 'thirds'",
    ),
    "DeBERTa without distance": (
        lambda: DebertaPositions(8, 2, max_distance=-1),
        "max_distance must be at least 1, got -1",
    ),
    "T5 without heads": (lambda: T5Positions(0), "heads must be at least 1, got 0"),
    "T5 with odd buckets": (
        lambda: T5Positions(2, buckets=33),
        "buckets must be even, half of them for either side, got 33",
    ),
    "T5 with few buckets": (lambda: T5Positions(2, buckets=2), "buckets must be at least 4, got 2"),
    "T5 that ends before it begins": (
        lambda: T5Positions(2, max_distance=8),
        "max_distance must be at least 9, got 8",
    ),
    "a bucket of few": (
        lambda: t5_bucket(torch.arange(3), bidirectional=False, buckets=1),
        "buckets must be at least 2, got 1",
    ),
    "a bucket of 31": (
        lambda: t5_bucket(torch.arange(3), buckets=31),
        "buckets must be even, half of them for either side, got 31",
    ),
    "a bucket near the end": (
        lambda: t5_bucket(torch.arange(3), bidirectional=False, max_distance=16),
        "max_distance must be at least 17, got 16",
    ),
    "ALiBi without heads": (lambda: AlibiPositions(0), "heads must be at least 1, got 0"),
    "no slopes": (lambda: alibi_slopes(0), "heads must be at least 1, got 0"),
    "slopes of half a head": (
        lambda: alibi_slopes(1.5),  # pyright: ignore
        "heads must be a whole number, got 1.5",
    ),
    "rotary features of odd width": (
        lambda: rotary(eye(2, 5)),
        "last axis of x must be even, got 5",
    ),
    "rotary without features": (lambda: rotary(eye(2, 0)), "last axis of x must be even, got 0"),
    "rotary without rows": (lambda: rotary(eye(0, 4)), "length of x must be at least 1, got 0"),
    "rotary of one row": (lambda: rotary(eye(4)), "rank of x must be at least 2, got 1"),
    "rotary in thirds": (
        lambda: rotary(eye(2, 6), layout="thirds"),  # pyright: ignore
        "layout must be interleaved or half, got 'thirds'",
    ),
    "rotary of no base": (
        lambda: rotary(eye(2, 4), base=0),
        "base must be above 1 and finite, got 0",
    ),
    "rotary of infinite base": (
        lambda: rotary(eye(2, 4), base=math.inf),
        "base must be above 1 and finite, got inf",
    ),
    "rotary of no number": (
        lambda: RotaryPositions(base=math.nan),
        "base must be above 1 and finite, got nan",
    ),
    "too few positions": (
        lambda: rotary(eye(3, 4), positions=torch.arange(2)),
        r"shape of positions must be \(3,\), got \(2,\)",
    ),
    "one position for all": (
        lambda: rotary(eye(3, 4), positions=torch.arange(1)),
        r"shape of positions must be \(3,\), got \(1,\)",
    ),
    "positions by batch": (
        lambda: rotary(eye(2, 3, 4), positions=torch.zeros(2, 3)),
        r"shape of positions must be \(3,\), got \(2, 3\)",
    ),
    "a scheme in thirds": (
        lambda: RotaryPositions(layout="thirds"),  # pyright: ignore
        "layout must be interleaved or half, got 'thirds'",
    ),
    "no step": (
        lambda: RotaryPositions(step=0),
        "step must be finite and above 0, got 0",
    ),
    "nothing to interpolate": (
        lambda: interpolated_positions(0, 4),
        "length must be at least 1, got 0",
    ),
    "nothing trained": (
        lambda: interpolated_positions(4, 0),
        "trained must be at least 1, got 0",
    ),
    "a base for shorter inputs": (
        lambda: ntk_base(10000, 0.5, 8),
        "factor must be finite, at least 1, got 0.5",
    ),
    "a base of one pair": (lambda: ntk_base(10000, 2, 2), "width must be even, above 2, got 2"),
    "a base of odd width": (lambda: ntk_base(10000, 2, 7), "width must be even, above 2, got 7"),
    "a base of 1": (lambda: ntk_base(1, 2, 8), "base must be above 1 and finite, got 1"),
    "a shift of a row": (
        lambda: relative_shift(eye(3)),
        "rank of scores must be at least 2, got 1",
    ),
    "a shift of too many columns": (
        lambda: relative_shift(eye(3, 6)),
        "columns of scores must be 3 or 5, got 6",
    ),
    "a shift of nothing": (
        lambda: relative_shift(eye(0, 0)),
        "length of scores must be at least 1, got 0",
    ),
    "a hierarchy of a row": (
        lambda: hierarchical_positions(eye(3), 2),
        "rank of table must be 2, got 1",
    ),
    "a hierarchy of nothing": (
        lambda: hierarchical_positions(eye(0, 3), 2),
        "length of table must be at least 1, got 0",
    ),
    "more than a square": (
        lambda: hierarchical_positions(eye(3, 2), 10),
        "length must be 1 to 9, got 10",
    ),
    "two halves": (
        lambda: hierarchical_positions(eye(3, 2), 9, alpha=0.5),
        "alpha must be between 0 and 1, not 1/2, got 0.5",
    ),
    "alpha 1": (
        lambda: hierarchical_positions(eye(3, 2), 9, alpha=1),
        "alpha must be between 0 and 1, not 1/2, got 1",
    ),
    "alpha no number": (
        lambda: hierarchical_positions(eye(3, 2), 9, alpha=math.nan),
        "alpha must be between 0 and 1, not 1/2, got nan",
    ),
    "no words": (lambda: ComplexEmbedding(0, 3), "words must be at least 1, got 0"),
    "no waves": (lambda: ComplexEmbedding(3, 0), "features must be at least 1, got 0"),
    "an unknown word": (
        lambda: ComplexEmbedding(3, 2)(torch.tensor([[0, 3]])),
        r"ids must be 0 to 2, got \[0, 3\]",
    ),
    "words without a batch": (
        lambda: ComplexEmbedding(3, 2)(torch.tensor([0])),
        "rank of ids must be 2, got 1",
    ),
    "terms of a vector": (
        lambda: four_terms(eye(3), eye(1, 3), eye(2, 3), eye(2, 3)),
        "rank of x must be at least 2, got 1",
    ),
    "terms of too few positions": (
        lambda: four_terms(eye(4, 3), eye(1, 3), eye(2, 3), eye(2, 3)),
        r"shape of p must be \(4, 3\), got \(1, 3\)",
    ),
    "terms of another query": (
        lambda: four_terms(eye(4, 3), eye(4, 3), eye(2, 4), eye(2, 3)),
        r"shape of query must be \(2, 3\), got \(2, 4\)",
    ),
    "terms of another key": (
        lambda: four_terms(eye(4, 3), eye(4, 3), eye(2, 3), eye(1, 3)),
        r"shape of key must be \(2, 3\), got \(1, 3\)",
    ),
    "terms of a query without axes": (
        lambda: four_terms(eye(4, 3), eye(4, 3), eye(3), eye(2, 3)),
        "rank of query must be 2, got 1",
    ),
    "an image that convolutions eat up": (
        lambda: padding_leak(10),
        "inner must be at least 1, got 0",
    ),
    "an unknown padding": (
        lambda: padding_leak(32, padding="same"),  # pyright: ignore
        "padding must be .*, got 'same'",
    ),
    "no convolutions": (lambda: padding_leak(32, layers=0), "layers must be at least 1, got 0"),
    "no channels": (lambda: padding_leak(32, channels=0), "channels must be at least 1, got 0"),
    "values of no offsets": (
        lambda: toeplitz(eye(2, 4)),
        "columns of values must be odd, got 4",
    ),
    "values without heads": (lambda: toeplitz(eye(3)), "rank of values must be 2, got 1"),
}


@pytest.mark.refusal
@pytest.mark.parametrize("case", REFUSALS)
def test_refuses_bad_input(case: str) -> None:
    call, message = REFUSALS[case]
    with pytest.raises(ValueError, match=f"^{message}$"):
        call()


WRONG_DTYPES: dict[str, tuple[Callable[[], Any], str]] = {
    "single x, double layer": (
        lambda: attend()(eye(1, 2, 8, dtype=torch.float32)),
        "x must be torch.float64, got torch.float32",
    ),
    "whole x": (
        lambda: attend()(eye(1, 2, 8, dtype=torch.int64)),
        "x must be torch.float64, got torch.int64",
    ),
    "single x, double table": (
        lambda: LearnedPositions(3, 8)(eye(1, 2, 8, dtype=torch.float32)),
        "x must be torch.float64, got torch.float32",
    ),
    "single x, double flow": (
        lambda: RecurrentPositions(8)(eye(1, 2, 8, dtype=torch.float32)),
        "x must be torch.float64, got torch.float32",
    ),
    "whole x, sinusoids": (
        lambda: SinusoidalPositions(8)(eye(1, 2, 8, dtype=torch.int64)),
        "x must be floating-point, got torch.int64",
    ),
    "rotary of whole numbers": (
        lambda: rotary(eye(2, 4, dtype=torch.int64)),
        "x must be torch.float32 or .*, got torch.int64",
    ),
    "rotary of complex numbers": (
        lambda: rotary(eye(2, 4, dtype=torch.complex64)),
        "x must be torch.float32 or .*, got torch.complex64",
    ),
    "positions true or false": (
        lambda: rotary(eye(2, 4), positions=torch.ones(2, dtype=torch.bool)),
        "positions must be real numbers, got torch.bool",
    ),
    "positions in the plane": (
        lambda: rotary(eye(2, 4), positions=torch.ones(2, dtype=torch.complex64)),
        "positions must be real numbers, got torch.complex64",
    ),
    "offsets that are not whole": (
        lambda: t5_bucket(torch.zeros(3)),
        "relative_position must be integers, got torch.float64",
    ),
    "words that are not whole": (
        lambda: ComplexEmbedding(3, 2)(torch.zeros(1, 2)),
        "ids must be integers, got torch.float64",
    ),
    "a hierarchy of whole numbers": (
        lambda: hierarchical_positions(torch.ones(3, 2, dtype=torch.int64), 4),
        "table must be float32 or float64, got torch.int64",
    ),
    "terms of two precisions": (
        lambda: four_terms(eye(4, 3), eye(4, 3, dtype=torch.float32), eye(2, 3), eye(2, 3)),
        "p must be torch.float64, got torch.float32",
    ),
}


@pytest.mark.refusal
@pytest.mark.parametrize("case", WRONG_DTYPES)
def test_refuses_wrong_dtypes(case: str) -> None:
    call, message = WRONG_DTYPES[case]
    with pytest.raises(TypeError, match=f"^{message}$"):
        call()
