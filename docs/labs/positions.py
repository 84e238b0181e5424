# %% [markdown]
# # Lab: eleven ways to tell attention about order
#
# Every measured number of [the article](../articles/positions.md) comes from here: a survey, then
# small Transformers (two layers, width 64, four heads) on three tasks and a text; one scheme each,
# same sizes, same steps, five seeds. Rates and steps were chosen on the validation text; the test
# text is scored once. Recurrent positions, a step a place, are trained at full scale only.

# %%
# pyright: basic, reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false
import torch

from snippets import positions, trials
from snippets.comparisons import best_marked
from snippets.positions import survey
from snippets.sequences import SYMBOLS, load_characters
from tools import charts, publish
from tools.charts import boards
from tools.workers import run_all

torch.set_num_threads(1)  # sums in one order, and a process for each core
FULL = publish.scale() == "full"  # larger networks and longer runs
SIZES = {"width": 256, "heads": 8, "layers": 4} if FULL else {"width": 64, "heads": 4}
STEPS, LENGTHS, LONGEST, FAR = {"copy": 280, "reverse": 100, "nth": 80}, (64, 128, 256), 64, 256
names = [name for name in trials.SCHEMES if name != "recurrent" or FULL]
found, fixed, scale = {}, torch.Generator().manual_seed(0), {"seeds": range(5), **SIZES}

# %% [markdown]
# ## A survey: what scores can depend on, and what a call costs

# %%
kinds = {"absent": ("—", None), "constant": ("no position", 2), "relative": ("offset", 0)}
kinds["absolute"] = ("place", 1)
traits, rows, table = survey.survey(generator=fixed), {}, []
for t in traits:
    rows |= {t.scheme: [kinds[k][0] for k in t.terms]} if t.scheme != "none, causal" else {}
    sees = [kinds[kind][0] for kind in ("relative", "absolute") if kind in t.terms]
    gaps = [gap if gap > 1e-9 else 0.0 for gap in (t.equivariance_gap, t.shift_gap)]
    found[f"{t.scheme}: gaps"] = gaps
    row = [t.scheme, t.parameters, *(f"{gap:.2g}" for gap in gaps), *(sees or ["content"])]
    table.append([*row, "yes" if t.direction else "no", t.beyond])
head = ["scheme", "trained", "permuted", "moved", "sees", "sides", "beyond"]
publish.table("positions_traits", head, table)
terms = ("content, content", "content, position", "position, content", "position, position")
alt = "A board of schemes and four terms, coloured by what each sees: no position, offset or place."
publish.figure("positions_terms", boards.board(rows, terms, dict(kinds.values())), alt=alt)

# %%
table, lengths = [], torch.tensor(survey.LENGTHS)
for name in survey.SCHEMES:
    costs = [survey.cost(name, n) for n in survey.LENGTHS]
    found[f"{name}: ms"] = [cost.milliseconds for cost in costs]
    pairs = [[round(x, x < 9.95) for x in (c.milliseconds, c.megabytes)] for c in costs]
    table.append([name, *(f"{t:g}\N{NO-BREAK SPACE}/\N{NO-BREAK SPACE}{m:g}" for t, m in pairs)])
publish.table("positions_costs", ["scheme", *survey.LENGTHS], table)
shown = ("none", "recurrent", "Shaw", "Transformer-XL", "T5", "rotary")
curves = {name: (lengths, torch.tensor(found[f"{name}: ms"])) for name in shown}
log = {"xscale": "log", "yscale": "log", "ylim": (0.1, 3e4)}  # room for the names
draw = charts.plots(curves, "length", "milliseconds a call", **log)
publish.figure("positions_costs", charts.plain(draw), alt="Time by length: rotary as fast as none.")

# %% [markdown]
# ## Pictures: scores of equal tokens, buckets, two arrows, two wirings, a leak

# %%
maps = {}
for name in ("learned", "sinusoidal", "Shaw", "Transformer-XL", "T5", "DeBERTa", "rotary", "ALiBi"):
    net = survey.surveyed(name, dim=64, heads=4, length=64, generator=fixed.manual_seed(3))
    token = torch.randn(1, 1, 64, generator=fixed)
    scores = net.scores(token.expand(-1, 64, -1))[0, 1].detach()
    maps[name] = (scores - scores.min()) / (scores.max() - scores.min())
alt = "Eight maps of scores of equal tokens: all but the first two are constant along diagonals."
draw = charts.heatmaps(maps, columns=4, height=1.75)
publish.figure("positions_scores", draw, alt=alt, raster=True)

