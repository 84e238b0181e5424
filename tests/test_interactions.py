"""What tools/interactions.py reads off a trained layer, against scores and differences."""

from functools import partial
from typing import Any

import pytest
import scipy.linalg
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

from snippets.ensembles import Ensemble, Transformer
from snippets.positions import Attention, SinusoidalPositions
from snippets.sinusoidal import frequencies, relative_part, sinusoidal
from snippets.trials import train_characters
from tools.interactions import (
    Table,
    TrainedFrequencies,
    by_wavelength,
    compared,
    explained,
    head_table,
    heads,
    interaction,
    left_over,
    octaves_moved,
    of_two_positions,
    offsets,
    query_key,
    shares,
    trained_together,
    truncation,
    within_rows,
)

pytestmark = pytest.mark.usefixtures("reproducible")


class Network(nn.Module):
    """The least that has attentions and predicts symbols."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 8)
        attention = Attention(8, 2, position=SinusoidalPositions(8), causal=True)
        self.attentions = nn.ModuleList([nn.Sequential(nn.LayerNorm(8), attention)])
        self.last = nn.Linear(8, 5)
        for weight in self.parameters():
            nn.init.normal_(weight, std=0.5)

    def forward(self, ids: Tensor) -> Tensor:
        h = self.embedding(ids)
        return self.last(h + self.attentions[0](h))


def test_query_key_is_the_bilinear_form_of_the_scores() -> None:
    layer, x = Attention(8, 2), torch.randn(1, 5, 8)
    expected = torch.einsum("mi,hij,nj->hmn", x[0], query_key(layer), x[0])
    assert_close(layer.scores(x)[0], expected)


def test_shares_are_of_energy() -> None:
    assert shares([torch.eye(6)]) == {"diagonal": 1, "blocks": 1, "relative": 1}
    found = shares(torch.randn(400, 10, 10))
    for name, chance in {"diagonal": 1 / 10, "blocks": 1 / 5, "relative": 1 / 10}.items():
        assert found[name] == pytest.approx(chance, abs=0.01)
    matrix = torch.randn(6, 6)
    assert shares([relative_part(matrix)])["relative"] == pytest.approx(1)


def test_offsets_explain_toeplitz_scores_whatever_rows_add() -> None:
    """Against SciPy's Toeplitz matrices, and least squares on one head at a time."""
    n = 12
    toeplitz = torch.tensor(scipy.linalg.toeplitz(torch.randn(n), torch.randn(n)))
    rows = 100 * torch.randn(n, 1)
    noise = torch.randn(200, n, n)
    found = explained(torch.cat([(toeplitz + rows)[None], noise]), offsets(n))
    assert found[0] == pytest.approx(1)
    # Of 78 entries less 12 row means, 11 offsets take their share by chance.
    assert found[1:].mean().item() == pytest.approx(11 / 66, abs=0.02)
    assert explained(toeplitz + 0.1 * noise[0], offsets(n)) > 0.9
    assert explained(toeplitz, offsets(n)).shape == ()


def test_what_a_row_shares_is_not_seen() -> None:
    """Against a causal softmax, which stays, and a loop over rows."""
    scores, rows = torch.randn(3, 5, 5), torch.randn(3, 5, 1)
    assert_close(within_rows(scores + rows), within_rows(scores))
    expected = [row[: m + 1] - row[: m + 1].mean() for m, row in enumerate(scores[2])]
    assert_close(within_rows(scores)[2], torch.cat(expected))
    assert left_over(0.5 * scores + rows, scores)[0] == pytest.approx(0.75)


def test_scores_are_parted_by_the_wavelength_of_the_key() -> None:
    """With H on one pair of the key alone, the band of its wavelength has all."""
    H, p = torch.randn(4, 8, 8), sinusoidal(9, 8, base=50)
    H[..., :2] = H[..., 4:] = 0  # left: the second pair, 2 pi 50^(1/4) = 16.7 tokens a turn
    found = by_wavelength(H, p, base=50, ends=(0, 16.5, 17, torch.inf))
    assert found == pytest.approx([0, 100, 0])
    assert by_wavelength(torch.randn(4, 8, 8), p, base=50, ends=(0, torch.inf)) == [100]


def test_a_line_in_the_key_is_a_line_in_the_offset() -> None:
    line = torch.arange(9.0).expand(9, 9)
    scores = 3 * line + torch.randn(9, 1)
    assert explained(scores, line[None]) == pytest.approx(1)
    assert explained(scores, offsets(9)) == pytest.approx(1)
    assert explained(torch.randn(300, 9, 9), line[None]).mean() == pytest.approx(1 / 36, abs=0.02)


