"""A step of the VAE beside the same model as tutorials write it in plain PyTorch."""

import math
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, relu

from benchmarks.duels import Duel, Growth, Results, Step, Work, share, with_gradients
from snippets.vae import VAE, gaussian_kl

FEATURES, LATENT, BATCH = 784, 20, 128


class Plain(nn.Module):
    """The model of tutorials: two heads, and the divergence in one line."""

    def __init__(self, like: VAE) -> None:
        super().__init__()
        first, _, heads = deepcopy(like.encoder)
        self.first = first
        rows = heads.weight.shape[0] // 2
        self.mean, self.log_var = (nn.Linear(heads.in_features, rows) for _ in range(2))
        for head, part in ((self.mean, slice(rows)), (self.log_var, slice(rows, None))):
            head.weight.data.copy_(heads.weight.data[part])
            head.bias.data.copy_(heads.bias.data[part])
        self.third, _, self.fourth = deepcopy(like.decoder)

    def loss(self, x: Tensor) -> Tensor:
        """Return minus the ELBO; the variance of a pixel is 1/2, so its constant is log(pi) / 2."""
        h = relu(self.first(x))
        mean, log_var = self.mean(h), self.log_var(h)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_var)
        rebuilt = self.fourth(relu(self.third(z)))
        error = mse_loss(rebuilt, x, reduction="sum")
        kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
        return (error + kl) / len(x) + x.shape[1] / 2 * math.log(math.pi)


def _model(small: bool) -> tuple[VAE, Tensor]:
    torch.manual_seed(0)
    features, batch = (12, 5) if small else (FEATURES, BATCH)
    return VAE(features, 2 if small else LATENT), torch.rand(batch, features)


def training(small: bool) -> Duel:
    """A step of Adam on 128 images: 784 features, 256 hidden, 20 latent."""
    model, x = _model(small)
    plain = Plain(model)
    ours = Step(model, lambda: model.loss(x).total)
    return Duel(ours, {"plain PyTorch": Step(plain, lambda: plain.loss(x))}, memory=True)


DUELS = {"training step": training}


def divergence(small: bool) -> Results:
    """Return the share of a step that the KL takes, forward and backward."""
    model, x = _model(small)
    step = Step(model, lambda: model.loss(x).total)
    codes = [each.detach() for each in model.encode(x)]
    return {"of a step": share(with_gradients(gaussian_kl, codes), step)}


SHARES = {"KL": divergence}


def _step(batch: int, hidden: int) -> Work:
    torch.manual_seed(0)
    model, x = VAE(FEATURES, LATENT, hidden=(hidden, hidden)), torch.rand(batch, FEATURES)
    return Step(model, lambda: model.loss(x).total)


GROWTH = {
    "training step, batch": Growth(
        lambda n: _step(n, 256), (32, 64, 128, 256, 512, 1024, 2048), "batch", 1, 1
    ),
    "training step, hidden width": Growth(
        lambda n: _step(128, n), (64, 128, 256, 512, 1024, 2048), "hidden width", 2, 2
    ),
}
