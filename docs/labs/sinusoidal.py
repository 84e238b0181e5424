# %% [markdown]
# # Lab: sines, cosines, and what a trained model does with them
#
# Where does the inner product of two positions go as they part, and what does a Transformer make of
# it? Every measured number of [the article](../articles/sinusoidal.md) comes from here.

# %%
import math

import torch

from snippets import sinusoidal as waves
from snippets.cosine_integral import EULER
from tools import charts, dials, publish

FULL, found = publish.scale() == "full", {}
torch.set_default_dtype(torch.float64)

# %% [markdown]
# ## Clocks, the table, and its Gram matrix

# %%
rates = waves.frequencies(16)
faces = [f"{2 * math.pi / rate:,.0f}" for rate in rates]
rows = {f"m = {m}": m * rates for m in (0, 1, 2, 3, 10, 100, 1000)}
alt = "Rows of eight clocks: the first hand spins, each further one lags, the last hardly moves."
publish.figure("sinusoidal_clocks", dials.clocks(rows, faces), alt=alt)

# %%
p = waves.sinusoidal(128, 64, layout="half")
drawn = {"positions by features": p, "inner products": p @ p.T / 32}
alt = "A table of sines and cosines that slow to the right; its Gram matrix has constant diagonals."
draw = dials.signed(drawn, reach=1, columns=2, height=3.1)
publish.figure("sinusoidal_gram", draw, alt=alt, raster=True)
gram = waves.sinusoidal(2000, 128) @ waves.sinusoidal(2000, 128).T
ranges = [gram.diagonal(k).max() - gram.diagonal(k).min() for k in range(2000)]
found["spread along diagonals, 2000 positions"] = max(ranges).item()
found["rank of 500 positions"] = torch.linalg.matrix_rank(waves.sinusoidal(500, 64)).item()
slow = 2 * math.pi / waves.frequencies(768) > 512
found["slow pairs, percent"] = 100 * slow.double().mean().item()

# %% [markdown]
# ## The decay on a logarithmic axis, its law, its zero

# %%
k = torch.logspace(0, 5, 1200)
law = 1 - (k.log() + EULER) / math.log(1e4)
curves = {"64 features": (k, waves.similarity(k, 64) / 32)}
curves["limit of many features"] = (k, waves.decay(k))
curves["logarithmic law"] = (k[law > -0.05], law[law > -0.05])
zero = (waves.decay(torch.arange(20_000)) <= 0).nonzero()[0].double()
marks = {f"first zero, {zero.item():.0f}": (zero, 0 * zero)}
draw = charts.plots(curves, "offset $k$", "$2g(k)/d$", marks=marks, xscale="log")
alt = "The limit falls along a straight line to zero near 6166; 64 features leave it after 30."
publish.figure("sinusoidal_decay", charts.plain(draw), alt=alt)
found |= {f"decay at {k}": waves.decay(k).item() for k in (1, 10, 100, 1000, 20_000, 100_000)}
for base in (1000, 10_000):
    scan = waves.decay(torch.arange(base), base=base)
    found[f"first zero, base {base}"] = (scan <= 0).nonzero()[0].item()
for k in (10, 100, 1000):
    error = waves.decay(k).item() - 1 + (math.log(k) + EULER) / math.log(1e4)
    found[f"error of the law at {k}"] = abs(error)
k = torch.arange(129)
for d in (64, 128, 768, 4096):
    left = waves.similarity(k, d) * 2 / d
    middle = waves.mean_cosine(k, 1e4 ** -((torch.arange(d // 2) + 0.5) * 2 / d))
    for name, values in {"sum": left, "midpoints": middle}.items():
        found[f"{name} less limit, {d}"] = (values - waves.decay(k)).abs().max().item()
found["64 features at 128"] = waves.similarity(128, 64).item() / 32
found["limit at 128"] = waves.decay(128).item()

# %% [markdown]
# ## Other schedules of frequencies

# %%
t, panels = (torch.arange(20_000) + 0.5) / 20_000, {}
schedules = {
    "$10000^{-t}$": 1e4**-t,
    "$1000^{-t}$": 1e3**-t,
    "$t$": t,
    "$t^2$": t**2,
    "$t^3$": t**3,
}
for name, k in {"near": torch.linspace(0, 30, 200), "far": torch.linspace(30, 3000, 600)}.items():
    panels[name] = {label: (k, waves.mean_cosine(k, rates)) for label, rates in schedules.items()}
alt = "Near: t crosses zero at once, powers of ten stay high; far: cubes and 10000 stay above 0."
draw = dials.key_last(charts.traces(panels, "offset", ylim=(-0.25, 1)))
publish.figure("sinusoidal_schedules", draw, alt=alt)
for alpha in (2, 3):
    size = math.gamma(1 + 1 / alpha) * math.cos(math.pi / 2 / alpha)
    found[f"power {alpha}: law at 1000"] = size * 1000 ** (-1 / alpha)
    found[f"power {alpha}: at 1000"] = waves.mean_cosine(1000, t**alpha).item()

# %% [markdown]
# ## Finite features return: root mean squares over windows of offsets

# %%
draws = torch.Generator().manual_seed(0)
k = 10 ** (8 * torch.rand(200_000, generator=draws))
curves = {"limit": dials.windows(k, waves.decay(k), 32)}
for d in (16, 64, 768):
    value = torch.cat([waves.mean_cosine(part, waves.frequencies(d)) for part in k.split(10_000)])
    curves[f"{d} features"] = dials.windows(k, value, 32)
    far = torch.randint(10**5, 10**7, (40_000,), generator=draws)
    far = torch.cat([waves.similarity(part, d) * 2 / d for part in far.split(10_000)])
    found[f"root mean square, {d}"] = far.square().mean().sqrt().item()
    found[f"largest return, {d}"] = far.max().item()
draw = charts.plots(curves, "offset", "root mean square", xscale="log", yscale="log")
alt = "Four curves fall together; the sums level off at one over root d, the limit falls on."
publish.figure("sinusoidal_returns", draw, alt=alt)

# %% [markdown]
# ## What a block of a mixed Hessian sees

# %%
eye, flip = torch.eye(2), torch.eye(2).flip(0)
p = waves.encode(torch.arange(40), torch.tensor([0.25]))
quarter, mirror = torch.tensor([[0.0, 1.0], [-1.0, 0.0]]), torch.tensor([[-1.0, 0.0], [0.0, 1.0]])
blocks = {"identity": eye, "quarter turn": quarter, "mirror": mirror, "exchange": flip}
seen = {name: p @ block @ p.T for name, block in blocks.items()}
alt = "Four maps of stripes: two along the diagonal, even and odd, and two across it."
draw = dials.signed(seen, "$n$", "$m$", reach=1, columns=4, height=1.9)
publish.figure("sinusoidal_blocks", draw, alt=alt, raster=True)
publish.numbers("sinusoidal", found)
