# %% [markdown]
# # Lab: how much of a digit does its label need?
#
# The numbers of [the article](../articles/bottleneck.md); test images are scored once, at the end.

# %%
# pyright: basic, reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
import torch
from torch.nn.functional import cross_entropy

from snippets import bottleneck as ib
from snippets.data import load_mnist
from snippets.training import fit
from tools import charts, publish
from tools.workers import run_all

torch.set_num_threads(1)  # sums in one order: a second run gives the same numbers
SIZES = {"latent": 32, "hidden": (256, 256)}  # the paper's: full/bottleneck.py
found, noisy = {}, r"$x$ > $\mu, \sigma$ > $z = \mu + \sigma\varepsilon$ > "
rows = {"AE": "$x$ > encoder > $z$ > decoder > $x$ | costs: a wrong $x$"}
rows["VAE"] = noisy + r"decoder > $x$ | costs: a wrong $x$, and $\beta$ times the rate of $z$"
rows["VIB"] = noisy + r"classifier > $y$ | costs: a wrong $y$, and $\beta$ times the rate of $z$"
publish.figure("bottleneck_diagram", charts.chains(rows), alt="AE, VAE and VIB: three chains.")


# %%
def trained(kind, setting, seed=0, data=None, epochs=8, rate=4e-3, **sizes):
    """Train a network in one of five ways; return it, the rate by epoch, the last weight."""
    torch.manual_seed(seed)
    data, sizes = data or train, {"features": 784, "classes": 10} | SIZES | sizes
    model, weight = ib.VIB(**sizes), [setting if kind == "VIB" else 0.01]
    for place in (4, 2) if kind == "dropout" else ():
        model.trunk.insert(place, torch.nn.Dropout(setting))

    def loss(x, y):
        parts = model.loss(x, y, beta=weight[0])
        if kind == "rate":
            weight[0] = ib.dual_update(weight[0], parts.rate.item(), target=setting, step=5e-4)
        return parts if kind in ("VIB", "rate") else cross_entropy(model(x), y)

    decay = setting if kind == "weight decay" else 0.0
    adam = torch.optim.AdamW(model.parameters(), rate, weight_decay=decay, fused=True)
    steps, order = epochs * -(-len(data[0]) // 256), torch.Generator().manual_seed(seed)
    fade = torch.optim.lr_scheduler.OneCycleLR(adam, rate, steps, pct_start=0.2)
    how = {"epochs": epochs, "batch_size": 256, "generator": order, "schedule": fade}
    history = fit(model, loss, data, adam, **how)
    return model.cpu().eval().requires_grad_(False), history.get("rate", []), weight[0]


def wrong(models, x, y, draws=0):
    """Per cent of labels that each model gets wrong: from mean codes, or from single draws."""
    x, y = x.repeat(max(draws, 1), 1), y.repeat(max(draws, 1))
    codes = [ib.draw_code(*m.encode(x)) if draws else m.encode(x)[0] for m in models]
    hits = [m.classifier(z).argmax(1) == y for m, z in zip(models, codes, strict=True)]
    return 100 - 100 * torch.stack(hits).float().mean(1)


# %% [markdown]
# ## Twelve inputs, four labels: the best trade, and what networks make of it

# %%
own, sure = torch.eye(4).repeat_interleave(3, 0), torch.tensor([46, 36, 26]).repeat(4)[:, None]
counts = (1 + (sure - 1) * own + (47 - sure) * own.roll(1, 1)).long()  # 50 observations of each x
joint, curve, missed, priced = counts.double() / 600, [], [], {}
for weight in torch.logspace(0.2, 2, 31).tolist():
    draws = [torch.Generator().manual_seed(seed) for seed in range(20)]
    starts = [ib.information_bottleneck(joint, beta=weight, clusters=8, generator=g) for g in draws]
    values = torch.stack([each.rate - weight * each.relevance for each in starts])
    missed.append((values > values.min() + 1e-4 * weight).double().mean())
    best = starts[int(values.argmin())]
    curve.append((best.rate, ib.mutual_information(joint.sum(0).diag()) - best.relevance))
found |= {"toy_most_misses": max(missed), "toy_misses": sum(missed) / len(missed)}
sizes, x = {"features": 12, "latent": 2, "classes": 4, "hidden": (32,)}, torch.eye(12)
data = [x.repeat_interleave(50, 0), torch.arange(48).repeat_interleave(counts.flatten()) % 4]
for beta in (0.02, 0.05, 0.1, 0.2, 0.45):
    nets = [trained("VIB", beta, seed, data, 120, 0.02, **sizes)[0] for seed in range(3)]
    many = data[0].repeat(500, 1), data[1].repeat(500)
    priced[rf"networks, $\beta$ = {beta}"] = [n.loss(*many, beta=0)[:0:-1] for n in nets]
draw = charts.plane({"the best trade": curve}, priced, "rate (nats)", "nats of $y$ left open")
publish.figure("bottleneck_plane", draw, alt="A falling curve, and networks above it.")

# %% [markdown]
# ## Digits: one network, trained in four ways and, as a bottleneck, at six weights

# %%
(images, labels), (test, truth) = map(load_mnist, ("train", "test"))
pairs = (each.tensor_split([-1000]) for each in (images.flatten(1) / 255, labels))
(train, new), test = zip(*pairs, strict=True), (test.flatten(1) / 255, truth)
betas, rivals, table = (1e-4, 1e-3, 1e-2, 0.1, 0.5, 1.0), {}, []
grid = {"none": [0], "dropout": [0.25, 0.5], "weight decay": [0.1, 1.0], "VIB": betas}
jobs = [(kind, setting, seed) for kind in grid for setting in grid[kind] for seed in range(5)]
made = run_all(trained, jobs, workers=2)
nets = {job[:2]: [made[*job[:2], seed][0] for seed in range(5)] for job in jobs}
for kind, tried in grid.items():
    scores = {s: wrong(nets[kind, s], *new).mean() for s in tried}
    rivals[kind] = nets[kind, best := min(scores, key=scores.get)]
    cells = (scores[best], (error := wrong(rivals[kind], *test)).mean(), error.std())
    found |= {f"{kind[:4]}_error": cells[1], f"{kind[:4]}_sd": cells[2]}
    table.append([kind, best or "", len(tried), *(f"{cell:.2f}" for cell in cells)])
top = ["network", "setting", "settings tried", "validation (%)", "test (%)", "sd of seeds"]
publish.table("bottleneck_results", top, table)

# %%
codes = [[model.encode(new[0]) for model in nets["VIB", beta]] for beta in betas]
rates = torch.tensor([[ib.gaussian_rate(*code).mean() for code in group] for group in codes])
moments = torch.tensor([[(m.square() + v.exp()).mean() for m, v in group] for group in codes])
mean, drawn = (torch.stack([wrong(nets["VIB", b], *new, n) for b in betas]) for n in (0, 12))
cells = {"rate": rates, "mean": mean, "drawn": drawn, "moment": moments}
found |= {f"{k}_{betas[i]}": v[i].mean() for k, v in cells.items() for i in range(6)}
table = [[f"{v[i].mean():.3g} ± {v[i].std():.2g}" for v in cells.values()] for i in range(6)]
top = [r"$\beta$", "rate (nats)", "mean code (%)", "sampled (%)", r"$\mathrm{E}[z_i^2]$"]
publish.table("bottleneck_sweep", top, [[b, *row] for b, row in zip(betas, table, strict=True)])
curves, weights = {"sampled code": drawn.T, "mean code": mean.T}, torch.tensor(betas)
draw = charts.bands(curves, weights, r"$\beta$", "validation error (%)", xscale="log")
publish.figure("bottleneck_sweep", draw, alt="Sampled codes fail early, mean codes late.")

# %%
codes, few = {}, (truth < 6).nonzero().flatten()[:80]
for beta in (1e-3, 1e-2, 0.1, 0.5):
    flat = [trained("VIB", beta, epochs=14, latent=2)[0]]
    mean, log_var = flat[0].encode(test[0][few])
    codes[rf"$\beta$ = {beta:g}"] = mean, (log_var / 2).exp()
    found |= {f"flat_{n}_{beta}": wrong(flat, *test, n)[0] for n in (0, 12)}
draw = charts.ellipses(codes, truth[few].tolist())
publish.figure("bottleneck_ellipses", draw, alt="Codes in the plane: specks become large discs.")

# %%
hiss, rivals["VIB at 0.001"] = torch.randn(test[0].shape), nets["VIB", 1e-3]
levels = {"size of noise": torch.linspace(0, 0.6, 7), "step of FGSM": torch.linspace(0, 0.15, 7)}
hurt = {across: {name: [] for name in rivals} for across in levels}
for name, model in ((name, model) for name, group in rivals.items() for model in group):
    x = test[0].clone().requires_grad_()
    slope = torch.autograd.grad(cross_entropy(model(x), truth, reduction="sum"), x)[0].sign()
    for across, step in zip(levels, (hiss, slope), strict=True):
        moved = [(test[0] + size * step).clamp(0, 1) for size in levels[across]]
        hurt[across][name].append(torch.cat([wrong([model], each, truth) for each in moved]))
for across, each in hurt.items():
    found |= {f"{across[8:]}_{k}".replace(" ", "_"): sum(v)[2] / 5 for k, v in each.items()}
draw = charts.band_panels(hurt, levels, "test error (%)")
publish.figure("bottleneck_noise", draw, alt="Test errors over noise, and over the attack's step.")
sevens = rivals["VIB"][0].encode(test[0][truth == 7])[0][:160].chunk(2)
for way, go in {"line": torch.lerp, "circle": ib.circle_path}.items():
    found[f"sevens_{way}"] = (go(*sevens, 0.5).norm(dim=1) / sevens[0].norm(dim=1).mean()).mean()
runs = {f"target {rate}": trained("rate", rate, epochs=12) for rate in (4, 6, 9)}
for name, (_, trace, weight) in runs.items():
    found |= {f"dual_rate_{name[7:]}": trace[-1], f"dual_beta_{name[7:]}": weight}
publish.numbers("bottleneck", found)
draw = charts.lines({k: run[1] for k, run in runs.items()}, "epoch", "rate (nats)", ylim=(0, 10))
publish.figure("bottleneck_dual", draw, alt="Three curves settle at their targets, 4, 6 and 9.")
