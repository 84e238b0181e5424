"""Small Transformers, and several seeds of one trained as a single network.

Article:  none of its own; docs/articles/positions.md compares schemes with it.
Source:   Vaswani et al. (2017) with normalisation first; torch.func.
Shapes:   ids (members, batch, length), logits with one more axis: symbols.
Units:    losses in nats a symbol.
"""

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import OneCycleLR

from snippets.checks import (
    require,
    require_count,
    require_counts,
    require_shape,
)
from snippets.positions import Attention, Scheme
from snippets.sequences import SILENT
from snippets.training import History, fit

Ids = Int64[Tensor, "members batch length"]
Logits = Float[Tensor, "members batch length symbols"]
PerMember = Float[Tensor, "members"]
Build = Callable[[], Scheme | None]
Batch = Callable[[int, Generator], tuple[Tensor, Tensor]]


# --8<-- [start:transformer]
class Transformer(nn.Module):
    """Predict a symbol after each symbol: attention, and layers between.

    Args:
        symbols: Their number, in and out.
        position: Makes a scheme for each layer; None for no positions.
        width: Of a symbol, between the layers.
        heads: Of each attention.
        layers: Attentions, each followed by a layer of `hidden` units.
        hidden: 0 for attention alone.
        causal: See no later symbol.
    """

    def __init__(
        self,
        symbols: int,
        position: Build | None = None,
        *,
        width: int = 64,
        heads: int = 4,
        layers: int = 2,
        hidden: int = 0,
        causal: bool = True,
    ) -> None:
        super().__init__()
        require_counts(symbols=symbols, layers=layers, hidden=hidden + 1)
        # Aside, so that all else starts alike whatever the scheme draws.
        with torch.random.fork_rng(devices=[]):
            made = [position() if position else None for _ in range(layers)]
        self.hidden, self.embedding = hidden, nn.Embedding(symbols, width)
        self.attentions, self.networks = nn.ModuleList(), nn.ModuleList()
        for scheme in made:
            attention = Attention(width, heads, position=scheme, causal=causal)
            self.attentions.append(_after_norm(width, attention))
            self.networks.append(_network(width, hidden))
        self.last = _after_norm(width, nn.Linear(width, symbols))

    def forward(
        self, ids: Int64[Tensor, "batch length"]
    ) -> Float[Tensor, "batch length symbols"]:
        """Return the logits of what comes after each symbol."""
        h = self.embedding(ids)
        for attention, network in zip(
            self.attentions, self.networks, strict=True
        ):
            h = h + attention(h)
            h = h + network(h) if self.hidden else h
        return self.last(h)


# --8<-- [end:transformer]
# --8<-- [start:ensemble]
class Ensemble(nn.Module):
    """Run copies of one network, each with weights of its own, as one.

    Weights lie in tensors with one more axis, the members, and `vmap` turns
    each layer into one batched product. Members do not meet: the sum of
    their losses has, for each, the gradient of its own.

    Args:
        build: Makes the network.
        seeds: Of PyTorch's generator, one for each member's start.
    """

    def __init__(
        self, build: Callable[[], nn.Module], seeds: Sequence[int]
    ) -> None:
        super().__init__()
        require_counts(members=len(seeds))
        networks = []
        with torch.random.fork_rng(devices=[]):
            for seed in seeds:
                torch.manual_seed(seed)
                networks.append(build())
        self.seeds = tuple(seeds)
        self._network = networks[:1]  # in a list: its weights are not ours
        self._names = [name for name, _ in networks[0].named_parameters()]
        columns = zip(*(net.parameters() for net in networks), strict=True)
        self.weights = nn.ParameterList(
            torch.stack([each.detach() for each in column])
            for column in columns
        )

    def forward(self, ids: Ids) -> Logits:
        """Return what each member makes of its own part of the ids."""
        rows, members = len(ids), len(self.seeds)
        require(rows == members, "members of ids", members, rows)

        def one(weights: dict[str, Tensor], part: Tensor) -> Tensor:
            return functional_call(self._network[0], weights, (part,))

        weights = dict(zip(self._names, self.weights, strict=True))
        with sdpa_kernel(SDPBackend.MATH):  # the fused one knows no vmap
            return vmap(one)(weights, ids)

    # --8<-- [end:ensemble]
    def member(self, index: int) -> nn.Module:
        """Return one member as a network of its own, a copy."""
        require(0 <= index < len(self.seeds), "index", "a member's", index)
        network = copy.deepcopy(self._network[0])
        weights = zip(self._names, self.weights, strict=True)
        network.load_state_dict(
            {name: each.detach()[index].cpu() for name, each in weights}
        )
        return network

    def shared_network(self) -> Any:
        """Return the network that members share; its weights are not theirs."""
        return self._network[0]

    def stacked(self, name: str) -> nn.Parameter:
        """Return the weights of all members under the name of one's."""
        require(name in self._names, "name", "a parameter's", name)
        return self.weights[self._names.index(name)]


def losses(logits: Logits, targets: Ids) -> PerMember:
    """Return each member's mean cross-entropy, where an answer is asked."""
    require_shape("targets", targets, tuple(logits.shape[:-1]))
    asked = (targets != SILENT).flatten(1).sum(1)
    nats = cross_entropy(
        logits.flatten(0, 2), targets.flatten(), reduction="none"
    )
    return nats.unflatten(0, (len(targets), -1)).sum(1) / asked


def train(
    ensemble: Ensemble,
    batch: Batch,
    *,
    steps: int,
    rate: float,
    epochs: int = 10,
) -> History:
    """Train by Adam, the rate one cycle; each member draws its own batches.

    Args:
        ensemble: Trained in place; it ends on the CPU.
        batch: From the count of steps done and a member's own generator to
            its ids and targets.
        steps: In all; a multiple of `epochs`, above 10.
        rate: The highest, after a tenth of the steps.
        epochs: Parts of the run that the history tells apart.
    """
    require_counts(epochs=epochs)
    require_count("steps", steps, 11)
    require(steps % epochs == 0, "steps", f"a multiple of {epochs}", steps)
    draws = [Generator().manual_seed(seed) for seed in ensemble.seeds]
    done = itertools.count()

    def loss(_: Tensor) -> Tensor:
        step = next(done)
        drawn = zip(*(batch(step, each) for each in draws), strict=True)
        device = ensemble.weights[0].device
        ids, targets = (torch.stack(part).to(device) for part in drawn)
        return losses(ensemble(ids), targets).sum()

    adam = torch.optim.Adam(ensemble.parameters(), fused=True)
    cycle = OneCycleLR(adam, rate, steps, pct_start=0.1)
    history = fit(
        ensemble, loss, [torch.arange(steps // epochs)], adam, epochs=epochs,
        batch_size=1, schedule=cycle,
    )  # fmt: skip
    ensemble.cpu()
    history["total"] = [each / len(draws) for each in history["total"]]
    return history


def _after_norm(width: int, layer: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(width), layer)


def _network(width: int, hidden: int) -> nn.Sequential:
    if not hidden:
        return nn.Sequential()
    return nn.Sequential(
        nn.LayerNorm(width),
        nn.Linear(width, hidden),
        nn.ReLU(),
        nn.Linear(hidden, width),
    )
