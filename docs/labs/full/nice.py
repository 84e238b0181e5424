"""NICE at the paper's scale: its architecture, prior and noise, the whole of MNIST.

Of the 60,000 training images the last 5,000 choose the epoch; test images are scored once. The
paper (Dinh, Krueger and Bengio, 2014, table 2) reports 1980.50 nats after 1,500 epochs of batches
of 200: the mean log-density of test images (pixel + u) / 256 on the unit cube, as here. The rate
of learning goes up and down in cycles of 1, 2, 4, 8 epochs and so on, so that a run may be ended
after any of them, and prolonged: `--epochs 1023` is ten cycles.
"""

import torch

from snippets.data import load_full_mnist
from snippets.nice import NICE, bits_per_dim, dequantize
from snippets.starts import at_independent_pixels, keep_scale
from tools.extrapolate import power_law
from tools.longrun import Plan, Run

PAPER, PAPER_EPOCHS = 1980.50, 1500
run = Run("nice")
train, validation = load_full_mnist("train")[0].flatten(1).split([55_000, 5000])
plan = Plan(run.options.epochs or 63, batch_size=200, rate=2e-3, first_cycle=1)


def build():
    return at_independent_pixels(keep_scale(NICE(784)), dequantize(train[:10_000]))


def loss(flow, pixels, done):
    return -flow.log_prob(dequantize(pixels)).mean()


@torch.no_grad()
def nats(flow, pixels, seed, draws=1):
    noise = torch.Generator().manual_seed(seed)
    parts = [part for _ in range(draws) for part in pixels.split(1000)]
    device = flow.scaling.log_scale.device
    each = [flow.log_prob(dequantize(part, generator=noise).to(device)) for part in parts]
    return torch.cat(each).double().mean().item()


def measure(flow):
    return {"validation": -nats(flow, validation, seed=1)}


flow, history, epochs, best, *_ = run.train("flow", build, loss, [train], plan, measure)
ends = [2**k - 1 for k in range(1, 12) if 2**k - 1 <= epochs]  # where the rate is nil
curve = [-history["validation"][end - 1] for end in ends]
predicted = power_law(ends, curve, PAPER_EPOCHS)
test = load_full_mnist("test")[0].flatten(1)
found = {
    "test_nats": nats(flow, test, seed=2, draws=5),
    "validation_nats": -min(history["validation"]),
    "train_nats": nats(flow, train[:10_000], seed=3),
    "paper_nats": PAPER,
    "cycle_ends": ends,
    "validation_at_cycle_ends": curve,
    "predicted_validation_at_1500": predicted,
    "validation_by_epoch": [-each for each in history["validation"]],
    "training_by_epoch": [-each for each in history["total"]],
}
found["test_bits_per_dim"] = bits_per_dim(torch.tensor(found["test_nats"]), 784).item()
