# %% [markdown]
# # Lab: truncation and linear autoencoders on real data
#
# A photograph, handwritten digits, the word pairs of a manual. Every measured number of
# [the article](../articles/svd.md) comes from here. Settings were chosen on the last 1,000 training
# images, or on hidden pairs set apart for it; test images and test pairs were scored once.

# %%
# pyright: basic, reportAttributeAccessIssue=false, reportArgumentType=false, reportCallIssue=false
import torch
from sklearn.datasets import load_sample_image
from sklearn.decomposition import NMF
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn.functional import normalize

from snippets import svd, words
from snippets.data import load_full_mnist, load_mnist
from snippets.training import fit
from tools import charts, publish

FULL = publish.scale() == "full"  # the whole of MNIST, longer training
load, found, R, SEEDS = load_full_mnist if FULL else load_mnist, {}, 12, range(5)
train, validation = (load("train")[0].flatten(1) / 255).tensor_split([-1000])
test, mean = load("test")[0].flatten(1) / 255, train.mean(0)
seeded = torch.Generator().manual_seed


def share(rebuilt, x):
    """Percentage of the energy of x that a reconstruction loses."""
    return (100 * (x - rebuilt.detach().to(x)).square().sum() / x.square().sum()).item()


# %% [markdown]
# ## A photograph, and the same pixels in random order

# %%
photo = torch.tensor(load_sample_image("china.jpg") / 255).mean(-1)
photo = nn.functional.avg_pool2d(photo[None], 2)[0]  # half the size
noise = photo.flatten()[torch.randperm(photo.numel(), generator=seeded(0))].reshape(photo.shape)
sheets, curves = {"photograph": photo, "its pixels shuffled": noise, "digits, one a row": train}, {}
for name, sheet in sheets.items():
    tail = torch.linalg.svdvals(sheet).square().flip(0).cumsum(0).flip(0)[1:160]
    stored = torch.tensor([svd.storage_ratio(*sheet.shape, r) for r in range(1, len(tail) + 1)])
    curves[name] = stored, 255 * (tail / sheet.numel()).sqrt()
shown = {"all 213 ranks": photo} | {f"rank {r}": svd.low_rank(photo, r) for r in (60, 20, 5)}
for r in (5, 20, 60):
    found[f"stored_{r}"] = 100 * svd.storage_ratio(*photo.shape, r)
    found[f"photo_{r}"], found[f"shuffled_{r}"] = (curves[name][1][r - 1] for name in [*sheets][:2])
alt = "A Chinese pavilion by a lake four times: whole, almost whole, blurred, a smear."
publish.figure("svd_photo", charts.photographs(shown), alt=alt, raster=True)
how = {"rules": {"no gain": 1}, "yscale": "log", "ylim": (0.5, 110), "xlim": (0, 1.2)}
across, up = "numbers stored, as a share of the matrix", "error in grey levels (root mean square)"
alt = "Error by storage: the photograph falls steeply, shuffled pixels hardly at all."
publish.figure("svd_energy", charts.traces({up: curves}, across, **how), alt=alt)

# %% [markdown]
# ## The floor: Adam and alternating least squares on one loss
#
# That loss knows the images only through the triangular factor of their QR decomposition, which has
# 784 rows. So full batches are cheap.

# %%
rows = torch.linalg.qr(train.double()).R
floor, axes, sizes = svd.discarded_energy(rows, R), svd.principal_axes(rows, R), rows.svd().S
GRID = torch.logspace(0, 8, 17, base=2).round().int().unique()


def descend(decay, steps=2000):
    torch.manual_seed(0)
    model, angles = svd.LinearAutoencoder(784, R).double(), {}
    weights, adam = [*model.parameters()], torch.optim.Adam(model.parameters(), fused=True)
    how = {"epochs": steps, "batch_size": 784}
    how["schedule"] = torch.optim.lr_scheduler.OneCycleLR(adam, 0.02, steps, pct_start=0.1)
    how["after_epoch"] = lambda n: angles.update(
        {n: model.decoder.T.cpu()} if n in (*GRID * 4,) else {}
    )

    def loss(x):
        return (x - model(x)).square().sum() + decay * sum(w.square().sum() for w in weights)

    losses = torch.tensor(fit(model, loss, [rows], adam, **how)["total"])
    return model.cpu(), losses, {n: svd.principal_angles(b, axes)[-1] for n, b in angles.items()}


