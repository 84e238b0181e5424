"""Rotary turns, biases and whole attentions beside transformers and two smaller libraries."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from rotary_embedding_torch import RotaryEmbedding
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.testing import assert_close
from transformers.models.deberta_v2.configuration_deberta_v2 import DebertaV2Config
from transformers.models.deberta_v2.modeling_deberta_v2 import DisentangledSelfAttention
from transformers.models.gptj.configuration_gptj import GPTJConfig
from transformers.models.gptj.modeling_gptj import GPTJRotaryEmbedding
from transformers.models.gptj.modeling_gptj import apply_rotary_pos_emb as gptj_rotary
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import (
    LlamaAttention,
    LlamaRotaryEmbedding,
    apply_rotary_pos_emb,
)
from transformers.models.t5.configuration_t5 import T5Config
from transformers.models.t5.modeling_t5 import T5Attention
from transformers.models.xlnet.modeling_xlnet import XLNetRelativeAttention
from x_transformers import x_transformers

from benchmarks.duels import Duel, Growth, Results, Work, share, with_gradients
from snippets.positions import (
    AlibiPositions,
    Attention,
    DebertaPositions,
    RotaryPositions,
    T5Positions,
    relative_shift,
    rotary,
)
from snippets.positions.survey import SCHEMES, surveyed

Pair = tuple[Tensor, Tensor]
Turn = Callable[[Tensor, Tensor], Pair]
HEADS, WIDTH = 8, 64
ROTARY_TOLERANCE = 1e-3  # the libraries' angles are float32


def _copy(q: Tensor, k: Tensor) -> Pair:
    return q.clone(), k.clone()


def _ours(q: Tensor, k: Tensor, **options: Any) -> Pair:
    return rotary(q, **options), rotary(k, **options)


def _llama(length: int) -> Turn:
    """Return Llama's turn: pairs are i and i + d/2."""
    config = LlamaConfig(hidden_size=WIDTH, num_attention_heads=1)
    cos, sin = LlamaRotaryEmbedding(config)(torch.zeros(1), torch.arange(length)[None])
    return lambda q, k: apply_rotary_pos_emb(q, k, cos, sin)


def _interleaved(length: int) -> dict[str, Turn]:
    """Return turns of neighbouring pairs, with the tables that their libraries keep."""
    config = GPTJConfig(n_embd=WIDTH, n_head=1, rotary_dim=WIDTH, n_positions=length)
    where = torch.arange(length)[None]
    sin, cos = GPTJRotaryEmbedding(config)(torch.zeros(1), where)
    package = RotaryEmbedding(WIDTH)
    angles, _ = x_transformers.RotaryEmbedding(WIDTH).forward_from_seq_len(length)

    def gptj(q: Tensor, k: Tensor) -> Pair:
        moved = (gptj_rotary(x.transpose(1, 2), sin, cos).transpose(1, 2) for x in (q, k))
        return next(moved), next(moved)

    return {
        "transformers": gptj,
        "rotary-embedding-torch": lambda q, k: (
            package.rotate_queries_or_keys(q),
            package.rotate_queries_or_keys(k),
        ),
        "x-transformers": lambda q, k: (
            x_transformers.apply_rotary_pos_emb(q, angles),
            x_transformers.apply_rotary_pos_emb(k, angles),
        ),
    }


def turning(small: bool, *, layout: str, learn: bool) -> Duel:
    """Turn queries and keys of shape (4, 8, 1024, 64), forward, or forward and backward."""
    torch.manual_seed(0)
    length = 16 if small else 1024
    inputs = list(torch.randn(2, 1 if small else 4, HEADS, length, WIDTH))
    ours = partial(_ours, layout=layout)
    llama = {"transformers": _llama(length)}
    rivals = llama if layout == "half" else _interleaved(length)

    def call(turn: Turn) -> Work:
        if learn:
            return with_gradients(turn, inputs)
        return torch.no_grad()(lambda: turn(*inputs))

    others = {name: call(turn) for name, turn in rivals.items()}
    return Duel(call(ours), others, {"a plain copy": call(_copy)}, tolerance=ROTARY_TOLERANCE)


