"""What snippets/positions/ gives, beside the libraries that people run, on the same weights.

References: transformers 5 (T5, DeBERTa-v2, XLNet, Llama, GPT-J, BLOOM) and rotary-embedding-torch.
Models are built from configurations with random weights: nothing is downloaded.
"""

from typing import Any

import pytest
import torch
from rotary_embedding_torch import RotaryEmbedding
from torch import Tensor, nn
from torch.testing import assert_close
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.deberta_v2.configuration_deberta_v2 import DebertaV2Config
from transformers.models.deberta_v2.modeling_deberta_v2 import DisentangledSelfAttention
from transformers.models.gptj.configuration_gptj import GPTJConfig
from transformers.models.gptj.modeling_gptj import GPTJAttention, GPTJRotaryEmbedding
from transformers.models.gptj.modeling_gptj import apply_rotary_pos_emb as gptj_rotary
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import (
    LlamaAttention,
    LlamaRotaryEmbedding,
    apply_rotary_pos_emb,
)
from transformers.models.t5.configuration_t5 import T5Config
from transformers.models.t5.modeling_t5 import T5Attention
from transformers.models.xlnet.configuration_xlnet import XLNetConfig
from transformers.models.xlnet.modeling_xlnet import XLNetModel, XLNetRelativeAttention

from snippets.positions import (
    AlibiPositions,
    Attention,
    DebertaPositions,
    RotaryPositions,
    T5Positions,
    TransformerXLPositions,
    alibi_slopes,
    relative_shift,
    rotary,
    t5_bucket,
)

pytestmark = pytest.mark.usefixtures("reproducible")  # one seed, float64

SHAPES = [
    (1, 1, 8, 1),
    (2, 12, 16, 4),
    (3, 40, 24, 3),
    (1, 150, 16, 2),
]  # batch, length, dim, heads
EXACT = 1e-12


def drawn(module: Any, std: float = 0.3) -> Any:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=std)
    return module


def copied(ours: Attention, **theirs: Tensor) -> None:
    """Copy weights of query, key, value and output into ours."""
    with torch.no_grad():
        for name, weight in theirs.items():
            getattr(ours, name).weight.copy_(weight)


def causal_mask(length: int) -> Tensor:
    hidden = torch.full((length, length), torch.finfo(torch.float64).min).triu(1)
    return hidden[None, None]


