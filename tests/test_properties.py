"""What holds for every function: dtypes, batches, views, vmap, compilation, second derivatives.

The calls are those of tools/robustness/samples.py; hypothesis draws sizes, always the same ones.
"""

import copy
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import vmap
from torch.testing import assert_close
from torch.utils._pytree import tree_leaves, tree_map

from snippets import bottleneck, capsules, infomax, nice, positions, sinusoidal, svd, vae
from tools.robustness.drawing import drawn
from tools.robustness.samples import samples
from tools.robustness.wrong import Sample

SAMPLES = {sample.name: sample for sample in samples()}
few = settings(
    derandomize=True,
    max_examples=5,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
sizes = st.integers(1, 5)


def called(sample: Sample, **changes: Any) -> Any:
    torch.manual_seed(0)
    return sample.call(**sample.arguments | changes)


def tensors(value: Any) -> list[Tensor]:
    """All tensors of a result, of modules the weights."""
    leaves = tree_leaves(value)
    found = [each for each in leaves if torch.is_tensor(each)]
    return found + [p for each in leaves if isinstance(each, nn.Module) for p in each.parameters()]


def of_dtype(value: Any, dtype: torch.dtype) -> Any:
    floating = torch.is_tensor(value) and value.is_floating_point()
    return value.to(dtype) if floating else value


def deterministic(sample: Sample) -> bool:
    """Whether two calls agree without a seed: nothing is drawn."""
    torch.manual_seed(0)
    first = sample.call(**sample.arguments)
    second = sample.call(**sample.arguments)
    pairs = zip(tensors(first), tensors(second), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


# -------------------------------------------------------------------------------------------------
# For every public name


def test_a_seed_decides_all() -> None:
    for sample in SAMPLES.values():
        for a, b in zip(tensors(called(sample)), tensors(called(sample)), strict=True):
            assert torch.equal(a, b), sample.name


def test_arguments_are_left_as_they_were() -> None:
    for sample in SAMPLES.values():
        before = copy.deepcopy([x for x in sample.arguments.values() if torch.is_tensor(x)])
        called(sample)
        after = [x for x in sample.arguments.values() if torch.is_tensor(x)]
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True)), sample.name


def strided(x: Any) -> Any:
    """The same numbers, every other one of a larger tensor, with its axes in reverse order."""
    if not torch.is_tensor(x) or not x.ndim:
        return x
    backwards = list(range(x.ndim))[::-1]
    wide = x.permute(backwards).repeat_interleave(2, 0)[::2]
    return wide.permute(backwards)


def test_views_give_what_copies_give() -> None:
    for sample in SAMPLES.values():
        views = tree_map(strided, sample.arguments)
        for a, b in zip(tensors(called(sample)), tensors(called(sample, **views)), strict=True):
            assert_close(a, b, msg=sample.name, equal_nan=True)


def test_expanded_arguments_give_what_copies_give() -> None:
    for name, sample in SAMPLES.items():
        if name == "svd.principal_angles":
            continue  # equal rows leave one column that is independent
        rows = {
            name: (x[:1].expand(len(x), *x.shape[1:]), x[:1].repeat(len(x), *[1] * (x.ndim - 1)))
            for name, x in sample.arguments.items()
            if torch.is_tensor(x) and x.ndim > 1 and name not in ("joint", "step", "kernel")
        }
        views, copies = ({name: pair[i] for name, pair in rows.items()} for i in (0, 1))
        for a, b in zip(
            tensors(called(sample, **views)), tensors(called(sample, **copies)), strict=True
        ):
            assert_close(a, b, msg=sample.name, equal_nan=True)


# Calls that hold a network in float32; results in the default dtype, of whole positions.
HELD = (
    "vae.noise_cost",
    "capsules.ConvCapsules.forward",
    "capsules.ClassCapsules.votes",
    "capsules.ClassCapsules.forward",
)
OWN_DTYPE = ("sinusoidal.encode", "sinusoidal.mean_cosine")


def test_float64_comes_back_as_float64_and_agrees_with_float32() -> None:
    for name, sample in SAMPLES.items():
        if not any(map(floats, sample.arguments.values())) or name in HELD:
            continue
        wide = doubled(sample)
        arguments = tree_map(lambda x: of_dtype(x, torch.float64), sample.arguments)
        torch.manual_seed(0)
        found = tensors(wide(**arguments))
        single = tensors(called(sample))
        for a, b in zip(single, found, strict=True):
            if a.is_floating_point() and name not in OWN_DTYPE:
                assert b.dtype == torch.float64, name
        if deterministic(sample):
            for a, b in zip(single, found, strict=True):
                assert_close(of_dtype(b, a.dtype), a, atol=2e-4, rtol=2e-4, msg=name)


def floats(value: Any) -> bool:
    return torch.is_tensor(value) and value.is_floating_point()


def doubled(sample: Sample) -> Any:
    """The call with its network, if it has one, in float64."""
    owner = getattr(sample.call, "__self__", sample.call)
    if not isinstance(owner, nn.Module):
        return sample.call
    wide = copy.deepcopy(owner).double()
    return wide if owner is sample.call else getattr(wide, sample.call.__name__)


