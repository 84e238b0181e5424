# %% [markdown]
# # Lab: NICE on handwritten digits
#
# What do additive couplings learn from 9,000 images? Every measured number of
# [the article](../articles/nice.md) comes from here: x = (pixel + u) / 256 with fresh noise u,
# settings chosen on the last 1,000 training images, test images scored once, at the end. A flow
# starts as the best density of independent pixels, in units that suit margin and centre alike.

# %%
import torch
from sklearn.datasets import make_moons

from snippets.data import load_mnist
from snippets.nice import NICE, bits_per_dim, dequantize
from snippets.starts import at_independent_pixels
from snippets.training import fit
from tools import charts, publish

found, rows = {}, []
train, validation = load_mnist("train")[0].flatten(1).tensor_split([-1000])
test = load_mnist("test")[0].flatten(1)


def start(prior, hidden=1000):
    flow = NICE(784, hidden=hidden, hidden_layers=1, prior=prior)
    at_independent_pixels(flow, dequantize(train))
    for coupling in flow.couplings:
        coupling.shift.insert(-1, torch.nn.Dropout(0.1))
    return flow.eval()


@torch.no_grad()
def nats(density, pixels, draws=1, noise=dequantize):
    return sum(density.log_prob(noise(pixels)).mean().item() for _ in range(draws)) / draws