def gap(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape
    return (a - b).abs().max().item()


# T5


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("buckets", [4, 8, 10, 32, 64, 100])
@pytest.mark.parametrize("max_distance", [51, 64, 100, 128, 256, 1000])
def test_t5_buckets(buckets: int, max_distance: int, bidirectional: bool) -> None:
    """positions:t5-bucket: every offset to 3000 either way."""
    offset = torch.arange(-3000, 3001)
    theirs = T5Attention._relative_position_bucket(offset, bidirectional, buckets, max_distance)
    ours = t5_bucket(
        offset, bidirectional=bidirectional, buckets=buckets, max_distance=max_distance
    )
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("decoder", [False, True])
@pytest.mark.parametrize(("batch", "length", "dim", "heads"), SHAPES)
def test_t5_attention(batch: int, length: int, dim: int, heads: int, decoder: bool) -> None:
    """positions:t5: bias, weights and outputs of T5Attention, which does not scale."""
    config = T5Config(
        d_model=dim, num_heads=heads, d_kv=dim // heads, is_decoder=decoder, dropout_rate=0.0
    )
    config._attn_implementation = "eager"
    theirs = drawn(T5Attention(config, has_relative_attention_bias=True, layer_idx=0)).eval()
    scheme = T5Positions(heads, bidirectional=not decoder)
    ours = Attention(dim, heads, position=scheme, causal=decoder)
    layers = {"query": theirs.q, "key": theirs.k, "value": theirs.v, "output": theirs.o}
    copied(ours, **{name: layer.weight for name, layer in layers.items()})
    with torch.no_grad():
        scheme.table.copy_(theirs.relative_attention_bias.weight)
    x = torch.randn(batch, length, dim)
    query = torch.zeros(1, heads, length, dim // heads)
    assert gap(scheme.bias(query, query), theirs.compute_bias(length, length)) == 0
    mask = causal_mask(length) if decoder else None
    expected = theirs(x, mask=mask)[0]
    assert gap(ours(x), expected) < EXACT


# DeBERTa


def released_scores(net: Any, x: Tensor) -> Tensor:
    """Return the scores of DisentangledSelfAttention, before mask and softmax."""
    seen: list[Tensor] = []
    softmax = nn.functional.softmax

    def spy(scores: Tensor, **options: Any) -> Tensor:
        seen.append(scores)
        return softmax(scores, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.functional, "softmax", spy)
        mask = torch.ones(len(x), 1, x.shape[1], x.shape[1])
        net(x, mask, rel_embeddings=net.table)
    return seen[0]


@pytest.mark.parametrize("farthest", [5, 16, 512])
@pytest.mark.parametrize(("batch", "length", "dim", "heads"), SHAPES)
def test_deberta_scores(batch: int, length: int, dim: int, heads: int, farthest: int) -> None:
    """positions:deberta: the released code's index agrees to 1e-6, the paper's does not.

    The reference takes its square roots in float32, hence no better than 1e-6.
    """
    make: Any = DebertaV2Config
    config = make(
        hidden_size=dim,
        num_attention_heads=heads,
        relative_attention=True,
        pos_att_type=["c2p", "p2c"],
        max_relative_positions=farthest,
        position_buckets=-1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    net = drawn(DisentangledSelfAttention(config)).eval()
    net.table = torch.randn(2 * farthest, dim)
    gaps = {}
    for as_released in (True, False):
        scheme = DebertaPositions(dim, heads, max_distance=farthest, as_released=as_released)
        ours = Attention(dim, heads, position=scheme)
        pairs = [(ours.query, "query"), (ours.key, "key"), (ours.value, "value")]
        pairs += [(scheme.query, "pos_query"), (scheme.key, "pos_key")]
        with torch.no_grad():
            for layer, name in pairs:
                getattr(net, f"{name}_proj").bias.zero_()
                layer.weight.copy_(getattr(net, f"{name}_proj").weight)
            scheme.table.copy_(net.table)
        x = torch.randn(batch, length, dim, generator=torch.Generator().manual_seed(1))
        gaps[as_released] = gap(ours.scores(x), released_scores(net, x))
    assert gaps[True] < 1e-5
    assert length == 1 or gaps[False] > 0.1


# Transformer-XL, through XLNet


def xlnet(dim: int, heads: int) -> Any:
    config = XLNetConfig(vocab_size=4, d_model=dim, n_head=heads, d_inner=4, n_layer=1, dropout=0.0)
    return drawn(XLNetRelativeAttention(config).double()), XLNetModel(config)


@pytest.mark.parametrize(("batch", "length", "dim", "heads"), SHAPES)
def test_xlnet_attention(batch: int, length: int, dim: int, heads: int) -> None:
    """positions:transformer-xl: weights and outputs, its own sinusoids, keys on both sides."""
    net, model = xlnet(dim, heads)
    scheme = TransformerXLPositions(dim, heads, layout="half")
    ours = Attention(dim, heads, position=scheme)
    copied(ours, query=net.q.flatten(1).T, key=net.k.flatten(1).T, value=net.v.flatten(1).T)
    with torch.no_grad():
        ours.output.weight.copy_(net.o.flatten(1))
        scheme.key.weight.copy_(net.r.flatten(1).T)
        scheme.content_bias.copy_(net.r_w_bias)
        scheme.offset_bias.copy_(net.r_r_bias)
    x = torch.randn(batch, length, dim)
    waves = model.relative_positional_encoding(length, length, bsz=batch).double()
    h = x.transpose(0, 1)
    heads_of = [
        torch.einsum("ibh,hnd->ibnd", a, w) for a, w in ((h, net.q), (h, net.k), (h, net.v))
    ]
    far = torch.einsum("ibh,hnd->ibnd", waves, net.r)
    mixed, weights = net.rel_attn_core(*heads_of, far, output_attentions=True)
    # The reference makes its waves in float32.
    assert gap(ours.weights(x), weights.permute(2, 3, 0, 1)) < 1e-5
    output = net.post_attention(h, mixed, residual=False)
    expected = net.layer_norm(ours(x).transpose(0, 1))
    assert gap(expected, output) < 1e-4


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 7), (1, 4, 64)])
def test_xlnet_shift(shape: tuple[int, int, int]) -> None:
    """positions:relative-shift: theirs has one offset more, on the left."""
    batch, heads, length = shape
    scores = torch.randn(batch, heads, length, 2 * length)
    theirs = XLNetRelativeAttention.rel_shift_bnij(scores, klen=length)
    assert torch.equal(relative_shift(scores[..., 1:]), theirs)
    lower = torch.ones(length, length).tril().bool()
    square = relative_shift(scores[..., 1 : length + 1])
    assert torch.equal(square.where(lower, 0), theirs.where(lower, 0))


