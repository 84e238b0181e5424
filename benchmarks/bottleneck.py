"""A step of the VIB beside the same model in plain PyTorch."""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.duels import Duel, Growth, Results, Step, Work, share, with_gradients
from snippets.bottleneck import VIB, gaussian_rate

BETA = 1e-3


class Plain(nn.Module):
    """The same layers, and the rate from torch.distributions."""

    def __init__(self, like: VIB) -> None:
        super().__init__()
        self.encoder = nn.Sequential(*deepcopy(like.trunk), deepcopy(like.code))
        self.classifier = deepcopy(like.classifier)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the cross-entropy of a draw plus beta times the rate."""
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        posterior = torch.distributions.Normal(mean, torch.exp(log_var / 2))
        prior = torch.distributions.Normal(0.0, 1.0)
        rate = torch.distributions.kl_divergence(posterior, prior).sum(1).mean()
        return cross_entropy(self.classifier(posterior.rsample()), y) + BETA * rate


def _model(small: bool) -> tuple[VIB, Tensor, Tensor]:
    torch.manual_seed(0)
    model = VIB(12, 3, 4, hidden=(8, 8)) if small else VIB(784, 256, 10)
    count, features = (6, 12) if small else (100, 784)
    return model, torch.rand(count, features), torch.arange(count) % 4


def training(small: bool) -> Duel:
    """A step of Adam on 100 images: 784 features, two layers of 1,024, 256 latent."""
    model, x, y = _model(small)
    plain = Plain(model)
    ours = Step(model, lambda: model.loss(x, y, beta=BETA).total)
    rivals = {"plain PyTorch": Step(plain, lambda: plain.loss(x, y))}
    return Duel(ours, rivals, memory=True)


DUELS = {"training step": training}


def rate(small: bool) -> Results:
    """Return the share of a step that the rate takes, forward and backward."""
    model, x, y = _model(small)
    step = Step(model, lambda: model.loss(x, y, beta=BETA).total)
    codes = [each.detach() for each in model.encode(x)]
    return {"of a step": share(with_gradients(gaussian_rate, codes), step)}


SHARES = {"rate": rate}


def _step(batch: int, hidden: int) -> Work:
    torch.manual_seed(0)
    model, x = VIB(784, 256, 10, hidden=(hidden, hidden)), torch.rand(batch, 784)
    y = torch.arange(batch) % 10
    return Step(model, lambda: model.loss(x, y, beta=BETA).total)


GROWTH = {
    "training step, batch": Growth(
        lambda n: _step(n, 512), (16, 32, 64, 128, 256, 512, 1024), "batch", 1, 1
    ),
    "training step, hidden width": Growth(
        lambda n: _step(100, n), (64, 128, 256, 512, 1024, 2048), "hidden width", 2, 2
    ),
}