def trained(prior, epochs, seed=0, noise=dequantize, hidden=1000):
    torch.manual_seed(seed)
    flow = start(prior, hidden)
    adam, steps = torch.optim.Adam(flow.parameters(), fused=True), epochs * -(-len(train) // 128)
    how = {"epochs": epochs, "generator": torch.Generator().manual_seed(seed)}
    how["schedule"] = torch.optim.lr_scheduler.OneCycleLR(adam, 4e-3, steps, pct_start=0.1)
    how["after_epoch"] = lambda _: {"new": nats(flow, validation.to(flow.scaling.widths().device))}
    history = fit(flow, lambda x: -flow.log_prob(noise(x)).mean(), [train], adam, **how)
    return flow.cpu(), [-value for value in history["total"]], history["new"]


# %% [markdown]
# ## What a flow is worth, beside small flows from five seeds and densities without a network

# %%
flow, training, unseen = trained("logistic", 20)
x = dequantize(train)
normal = torch.distributions.MultivariateNormal(x.mean(0), x.T.cov() + 1e-5 * torch.eye(784))
densities: dict[str, list] = {"correlated gaussian": [normal]}
for prior in ("gaussian", "logistic"):
    densities[f"independent {prior}"] = [start(prior, 1)]
    densities[f"small {prior} flow"] = [trained(prior, 5, k, hidden=200)[0] for k in range(5)]
densities["large logistic flow"] = [flow]
parts = {"train": train[:2000], "validation": validation, "test": test}
for name, each in densities.items():
    values = torch.tensor([[nats(one, part, 5) for part in parts.values()] for one in each])
    mean, key = values.mean(0), name.replace(" ", "_")
    found |= {f"{key}_{part}_nats": mean[i].item() for i, part in enumerate(parts)}
    bits, spread = bits_per_dim(mean[2], 784).item(), values[:, 2].std(correction=len(each) > 1)
    found |= {f"{key}_test_bits_per_dim": bits, f"{key}_test_sd_of_seeds": spread.item()}
    row = [f"{value:.0f}" for value in mean] + [f"{spread:.1f}" if spread else "", f"{bits:.3f}"]
    rows.append([name, *row])
top = ["density", "train (nats)", "validation", "test", "sd over seeds", "test (bits/dim)"]
publish.table("nice_results", top, rows)
print(*("".join(f"{cell:<21}" for cell in row) for row in [top, *rows]), sep="\n")
alt = "Log-likelihood by epoch: both curves rise, then training pulls away from validation."
curves = {"training": training, "validation": unseen}
publish.figure("nice_training", charts.lines(curves, "epoch", "nats"), alt=alt)

# %% [markdown]
# ## Without noise, a flow's own score climbs without a bound, and images with noise fall

# %%
_, silent, truth = trained("logistic", 20, noise=lambda pixels: pixels / 256, hidden=200)
curves = {"trained with noise": training, "without": silent, "without, judged with noise": truth}
found["no_noise_claims_nats"], found["no_noise_is_worth_nats"] = silent[-1], truth[-1]
found["test_nats_without_noise"] = nats(flow, test, noise=lambda pixels: pixels / 256)
alt = "Without noise the score climbs past that with noise, while noisy images fall far below."
publish.figure("nice_no_noise", charts.lines(curves, "epoch", "nats"), alt=alt)

# %% [markdown]
# ## The widths that were learned, samples from cold to hot, ways between digits

# %%
widths = flow.scaling.widths().detach().sort(descending=True).values * torch.pi / 3**0.5
curves = {"NICE": widths, "PCA": torch.linalg.eigvalsh(x.T.double().cov()).flip(0).sqrt()}
draw = charts.lines(curves, "feature, widest first", "standard deviation", yscale="log")
alt = "Sorted widths fall over three decades for NICE and PCA alike, PCA more steeply at first."
publish.figure("nice_widths", draw, alt=alt)

# %%
temperatures, fixed = (0.5, 0.7, 0.8, 0.9, 1.0, 1.1), torch.Generator()
samples = [flow.sample(12, temperature=t, generator=fixed.manual_seed(1)) for t in temperatures]
for t in temperatures:
    found[f"sample_nats_at_{t}"] = flow.log_prob(flow.sample(1000, temperature=t)).mean().item()
alt = "Rows of samples: bold and alike at 0.5, more varied and more ragged up to 1.1."
publish.figure("nice_samples", charts.images(samples, temperatures), alt=alt, raster=True)

# %%
x, ways, rows = dequantize(test), torch.linspace(0, 1, 12)[:, None], []
z, _ = flow(x)
found["prior_radius"], found["test_radius"] = 28 * torch.pi / 3**0.5, z.norm(dim=1).mean().item()
for a, b in ((0, 1), (2, 3), (4, 7)):
    rows += [flow.inverse(torch.lerp(z[a], z[b], ways)), torch.lerp(x[a], x[b], ways)]
alt = "Three pairs of test digits: the latent path frays strokes on its way, the pixels cross-fade."
publish.figure("nice_between", charts.images(rows, ["latent", "pixels"] * 3), alt=alt, raster=True)

# %% [markdown]
# ## Layer by layer: two moons, a mosaic that keeps its areas, the Jacobian

# %%
points, moon = make_moons(2000, noise=0.05, random_state=0)
points, moons = torch.tensor(points, dtype=torch.float32), NICE(2, hidden=64, hidden_layers=2)
adam = torch.optim.Adam(moons.parameters(), 3e-3)
fit(moons, lambda x: -moons.log_prob(x).mean(), [points], adam, epochs=60)
layers = {f"coupling {n}": layer for n, layer in enumerate(moons.couplings, 1)}
layers, tiles = {**layers, "scaling": moons.scaling}, charts.tiles((-1.3, 2.3), (-0.8, 1.2), 0.4)
clouds, mosaic = (charts.stages(layers, start) for start in (points[:400], tiles))
alt = "Two moons, sheared by four couplings in turn and stretched by a scaling into a round cloud."
publish.figure("nice_moons", charts.scatter(clouds, moon[:400]), alt=alt, raster=True)

# %%
before, *_, bent, scaled = (charts.areas(cells) for cells in mosaic.values())
found["coupling_area_error"] = (bent / before - 1).abs().max().item()
found["scaling_area_factor"] = (scaled / bent).mean().item()
alt = "Coloured squares, bent by couplings into shards of equal area, which the scaling enlarges."
publish.figure("nice_mosaic", charts.cells(mosaic), alt=alt, raster=True)

# %%
layers, x, matrix, stages = NICE(16, couplings=3).couplings, torch.randn(16), torch.eye(16), {}
halves = torch.arange(16).reshape(8, 2).T.flatten()
for name, layer in zip(("one coupling", "two", "three"), layers, strict=True):
    matrix = torch.func.jacrev(lambda x, layer=layer: layer(x)[0])(x) @ matrix
    x, stages[name] = layer(x)[0], matrix[halves][:, halves]
publish.numbers("nice", found)
alt = "Jacobians in blocks: one filled after one coupling, three after two, all four after three."
publish.figure("nice_jacobian", charts.matrices(stages), alt=alt)