# Rotary


def llama_tables(length: int, width: int, base: float) -> tuple[Tensor, Tensor]:
    config = LlamaConfig(
        hidden_size=width,
        num_attention_heads=1,
        rope_parameters={"rope_type": "default", "rope_theta": base},
    )
    like = torch.zeros(1, dtype=torch.float32)
    return LlamaRotaryEmbedding(config)(like, torch.arange(length)[None])


ROTARY_SHAPES = [(1, 1, 1, 2), (2, 3, 17, 8), (1, 4, 300, 64), (2, 1, 33, 128)]


@pytest.mark.parametrize("base", [10000.0, 500000.0])
@pytest.mark.parametrize("shape", ROTARY_SHAPES)
def test_llama_rotary(shape: tuple[int, ...], base: float) -> None:
    """positions:rotary, layout half: q and k by apply_rotary_pos_emb, and its gradients.

    The reference computes its angles in float32, so it errs by length times 6e-8.
    """
    q, k = torch.randn(2, *shape, dtype=torch.float32)
    q.requires_grad_()
    cos, sin = llama_tables(shape[-2], shape[-1], base)
    pairs = zip((q, k), apply_rotary_pos_emb(q, k, cos, sin), strict=True)
    weight = torch.randn(shape, dtype=torch.float32)
    for x, theirs in pairs:
        ours = rotary(x, base=base, layout="half")
        assert gap(ours, theirs) < 4e-7 * shape[-2] + 1e-6
        if x.requires_grad:
            grads = [torch.autograd.grad((y * weight).sum(), x)[0] for y in (ours, theirs)]
            assert gap(*grads) < 4e-7 * shape[-2] + 1e-6


@pytest.mark.parametrize("shape", ROTARY_SHAPES)
def test_llama_rotary_with_exact_tables(shape: tuple[int, ...]) -> None:
    """positions:rotary, layout half: with their tables in float64 all digits agree."""
    q, k = torch.randn(2, *shape)
    angle = torch.arange(shape[-2])[:, None] * 10000 ** (-torch.arange(0, shape[-1], 2) / shape[-1])
    angle = torch.cat([angle, angle], -1)[None]
    theirs = apply_rotary_pos_emb(q, k, angle.cos(), angle.sin())
    for x, expected in zip((q, k), theirs, strict=True):
        assert gap(rotary(x, layout="half"), expected) < EXACT


@pytest.mark.parametrize(("batch", "length", "dim", "heads"), SHAPES)
def test_llama_attention(batch: int, length: int, dim: int, heads: int) -> None:
    """positions:rotary in a layer: outputs of LlamaAttention, causal, the same weights."""
    config = LlamaConfig(
        hidden_size=dim, num_attention_heads=heads, num_key_value_heads=heads, attention_bias=False
    )
    config._attn_implementation = "eager"
    theirs = drawn(LlamaAttention(config, layer_idx=0)).eval()
    ours = Attention(dim, heads, position=RotaryPositions(layout="half"), causal=True)
    layers = {"query": theirs.q_proj, "key": theirs.k_proj, "value": theirs.v_proj}
    copied(ours, **{name: layer.weight for name, layer in layers.items()})
    copied(ours, output=theirs.o_proj.weight)
    x = torch.randn(batch, length, dim)
    width = dim // heads
    angle = torch.arange(length)[:, None] * 10000 ** (-torch.arange(0, width, 2) / width)
    angle = torch.cat([angle, angle], -1)[None]
    tables = angle.cos(), angle.sin()
    expected = theirs(x, tables, causal_mask(length))[0]
    assert gap(ours(x), expected) < 1e-6  # its softmax is taken in float32


@pytest.mark.parametrize("shape", ROTARY_SHAPES)
def test_gptj_rotary(shape: tuple[int, ...]) -> None:
    """positions:rotary, interleaved: apply_rotary_pos_emb with float64 tables; its own, near."""
    x = torch.randn(shape)
    length, width = shape[-2:]
    angle = torch.arange(length)[:, None] * 10000 ** (-torch.arange(0, width, 2) / width)
    moved = x.transpose(1, 2)
    theirs = gptj_rotary(moved, angle.sin()[None], angle.cos()[None]).transpose(1, 2)
    assert gap(rotary(x), theirs) < EXACT
    config = GPTJConfig(n_embd=width, n_head=1, rotary_dim=width, n_positions=512)
    sin, cos = GPTJRotaryEmbedding(config)(moved.float(), torch.arange(length)[None])
    theirs = gptj_rotary(moved.float(), sin, cos).transpose(1, 2)
    assert gap(rotary(x.float()), theirs) < 4e-7 * length + 1e-6


