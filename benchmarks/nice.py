"""NICE beside zuko and normflows: the same additive couplings, with the same weights."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import normflows
import torch
import zuko
from torch import Tensor, distributions, nn
from torch.distributions import Transform
from torch.profiler import ProfilerActivity, profile

from benchmarks.duels import Duel, Growth, Results, Step, Work
from snippets.nice import NICE, logistic_draw, logistic_log_prob

FEATURES, BATCH = 784, 128
MULTIPLICATIONS = ("aten::addmm", "aten::mm")


def _flow(features: int = FEATURES, hidden: int = 1000) -> NICE:
    torch.manual_seed(0)
    flow = NICE(features, hidden=hidden)
    nn.init.normal_(flow.scaling.log_scale, std=0.1)
    return flow


class Zuko(nn.Module):
    """A flow of zuko's transforms."""

    def __init__(self, flow: NICE) -> None:
        super().__init__()
        self.flow = deepcopy(flow)
        width = len(flow.scaling.log_scale)
        uniform = distributions.Uniform(torch.zeros(width), 1.0)
        prior = distributions.TransformedDistribution(uniform, distributions.SigmoidTransform().inv)
        self.prior = distributions.Independent(prior, 1)
        self.masks = [torch.arange(width) % 2 == parity for parity in (0, 1)]

    def transform(self) -> Transform:
        """Return the map from x to z."""
        steps: list[Any] = [
            zuko.transforms.CouplingTransform(self._shift(coupling.shift), self.masks[index % 2])
            for index, coupling in enumerate(self.flow.couplings)
        ]
        scale = self.flow.scaling.log_scale.exp()
        steps.append(distributions.AffineTransform(0.0, scale, event_dim=1))
        return distributions.ComposeTransform(steps)

    def _shift(self, network: nn.Module) -> Callable[[Tensor], Transform]:
        return lambda kept: zuko.transforms.DependentTransform(
            zuko.transforms.AdditiveTransform(network(kept)), 1
        )

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log-density."""
        transform = self.transform()
        z = transform(x)
        return self.prior.log_prob(z) + transform.log_abs_det_jacobian(x, z)

    def inverse(self, z: Tensor) -> Tensor:
        """Return the x that goes to z."""
        return self.transform().inv(z)


class Normflows(nn.Module):
    """A flow of normflows' blocks, which split features in the middle and go from z to x."""

    def __init__(self, flow: NICE) -> None:
        super().__init__()
        width = len(flow.scaling.log_scale)
        order = torch.arange(width).view(-1, 2).T.flatten()  # the even, then the odd
        self.order, self.back = order, order.argsort()
        scaling = normflows.flows.AffineConstFlow((width,), shift=False)
        scaling.s.data = -flow.scaling.log_scale.detach()[None, order]
        blocks = [
            normflows.flows.AffineCouplingBlock(
                _negated(coupling.shift), scale=False,
                split_mode="channel_inv" if coupling.keep_odd else "channel",
            )
            for coupling in flow.couplings
        ]  # fmt: skip
        self.flow = normflows.NormalizingFlow(_Logistic(), [scaling, *blocks[::-1]])

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log-density of samples whose features are in its order."""
        return self.flow.log_prob(x)

    def inverse(self, z: Tensor) -> Tensor:
        """Return the x, in its order, that goes to z."""
        for block in self.flow.flows:
            z, _ = block(z)
        return z


class _Logistic(normflows.distributions.BaseDistribution):
    def log_prob(self, z: Tensor) -> Tensor:
        return logistic_log_prob(z)


def _negated(network: nn.Module) -> nn.Module:
    copy = deepcopy(network)
    for parameter in copy[-1].parameters():
        parameter.data.neg_()
    return copy


def _set_up(small: bool) -> tuple[NICE, Zuko, Normflows, Tensor]:
    flow = _flow(6, 8) if small else _flow()
    x = torch.rand(4 if small else BATCH, len(flow.scaling.log_scale))
    return flow, Zuko(flow), Normflows(flow), x


def log_prob(small: bool) -> Duel:
    """Log-densities of 128 images, without gradients."""
    flow, by_zuko, by_normflows, x = _set_up(small)
    own = x[:, by_normflows.order]
    ours = torch.no_grad()(lambda: flow.log_prob(x))
    rivals = {
        "zuko": torch.no_grad()(lambda: by_zuko.log_prob(x)),
        "normflows": torch.no_grad()(lambda: by_normflows.log_prob(own)),
    }
    return Duel(ours, rivals)


def training(small: bool) -> Duel:
    """A step of Adam on the mean log-density of 128 images."""
    flow, by_zuko, by_normflows, x = _set_up(small)
    own = x[:, by_normflows.order]
    return Duel(
        Step(flow, lambda: -flow.log_prob(x).mean()),
        {
            "zuko": Step(by_zuko, lambda: -by_zuko.log_prob(x).mean()),
            "normflows": Step(by_normflows, lambda: -by_normflows.log_prob(own).mean()),
        },
    )


def sample(small: bool) -> Duel:
    """Draw 128 images: z from the prior, then back through the flow."""
    flow, by_zuko, by_normflows, x = _set_up(small)
    shape, order, back = x.shape, by_normflows.order, by_normflows.back
    rivals = {
        "zuko": torch.no_grad()(lambda: by_zuko.inverse(logistic_draw(*shape))),
        "normflows": torch.no_grad()(
            lambda: by_normflows.inverse(logistic_draw(*shape)[:, order])[:, back]
        ),
    }
    return Duel(lambda: flow.sample(len(x)), rivals, tolerance=1e-3)


DUELS = {"log_prob": log_prob, "training step": training, "sample": sample}


def _step(batch: int, hidden: int) -> Work:
    flow, x = _flow(hidden=hidden), torch.rand(batch, FEATURES)
    return Step(flow, lambda: -flow.log_prob(x).mean())


GROWTH = {
    "training step, batch": Growth(
        lambda batch: _step(batch, 500), (16, 32, 64, 128, 256, 512), "batch", 1, 1
    ),
    "training step, hidden width": Growth(
        lambda hidden: _step(128, hidden), (32, 64, 128, 256, 512, 1024), "hidden width", 2, 2
    ),
}


def multiplications(small: bool) -> Results:
    """Return the share of forward and backward that is bare matrix multiplication."""
    flow, *_, x = _set_up(small)
    flow.log_prob(x).mean().backward()
    with profile(activities=[ProfilerActivity.CPU]) as record:
        for _ in range(5):
            flow.zero_grad()
            (-flow.log_prob(x).mean()).backward()
    events = record.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    bare = sum(event.self_cpu_time_total for event in events if event.key in MULTIPLICATIONS)
    return {"of forward and backward": bare / total}


SHARES = {"matrix multiplication": multiplications}
