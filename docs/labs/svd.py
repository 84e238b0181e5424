# %% [markdown]
# # Lab: truncation and linear autoencoders on real data
#
# Every measured number of [the article](../articles/svd.md) comes from here. Settings were chosen
# on the last 1,000 training images, or on pairs hidden for it; what is reported was scored once.

# %%
import torch
from sklearn.datasets import load_sample_image
from sklearn.decomposition import NMF
from torch.nn.functional import avg_pool2d, normalize

from snippets import svd, tables
from snippets.data import load_full_mnist, load_mnist
from snippets.networks import autoencoder, linear_autoencoder, share, spreads
from tools import charts, publish

FULL = publish.scale() == "full"  # the whole of MNIST, longer training
load, found, R = load_full_mnist if FULL else load_mnist, {}, 12
train = (load("train")[0].flatten(1) / 255)[:-1000]  # settings were chosen on the rest
test, mean, fixed = load("test")[0].flatten(1) / 255, train.mean(0), torch.Generator()

# %% [markdown]
# ## A photograph, the same pixels in random order, and 9,000 digits

# %%
photo = avg_pool2d(torch.tensor(load_sample_image("china.jpg") / 255).mean(-1)[None], 2)[0]
noise = photo.flatten()[torch.randperm(photo.numel(), generator=fixed.manual_seed(0))]
sheets = {"photograph": photo, "shuffled": noise.view_as(photo), "digits, one a row": train}
curves, ranks = {}, {f"rank {r}": svd.low_rank(photo, r) for r in (60, 20, 5)}
for name, sheet in sheets.items():
    tail = torch.linalg.svdvals(sheet).square().flip(0).cumsum(0).flip(0)[1:160]
    stored = torch.tensor([svd.storage_ratio(*sheet.shape, r) for r in range(1, len(tail) + 1)])
    curves[name] = stored, 255 * (tail / sheet.numel()).sqrt()
    found |= {f"{name.split(',')[0]}_{r}": curves[name][1][r - 1] for r in (5, 20, 60)}
draw = charts.photographs({"all 213 ranks": photo, **ranks})
publish.figure("svd_photo", draw, alt="A pavilion, whole and more and more blurred.", raster=True)

# %%
how = {"rules": {"no gain": 1}, "yscale": "log", "xlim": (0, 1.2)}
draw = charts.traces({"error in grey levels": curves}, "numbers stored, as a share", **how)
publish.figure("svd_energy", draw, alt="Error by storage: steep for the photograph and digits.")

# %% [markdown]
# ## Adam and alternating least squares on one loss, which sees only the factor R of the images' QR

# %%
rows = torch.linalg.qr(train.double()).R
floor, axes, sizes = svd.discarded_energy(rows, R), svd.principal_axes(rows, R), rows.svd().S
adam, history = linear_autoencoder(rows, axes)
steps, sweeps, above, turned = range(1, 1501), [2**n for n in range(9)], [], []
for n in sweeps:
    c, b = svd.alternating_least_squares(rows, R, sweeps=n, generator=fixed.manual_seed(0))
    above.append(((rows - rows @ c @ b).square().sum() / floor - 1).item())
    turned.append(svd.principal_angles(b.T, axes)[-1].rad2deg().item())
excess = [(steps, torch.tensor(history["total"]) / floor - 1), (sweeps, above)]
angles = [(steps[9::10], history["angle"]), (sweeps, turned)]
panels = {"loss above the floor, as a share of it": excess, "largest angle (degrees)": angles}
panels = {up: {"Adam": a, "alternating": b} for up, (a, b) in panels.items()}
draw = charts.traces(panels, "step, or sweep", xscale="log", yscale="log", ylim=(1e-6, 2e3))
publish.figure("svd_floor", draw, alt="Loss above the floor, and angle, fall towards zero.")
found |= {"adam_excess": excess[0][1][-1], "adam_angle": history["angle"][-1]}
found |= {"als_excess": above[-1], "als_angle": turned[-1], "ratio": (sizes[R] / sizes[R - 1]) ** 2}

# %% [markdown]
# ## Decoders: mixed without weight decay; with it, one SVD away from the principal axes

# %%
decay = sizes[8:10].square().mean().item()  # between the energies of the ninth and tenth axes
decayed, _ = linear_autoencoder(rows, axes, decay=decay, steps=800)
alone = torch.linalg.svd(decayed.decoder, full_matrices=False).Vh
kept = torch.linalg.svdvals(decayed.encoder @ decayed.decoder)[:R]
closed = svd.decayed_autoencoder(rows, R, decay=decay)[0].square().sum(0)
best, same = ((normalize(b) @ axes).abs().amax(1) for b in (adam.decoder, alone[:9]))
found |= {"decay_error": (kept - closed).abs().max(), "kept": kept, "decay_aligned": same.min()}
found["adam_aligned"] = best.mean()
parts = NMF(R, init="nndsvda", random_state=0, tol=1e-3).fit(train[:2000].numpy()).components_
alone = alone * (alone @ axes).diag().sign()[:, None] * (kept > 1e-9)[:, None]
rows = [0.5 + x / (2 * x.abs().max()) for x in (axes.T, normalize(adam.decoder), alone)]
rows.append(normalize(torch.tensor(parts), p=torch.inf))
draw = charts.images(rows, ["principal axes", "Adam", "decay, SVD", "no signs"])
publish.figure("svd_digits", draw, alt="Digits in order; mixed; in order; strokes.", raster=True)

