"""What a trained Transformer makes of two positions: its H, and how far Taylor's formula goes."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from einops import rearrange
from joblib import Parallel, delayed
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from snippets.comparisons import paired_differences
from snippets.ensembles import Ensemble
from snippets.positions import Attention, Scheme
from snippets.sinusoidal import encode, frequencies, mixed_hessian, mixed_term, relative_part
from snippets.trials import train_characters


class TrainedFrequencies(Scheme):
    """Sinusoids added to the input, whose frequencies are trained from those of a base."""

    def __init__(self, dim: int, *, base: float = 10000.0) -> None:
        super().__init__()
        self.dim = dim
        self.log_rates = nn.Parameter(frequencies(dim, base=base).log().float())

    def forward(self, x: Tensor) -> Tensor:
        """Return the input with its positions."""
        return x + encode(x.shape[1], self.log_rates.exp()).to(x)


class Table(Scheme):
    """Rows of a table, added to the input as they are."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table = table

    def forward(self, x: Tensor) -> Tensor:
        """Return the input with its positions."""
        return x + self.table[: x.shape[1]]


def query_key(attention: Attention) -> Tensor:
    """Return H of each head's scores, (heads, dim, dim): s_mn = x_m H x_n."""
    query, key = (
        rearrange(layer.weight, "(h d) c -> h d c", h=attention.heads)
        for layer in (attention.query, attention.key)
    )
    scale = attention.position.scale(query.shape[1])
    return scale * torch.einsum("hdi,hdj->hij", query, key).detach()


def heads(ensemble: Ensemble) -> Tensor:
    """Return H of all heads, layer after layer, of each member: (members, heads, dim, dim)."""
    networks: list[Any] = [ensemble.member(i) for i in range(len(ensemble.seeds))]
    layers = [[query_key(layer[-1]) for layer in each.attentions] for each in networks]
    return torch.stack([torch.cat(each) for each in layers]).double()


def shares(matrices: Iterable[Tensor]) -> dict[str, float]:
    """Return the mean shares of energy: on the diagonal, in 2x2 blocks, in the relative part."""
    found: dict[str, list[float]] = {"diagonal": [], "blocks": [], "relative": []}
    for matrix in matrices:
        total, pairs = matrix.square().sum(), rearrange(matrix, "(i a) (j b) -> i j a b", a=2, b=2)
        own = pairs.diagonal().square().sum()
        found["diagonal"].append((matrix.diagonal().square().sum() / total).item())
        found["blocks"].append((own / total).item())
        found["relative"].append((relative_part(matrix).square().sum() / total).item())
    return {name: sum(values) / len(values) for name, values in found.items()}


def head_table(ensemble: Ensemble, table: Tensor) -> Tensor:
    """Return percentages of each member's heads, (members, 6): the three shares of H, and what
    explains the scores between rows of a table of positions: the relative part of H, a straight
    line in the key's position, any function of the offset.
    """
    p, rows = table.double(), []
    line = torch.arange(len(p)).double().expand(len(p), len(p))
    for H in heads(ensemble):
        scores = p @ H @ p.T
        relative = p @ torch.stack([relative_part(head) for head in H]) @ p.T
        fits = left_over(scores - relative, scores), explained(scores, line[None])
        offset = explained(scores, offsets(len(p)))
        rows.append([*shares(H).values(), *(each.mean().item() for each in (*fits, offset))])
    return 100 * torch.tensor(rows)


def trained_together(
    builds: Mapping[str, Any], text: Tensor, *, workers: int = 2, **how: Any
) -> dict[str, Ensemble]:
    """Train one ensemble of character models a scheme, so many schemes at a time."""
    jobs = (delayed(train_characters)(text, build, **how) for build in builds.values())
    trained: Any = Parallel(workers)(jobs)
    return {name: net for name, (net, _) in zip(builds, trained, strict=True)}


def octaves_moved(ensemble: Ensemble, *, base: float) -> Tensor:
    """Return how far trained frequencies are from their start, (members, layers, pairs)."""
    networks: list[Any] = [ensemble.member(i) for i in range(len(ensemble.seeds))]
    logs = [[layer[-1].position.log_rates for layer in each.attentions] for each in networks]
    ends = torch.stack([torch.stack(each) for each in logs]).detach().double()
    start = frequencies(2 * ends.shape[-1], base=base).log()
    return (ends - start).abs() / math.log(2)


