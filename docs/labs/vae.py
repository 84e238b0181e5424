# %% [markdown]
# # Lab: points and ellipses on handwritten digits
#
# What changes in an autoencoder's code space when each code gets a size? Every measured number of
# [the article](../articles/vae.md) comes from here: 9,000 images, pixels from 0 to 1, 12 epochs.
# Choices are made on 1,000 more training images; the 2,000 test images are scored once.

# %%
from functools import cache, partial

import torch
from sklearn.decomposition import PCA

from snippets import vae
from snippets.data import load_mnist
from tools import atlas, charts, probes, publish
from tools.workers import run_all

found, fixed = {}, torch.Generator()
(images, digits), (test, truth) = load_mnist("train"), load_mnist("test")
train, validation = (images.flatten(1) / 255).tensor_split([-1000])
(known, unseen), test = digits.tensor_split([-1000]), test.flatten(1) / 255


def watch(model):
    codes = [each.cpu() for each in model.encode(train.to(next(model.parameters())))]
    parts = vae.surgery(*codes, draws=2000, generator=fixed.manual_seed(0))
    return {"mean KL": vae.gaussian_kl(*codes).mean().item(), **parts._asdict()}


@cache
def trained(latent, variance=None, seed=0, hidden=(256, 64), rate=3e-3, epochs=12, watch=None):
    torch.manual_seed(seed)
    model = vae.Autoencoder(784, latent, hidden=hidden)
    if variance:
        model = vae.VAE(784, latent, hidden=hidden, decoder_variance=variance)
    how = {"seed": seed, "rate": rate, "after_epoch": watch and (lambda _: watch(model))}
    model.history = probes.one_cycle(model, train, epochs=epochs, **how)
    return model.cpu().requires_grad_(False)


# %% [markdown]
# ## Two latents: the maps of codes, and the terms of the KL while it learns, checked on a grid

# %%
areas, points = trained(2, 0.5, watch=watch), trained(2)
mean, log_var = (each[:700] for each in areas.encode(test))
clouds = {"autoencoder": (points.encode(test[:700]), None), "VAE": (mean, (log_var / 2).exp())}
alt = "Two maps of 700 test digits: points in streaks that fan out, and ellipses in a round disc."
publish.figure("vae_codes", atlas.atlas(clouds, truth[:700]), alt=alt, raster=True)

# %%
terms = {name: areas.history[name] for name in ("mean KL", "information", "mismatch")}
found |= {f"last {name}": curve[-1] for name, curve in terms.items()}
mean, log_var = (each[:1000] for each in areas.encode(train))
found["mismatch by grid"] = atlas.mismatch(partial(vae.log_aggregate, mean=mean, log_var=log_var))
found["information by grid"] = vae.gaussian_kl(mean, log_var).mean() - found["mismatch by grid"]
found["by draws"] = list(vae.surgery(mean, log_var, draws=20_000, generator=fixed))
alt = "By epoch, in nats: the information lies just under the mean KL, the mismatch far below."
publish.figure("vae_terms", charts.lines(terms, "epoch", "nats", ylim=(0, None)), alt=alt)

# %% [markdown]
# ## What decodes on a grid, in the gaps, and on the way from one digit to another

# %%
four = {"AE, 2": points, "VAE, 2": areas, "AE, 16": trained(16), "VAE, 16": trained(16, 0.5)}
sheets, strips, way = {}, {}, torch.stack([torch.linspace(1, 0, 12), torch.linspace(0, 1, 12)], 1)
for name, model in list(four.items())[:2]:
    codes = probes.centres(model, train)
    sheets[name] = model.decode(atlas.square(codes, 11)).unflatten(0, (11, 11))
    places, near = atlas.gaps(codes, 96, 4000, fixed.manual_seed(1))
    found[f"{name}: gaps, percent"] = 100 * (near > 0.1).float().mean()
    for at, z in {"gaps": places, "codes": probes.centres(model, test)}.items():
        found[f"{name}: {at} to images"] = torch.cdist(model.decode(z), train).amin(1).pow(2).mean()
    strips[f"gaps, {name}"] = model.decode(places[::8])
alt = "Two sheets of decoded digits that flow into each other, in different shares."
publish.figure("vae_grids", atlas.grids(sheets), alt=alt, raster=True)

# %%
for name, model in four.items():
    strips[f"way, {name}"] = model.decode(way @ probes.centres(model, test[:2]))
alt = "Two rows decoded from gaps, with blends among the digits; four rows from a 7 to a 2."
publish.figure("vae_strips", charts.images(strips.values(), strips), alt=alt, raster=True)

# %% [markdown]
# ## The two penalties; moments that add up to 1; three weights of the KL

