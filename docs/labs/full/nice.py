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

PAPER = 1980.50
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
test = load_full_mnist("test")[0].flatten(1)
scores = {
    "train": nats(flow, train[:10_000], seed=3),
    "validation": -min(history["validation"]),
    "test": nats(flow, test, seed=2, draws=5),
}
bits = [bits_per_dim(torch.tensor(value), 784).item() for value in (scores["test"], PAPER)]
found = {
    **{f"{name}_nats": value for name, value in scores.items()},
    "paper_nats": PAPER,
    "test_bits_per_dim": bits[0],
    "train_lead": scores["train"] - scores["validation"],
    "cycle_ends": ends,
    "validation_at_cycle_ends": curve,
    "validation_by_epoch": [-each for each in history["validation"]],
    "training_by_epoch": [-each for each in history["total"]],
}
top = ["flow", "epochs", "train (nats)", "validation", "test", "test (bits/dim)"]
rows = [
    ["ours, at the end of a cycle", end, "", f"{value:.1f}", "", ""]
    for end, value in zip(ends, curve, strict=True)
]
cells = (f"{value:.1f}" for value in scores.values())
rows.append(["ours, its best epoch", best, *cells, f"{bits[0]:.3f}"])
if len(ends) >= 5:
    found["last_cycle_predicted"] = power_law(ends[:-1], curve[:-1], ends[-1])
    guess = f"{found['last_cycle_predicted']:.1f}"
    rows.append(["a power law through all cycles but the last", ends[-1], "", guess, "", ""])
rows.append(["the paper's", "1,500", "", "", f"{PAPER:.2f}", f"{bits[1]:.3f}"])
run.report(found, top, rows)