adam, losses, angles = descend(decay=0)
swept = {n: svd.alternating_least_squares(rows, R, sweeps=n, generator=seeded(0)) for n in GRID}
above = torch.stack([(rows - rows @ c @ b).square().sum() for c, b in swept.values()]) / floor - 1
turned = torch.stack([svd.principal_angles(b.T, axes)[-1] for _, b in swept.values()])
steps = torch.tensor(list(angles))
excess = {"Adam, by step": (steps, losses[steps - 1] / floor - 1), "alternating": (GRID, above)}
tilt = {"Adam": (steps, torch.stack([*angles.values()]).rad2deg()), "": (GRID, turned.rad2deg())}
found |= {"ratio": (sizes[R] / sizes[R - 1]).square(), "adam_excess": losses[-1] / floor - 1}
found |= {
    "als_excess": above[-1],
    "als_angle": turned[-1].rad2deg(),
    "adam_angle": tilt["Adam"][1][-1],
}
panels = {"loss above the floor, as a share of it": excess, "largest angle (degrees)": tilt}
alt = "Two logarithmic panels: loss above the floor, and angle, fall towards zero by both methods."
draw = charts.traces(panels, "step or sweep", xscale="log", yscale="log")
publish.figure("svd_floor", draw, alt=alt)

# %% [markdown]
# ## Decoders of Adam: mixed without weight decay, orthogonal with it, in order after its SVD

# %%
decay = sizes[8:10].square().mean().item()  # between the energies of the ninth and tenth axes
decayed, _, _ = descend(decay)
alone = torch.linalg.svd(decayed.decoder, full_matrices=False).Vh
closed = svd.decayed_autoencoder(rows, R, decay=decay)[0].square().sum(0)
kept = torch.linalg.svdvals(decayed.encoder @ decayed.decoder)[:R]
found |= {
    "decay_error": (kept - closed).abs().max(),
    "kept": kept,
    "decay_alive": (closed > 0).sum(),
}
for name, each in {"adam": adam.decoder, "decayed": decayed.decoder, "alone": alone[:9]}.items():
    best = (normalize(each) @ axes).abs().amax(1)
    found |= {
        f"{name}_aligned": best.mean(),
        f"{name}_least": best.min(),
        f"{name}_most": best.max(),
    }
parts = NMF(n_components=R, init="nndsvda", random_state=0, tol=1e-3).fit(train[:2000].numpy())
decoders = {"principal": axes.T, "Adam": adam.decoder, "decay": decayed.decoder, "its SVD": alone}
pictures = [0.5 + row / (2 * row.abs().amax(1, keepdim=True)) for row in decoders.values()]
pictures += [torch.tensor(normalize(torch.tensor(parts.components_), p=torch.inf))]
alt = "Rows of decoders: blurred digits in order; mixtures; mixtures; digits in order; strokes."
draw = charts.images(pictures, [*decoders, "no signs"])
publish.figure("svd_digits", draw, alt=alt, raster=True)

# %% [markdown]
# ## What nonlinearity buys at equal width, five seeds each, and what a bias is worth

# %%
KINDS = {"linear": (0, 0), "deep encoder": (1, 0), "deep encoder and decoder": (1, 1)}
WIDTHS, EPOCHS, rows = (2, 8, 32), 20 if FULL else 10, []


def layers(inputs, outputs, deep):
    last = nn.Linear(256 if deep else inputs, outputs)
    nn.init.normal_(last.weight, std=last.in_features**-0.5 if deep else 784**-0.5)
    return [nn.Linear(inputs, 256), nn.ReLU(), last] if deep else [last]