@pytest.mark.parametrize(("batch", "length", "dim", "heads"), SHAPES)
def test_gptj_attention(batch: int, length: int, dim: int, heads: int) -> None:
    """positions:rotary in a layer: outputs of GPTJAttention, causal, the same weights."""
    width = dim // heads
    config = GPTJConfig(n_embd=dim, n_head=heads, rotary_dim=width, attn_pdrop=0, resid_pdrop=0)
    config._attn_implementation = "eager"
    theirs = drawn(GPTJAttention(config, layer_idx=0)).eval()
    ours = Attention(dim, heads, position=RotaryPositions(), causal=True)
    layers = {"query": theirs.q_proj, "key": theirs.k_proj, "value": theirs.v_proj}
    copied(ours, **{name: layer.weight for name, layer in layers.items()})
    copied(ours, output=theirs.out_proj.weight)
    x = torch.randn(batch, length, dim)
    angle = torch.arange(length)[:, None] * 10000 ** (-torch.arange(0, width, 2) / width)
    tables = angle.sin()[None], angle.cos()[None]
    expected = theirs(x, tables, causal_mask(length).clamp(min=-1e30))[0]
    assert gap(ours(x), expected) < 1e-5  # its scores are float32


@pytest.mark.parametrize("base", [10000, 300])
@pytest.mark.parametrize("shape", ROTARY_SHAPES[1:])  # it takes no width of 2
def test_rotary_embedding_torch(shape: tuple[int, ...], base: float) -> None:
    """positions:rotary, interleaved, and positions:interpolation: the package of that name."""
    x = torch.randn(shape)
    length, width = shape[-2:]
    package: Any = RotaryEmbedding
    theirs = package(width, theta=base).double()
    exact = base ** (-torch.arange(0, width, 2) / width)
    theirs.freqs = nn.Parameter(exact, requires_grad=False)
    assert gap(rotary(x, base=base), theirs.rotate_queries_or_keys(x)) < EXACT
    squeezed = package(width, theta=base, interpolate_factor=4.0).double()
    squeezed.freqs = nn.Parameter(exact, requires_grad=False)
    ours = RotaryPositions(base=base, step=0.25).turn(x)
    assert gap(ours, squeezed.rotate_queries_or_keys(x)) < EXACT
    single = package(width, theta=base).rotate_queries_or_keys(x.float())
    assert gap(rotary(x.float(), base=base), single) < 4e-7 * length + 1e-6


# ALiBi


@pytest.mark.parametrize("heads", [1, 2, 3, 4, 6, 8, 12, 16, 20, 32, 112])
def test_bloom_slopes(heads: int) -> None:
    """positions:alibi: slopes of any number of heads, read off the tensor of length 2."""
    theirs = build_alibi_tensor(torch.ones(1, 2), heads, torch.float64)
    assert gap(alibi_slopes(heads), theirs[:, 0, 1]) < 1e-7


@pytest.mark.parametrize(("batch", "length", "dim", "heads"), SHAPES)
def test_bloom_attention(batch: int, length: int, dim: int, heads: int) -> None:
    """positions:alibi, positions:row-constant: slope times key, one constant a row from ours."""
    ours = drawn(Attention(dim, heads, position=AlibiPositions(heads), causal=True))
    x = torch.randn(batch, length, dim)
    theirs = build_alibi_tensor(torch.ones(batch, length), heads, torch.float64)
    theirs = theirs.reshape(batch, heads, 1, length)
    query = torch.zeros(1, heads, length, dim // heads)
    bias = ours.position.bias(query, query)
    row = (theirs - bias).masked_fill(torch.ones(length, length).triu(1).bool(), torch.nan)
    spread = row - row[..., :1]
    assert spread[~spread.isnan()].abs().max() < 1e-6 * length
    bare = drawn(Attention(dim, heads, causal=True))
    bare.load_state_dict(ours.state_dict())
    hidden = torch.ones(length, length).triu(1).bool()
    weights = (bare.scores(x) + theirs).masked_fill(hidden, -torch.inf).softmax(-1)
    assert gap(ours.weights(x), weights) < 1e-6
    assert_close(weights.sum(-1), torch.ones(batch, heads, length))
