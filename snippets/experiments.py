"""What docs/labs/infomax.py repeats: known information, encoders by name.

Article:  none of its own; docs/articles/infomax.md reports what comes out.
Source:   Hjelm and others (2019); weights and widths are ours.
Shapes:   images are (n, channels, h, w), codes (n, latent).
Units:    information in nats.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor
from torch.optim.lr_scheduler import OneCycleLR

from snippets import infomax
from snippets.checks import require, require_counts
from snippets.convolutions import Classifier, ConvAutoencoder
from snippets.training import fit

Images = Float[Tensor, "n channels h w"]
Labels = Int64[Tensor, "n"]
Codes = Float[Tensor, "n latent"]
Bounds = Float[Tensor, "4"]

METHODS = ("random", "AE", "VAE", "global", "local", "both", "supervised")
WEIGHTS = {
    "random": (1, 1),
    "global": (1, 0),
    "local": (0, 1),
    "both": (0.5, 1),
}


def known_estimates(
    rho: float, dims: int, seed: int, *, count: int = 4096, width: int = 64
) -> Bounds:
    """Estimate the information of Gaussian pairs with the best scores.

    DV, NWJ and JS take `count` pairs and as many independent ones; InfoNCE is
    the mean over batches of `width`.
    """
    generator = Generator().manual_seed(seed)
    shape = (3, count, dims)
    draws = torch.randn(shape, generator=generator, dtype=torch.float64)
    x, noise, other = draws
    z = rho * x + math.sqrt(1 - rho**2) * noise
    joint = infomax.gaussian_pmi(x, z, rho)
    product = infomax.gaussian_pmi(x, other, rho)
    every = []
    for a, b in zip(x.split(width), z.split(width), strict=True):
        rows, columns = (
            a[:, None].expand(-1, width, -1),
            b.expand(width, -1, -1),
        )
        every.append(
            infomax.infonce_bound(infomax.gaussian_pmi(rows, columns, rho))
        )
    bounds = (infomax.dv_bound, infomax.nwj_bound, infomax.jsd_bound)
    means = [bound(joint, product) for bound in bounds]
    return torch.stack([*means, torch.stack(every).mean()])


def learned_critic(x: Codes, z: Codes, *, epochs: int = 20) -> infomax.Critic:
    """Train a critic to tell true pairs from shuffled ones, from seed 0."""
    torch.manual_seed(0)
    critic = infomax.Critic(x.shape[1], z.shape[1])

    def loss(left: Tensor, right: Tensor) -> Tensor:
        others = infomax.derangement(len(left)).to(left.device)
        return -critic.told_apart(left, right, others)

    adam = torch.optim.Adam(critic.parameters(), 3e-3)
    fit(critic, loss, [x, z], adam, epochs=epochs, batch_size=500)
    return critic.cpu().requires_grad_(False)


def noisy_information(
    codes: Codes, *, noise: float, generator: Generator | None = None
) -> float:
    """InfoNCE between images and their codes behind noise of a known size.

    Codes are taken in units of their own spread. The best score is known,
    log p(z|x) up to a constant, so that nothing is trained; the estimate is
    at most log n.
    """
    require(len(codes) > 1, "number of codes", "at least 2", len(codes))
    require(0 < noise < math.inf, "noise", "positive and finite", noise)
    codes = (codes - codes.mean(0)) / codes.std(0).clamp(min=1e-12)
    noisy = torch.empty_like(codes).normal_(generator=generator)
    distances = torch.cdist(codes + noise * noisy, codes).square()
    return infomax.infonce_bound(-distances / (2 * noise**2)).item()


def build(
    method: str, images: Images, setting: float, widths: Sequence[int]
) -> Any:
    """Build the network of a method: `setting` weighs its prior or its noise.

    All have the same encoder, with 32 latents; critics are 64 wide.
    """
    require(method in METHODS, "method", " or ".join(METHODS), method)
    channels, side = images.shape[1:3]
    if method == "supervised":
        return Classifier(channels, 32, 10, widths=widths)
    if method in ("AE", "VAE"):
        variance = setting if method == "VAE" else None
        return ConvAutoencoder(
            channels, 32, side, decoder_variance=variance, widths=widths
        )
    whole, local = WEIGHTS.get(method, (1, 1))
    return infomax.DeepInfoMax(
        channels, 32, widths=widths, hidden=64, global_weight=whole,
        local_weight=local, prior_weight=setting,
    )  # fmt: skip


def trained(
    method: str,
    setting: float,
    seed: int,
    images: Images,
    labels: Labels,
    *,
    epochs: int,
    widths: Sequence[int] = (8, 16, 32),
    rate: float = 3e-3,
) -> Any:
    """Train a method by Adam, its rate one cycle, on batches of 128.

    Only "supervised" looks at the labels; "random" is not trained at all.
    The model comes back on the CPU, without gradients.
    """
    require_counts(epochs=epochs)
    torch.manual_seed(seed)
    model = build(method, images, setting, widths)
    if method != "random":
        adam = torch.optim.Adam(model.parameters(), fused=True)
        steps = epochs * -(-len(images) // 128)
        cycle = OneCycleLR(adam, rate, steps, pct_start=0.2)
        data = [images, labels] if method == "supervised" else [images]
        fit(
            model, model.loss, data, adam, epochs=epochs, schedule=cycle,
            generator=Generator().manual_seed(seed),
        )  # fmt: skip
    return model.cpu().eval().requires_grad_(False)
