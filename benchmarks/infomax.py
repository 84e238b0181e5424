"""Bounds on information beside their plain formulas, and a step of Deep InfoMax."""

import math
from collections.abc import Callable
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, softplus

from benchmarks.duels import Duel, Growth, Step, Work, with_gradients
from snippets.infomax import (
    Critic,
    DeepInfoMax,
    derangement,
    dv_bound,
    infonce_bound,
    jsd_bound,
    nwj_bound,
)

COUNT, ROWS = 1 << 16, 1024
Bound = Callable[[Tensor, Tensor], Tensor]


def _dv(joint: Tensor, product: Tensor) -> Tensor:
    return joint.mean() - product.exp().mean().log()


def _nwj(joint: Tensor, product: Tensor) -> Tensor:
    return 1 + joint.mean() - product.exp().mean()


def _jsd(joint: Tensor, product: Tensor) -> Tensor:
    return math.log(2) - (softplus(-joint).mean() + softplus(product).mean()) / 2


def _infonce(scores: Tensor) -> Tensor:
    return math.log(len(scores)) - cross_entropy(scores, torch.arange(len(scores)))


def bound(small: bool, *, ours: Bound, plain: Bound) -> Duel:
    """A bound of 65,536 scores of pairs and as many of strangers, forward and backward."""
    torch.manual_seed(0)
    scores = list(torch.randn(2, 50 if small else COUNT))
    return Duel(with_gradients(ours, scores), {"plain formula": with_gradients(plain, scores)})


def infonce(small: bool) -> Duel:
    """InfoNCE of 1,024 rows and columns, forward and backward."""
    torch.manual_seed(0)
    scores = [torch.randn([9 if small else ROWS] * 2)]
    plain = {"plain formula": with_gradients(_infonce, scores)}
    return Duel(with_gradients(infonce_bound, scores), plain)


class Plain(nn.Module):
    """Deep InfoMax as its first implementations have it: critics see pairs joined end to end."""

    def __init__(self, like: DeepInfoMax) -> None:
        super().__init__()
        self.encoder, self.weights = deepcopy(like.encoder), like.weights
        self.whole, self.local = _joined(like.global_critic), _joined(like.local_critic)

    def loss(self, images: Tensor) -> Tensor:
        """Return the objective: two bounds, and the divergence of the codes."""
        mean, log_var, maps = self.encoder(images)
        z = mean + torch.randn_like(mean) * torch.exp(log_var / 2)
        others = maps[derangement(len(images))]
        whole = [nn.functional.adaptive_avg_pool2d(each, 2).flatten(1) for each in (maps, others)]
        patches = [each.flatten(2).mT for each in (maps, others)]
        codes = z[:, None].expand(-1, patches[0].shape[1], -1)
        kl = -0.5 * (1 + log_var - mean**2 - log_var.exp()).sum(1).mean()
        alpha, beta, gamma = self.weights
        told = alpha * _told(self.whole, whole, z) + beta * _told(self.local, patches, codes)
        return gamma * kl - told


def _joined(critic: Critic) -> nn.Sequential:
    weight = torch.cat([critic.left.weight, critic.right.weight], 1)
    first = nn.Linear(*weight.T.shape)
    first.weight.data.copy_(weight.data)
    first.bias.data.copy_(critic.left.bias.data)
    return nn.Sequential(first, *deepcopy(critic.top))


def _told(critic: nn.Module, sides: list[Tensor], codes: Tensor) -> Tensor:
    joint, product = (critic(torch.cat([side, codes], -1)) for side in sides)
    ones = torch.ones_like(joint)
    errors = binary_cross_entropy_with_logits(joint, ones)
    errors = errors + binary_cross_entropy_with_logits(product, torch.zeros_like(ones))
    return math.log(2) - errors / 2


def training(small: bool) -> Duel:
    """A step of Adam on 128 images of 28 by 28, with 32 latents."""
    torch.manual_seed(0)
    model, images = DeepInfoMax(1, 4 if small else 32), torch.rand(4 if small else 128, 1, 28, 28)
    plain = Plain(model)
    ours = Step(model, lambda: model.loss(images).total)
    rivals = {"plain PyTorch": Step(plain, lambda: plain.loss(images))}
    return Duel(ours, rivals, memory=True)


DUELS = {
    "DV": partial(bound, ours=dv_bound, plain=_dv),
    "NWJ": partial(bound, ours=nwj_bound, plain=_nwj),
    "JS": partial(bound, ours=jsd_bound, plain=_jsd),
    "InfoNCE": infonce,
    "training step": training,
}


def _step(batch: int) -> Work:
    torch.manual_seed(0)
    model, images = DeepInfoMax(1, 32), torch.rand(batch, 1, 28, 28)
    return Step(model, lambda: model.loss(images).total)


GROWTH = {
    "training step, batch": Growth(_step, (8, 16, 32, 64, 128, 256, 512), "batch", 1, 1),
    "InfoNCE, rows": Growth(
        lambda n: with_gradients(infonce_bound, [torch.randn(n, n)]),
        (64, 128, 256, 512, 1024, 2048), "rows", 2, 2,
    ),
}  # fmt: skip