def test_function_of_two_positions_is_the_loss_itself_at_its_own_rows() -> None:
    network, table = Network(), sinusoidal(6, 8)
    ids, target = torch.randint(5, (6,)), torch.randint(5, (6,))
    expected = cross_entropy(network(ids[None])[0, -1:], target[-1:])
    f = of_two_positions(network, ids, target, table, 1, 4)
    assert_close(f(table[1], table[4]), expected)
    assert (f(0 * table[1], table[4]) - expected).abs() > 1e-6


def test_interaction_agrees_for_small_positions() -> None:
    f = of_two_positions(
        Network(), torch.randint(5, (6,)), torch.randint(5, (6,)), sinusoidal(6, 8), 1, 5
    )
    p, q = torch.randn(2, 8)
    errors = []
    for size in (1e-2, 1e-3):
        mixed, bilinear = interaction(f, size * p, size * q)
        errors.append(abs(mixed / bilinear - 1))
    assert errors[0] < 0.1
    assert 5 < errors[0] / errors[1] < 20


def test_truncation_errs_less_the_smaller_positions_are() -> None:
    text = torch.randint(5, (400,))
    found = truncation(Network(), text, sinusoidal(6, 8), (1.0, 0.1, 0.01), 12)
    errors = [error for _, error in found.values()]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 5
    assert found[0.01][0] > 99


def test_heads_of_all_members_and_layers() -> None:
    build = partial(Transformer, 5, width=8, heads=2, layers=3)
    ensemble = Ensemble(build, range(4))
    H = heads(ensemble)
    assert H.shape == (4, 6, 8, 8)
    layer: Any = ensemble.member(2)
    assert_close(H[2, 2:4], query_key(layer.attentions[1][-1]))


def test_head_table_has_percentages_of_untrained_heads() -> None:
    build = partial(Transformer, 5, width=16, heads=2)
    values = head_table(Ensemble(build, range(30)), sinusoidal(12, 16))
    assert values.shape == (30, 6)
    for found, chance in zip(
        values.mean(0)[:3].tolist(), (100 / 16, 100 / 8, 100 / 16), strict=True
    ):
        assert found == pytest.approx(chance, abs=1)
    assert (values[:, 4] <= values[:, 5]).all()
    assert (values[:, 3] < values[:, 5]).all()


def test_schemes_are_trained_together_as_they_are_alone() -> None:
    text = torch.arange(500) % 4
    how = {"symbols": 4, "seeds": (1, 2), "steps": 20, "epochs": 2, "length": 8, "width": 8}
    builds = {"none": None, "sines": partial(SinusoidalPositions, 8)}
    torch.set_default_dtype(torch.float32)
    together = trained_together(builds, text, workers=1, **how)
    alone, _ = train_characters(text, builds["sines"], **how)
    for ours, theirs in zip(together["sines"].parameters(), alone.parameters(), strict=True):
        assert_close(ours, theirs, atol=1e-4, rtol=1e-3)


def test_compared_has_a_row_a_scheme() -> None:
    base = torch.randn(5)
    scores = torch.stack([base, base + 1 + 1e-3 * torch.randn(5), base + 1e-3 * base], 1)
    rows = compared({"a": scores, "b": 2 * scores}, 0)
    assert [len(row) for row in rows] == [4, 4, 4]
    assert rows[0][2:] == ["", ""]
    assert rows[1][2].startswith("+1.00")
    assert float(rows[1][3]) < 1e-6 < float(rows[2][3])
    assert rows[2][1] == f"{2 * scores[:, 2].mean():.3f} ± {2 * scores[:, 2].std():.3f}"


def test_octaves_are_counted_from_the_start() -> None:
    build = partial(Transformer, 5, partial(TrainedFrequencies, 8, base=50), width=8, heads=2)
    ensemble = Ensemble(build, range(3))
    assert octaves_moved(ensemble, base=50).max() < 1e-6
    assert octaves_moved(ensemble, base=50).shape == (3, 2, 4)
    with torch.no_grad():
        for weights in ensemble.weights:
            if weights.shape == (3, 4):
                weights[1, 2] -= 2 * torch.tensor(2.0).log()
    moved = octaves_moved(ensemble, base=50)
    assert_close(moved[1, :, 2], torch.full((2,), 2.0), atol=1e-6, rtol=0)
    assert moved.sum() == pytest.approx(4, abs=1e-5)


def test_trained_frequencies_start_as_sinusoids_and_move() -> None:
    scheme, x = TrainedFrequencies(8, base=50), torch.randn(2, 7, 8)
    assert_close(scheme(x), x + sinusoidal(7, 8, base=50), atol=1e-5, rtol=0)
    scheme(x).square().sum().backward()
    assert scheme.log_rates.grad is not None
    assert (scheme.log_rates.grad.abs() > 0).all()
    assert_close(scheme.log_rates.exp().double(), frequencies(8, base=50), atol=1e-6, rtol=0)
    assert_close(Table(torch.ones(9, 8))(x), x + 1)