# %%
offsets, ways = torch.arange(-150, 151), {"both directions": True, "causal": False}
stairs = {k: (offsets, positions.t5_bucket(offsets, bidirectional=w)) for k, w in ways.items()}
draw = charts.plots(stairs, "key minus query", "bucket")
publish.figure("positions_buckets", draw, alt="Staircases whose steps widen with the distance.")

# %%
turns = {f"$m$ = {m}, $n$ = {m - 1}": (0.3 + 0.5 * m, 0.9 + 0.5 * m) for m in (1, 4, 9)}
alt = "Three circles, two arrows each, turned on each time, the angle between them the same."
publish.figure("positions_dials", boards.dials(turns, ("$R_mq$", "$R_nk$")), alt=alt)
pairs = {"interleaved": [(i, i + 1) for i in (0, 2, 4, 6)], "half": [(i, i + 4) for i in range(4)]}
publish.figure("positions_wirings", boards.wirings(pairs), alt="Arches over features, by pair.")

# %%
leaks = {}
for padding in ("zeros", "circular", "reflect"):
    x = positions.padding_leak(32, padding=padding, generator=fixed.manual_seed(1))
    found[f"leak, {padding}"] = (x.std((1, 2)).mean() / x.mean()).item()
    leaks[padding] = (x - x[:, 16:17, 16:17]).abs().mean(0)
found["leak, inside"] = leaks["zeros"][5:-5, 5:-5].max().item()
most = max(leak.max() for leak in leaks.values())
maps = {padding: 0.15 + 0.85 * leak / most for padding, leak in leaks.items()}
draw = charts.heatmaps(maps, height=2.3)
publish.figure("positions_leak", draw, alt="A frame where zeros were padded.", raster=True)

# %% [markdown]
# ## Three tasks and a text, one scheme each, five seeds
#
# The best of a column and all that are not told apart from it have a mark † (t-tests paired over
# seeds, Holm's correction, 5 %). Inside are places 32 to 63 of a window, beyond 128 to 255.

# %%
texts, sizes = load_characters(), {"length": LONGEST, "far": FAR, **scale}
sizes |= {"steps": 4000 if FULL else 150, "count": 6, "rate": 2e-3 if FULL else 8e-3, "read": 32}


def trial(kind, name):
    """Train one scheme, all seeds at once."""
    if kind == "text":
        test = texts.test[: LONGEST - FAR] if name == "product" else texts.test  # same windows
        return trials.text_scores(name, texts.train, test, len(texts.alphabet), **sizes)
    how = {"longest": LONGEST, "steps": STEPS[kind] * (20 if FULL else 1), **scale}
    return trials.task_scores(name, kind, LENGTHS, **how)


jobs = [(k, name) for k in ("text", *STEPS) for name in names]
done = run_all(trial, jobs, workers=1 if FULL else 2)

# %%
bits, nothing = {}, torch.full((5, FAR), torch.nan)
done["text", "learned"]["learned"] = done["text", "learned"]["learned, hierarchical"][:, :LONGEST]
for scores in (done["text", name] for name in names):
    bits |= {k: torch.cat([x, nothing[:, x.shape[1] :]], 1) for k, x in scores.items()}
parts = {"bits inside": slice(32, 64), "bits beyond": slice(128, FAR)}
text = {part: torch.stack([x[:, s].mean(1) for x in bits.values()], 1) for part, s in parts.items()}
right = {t: torch.stack([done[t, name] for name in names], 1) for t in STEPS}
each = {f"{t} {n}": 100 * x[..., i] for t, x in right.items() for i, n in enumerate(LENGTHS)}
each = {k: x for k, x in each.items() if k not in ("reverse 128", "reverse 256")}  # near chance
for name, columns, labels in (("tasks", each, names), ("text", text, list(bits))):
    table, numbers = best_marked(columns, labels, low=list(parts), digits=2 * (name == "text"))
    publish.table(f"positions_{name}", ["scheme", *columns], table)
    found |= numbers
publish.numbers("positions", found)

# %%
groups = {t: {f"length {n}": x[..., i] for i, n in enumerate(LENGTHS)} for t, x in right.items()}
draw = boards.error_rows(groups, names, "share of right answers", level=1 / SYMBOLS)
publish.figure("positions_tasks", draw, alt="Accuracies of ten schemes on three tasks.")

# %%
shown = ("Transformer-XL", "ALiBi", "rotary", "rotary, NTK base", "sinusoidal", "none")
curves = {name: bits[name].unflatten(1, (-1, 32)).mean(2) for name in shown}
where, low = torch.arange(16, FAR, 32), min(x.min().item() for x in curves.values()) - 0.7
draw = charts.bands(curves, where, "place in the window", "bits a character", ylim=(low, None))
publish.figure("positions_text", draw, alt="Bits by place: Transformer-XL lowest, rotary climbs.")