# %% [markdown]
# ## What nonlinearity buys at equal width: energy of centred test images that is lost, five seeds

# %%
KINDS = {"linear": (0, 0), "deep encoder": (1, 0), "deep encoder and decoder": (1, 1)}
WIDTHS, x, epochs = (2, 8, 32), test - mean, 20 if FULL else 8
spaces = [svd.principal_axes(train - mean, width) for width in WIDTHS]
lost = {"PCA": [[share(x @ v @ v.T, x) for v in spaces]]}
for kind, deep in KINDS.items():
    fits = [[autoencoder(train - mean, w, deep, k, epochs) for w in WIDTHS] for k in range(5)]
    lost[kind] = [[share(net(x), x) for net in row] for row in fits]
publish.table("svd_widths", ["model", "2 codes", "8 codes", "32 codes"], spreads(lost))

# %% [markdown]
# ## Cells that are empty: a word, blocks, and negative entries

# %%
word, ends = torch.tensor([[1.0] * 5, [1.0] * 4 + [0.0]]), ["light", "beam", "rise", "shine", "set"]
pictures = {"seen": word, "truncated to rank 1": svd.low_rank(word, 1)}
draw = charts.heatmaps(pictures, ["sun", "moon"], ends, marked=(1, 4), columns=2, height=1.5)
publish.figure("svd_table", draw, alt="Moonset, a 0 in a table of ones, is 0.496 after truncation.")

# %%
allowed = tables.block_table(60, 50, generator=fixed.manual_seed(4)).float()
holes = tables.hide(allowed, 0.1, generator=fixed)
draw = charts.heatmaps({"allowed": allowed, "seen": holes, "rank 4": svd.low_rank(holes, 4)})
publish.figure("svd_blocks", draw, alt="Blocks; blocks with holes; holes filled in.", raster=True)

# %%
lost = {"negative entries": [], "lost by SVD": [], "lost by SVD and ReLU": [], "lost by NMF": []}
for x in train[:5000].split(1000):
    plain, energy = [svd.low_rank(x, r) for r in (4, 16)], x.square().sum().item()
    parts = [NMF(r, init="nndsvda", tol=1e-3, max_iter=1000).fit(x.numpy()) for r in (4, 16)]
    lost["negative entries"].append([100 * (each < 0).float().mean() for each in plain])
    lost["lost by SVD"].append([share(each, x) for each in plain])
    lost["lost by SVD and ReLU"].append([share(each.relu(), x) for each in plain])
    lost["lost by NMF"].append([100 * each.reconstruction_err_**2 / energy for each in parts])
publish.table("svd_signs", ["per cent", "rank 4", "rank 16"], spreads(lost))

# %% [markdown]
# ## Word pairs: hide a tenth of those that occur, and see which of them come back

# %%
known, RANKS = tables.vocabulary(tables.reference()), [1, 2, 3, 5, 8, 12, 20, 32, 50, 80]
counts = tables.pair_counts(tables.reference(), known)
elsewhere = tables.pair_counts(tables.docstrings(), known)
tried = torch.stack([tables.found_again(tables.truncation(r), counts, range(5)) for r in RANKS], 1)
usual = tables.found_again(tables.frequency, counts, range(5))[:, None].expand(-1, len(RANKS))
how = {"xscale": "log", "xticks": RANKS, "xticklabels": RANKS}
found |= {"words": len(known), "seen": counts.count_nonzero()}
found["chance_elsewhere"] = 100 * (elsewhere[counts == 0] > 0).float().mean()
found["rank"] = RANKS[tried.mean(0).argmax()]
for name, score in {"svd": tables.truncation(found["rank"]), "margins": tables.frequency}.items():
    final = tables.found_again(score, counts, range(5, 10))
    best = tables.best_gaps(score(counts), counts, 100).T
    found |= {f"{name}_back": final.mean(), f"{name}_back_sd": final.std()}
    found[f"{name}_elsewhere"] = 100 * (elsewhere[*best] > 0).float().mean()
curves = {"truncated SVD": tried, "frequency of both words": usual}
draw = charts.bands(curves, torch.tensor(RANKS), "rank", "hidden pairs in the best 100", **how)
publish.figure("svd_pairs", draw, alt="Precision peaks at a small rank, then falls to nothing.")
best = tables.best_gaps(tables.truncation(found["rank"])(counts), counts, 24).tolist()
lines = [f"{known[i]} {known[j]}{' ✓' * bool(elsewhere[i, j])}" for i, j in best]
top = ["never seen, highest first", "", "", ""]
publish.table("svd_unseen", top, [lines[i : i + 4] for i in range(0, 24, 4)])
publish.numbers("svd", found)