def compiled(small: bool) -> Results:
    """Time of Llama's turn, fused into one loop by the compiler, in units of ours."""
    torch.manual_seed(0)
    length = 16 if small else 1024
    inputs = list(torch.randn(2, 4, HEADS, length, WIDTH))
    ours, fused = partial(_ours, layout="half"), torch.compile(_llama(length))
    sides = [with_gradients(each, inputs) for each in (fused, ours)]
    assert_close(*(side() for side in sides), rtol=ROTARY_TOLERANCE, atol=ROTARY_TOLERANCE)
    bare = [torch.no_grad()(partial(each, *inputs)) for each in (fused, ours)]
    return {"without gradients": share(*bare), "with gradients": share(*sides)}


def t5_bias(small: bool) -> Duel:
    """The bias of eight heads at length 1024."""
    length = 12 if small else 1024
    scheme = T5Positions(HEADS)
    config = T5Config(d_model=HEADS * WIDTH, num_heads=HEADS, d_kv=WIDTH)
    net: Any = T5Attention(config, has_relative_attention_bias=True, layer_idx=0)
    other = x_transformers.RelativePositionBias(1.0, heads=HEADS)
    for table in (net.relative_attention_bias, other.relative_attention_bias):
        table.weight.data.copy_(scheme.table.data)
    query = torch.zeros(1, HEADS, length, WIDTH)
    rivals = {
        "transformers": torch.no_grad()(lambda: net.compute_bias(length, length)),
        "x-transformers": torch.no_grad()(lambda: other(length, length)[None]),
    }
    return Duel(torch.no_grad()(lambda: scheme.bias(query, query)), rivals, memory=True)


def alibi_bias(small: bool) -> Duel:
    """The bias of eight heads at length 1024; x-transformers keeps it, unless the length grows."""
    length = 12 if small else 1024
    scheme, other = AlibiPositions(HEADS), x_transformers.AlibiPositionalBias(HEADS)
    query = torch.zeros(1, HEADS, length, WIDTH)

    def afresh() -> Tensor:
        other.bias = None
        return other(length, length)[None]

    ours = torch.no_grad()(lambda: scheme.bias(query, query))
    return Duel(ours, {"x-transformers": torch.no_grad()(afresh)}, memory=True)


def shift(small: bool) -> Duel:
    """Relative shift of scores of eight heads, 1024 queries and twice as many offsets."""
    length = 6 if small else 1024
    torch.manual_seed(0)
    scores = torch.randn(1, HEADS, length, 2 * length)
    own = scores[..., 1:].contiguous()  # theirs has one offset more, which nothing reads
    theirs = partial(XLNetRelativeAttention.rel_shift_bnij, klen=length)
    copy = {"a plain copy": scores[..., :length].clone}
    return Duel(lambda: relative_shift(own), {"transformers": lambda: theirs(scores)}, copy)


def _copied(ours: Attention, *weights: Tensor) -> Attention:
    """Copy weights of query, key, value and output into ours."""
    names = ("query", "key", "value", "output")
    for name, weight in zip(names, weights, strict=False):
        getattr(ours, name).weight.data.copy_(weight.data)
    return ours.eval()


def _tokens(small: bool, length: int = 1024) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(1 if small else 4, 24 if small else length, HEADS * WIDTH)


def _bare(net: Attention, x: Tensor) -> Work:
    """Return fused attention alone, of the same queries, keys and values."""
    q, k, v = (each.contiguous() for each in net.project(x))
    return torch.no_grad()(lambda: scaled_dot_product_attention(q, k, v, is_causal=net.causal))


def rotary_attention(small: bool) -> Duel:
    """A layer of causal attention with rotary positions, (4, 1024, 512), eight heads."""
    x = _tokens(small)
    dim, length = x.shape[-1], x.shape[1]
    config = LlamaConfig(
        hidden_size=dim, num_attention_heads=HEADS, num_key_value_heads=HEADS, attention_bias=False
    )
    config._attn_implementation = "sdpa"
    net: Any = LlamaAttention(config, layer_idx=0).eval()
    ours = Attention(dim, HEADS, position=RotaryPositions(layout="half"), causal=True)
    _copied(ours, net.q_proj.weight, net.k_proj.weight, net.v_proj.weight, net.o_proj.weight)
    tables = LlamaRotaryEmbedding(config)(x, torch.arange(length)[None])
    return Duel(
        torch.no_grad()(lambda: ours(x)),
        {"transformers": torch.no_grad()(lambda: net(x, tables)[0])},
        {"scaled_dot_product_attention": _bare(ours, x)},
        tolerance=ROTARY_TOLERANCE,
    )


