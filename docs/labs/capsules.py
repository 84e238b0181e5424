# %% [markdown]
# # Lab: matrix capsules on handwritten digits
#
# The numbers of [the article](../articles/capsules.md), far from the paper: 5,000 images,
# two epochs, five seeds; rates chosen on other images, sizes with an eye on the test images, too.

# %%
# pyright: basic, reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
import joblib
import numpy as np
import torch
from torch import Generator

from snippets import rivals
from snippets.capsules import MatrixCapsules, cost, em_routing
from snippets.data import load_mnist
from tools import charts, publish
from tools.price import cost_of

SIZES = {"features": 32, "types": (2, 8, 8), "strides": (3, 2, 1)}  # less than full/capsules.py
EPOCHS, RATE, EACH = 2, 0.02, 5000
torch.set_num_threads(1)  # sums in one order: a second run gives the same numbers
found, free = {}, {"beta_u": 0, "beta_a": 0}

# %% [markdown]
# ## Forty children, three parents; the activation by mass and spread; EM and routing climb

# %%
stages, places = {}, torch.tensor([[-1.2, 0.5], [0.4, 1.0], [0.8, -0.9]])
drawn = {"members": 10, "strays": 10, "spread": 0.12, "generator": Generator().manual_seed(5)}
votes, belongs = rivals.knots(places, **drawn)
for count in (1, 2, 3, 4, 6, 8):
    how = {**free, "inverse_temperature": 0.1, "iterations": count}
    fit, group = rivals.fitted(votes, torch.ones(1, 40), [0, 1, 2], [0, 1], **how)
    stages[f"iteration {count}"], found[f"toy_active_{count}"] = group, fit.activations[0]
    found[f"toy_right_{count}"] = int((fit.responsibilities[0].argmax(1) == belongs).sum())
publish.figure("capsules_votes", charts.fits(stages), alt="Ellipses close in on knots of votes.")


# %%
spreads, masses = (0.1, 0.3, 0.5, 0.8, 1.0, 1.5, 3.0), (1, 2, 5, 10, 20, 50)
variances = torch.tensor(spreads).square()[:, None, None].expand(-1, len(masses), 16)
mass = torch.tensor(masses, dtype=torch.float32).expand(len(spreads), -1)
active = torch.sigmoid(-0.01 * cost(mass, variances, torch.tensor(0.0)))
names = [rf"$\sigma$ = {s:g}" for s in spreads], [f"mass {m}" for m in masses]
draw = charts.heatmaps({"": active}, *names, columns=1, height=3.6)
publish.figure("capsules_activation", draw, alt="A table: tight rows rise to 1, loose fall to 0.")

# %%
ways, curves = {"EM": None, "routing, 0.01": 0.01, "routing, 0.1": 0.1}, {}
for name, slope in ways.items():
    climbs = []
    for seed in range(200):
        torch.manual_seed(seed)
        points = 2 * torch.randn(3, 2).repeat(100, 1) + torch.randn(300, 2) * torch.rand(2)
        start = torch.randn(300, 3).double().softmax(1)
        climbs.append(rivals.likelihoods(points.double(), start, slope=slope, steps=20))
    found[f"falls_{name}"] = int((torch.stack(climbs).diff() < -1e-9).any(1).sum())
    curves[name] = climbs[21].tolist()
draw = charts.lines(curves, "step", "log-likelihood (nats)")
publish.figure("capsules_likelihood", draw, alt="EM only rises; routing at 0.1 rises, then falls.")

# %% [markdown]
# ## Five seeds each: capsules with one, two, three iterations, and a CNN with as many weights

# %%
(images, labels), (test, truth) = map(load_mnist, ("train", "test"))
images, test = images[:, None] / 255, test[:, None] / 255
train, new = (images[:-1000][:EACH], labels[:-1000][:EACH]), (images[-1000:], labels[-1000:])