def lost(width, deep, seed):
    torch.manual_seed(seed)
    model = nn.Sequential(*layers(784, width, deep[0]), *layers(width, 784, deep[1]))
    adam, steps = torch.optim.Adam(model.parameters(), fused=True), EPOCHS * -(-len(train) // 128)
    how = {"schedule": torch.optim.lr_scheduler.OneCycleLR(adam, 4e-3, steps, pct_start=0.2)}
    how |= {"epochs": EPOCHS, "generator": seeded(seed)}
    fit(model, lambda x: (x - model(x)).square().sum() / len(x), [train - mean], adam, **how)
    return [share(model.cpu()(x - mean), x - mean) for x in (train, test)]


runs = {kind: [[lost(w, deep, k) for w in WIDTHS] for k in SEEDS] for kind, deep in KINDS.items()}
spaces = [svd.principal_axes(train - mean, width) for width in WIDTHS]
pca = [[share((x - mean) @ v @ v.T, x - mean) for x in (train, test)] for v in spaces]
for kind, values in {
    "PCA": torch.tensor([pca]),
    **{k: torch.tensor(v) for k, v in runs.items()},
}.items():
    middle, spread = values.mean(0), values.std(0, correction=len(values) > 1)
    cells = [f"{m:.1f} ± {s:.1f}" if s else f"{m:.1f}" for m, s in zip(middle[:, 1], spread[:, 1])]
    rows.append([kind, *cells])
    for w, m, s in zip(WIDTHS, middle, spread):
        found |= {f"{kind}_{w}_train": m[0], f"{kind}_{w}_test": m[1], f"{kind}_{w}_sd": s[1]}
publish.table("svd_widths", ["width of the code", *map(str, WIDTHS)], rows)

# %% [markdown]
# ## A mean, a missing cell, and what becomes of negative entries

# %%
for name, matrix, rank in (("svd", train, R), ("pca", train - mean, R), ("svd_13", train, R + 1)):
    found[f"loss_{name}"] = svd.discarded_energy(matrix, rank) / len(train)
first = svd.principal_axes(train, 1)[:, 0]
found["first_on_mean"] = abs(first @ normalize(mean, dim=0))
found["first_on_pc"] = abs(first @ svd.principal_axes(train - mean, 1)[:, 0])
table = torch.ones(2, 5)
table[1, 4] = 0
tables, ends = (
    {"seen": table, "rank 1": svd.low_rank(table, 1)},
    ["light", "beam", "rise", "shine", "set"],
)
draw = charts.heatmaps(tables, ["sun", "moon"], ends, marked=(1, 4), columns=2, height=1.5)
alt = "Two tables: moonset is 0 among ones; after truncation to rank 1 it is 0.496."
publish.figure("svd_table", draw, alt=alt)

# %%
areas = torch.zeros(40, 10)
for seed in range(40):
    draw = torch.rand(60, 50, generator=(g := seeded(seed)))
    kinds, sorts = (torch.randint(4, (n,), generator=g).sort().values for n in (60, 50))
    allowed = ((torch.rand(4, 4, generator=g) < 0.5) | torch.eye(4).bool().flip(0))[kinds][:, sorts]
    hidden = allowed & (draw < 0.1)
    observed = (allowed & ~hidden).float()
    for r in range(10):
        score = svd.low_rank(observed, r + 1)[hidden | ~allowed]
        areas[seed, r] = roc_auc_score(allowed[hidden | ~allowed], score)
found |= {"auc": areas[:, 3].mean(), "auc_sd": areas[:, 3].std(), "auc_worst": areas[:, 3].min()}
found |= {"auc_1": areas[:, 0].mean(), "auc_10": areas[:, 9].mean()}
stages = {"allowed": allowed.float(), "seen": observed, "rank 4": svd.low_rank(observed, 4)}
alt = "Three block matrices: blocks; blocks with holes; blocks whose holes are filled in again."
draw = charts.heatmaps(stages, columns=3, height=2.4)
publish.figure("svd_blocks", draw, alt=alt, raster=True)

# %%
errors = torch.zeros(5, 2, 4)
for seed in SEEDS:
    for i, r in enumerate((4, 16)):
        x, how = train[1000 * seed :][:1000], {"init": "nndsvda", "tol": 1e-3, "max_iter": 1000}
        factors = NMF(n_components=r, random_state=0, **how).fit(x.numpy())
        rebuilt = factors.inverse_transform(factors.transform(x.numpy()))
        each = svd.low_rank(x, r), svd.rectified_low_rank(x, r), torch.tensor(rebuilt)
        errors[seed, i] = torch.tensor(
            [100 * (each[0] < 0).float().mean(), *(share(e, x) for e in each)]
        )
for i, r in enumerate((4, 16)):
    for name, m, s in zip(
        ("negative", "svd", "relu", "nmf"), errors[:, i].mean(0), errors[:, i].std(0)
    ):
        found |= {f"{name}_{r}": m, f"{name}_{r}_sd": s}

# %% [markdown]
# ## Word pairs: hide a tenth of those that occur, and see which of them come back

# %%
vocabulary = words.vocabulary(words.reference())
counts, RANKS = (
    words.pair_counts(words.reference(), vocabulary),
    (1, 2, 3, 5, 8, 12, 20, 32, 50, 80),
)
seen, rows = counts.nonzero(), []


def best(score, known):
    """Places of the 100 best among the pairs that are not known."""
    return score(known).masked_fill(known > 0, -torch.inf).flatten().topk(100).indices


def precision(score, seed):
    hidden = seen[torch.randperm(len(seen), generator=seeded(seed))[: len(seen) // 10]].T
    known = counts.clone()
    known[*hidden] = 0
    return 100 * (counts > 0).flatten()[best(score, known)].float().mean().item()


scores = [lambda known, r=r: svd.low_rank(known.log1p(), r) for r in RANKS]
scores.append(lambda known: known.sum(1, keepdim=True) * known.sum(0))
by_rank = torch.tensor([[precision(score, seed) for score in scores] for seed in SEEDS])
chosen = by_rank[:, :-1].mean(0).argmax()
for name, score in {"pairs": scores[chosen], "frequency": scores[-1]}.items():
    final = torch.tensor([precision(score, seed) for seed in range(5, 10)])
    found |= {name: final.mean(), f"{name}_sd": final.std()}
    elsewhere = words.pair_counts(words.docstrings(), vocabulary).flatten() > 0
    found[f"{name}_elsewhere"] = 100 * elsewhere[best(score, counts)].float().mean()
unseen = (counts == 0).flatten()
found |= {"words": len(vocabulary), "seen": len(seen), "rank": RANKS[chosen]}
found |= {"chance": 100 * (len(seen) // 10) / (len(seen) // 10 + unseen.sum())}
found["chance_elsewhere"] = 100 * elsewhere[unseen].float().mean()
curves = {
    "truncated SVD": by_rank[:, :-1],
    "frequency of both words": by_rank[:, -1:].expand(-1, len(RANKS)),
}
draw = charts.bands(
    curves, torch.tensor(RANKS), "rank", "hidden pairs among the best 100", xscale="log"
)
alt = "Precision over rank: it rises to a peak at a small rank, and falls below the baseline."
publish.figure("svd_pairs", draw, alt=alt)
for place in best(scores[chosen], counts)[:24]:
    pair = " ".join(vocabulary[i] for i in divmod(int(place), len(vocabulary)))
    rows.append(f"{pair} {'✓' if elsewhere[place] else ''}")
publish.table("svd_unseen", ["never seen"] + [""] * 3, [rows[i : i + 4] for i in range(0, 24, 4)])
publish.numbers(
    "svd",
    {
        name: float(value) if torch.is_tensor(value) and not value.ndim else value
        for name, value in found.items()
    },
)