def compared(scores: Mapping[str, Tensor], reference: int) -> list[list[str]]:
    """Return a row a scheme: mean and spread of each named score, (members, schemes), and for the
    first of them the difference to the reference, with its corrected p-value.
    """
    first = next(iter(scores.values()))
    gaps, p_values = paired_differences(first, reference)
    return [
        [
            *(f"{each[:, i].mean():.3f} ± {each[:, i].std():.3f}" for each in scores.values()),
            f"{gaps[i]:+.3f}" if i != reference else "",
            f"{p_values[i]:.1g}" if i != reference else "",
        ]
        for i in range(first.shape[1])
    ]


def within_rows(scores: Tensor) -> Tensor:
    """Return scores (..., n, n) up to the diagonal, less the mean of their row, (..., entries):
    all that a causal softmax can see of them.
    """
    mask = torch.ones_like(scores).tril()
    means = (scores * mask).sum(-1, keepdim=True) / mask.sum(-1, keepdim=True)
    m, n = torch.tril_indices(*scores.shape[-2:])
    return (scores - means)[..., m, n]


def left_over(rest: Tensor, scores: Tensor) -> Tensor:
    """Return 1 less the energy, within rows, of what a fit leaves of scores, over theirs."""
    return 1 - within_rows(rest).square().sum(-1) / within_rows(scores).square().sum(-1)


def by_wavelength(
    matrices: Tensor, table: Tensor, *, base: float, ends: Sequence[float]
) -> list[float]:
    """Return what the keys' clocks with a wavelength between each two ends explain, alone, of the
    scores of positions within rows: percentages, means over heads.
    """
    p, found = table.double(), []
    left = p @ matrices
    lengths = (2 * math.pi / frequencies(p.shape[1], base=base)).repeat_interleave(2)
    for low, high in pairwise(ends):
        rest = p * ~((low <= lengths) & (lengths < high))
        found.append(100 * left_over(left @ rest.T, left @ p.T).mean().item())
    return found


def offsets(length: int) -> Tensor:
    """Return, for each offset from 0, the matrix that is 1 there, (length, length, length)."""
    place = torch.arange(length)
    return (place[:, None] - place == place[:, None, None]).double()


def explained(scores: Tensor, patterns: Tensor) -> Tensor:
    """Return the share of scores (..., n, n), within rows, that a sum of patterns explains."""
    seen = within_rows(scores.double())
    values = seen.reshape(-1, seen.shape[-1]).T
    design = within_rows(patterns.double()).T
    fit = design @ torch.linalg.lstsq(design, values, driver="gelsd").solution
    share = 1 - (values - fit).square().sum(0) / values.square().sum(0)
    return share.reshape(scores.shape[:-2])


def of_two_positions(
    network: Any, ids: Tensor, target: Tensor, table: Tensor, m: int, n: int
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the loss of the last symbol as a function of the positions m and n of layer 1.

    All others keep their rows of the table.
    """
    rest, where = table.clone(), torch.zeros(len(table), 2, dtype=table.dtype)
    rest[[m, n]] = 0
    where[m, 0] = where[n, 1] = 1

    def f(p_m: Tensor, p_n: Tensor) -> Tensor:
        network.attentions[0][-1].position = Table(rest + where @ torch.stack([p_m, p_n]))
        return cross_entropy(network(ids[None])[0, -1:], target[-1:])

    return f


def interaction(f: Callable[..., Tensor], p_m: Tensor, p_n: Tensor) -> tuple[float, float]:
    """Return the mixed term of two positions, and what the mixed Hessian at zero makes of it."""
    none = p_m.new_zeros(1)
    bilinear = mixed_hessian(lambda s, t: f(s * p_m, t * p_n), none, none.clone())
    with torch.no_grad():
        return mixed_term(f, p_m, p_n).item(), bilinear.item()


def truncation(
    network: Any, text: Tensor, table: Tensor, sizes: Sequence[float], count: int
) -> dict[float, list[float]]:
    """Compare mixed terms with what H at zero makes of them, in so many drawn windows of a text.

    Returns:
        By size of the two positions, in percent, how often the signs agree, and the median
        error in units of the mixed term.
    """
    draw, pairs, length = Generator().manual_seed(0), {size: [] for size in sizes}, len(table)
    for start in torch.randint(len(text) - length - 1, (count,), generator=draw).tolist():
        window = text[start : start + length + 1]
        m, n = torch.randperm(length, generator=draw)[:2].tolist()
        f = of_two_positions(network, window[:-1], window[1:], table, m, n)
        for size in sizes:
            pairs[size].append(interaction(f, size * table[m], size * table[n]))
    found = {}
    for size, values in pairs.items():
        mixed, bilinear = torch.tensor(values, dtype=torch.float64).T
        signs = (mixed * bilinear > 0).double().mean()
        errors = (bilinear / mixed - 1).abs()
        found[size] = [100 * signs.item(), 100 * errors.median().item()]
    return found