def t5_attention(small: bool) -> Duel:
    """A layer of attention with T5's bias, (4, 1024, 512), eight heads."""
    x = _tokens(small)
    config = T5Config(d_model=x.shape[-1], num_heads=HEADS, d_kv=WIDTH, dropout_rate=0.0)
    config._attn_implementation = "sdpa"
    net: Any = T5Attention(config, has_relative_attention_bias=True, layer_idx=0).eval()
    for layer in (net.q, net.k):  # T5 begins with small queries, for it does not scale
        layer.weight.data.mul_(WIDTH**-0.25)
    scheme = T5Positions(HEADS)
    scheme.table.data.copy_(net.relative_attention_bias.weight.data)
    ours = Attention(x.shape[-1], HEADS, position=scheme)
    _copied(ours, net.q.weight, net.k.weight, net.v.weight, net.o.weight)
    return Duel(
        torch.no_grad()(lambda: ours(x)),
        {"transformers": torch.no_grad()(lambda: net(x)[0])},
        {"scaled_dot_product_attention": _bare(ours, x)},
        memory=True,
    )


def deberta_attention(small: bool) -> Duel:
    """A layer of disentangled attention without its output map, (4, 512, 512), eight heads."""
    x = _tokens(small, 512)
    dim, farthest = x.shape[-1], 8 if small else 512
    make: Any = DebertaV2Config
    config = make(
        hidden_size=dim, num_attention_heads=HEADS, relative_attention=True,
        pos_att_type=["c2p", "p2c"], max_relative_positions=farthest, position_buckets=-1,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    net: Any = DisentangledSelfAttention(config).eval()
    scheme = DebertaPositions(dim, HEADS, max_distance=farthest, as_released=True)
    ours = Attention(dim, HEADS, position=scheme)
    _copied(ours, net.query_proj.weight, net.key_proj.weight, net.value_proj.weight)
    scheme.query.weight.data.copy_(net.pos_query_proj.weight.data)
    scheme.key.weight.data.copy_(net.pos_key_proj.weight.data)
    for name in ("query", "key", "value", "pos_query", "pos_key"):
        if (layer := getattr(net, f"{name}_proj")).bias is not None:
            layer.bias.data.zero_()
    mask, table = torch.ones(len(x), 1, *[x.shape[1]] * 2), scheme.table.data
    call = torch.no_grad()(lambda: net(x, mask, rel_embeddings=table)[0])
    ours.output = torch.nn.Identity()
    return Duel(torch.no_grad()(lambda: ours(x)), {"transformers": call}, memory=True)


DUELS: dict[str, Callable[[bool], Duel]] = {
    "rotary, interleaved": partial(turning, layout="interleaved", learn=False),
    "rotary, interleaved, with gradients": partial(turning, layout="interleaved", learn=True),
    "rotary, half": partial(turning, layout="half", learn=False),
    "rotary, half, with gradients": partial(turning, layout="half", learn=True),
    "T5 bias": t5_bias,
    "ALiBi bias": alibi_bias,
    "relative shift": shift,
    "rotary attention": rotary_attention,
    "T5 attention": t5_attention,
    "DeBERTa attention": deberta_attention,
}

SHARES = {"rotary, half, compiled": compiled}


def _attention(length: int, *, scheme: str) -> Work:
    """Return one call of an attention, batch 1, two heads of 32."""
    torch.manual_seed(0)
    net, x = surveyed(scheme, dim=64, length=length), torch.randn(1, length, 64)
    return torch.no_grad()(lambda: net(x))


# Fused attention holds no matrix of weights; a bias is one. The recurrent flow is a loop.
HOLDS_NO_MATRIX = (
    "none",
    "none, causal",
    "learned",
    "product",
    "sinusoidal",
    "recurrent",
    "rotary",
)
LENGTHS = (128, 256, 512, 1024, 2048, 4096)
GROWTH = {
    scheme: Growth(
        partial(_attention, scheme=scheme), LENGTHS, "length",
        2, 1 if scheme in HOLDS_NO_MATRIX else 2,
    )
    for scheme in SCHEMES
}  # fmt: skip