BATCHED = [
    name
    for name, sample in SAMPLES.items()
    if name.endswith((".encode", ".decode", ".forward", ".inverse", ".log_prob"))
    and len(sample.arguments) == 1
]


@pytest.mark.parametrize("rows", [0, 1])
def test_a_batch_of_one_or_of_nothing(rows: int) -> None:
    """The first row alone gives the first row of the result; no row gives none."""
    for name in BATCHED:
        sample = SAMPLES[name]
        ((argument, x),) = sample.arguments.items()
        if "images" in sample.arguments and not name.startswith("capsules") and not rows:
            continue  # refused: see docs/robustness.md
        whole = tensors(called(sample))
        part = tensors(called(sample, **{argument: x[:rows]}))
        for a, b in zip(whole, part, strict=True):
            assert_close(a[:rows], b, msg=name, atol=1e-5, rtol=1e-5)


LEADING = [
    name
    for name in BATCHED
    if name.startswith(("svd.", "nice.NICE", "nice.Scaling", "bottleneck.VIB"))
]


@few
@given(st.sampled_from(LEADING), st.lists(st.integers(0, 3), max_size=3))
def test_leading_axes_are_batch_axes(name: str, lead: list[int]) -> None:
    """Any number of axes, of any length, against the same rows in one."""
    sample = SAMPLES[name]
    ((argument, x),) = sample.arguments.items()
    many = drawn(*lead, x.shape[-1])
    flat = tensors(called(sample, **{argument: many.reshape(-1, x.shape[-1])}))
    for a, b in zip(tensors(called(sample, **{argument: many})), flat, strict=True):
        assert_close(a.reshape(b.shape), b, msg=name, atol=1e-5, rtol=1e-5)
        assert a.shape[: len(lead)] == tuple(lead)


# -------------------------------------------------------------------------------------------------
# For every function: vmap and derivatives of second order

FUNCTIONS = {
    "gaussian_kl": (vae.gaussian_kl, 2),
    "naive_penalty": (lambda a, b: vae.naive_penalty(a, b.exp()), 2),
    "standardize": (vae.standardize, 2),
    "gaussian_rate": (bottleneck.gaussian_rate, 2),
    "aggregate_moments": (bottleneck.aggregate_moments, 2),
    "circle_path": (lambda a, b: bottleneck.circle_path(a, b, 0.3), 2),
    "threshold_penalties": (lambda x: bottleneck.threshold_penalties(x[0], threshold=0.1), 1),
    "logistic_log_prob": (nice.logistic_log_prob, 1),
    "gaussian_log_prob": (nice.gaussian_log_prob, 1),
    "split": (nice.split, 1),
    "merge": (nice.merge, 2),
    "bits_per_dim": (lambda x: nice.bits_per_dim(x[0], 4), 1),
    "gaussian_mutual_information": (lambda x: infomax.gaussian_mutual_information(x.tanh()), 1),
    "gaussian_pmi": (lambda a, b: infomax.gaussian_pmi(a, b, 0.5), 2),
    "linear_channel": (lambda a, b: infomax.linear_channel(a, b.exp()), 2),
    "dv_bound": (lambda a, b: infomax.dv_bound(a[0], b[0]), 2),
    "nwj_bound": (lambda a, b: infomax.nwj_bound(a[0], b[0]), 2),
    "jsd_bound": (lambda a, b: infomax.jsd_bound(a[0], b[0]), 2),
    "infonce_bound": (lambda x: infomax.infonce_bound(x[:, :3]), 1),
    "rotary": (positions.rotary, 1),
    "rotary, halves": (lambda x: positions.rotary(x, layout="half"), 1),
    "relative_shift": (lambda x: positions.relative_shift(x[:, :3]), 1),
    "hierarchical_positions": (lambda x: positions.hierarchical_positions(x, 7), 1),
    "toeplitz": (lambda x: positions.toeplitz(x[:, :3]), 1),
    "similarity": (lambda x: sinusoidal.similarity(x, 6), 1),
    "decay": (sinusoidal.decay, 1),
    "decay of a narrow base": (lambda x: sinusoidal.decay(x, base=2.0), 1),
    "encode": (lambda x: sinusoidal.sinusoidal(x, 6), 1),
    "turn": (lambda a: sinusoidal.turn(a, 1.5, sinusoidal.frequencies(4)), 1),
    "block_terms": (lambda x: sinusoidal.block_terms(x[:2, :2]), 1),
    "mixed_term": (lambda a, b: sinusoidal.mixed_term(torch.atan2, a, b), 2),
    "low_rank": (lambda x: svd.low_rank(x, 2), 1),
    "discarded_energy": (lambda x: svd.discarded_energy(x, 2), 1),
    "em_routing": (
        lambda x: capsules.em_routing(
            x[None, :, None] + x[None, None], x.new_full((1, 3), 0.8), beta_u=0.1, beta_a=0.2,
            iterations=2, inverse_temperature=0.5,
        ),
        1,
    ),
}  # fmt: skip
# Their checks look at numbers, or their algorithm does: there is no vmap of these.
LOOK = {
    "naive_penalty",
    "gaussian_mutual_information",
    "linear_channel",
    "em_routing",
    "low_rank",
    "discarded_energy",
}


