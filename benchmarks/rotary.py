"""Rotary positions beside two libraries and a plain copy: `python benchmarks/rotary.py`.

All sides run in one process and take turns, two threads, float32, queries and keys of shape
(4, 8, 1024, 64); the libraries get their tables ready-made. Prints the median of the ratios of each
turn, for the two tensors forward, and forward and backward.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rotary_embedding_torch import RotaryEmbedding
from torch import Tensor
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

sys.path.insert(0, str(Path(__file__).parents[1]))

from snippets.positions import rotary

TURNS = 31
SHAPE = (4, 8, 1024, 64)
Pair = tuple[Tensor, Tensor]


def sides() -> dict[str, Callable[[Tensor, Tensor], Pair]]:
    """Return what turns, or copies, queries and keys."""
    _, _, length, width = SHAPE
    config = LlamaConfig(hidden_size=width, num_attention_heads=1)
    cos, sin = LlamaRotaryEmbedding(config)(torch.zeros(1), torch.arange(length)[None])
    package = RotaryEmbedding(width)
    return {
        "copy": lambda q, k: (q.clone(), k.clone()),
        "interleaved": lambda q, k: (rotary(q), rotary(k)),
        "half": lambda q, k: (rotary(q, layout="half"), rotary(k, layout="half")),
        "Llama": lambda q, k: apply_rotary_pos_emb(q, k, cos, sin),
        "rotary-embedding-torch": lambda q, k: (
            package.rotate_queries_or_keys(q),
            package.rotate_queries_or_keys(k),
        ),
    }


def times(work: Callable[[Callable[..., Pair]], object]) -> dict[str, list[float]]:
    """Time `work` on each side in turn, and drop the first turn."""
    found: dict[str, list[float]] = {name: [] for name in sides()}
    turning = sides()
    for _ in range(TURNS + 1):
        for name, side in turning.items():
            start = time.perf_counter()
            work(side)
            found[name].append(time.perf_counter() - start)
    return {name: each[1:] for name, each in found.items()}


def report(title: str, found: dict[str, list[float]]) -> None:
    """Print ratios: the libraries' times to ours, and ours to those of a copy."""
    for ours in ("interleaved", "half"):
        against = [("Llama", ours), ("rotary-embedding-torch", ours), (ours, "copy")]
        for slow, fast in against:
            ratios = [a / b for a, b in zip(found[slow], found[fast], strict=True)]
            low, middle, high = statistics.quantiles(ratios)
            print(f"{title}: {slow} takes {middle:.2f} times {fast} ({low:.2f}–{high:.2f})")


def main() -> None:
    """Measure forward, and forward with backward."""
    torch.set_num_threads(2)
    torch.manual_seed(0)
    q, k, *grads = torch.randn(4, *SHAPE)
    turning = sides()
    for name, like in (("half", "Llama"), ("interleaved", "rotary-embedding-torch")):
        pairs = zip(turning[name](q, k), turning[like](q, k), strict=True)
        for ours, theirs in pairs:
            torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=0)

    def step(side: Callable[..., Pair]) -> None:
        leaves = [x.detach().requires_grad_() for x in (q, k)]
        torch.autograd.backward(side(*leaves), grads)

    with torch.no_grad():
        report("forward", times(lambda side: side(q, k)))
    report("forward and backward", times(step))


if __name__ == "__main__":
    main()
