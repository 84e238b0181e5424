# %% [markdown]
# # Lab: sines, cosines, and what a trained model does with them
#
# Where does the inner product of two positions go as they part, and what does a Transformer make of
# it? Every measured number of [the article](../articles/sinusoidal.md) comes from here. Models are
# tiny: two layers of 64 features that read characters, 32 at a time, for a few hundred steps.

# %%
import math
from functools import partial

import torch

from snippets import sequences, trials
from snippets import sinusoidal as waves
from snippets.cosine_integral import EULER
from snippets.ensembles import Ensemble, Transformer
from snippets.positions import RotaryPositions, SinusoidalPositions
from tools import charts, dials, interactions, publish

FULL, found, draws = publish.scale() == "full", {}, torch.Generator().manual_seed(0)
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

# %% [markdown]
# ## Clocks, the table, and its Gram matrix

# %%
rates = waves.frequencies(16)
rows = {f"m = {m}": m * rates for m in (0, 1, 2, 3, 10, 100, 1000)}
draw = dials.clocks(rows, [f"{2 * math.pi / rate:,.0f}" for rate in rates])
publish.figure("sinusoidal_clocks", draw, alt="Rows of eight clocks, slower from left to right.")

# %%
p = waves.sinusoidal(128, 64, layout="half")
drawn = {"positions by features": p, "inner products": p @ p.T / 32}
alt = "A table of sines and cosines that slow to the right; its Gram matrix has constant diagonals."
draw = dials.signed(drawn, reach=1, columns=2, height=3.1)
found["rank of 500 positions"] = torch.linalg.matrix_rank(waves.sinusoidal(500, 64))
found["slow pairs, percent"] = 100 * (waves.frequencies(768) < math.pi / 256).double().mean()
publish.figure("sinusoidal_gram", draw, alt=alt, raster=True)

# %% [markdown]
# ## The decay on a logarithmic axis, its law, its zero; the sum beside its integral


# %%
law = lambda k: 1 - (torch.as_tensor(k).log() + EULER) / math.log(1e4)  # noqa: E731
k, near = torch.logspace(0, 5, 1200), torch.logspace(0, 4, 100)
curves = {"64 features": (k, waves.similarity(k, 64) / 32)}
curves |= {"limit of many features": (k, waves.decay(k)), "logarithmic law": (near, law(near))}
for base in (1000, 10_000):
    zero = (waves.decay(torch.arange(base), base=base) <= 0).nonzero()[0].double()
    found[f"first zero, base {base}"] = zero.item()
marks = {f"first zero, {zero.item():.0f}": (zero, 0 * zero)}
draw = charts.plots(curves, "offset $k$", "$2g(k)/d$", marks=marks, xscale="log")
alt = "The limit falls along a straight line to zero near 6167; 64 features leave it after 20."
for k in (1, 10, 100, 1000, 20_000, 100_000):
    found[f"decay at {k}"], found[f"law at {k}"] = waves.decay(k), law(k)
    found[f"error of the law at {k}"] = (waves.decay(k) - law(k)).abs()