def drawn_for(count: int) -> list[Tensor]:
    return [drawn(3, 4, seed=seed).double() for seed in range(count)]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivatives_are_those_of_differences(name: str) -> None:
    """gradcheck and gradgradcheck: finite differences in float64."""
    function, count = FUNCTIONS[name]

    def real(*arguments: Tensor) -> tuple[Tensor, ...]:
        return tuple(x for x in tensors(function(*arguments)) if x.requires_grad)

    inputs = [x.requires_grad_() for x in drawn_for(count)]
    fast = {"fast_mode": True, "atol": 1e-4, "rtol": 1e-3}
    torch.manual_seed(0)
    assert torch.autograd.gradcheck(real, inputs, **fast)
    assert torch.autograd.gradgradcheck(real, inputs, **fast)


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - LOOK))
def test_vmap_is_a_loop(name: str) -> None:
    function, count = FUNCTIONS[name]
    many = [torch.stack([x, 2 * x, -x]) for x in drawn_for(count)]
    looped = [tensors(function(*each)) for each in zip(*many, strict=True)]
    for a, b in zip(tensors(vmap(function)(*many)), zip(*looped, strict=True), strict=True):
        assert_close(a, torch.stack(b))


@pytest.mark.refusal
def test_networks_can_be_compiled_whole() -> None:
    """One graph without a break; without the hook, whose checks are no part of a graph."""
    net = positions.Attention(4, 2, position=positions.T5Positions(2), causal=True)
    flow = nice.NICE(4, hidden=5, hidden_layers=1)
    for module, x in ((net, drawn(2, 5, 4)), (flow, drawn(3, 4))):
        compiled = torch.compile(module, backend="eager", fullgraph=True)
        for a, b in zip(tensors(module(x)), tensors(compiled(x)), strict=True):
            assert_close(a, b)


# -------------------------------------------------------------------------------------------------
# Half precision, where it makes sense: networks cast whole, and what turns or adds positions


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_rotary_and_sinusoids_keep_half_precision(dtype: torch.dtype) -> None:
    x = drawn(2, 5, 4).to(dtype)
    for layer in (positions.rotary, positions.SinusoidalPositions(4)):
        half = layer(x)
        assert half.dtype == dtype
        assert_close(half.double(), layer(x.double()), atol=0.03, rtol=0.02)


@few
@given(sizes, sizes, sizes)
def test_sizes_of_a_vae_are_free(features: int, latent: int, rows: int) -> None:
    net, x = vae.VAE(features, latent, hidden=(3,)), drawn(rows, features)
    loss = net.loss(x)
    assert_close(loss.total, loss.reconstruction + loss.kl)
    assert net.decode(net.encode(x)[0]).shape == x.shape
    assert net.sample(rows).shape == x.shape


@few
@given(sizes, sizes, sizes)
def test_sizes_of_a_flow_are_free(half: int, hidden: int, rows: int) -> None:
    flow, x = nice.NICE(2 * half, hidden=hidden, hidden_layers=1), drawn(rows, 2 * half)
    assert_close(flow.inverse(flow(x)[0]), x, atol=1e-4, rtol=1e-4)
    assert flow.log_prob(x).shape == (rows,)


@few
@given(sizes, sizes, sizes, st.sampled_from(sorted(k for k in SAMPLES if "Attention with" in k)))
def test_sizes_of_attention_are_free(rows: int, length: int, width: int, name: str) -> None:
    """Each token alone, where a scheme sees no order, and any length up to the table's."""
    scheme = name.split()[-1]
    dim, heads = 4 * width, 2
    made = dict(SAMPLES[f"positions.{scheme}"].arguments)
    made |= {key: value for key, value in (("dim", dim), ("heads", heads)) if key in made}
    net = positions.Attention(dim, heads, position=getattr(positions, scheme)(**made))
    x = drawn(rows, length, dim)
    assert net(x).shape == x.shape
    assert_close(net.weights(x).sum(-1), torch.ones(rows, heads, length))


@few
@given(sizes, sizes, sizes, sizes)
def test_responsibilities_sum_to_one(rows: int, children: int, parents: int, d: int) -> None:
    votes, a = drawn(rows, children, parents, d), torch.full((rows, children), 0.5)
    routing = capsules.em_routing(votes, a, beta_u=0.0, beta_a=0.0)
    assert routing.poses.shape == (rows, parents, d)
    assert_close(routing.responsibilities.sum(-1), torch.ones(rows, children))


@few
@given(sizes, sizes, st.integers(0, 5))
def test_truncation_splits_the_energy(rows: int, columns: int, rank: int) -> None:
    matrix, rank = drawn(rows, columns), min(rank, rows, columns)
    kept, lost = svd.low_rank(matrix, rank), svd.discarded_energy(matrix, rank)
    assert_close(kept.square().sum() + lost, matrix.square().sum(), atol=1e-4, rtol=1e-4)
