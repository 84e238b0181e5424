# %% [markdown]
# # Lab: bounds under their ceilings, and features that nobody asked to reconstruct
#
# Every measured number of [the article](../articles/infomax.md) comes from here. One convolutional
# encoder, 32 latents, one budget; choices are made on held-out training images with the first seed;
# the test images are scored once, with five seeds, at the end.

# %%
import math

import torch
from sklearn.datasets import load_digits

from snippets import experiments, infomax
from snippets.data import load_mnist
from snippets.vae import gaussian_kl, reparameterize
from tools import charts, contest, probes, publish

torch.set_num_threads(1)  # two runs at a time instead
found = {}
(images, labels), (test, truth) = map(load_mnist, ("train", "test"))
images, test = (x[:, None].float() / 255 for x in (images, test))
words = "rain fell on the roof", "lamp of seven quietly iron"
draw = charts.pairing(images[1, 0], images[3, 0], 4, *words)
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
    rows = [[experiments.known_estimates(r, dims, s) for r in rhos] for s in range(5)]
    each = torch.stack([torch.stack(row) for row in rows]).unbind(2)
    groups[name] = dict(zip(("DV", "NWJ", "JS", "InfoNCE"), each, strict=True))
    for bound, values in groups[name].items():
        mean, spread = values[:, -1].mean(), values[:, -1].std()
        found |= {f"{bound}, {dims}": mean, f"{bound}, {dims}: sd": spread}
ceilings = {"log 64": math.log(64), "log 2": math.log(2)}
alt = "Over the true information, DV and NWJ follow it, then overshoot; InfoNCE and JS level off."
draw = charts.under_ceilings(groups, over, ceilings, "estimate (nats)")
publish.figure("infomax_bounds", draw, alt=alt)

# %% [markdown]
# ## A score learned from shuffled pairs, beside the true log-ratio

# %%
torch.manual_seed(0)
ticks, x = torch.linspace(-3, 3, 61), torch.randn(2, 20_000, 1)
z = 0.8 * x + 0.6 * torch.randn_like(x)
critic = experiments.learned_critic(x[0], z[0])
across, height = (each[..., None] for each in torch.meshgrid(ticks, ticks, indexing="xy"))
surfaces = {"true": infomax.gaussian_pmi(across, height, 0.8), "learned": critic(across, height)}
others = z[1][infomax.derangement(20_000)]
joint, product = critic(x[1], z[1]), critic(x[1], others)
found |= {
    "learned DV": infomax.dv_bound(joint, product),
    "learned JS": infomax.jsd_bound(joint, product),
}
found["learned error"] = (joint - infomax.gaussian_pmi(x[1], z[1], 0.8)).abs().mean()
clouds = {k: torch.cat([x[1], v], 1)[:500] for k, v in {"true": z[1], "shuffled": others}.items()}
titles = ("pairs", "level lines of the score (nats)")
draw = charts.contours(clouds, surfaces, ticks, (-6, -4, -2, -1, 0, 1), titles)
alt = "A slanted cloud of true pairs in a round one of shuffled; hyperbolas of two scores agree."
publish.figure("infomax_scores", draw, alt=alt)

# %% [markdown]
# ## Eight ways to a code of 32 numbers, on two data sets

# %%
raw = load_digits()
small = torch.tensor(raw.images).float()[:, None].repeat_interleave(2, 2).repeat_interleave(2, 3)
cut, how = [1000, 297, 500], {"workers": 2, "seeds": 5}
sets = {
    "digits": (small.div(16).split(cut), torch.tensor(raw.target).split(cut)),
    "MNIST": ((*images.tensor_split([-1000]), test), (*labels.tensor_split([-1000]), truth)),
}
options = {"digits": {"epochs": 30, "widths": (8, 16)}, "MNIST": {"epochs": 4}}
grid = dict.fromkeys(("global", "local", "both"), (1e-4, 1e-5)) | {"VAE": (0.1, 0.02)}
grid |= dict.fromkeys(("random", "AE", "supervised"), (0.0,))
held, codes, scores = {}, {}, {}
top = ["encoder", "linear probe (%)", "ten neighbours (%)", "nats behind noise"]
for name, (pictures, answers) in sets.items():
    held[name] = contest.hold(grid, pictures, answers, **how, **options[name])
    codes[name] = contest.codes_of(held[name], pictures[0], pictures[2])
    scores[name] = contest.judged(codes[name], answers[0], answers[2], noise=1.0)
    rows = [[m, *probes.mean_and_spread(each)] for m, each in scores[name].items()]
    publish.table(f"infomax_{name.lower()}", top, rows)
    for m, each in scores[name].items():
        kinds = zip(("linear", "neighbours", "nats"), each.mean(0), strict=True)
        found |= {f"{name}, {m}: {kind}": value for kind, value in kinds}
    found |= {f"{name}, {m}: setting": best for m, best in held[name].best.items()}
    print(name, held[name].best, *rows, sep="\n")

# %%
dots = {m: each[:, 1].tolist() for m, each in scores["MNIST"].items()}
alt = "Accuracies of eight codes, five seeds each: supervised, AE, VAE and PCA high, global lowest."
publish.figure("infomax_probes", charts.dots(dots, "ten neighbours (%)"), alt=alt)

# %%
spots = {m: each[:, [2, 0]].tolist() for m, each in scores["MNIST"].items()}
draw = charts.labelled(spots, "information behind noise (nats)", "linear probe (%)")
alt = "Information across, accuracy up: the random code keeps most and scores among the lowest."
publish.figure("infomax_disagree", draw, alt=alt)

# %%
(train, _, last), (known, _, answers), rows = *sets["MNIST"], []
shown = ("global", "local", "both", "AE")
for m in shown:
    rows += contest.neighbours(codes["MNIST"][m][0][1], last[:, :1], (3, 61), 11)
draw = charts.images(rows, [m for name in shown for m in (name, "")], side=last.shape[-1])
alt = "Queries and neighbours: digits mixed for the codes of Deep InfoMax; the AE keeps to noughts."
publish.figure("infomax_neighbours", draw, alt=alt, raster=True)

# %% [markdown]
# ## Twice the steps; what the prior's weight does to the codes

# %%
longer = [("local", held["MNIST"].best["local"], 0), ("AE", 0.0, 0)]
how = {"workers": how["workers"], **options["MNIST"]}
nets = contest.train_all(longer, train, known, **how | {"epochs": 2 * how["epochs"]})
for (m, *_), net in nets.items():
    right = 100 - probes.errors(probes.coded([net], train, last), known, answers)[0]
    found |= {f"longer, {m}: neighbours": right[0], f"longer, {m}: linear": right[1]}

# %%
(train, _, last), (known, _, answers) = sets["digits"]
jobs, shapes = [("both", weight, 0) for weight in (0.0, 1e-4, 1e-2)], {}
nets = contest.train_all(jobs, train, known, workers=how["workers"], **options["digits"])
for (_, weight, _), net in nets.items():
    mean, log_var, _ = net.encode(train)
    shapes[rf"$\gamma$ = {weight:g}"] = reparameterize(mean, log_var)
    right = 100 - probes.errors(probes.coded([net], train, last), known, answers)[0]
    found[f"prior {weight:g}: price"] = gaussian_kl(mean, log_var).mean()
    found[f"prior {weight:g}: spread"] = shapes[rf"$\gamma$ = {weight:g}"].std()
    found[f"prior {weight:g}: linear"] = right[1]
publish.numbers("infomax", found)
alt = "Three histograms of codes: far wider than the normal curve, closer to it, and on it."
publish.figure("infomax_prior", charts.histograms(shapes), alt=alt)