for d in (64, 128, 768, 4096):
    k, middles = torch.arange(129), 1e4 ** -((torch.arange(d // 2) + 0.5) * 2 / d)
    sums = {"sum": waves.similarity(k, d) * 2 / d, "midpoints": waves.mean_cosine(k, middles)}
    found |= {f"{n} less limit, {d}": (s - waves.decay(k)).abs().max() for n, s in sums.items()}
found["64 features, limit at 128"] = [waves.similarity(128, 64) / 32, waves.decay(128)]
publish.figure("sinusoidal_decay", charts.plain(draw), alt=alt)

# %% [markdown]
# ## Other schedules of frequencies; finite features return

# %%
t, panels = (torch.arange(20_000) + 0.5) / 20_000, {}
schedules = {f"${b}^{{-t}}$": b**-t for b in (10_000, 1000)}
schedules |= {f"$t^{a}$": t**a for a in (1, 2, 3)}
for name, k in {"near": torch.linspace(0, 30, 200), "far": torch.linspace(30, 3000, 600)}.items():
    panels[name] = {label: (k, waves.mean_cosine(k, rates)) for label, rates in schedules.items()}
draw = dials.key_last(charts.traces(panels, "offset", ylim=(-0.25, 1)))
for a in (2, 3):
    power = math.gamma(1 + 1 / a) * math.cos(math.pi / 2 / a) * 1000 ** (-1 / a)
    found[f"power {a}: law, integral"] = [power, waves.mean_cosine(1000, t**a)]
publish.figure("sinusoidal_schedules", draw, alt="Near, t falls at once; far, 10000 stays above.")

# %%
k = 10 ** (8 * torch.rand(200_000, generator=draws))
curves = {"limit": dials.windows(k, waves.decay(k), 32)}
far = (k > 1e5) & (k < 1e7)
for d in (16, 64, 768):
    value = torch.cat([waves.similarity(part, d) * 2 / d for part in k.split(10_000)])
    curves[f"{d} features"] = dials.windows(k, value, 32)
    found[f"far returns, {d}"] = [value[far].square().mean().sqrt(), value[far].max()]
draw = charts.plots(curves, "offset", "root mean square", xscale="log", yscale="log")
publish.figure("sinusoidal_returns", draw, alt="Curves fall together; sums level off in turn.")

# %%
p, eye = waves.encode(torch.arange(40), torch.tensor([0.25])), torch.eye(2)
mirror = torch.tensor([-1.0, 1.0]).diag()
blocks = {"identity": eye, "quarter turn": -mirror.flip(1), "mirror": mirror}
seen = {n: p @ block @ p.T for n, block in {**blocks, "exchange": eye.flip(0)}.items()}
draw = dials.signed(seen, "$n$", "$m$", reach=1, columns=4, height=1.9)
publish.figure("sinusoidal_blocks", draw, alt="Stripes: two along, two across.", raster=True)

# %% [markdown]
# ## The base, swept in a language model of characters: five seeds each, the test text read once

# %%
torch.set_default_dtype(torch.float32)
text, bases = sequences.load_characters(), (10, 100, 1000, 10_000, 100_000)
runs: dict = {f"sinusoidal, {b}": partial(SinusoidalPositions, 64, base=b) for b in bases}
runs |= {f"rotary, {b}": partial(RotaryPositions, base=b) for b in bases}
runs |= {"trained from 10000": partial(interactions.TrainedFrequencies, 64), "none": None}
how = {"symbols": len(text.alphabet), "seeds": range(5), "length": 32, "count": 16}
nets = interactions.trained_together(runs, text.train, steps=4000 if FULL else 400, **how)
costs = [trials.bits(net, text.test, 128) for net in nets.values()]
parts = {"1 to 32": slice(32), "65 to 128": slice(64, 128)}
bits = {name: torch.stack([c[:, s].mean(1) for c in costs], 1) for name, s in parts.items()}
rows = [[name, *row] for name, row in zip(runs, interactions.compared(bits, 3), strict=True)]
publish.table("sinusoidal_bases", ["positions", *parts, "difference", "p"], rows)
found |= {f"{name}: bits": [b[:, i].mean() for b in bits.values()] for i, name in enumerate(runs)}
kinds = {"sinusoidal": slice(5), "rotary": slice(5, 10)}
curves = {f"{k}, {name}": bits[name][:, s] for name in parts for k, s in kinds.items()}
draw = charts.bands(curves, torch.tensor(bases), "base", "bits a character", xscale="log")
moved = interactions.octaves_moved(nets["trained from 10000"], base=10_000)
found["octaves moved"] = [moved.median(), moved.max()]
publish.figure("sinusoidal_bases", draw, alt="Bits by base: low inside, far higher beyond.")

# %% [markdown]
# ## H of trained heads, beside untrained ones; how far Taylor's formula goes

# %%
usual, p, rows = "sinusoidal, 10000", waves.sinusoidal(32, 64).double(), []
build = partial(Transformer, len(text.alphabet), runs[usual], hidden=128)
for name, net in (("untrained", Ensemble(build, range(5))), ("trained", nets[usual])):
    values = interactions.head_table(net, p)
    found[f"{name}: percent"], spread = values.mean(0), values.std(0)
    cells = zip(values.mean(0), spread, strict=True)
    rows.append([name, *(f"{mean:.1f} ± {each:.1f}" for mean, each in cells)])
top = ["heads", "diagonal", "blocks", "relative", "by relative part", "by a line", "by offsets"]
publish.table("sinusoidal_heads", top, rows)
H = interactions.heads(nets[usual])[0, 0]
drawn = {"$H$ of a head": H, "$p_m H p_n$": p @ H @ p.T}
drawn["its relative part"] = p @ waves.relative_part(H) @ p.T
H, ends = interactions.heads(nets[usual]).flatten(0, 1), (0, 32, 128, math.inf)
found["turns in tokens"] = interactions.by_wavelength(H, p, base=10_000, ends=ends)
network, sizes = nets[usual].member(0).double(), (1.0, 0.1, 0.01, 0.001)
taylor = interactions.truncation(network, text.validation, p, sizes, 100)
found |= {f"Taylor at {size}": values for size, values in taylor.items()}
publish.numbers("sinusoidal", found)
publish.figure("sinusoidal_heads", dials.signed(drawn), alt="H, scores, stripes.", raster=True)
