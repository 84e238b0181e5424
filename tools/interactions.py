"""What a trained Transformer makes of two positions: its H, and how far Taylor's formula goes."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from snippets.positions import Attention, Scheme
from snippets.sinusoidal import encode, frequencies, mixed_hessian, mixed_term, relative_part


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


def explained(scores: Tensor) -> Tensor:
    """Return the share of what scores (..., n, n) vary by within rows, up to the diagonal, that a
    function of the offset explains; what is constant in a row changes no softmax.
    """
    length = scores.shape[-1]
    m, n = torch.tril_indices(length, length)
    design = torch.zeros(len(m), 2 * length, dtype=torch.float64)
    rows = torch.arange(len(m))
    design[rows, m] = design[rows, length + m - n] = 1
    values = scores[..., m, n].double().reshape(-1, len(m)).T
    row_means = design[:, :length] @ torch.linalg.lstsq(design[:, :length], values).solution
    basis, sizes, _ = torch.linalg.svd(design, full_matrices=False)
    basis = basis[:, sizes > 1e-9 * sizes[0]]
    left = values - basis @ (basis.T @ values)
    share = 1 - left.square().sum(0) / (values - row_means).square().sum(0)
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
