"""The variational information bottleneck at the paper's scale: 784-1024-1024-2K, K = 256.

Of the 60,000 training images the last 5,000 choose epoch and weight; test images are scored once.
The paper (Alemi, Fischer, Dillon and Murphy, 2017, table 1) reports test errors of 1.38 % for the
network without noise and 1.13 % at a weight of 0.001, probabilities averaged over 12 draws of the
code, after 200 epochs of batches of 100. Its Adam halves the rate slowly; here the rate goes up and
down once, in as many epochs as there are: `--epochs 200` is the paper's budget.
"""

import torch
from torch.nn.functional import cross_entropy

from snippets.bottleneck import VIB, draw_code, gaussian_rate
from snippets.data import load_full_mnist
from tools.longrun import Plan, Run
from tools.results import mean_and_spread

PAPER = {None: "1.38", 1e-3: "1.13"}
BETAS = (None, 1e-4, 1e-3, 1e-2, 1e-1)  # None: the baseline, without noise
run = Run("bottleneck")
seeds = range(run.options.seeds)
images, labels = load_full_mnist("train")
(train, new), (known, unseen) = (
    part.split([55_000, 5000]) for part in (images.flatten(1) / 255, labels)
)


def loss_at(beta):
    if beta is None:
        return lambda model, x, y, done: cross_entropy(model(x), y)
    return lambda model, x, y, done: model.loss(x, y, beta=beta)


@torch.no_grad()
def wrong(model, x, y, draws=0):
    """Per cent read wrong: from the mean code, or from probabilities averaged over draws of it."""
    device = next(model.parameters()).device
    mean, log_var = model.encode(x.to(device))
    logits = [model.classifier(mean)]
    if draws:
        fixed = torch.Generator(device).manual_seed(0)
        codes = (draw_code(mean, log_var, generator=fixed) for _ in range(draws))
        logits = [model.classifier(code) for code in codes]
    read = sum(each.softmax(1) for each in logits).argmax(1).cpu()
    return 100 * (read != y).double().mean().item()


def measure(model):
    return {"validation": wrong(model, new, unseen)}


made = {}
for seed in seeds:
    plan = Plan(run.options.epochs or 8, batch_size=100, rate=1e-3, seed=seed)
    for beta in BETAS:
        name, data = f"beta-{beta}-seed-{seed}", [train, known]
        made[beta, seed] = run.train(
            name, lambda: VIB(784, 256, 10), loss_at(beta), data, plan, measure
        ).model

test, truth = load_full_mnist("test")
test, rows, found, chosen = test.flatten(1) / 255, [], {}, {}
for beta in BETAS:
    nets = [made[beta, seed] for seed in seeds]
    draws = 0 if beta is None else 12
    rates = [gaussian_rate(*net.encode(new)).mean() for net in nets]
    columns = {
        "validation": torch.tensor([wrong(net, new, unseen, draws) for net in nets]),
        "mean code": torch.tensor([wrong(net, test, truth) for net in nets]),
        "draws": torch.tensor([wrong(net, test, truth, draws) for net in nets]),
    }
    name = "none" if beta is None else f"{beta:g}"
    chosen[name] = columns["validation"].mean().item()
    found |= {f"{name}: {key}": value for key, value in columns.items()}
    found[f"{name}: rate"] = torch.stack(rates) if draws else 0.0
    cells = [mean_and_spread(each) for each in columns.values()]
    spent = f"{torch.stack(rates).mean():.3g}" if draws else ""
    rows.append([name, spent, *cells[:2], cells[2] if draws else "", PAPER.get(beta, "")])
found["chosen"] = min((name for name in chosen if name != "none"), key=chosen.__getitem__)
top = [r"$\beta$", "rate (nats)", "validation (%)", "test, mean code (%)", "test, 12 draws (%)"]
run.report(found, [*top, "paper (%)"], rows)
