# %% [markdown]
# # Lab: bounds under their ceilings, and features that nobody asked to reconstruct
#
# Every measured number of [the article](../articles/infomax.md) comes from here. One convolutional
# encoder, 32 latents, one budget; choices are made on held-out training images with the first seed;
# the test images are scored once, with five seeds, at the end.

# %%
import math

import torch
from joblib import Parallel, delayed
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from snippets import experiments, infomax
from snippets.colour import load_full
from snippets.data import load_mnist
from snippets.training import fit
from tools import charts, diagrams, probes, publish

torch.set_num_threads(1)  # sums in one order; two runs at a time instead
FULL = publish.scale() == "full"
found, SEEDS, NOISE = {}, range(5), 1.0
(images, labels), (test, truth) = map(load_full if FULL else load_mnist, ("train", "test"))
images, test = ((x if x.ndim == 4 else x[:, None]).float() / 255 for x in (images, test))
words = "rain fell on the roof", "lamp of seven quietly iron"
draw = diagrams.pairing(images[1, 0], images[3, 0], 4, *words)
alt = "A code joined to patches of its own digit and, dashed, of another; a word to words likewise."
publish.figure("infomax_pairs", draw, alt=alt, raster=True)

# %% [markdown]
# ## Four estimates of a known information, each with the best score there is

# %%
groups, over = {}, {}
for dims, most in ((1, 2.0), (20, 16.0)):
    name = f"information of {dims} pair{'s' * (dims > 1)} (nats)"
    over[name] = torch.linspace(0.1, most, 12)
    rhos = (1 - (-2 * over[name].double() / dims).exp()).sqrt().tolist()
    rows = [[experiments.known_estimates(r, dims, s) for r in rhos] for s in SEEDS]
    each = torch.stack([torch.stack(row) for row in rows]).unbind(2)
    groups[name] = dict(zip(("DV", "NWJ", "JS", "InfoNCE"), each, strict=True))
    for bound, values in groups[name].items():
        found |= {f"{bound}, {dims}": values[:, -1].mean(), f"{bound}, {dims}: sd": values[:, -1].std()}
ceilings = {"log 64": math.log(64), "log 2": math.log(2)}
alt = "Over the true information, DV and NWJ follow it and then overshoot; InfoNCE and JS level off."
draw = diagrams.under_ceilings(groups, over, ceilings, "estimate (nats)")
publish.figure("infomax_bounds", draw, alt=alt)

# %% [markdown]
# ## A score learned from shuffled pairs, beside the true log-ratio

# %%
torch.manual_seed(0)
critic, ticks, x = infomax.Critic(1, 1), torch.linspace(-3, 3, 61), torch.randn(2, 20_000, 1)
z = 0.8 * x + 0.6 * torch.randn_like(x)
how = {"epochs": 20, "batch_size": 500}
loss = lambda a, b: -critic.told_apart(a, b, infomax.derangement(len(a)))  # noqa: E731
fit(critic, loss, [x[0], z[0]], torch.optim.Adam(critic.parameters(), 3e-3), **how)
critic.cpu().requires_grad_(False)
across, height = (each[..., None] for each in torch.meshgrid(ticks, ticks, indexing="xy"))
surfaces = {"true": infomax.gaussian_pmi(across, height, 0.8), "learned": critic(across, height)}
others = z[1][infomax.derangement(20_000)]
joint, product = critic(x[1], z[1]), critic(x[1], others)
found |= {"learned DV": infomax.dv_bound(joint, product), "learned JS": infomax.jsd_bound(joint, product)}
found["learned error"] = (joint - infomax.gaussian_pmi(x[1], z[1], 0.8)).abs().mean()
clouds = {k: torch.cat([x[1], v], 1)[:500] for k, v in {"true": z[1], "shuffled": others}.items()}
titles = ("pairs", "level lines of the score (nats)")
draw = diagrams.contours(clouds, surfaces, ticks, (-6, -4, -2, -1, 0, 1), titles)
alt = "A slanted cloud of true pairs in a round one of shuffled; hyperbolas of two scores agree."
publish.figure("infomax_scores", draw, alt=alt)

# %% [markdown]
# ## Eight ways to a code of 32 numbers, on two data sets

# %%
digits = load_digits()
small = torch.tensor(digits.images).float()[:, None] / 16
small = small.repeat_interleave(2, 2).repeat_interleave(2, 3)
parts = small.split([1000, 297, 500]), torch.tensor(digits.target).split([1000, 297, 500])
DATA = {"digits": (*parts, 30, (16, 32)), "MNIST": (
    (*images.tensor_split([-1000]), test), (*labels.tensor_split([-1000]), truth), 4, (16, 32, 32))}
GRID = dict.fromkeys(("global", "local", "both"), (1e-3, 1e-4, 1e-5)) | {"VAE": (0.5, 0.1, 0.02)}
GRID |= dict.fromkeys(("random", "AE", "supervised"), (0.0,))
run = Parallel(1 if FULL else 2)
for name, ((train, new, last), (known, unseen, answers), epochs, widths) in DATA.items():
    how = {"epochs": 50 if FULL else epochs, "widths": (64, 128, 256) if FULL else widths}

    def all_trained(jobs):
        return dict(zip(jobs, run(delayed(experiments.trained)(*j, train, known, **how) for j in jobs)))

    nets = all_trained([(m, s, 0) for m in GRID for s in GRID[m]])
    error = {j: probes.errors(probes.coded([n], train, new), known, unseen)[0, 1] for j, n in nets.items()}
    best = {m: min(GRID[m], key=lambda s: error[m, s, 0]) for m in GRID}
    nets |= all_trained([(m, best[m], k) for m in GRID for k in SEEDS if k])
    codes = {m: probes.coded([nets[m, best[m], k] for k in SEEDS], train, last) for m in experiments.METHODS}
    pca = PCA(32).fit(train.flatten(1))
    codes["PCA"] = [[torch.tensor(pca.transform(x.flatten(1))) for x in (train, last)]]
    rows, dots, spots = [], {}, {}
    for m, pairs in codes.items():
        right = 100 - probes.errors(pairs, known, answers)
        nats = [experiments.noisy_information(b, noise=NOISE, generator=torch.Generator().manual_seed(0)) for _, b in pairs]
        rows.append([m, best.get(m) or "", *probes.mean_and_spread(torch.cat([right.flip(1), torch.tensor(nats)[:, None]], 1))])
        dots[m], spots[m] = right[:, 1].tolist(), list(zip(nats, right[:, 1].tolist()))
        print(*rows[-1])