# %%
sigma = torch.logspace(-3, 0.4, 300, dtype=torch.float64)[:, None]
kl, naive = vae.gaussian_kl(0 * sigma, 2 * sigma.log()), vae.naive_penalty(0 * sigma, sigma)
draw = charts.plots({"KL": (sigma, kl), "naive": (sigma, naive)}, r"$\sigma$", "", xscale="log")
publish.figure("vae_penalty", draw, alt="Two curves touch at size 1; towards 0 only the KL rises.")

# %%
for name in ("VAE, 2", "VAE, 16"):
    mean, log_var = four[name].encode(train)
    moments = {"squared centre": mean.square().mean(0), "squared size": log_var.exp().mean(0)}
    found[f"{name}: moments"] = sum(moments.values()).sort().values
    found[f"{name}: KL"] = vae.gaussian_kl(mean, log_var).mean()
    found[f"{name}: KL standardized"] = vae.gaussian_kl(*vae.standardize(mean, log_var)).mean()
rows, order = [], moments["squared size"].argsort()
for name, variance in (("both summed", 0.5), ("error averaged", 392), ("KL averaged", 1 / 32)):
    mean, log_var = (model := trained(16, variance)).encode(test)
    kl, alive = vae.gaussian_kl(mean, log_var).mean(), (mean.var(0) > 0.05).sum()
    error = (test - model.decode(mean)).square().sum(1).mean()
    rows.append([name, f"{variance:.3g}", f"{kl:.2f}", alive.item(), f"{error:.1f}"])
publish.table("vae_losses", ["loss", "$s^2$", "KL (nats)", "latents alive", "test error"], rows)
bars = {name: part[order].tolist() for name, part in moments.items()}
draw = charts.stacks(bars, "latent", "mean over images", level=1)
publish.figure("vae_moments", draw, alt="Bars of two parts reach 1; in some only size is left.")

# %% [markdown]
# ## The linear VAE beside its closed form; codes as features, five seeds each, and PCA

# %%
eigenvalues, curves, marks = torch.linalg.eigvalsh(train.T.cov(correction=0)).flip(0)[:32], {}, {}
scale = torch.linspace(eigenvalues[-1], eigenvalues[0], 500)
for variance in (0.25, 0.5, 2.0):
    mean, log_var = trained(32, variance, hidden=(), rate=5e-3, epochs=24).encode(train)
    std, active = vae.linear_vae_optimum(eigenvalues, decoder_variance=variance)
    everywhere = vae.linear_vae_optimum(scale, decoder_variance=variance)[0]
    curves[f"$s^2 = {variance}$"] = scale, everywhere.square()
    sizes = log_var.exp().mean(0).sort().values
    marks["_" * len(marks) + "trained"] = eigenvalues, sizes
    alive, worst = (mean.var(0) > 0.05).sum(), (sizes - std.square()).abs().max()
    found[f"alive, {variance}"] = [active.sum(), alive, worst]
draw = charts.plots(curves, r"eigenvalue $\lambda$", r"$\sigma^2$", marks=marks, xscale="log")
publish.figure("vae_linear", charts.plain(draw), alt="Three curves fall from 1, circles on them.")

# %%
rows, dots, run, workers = [], {}, trained.__wrapped__, 2
nets = run_all(run, [(n, v) for n in (2, 16) for v in (0.5, 0.1, 0.02)], workers=workers)
for latent in (2, 16):
    tried = {v: probes.coded([nets[latent, v]], train, validation) for v in (0.5, 0.1, 0.02)}
    best = min(tried, key=lambda v: probes.errors(tried[v], known, unseen)[0, 0])
    pca, found[f"variance, {latent}"] = PCA(latent).fit(train), best
    codes = {"PCA": [[torch.tensor(pca.transform(x)) for x in (train, test)]]}
    nets |= run_all(run, [(latent, v, k) for v in (None, best) for k in range(5)], workers=workers)
    for name, v in {"AE": None, "VAE": best}.items():
        codes[name] = probes.coded([nets[latent, v, k] for k in range(5)], train, test)
    for name, pairs in codes.items():
        errors = probes.errors(pairs, known, truth)
        dots[f"{name}, {latent}"] = errors[:, 0].tolist()
        rows.append([name, latent, *probes.mean_and_spread(errors)])
        found[f"{name}, {latent}: errors"] = errors.mean(0)
publish.table("vae_results", ["codes", "latents", "neighbours (%)", "logistic (%)"], rows)
publish.numbers("vae", found)
draw = charts.dots(dots, "errors of ten nearest neighbours (%)", xscale="log")
publish.figure("vae_probes", charts.plain(draw), alt="Errors of 2 latents and, far lower, of 16.")