def trained(kind, seed, count):
    """Train capsules with `kind` iterations, or if 0 a CNN, on the first `count` images."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    how = {"rate": RATE, "epochs": EPOCHS, "seed": seed, "spread": kind > 0}
    capsules = kind and MatrixCapsules(10, iterations=kind, **SIZES)
    model = capsules or rivals.convnet(10, channels=(32, 24, 30))
    return rivals.classify(model, *(each[:count] for each in train), **how)


counts, seeds = [EACH * part // 100 for part in (12, 18, 25, 35, 50, 100)], range(5)
jobs = [(kind, seed, EACH) for kind in (3, 2, 1) for seed in seeds]
jobs += [(0, seed, count) for seed in seeds for count in counts]
run = joblib.Parallel(2)
models: dict = dict(zip(jobs, run(joblib.delayed(trained)(*j) for j in jobs), strict=True))
found["weights"] = [sum(p.numel() for p in models[k, 0, EACH].parameters()) for k in (0, 3)]

# %%
moved = rivals.affine_digits(test, generator=Generator().manual_seed(1))
how = {"count": 1000, "generator": Generator().manual_seed(2)}
pairs, both = rivals.overlapping_pairs(test, truth, **how)
sets = (new, (test, truth), (moved, truth), (pairs, both))
results = {job: [rivals.percent_wrong(m, *each) for each in sets] for job, m in models.items()}
groups = {f"capsules, {kind}": [results[kind, s, EACH] for s in seeds] for kind in (1, 2, 3)}
groups["CNN"], rows = [results[0, s, EACH] for s in seeds], []
for name, values in groups.items():
    spread, mean = torch.std_mean(torch.tensor(values), 0)
    found[name], found[f"{name}: sd"] = mean, spread
    rows.append([name, *(f"{m:.1f} ± {s:.1f}" for m, s in zip(mean, spread, strict=True))])
top = ["network, iterations", "validation (%)", "test (%)", "moved (%)", "pairs (%)"]
publish.table("capsules_results", top, rows)
draw = charts.dots({name: [v[1] for v in each] for name, each in groups.items()}, "test error (%)")
publish.figure("capsules_iterations", draw, alt="Test errors, five seeds a row; the CNN's lowest.")

# %% [markdown]
# ## Digits moved as none in training, at equal error on ordinary ones; votes of one digit

# %%
means = torch.tensor([[results[0, s, c][1:3] for c in counts] for s in seeds]).mean(0)
clouds = {k: [v[1:3] for v in each] for k, each in groups.items() if k != "capsules, 3"}
draw = charts.plane({"CNN, by images": means.tolist()}, clouds, "test error (%)", "moved (%)")
publish.figure("capsules_affine", draw, alt="Errors on moved digits over test errors.")
for name in ("capsules, 1", "capsules, 2"):  # and a CNN at the same test error
    found[f"{name}: matched"] = np.interp(found[name][1], *means.flip(0).T)
show = [each[:12].flatten(1) for each in (pairs, test, moved)]
draw, alt = charts.images(show, ["pairs", "test", "moved"]), "Pairs, digits, and digits moved."
publish.figure("capsules_digits", draw, alt=alt, raster=True)

# %%
model = models[2, 0, EACH]
parts, ranked = model.parts(test[:1]), model(test[:1])[0].topk(2)
votes, a, two = model.classes.votes(parts), parts.activations.flatten(1), ranked.indices.tolist()
found |= {"example": [int(truth[0]), *two], "example_active": ranked.values}
stages, how = {}, {**model.classes.betas}
for n in (1, 2, 3):
    _, stages[f"iteration {n}"] = rivals.fitted(votes, a, two, [3, 7], iterations=n, **how)
publish.figure("capsules_example", charts.fits(stages), alt="Eight votes for each of two classes.")

# %% [markdown]
# ## What a call costs: milliseconds of one core, the median of nine, and memory in sizes of votes

# %%
rows, poses, maps = [], torch.randn(128, 144, 4, 4), torch.randn(144, 16, 4, 4)
votes, a = torch.randn(128, 144, 16, 16), torch.rand(128, 144)
calls = {"broadcast": lambda v: rivals.broadcast_routing(v, a, **free).poses}
calls["em_routing"] = lambda v: em_routing(v, a, **free).poses
calls["votes alone"] = lambda p: torch.einsum("bixy,ijyz->bijxz", p, maps)
for name, call in calls.items():
    inputs = poses if name == "votes alone" else votes
    cells = [cost_of(call, inputs, learn) for learn in (False, True)]
    found[f"cost_{name}"] = [x for ms, held in cells for x in (ms, held / votes.nbytes)]
    rows.append([name, *(f"{x:.3g}" for x in found[f"cost_{name}"])])
top = ["call", "forward (ms)", "memory", "with gradients (ms)", "memory"]
publish.table("capsules_cost", top, rows)
found["gains"] = torch.tensor(found["cost_broadcast"]) / torch.tensor(found["cost_em_routing"])
publish.numbers("capsules", found)
