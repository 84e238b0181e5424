"""The networks and the descent that the lab of docs/articles/svd.md uses."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles

from snippets import networks
from snippets.networks import autoencoder, dense, descend, linear_autoencoder, share, spreads
from snippets.svd import discarded_energy, principal_axes

pytestmark = pytest.mark.usefixtures("reproducible")


def test_dense_has_one_layer_or_two() -> None:
    linear, deep = dense(5, 3), dense(5, 3, hidden=7)
    assert [tuple(w.shape) for w in linear.parameters()] == [(3, 5), (3,)]
    assert [tuple(w.shape) for w in deep.parameters()] == [(7, 5), (7,), (3, 7), (3,)]
    x = torch.randn(4, 5)
    for sizes in ((400, 300), (300, 400)):
        weight, _ = dense(*sizes).parameters()
        assert weight.std().item() == pytest.approx(0.05, rel=0.02)
    (matrix, bias) = linear.parameters()
    torch.testing.assert_close(linear(x), x @ matrix.T + bias)
    assert not bias.any()


@pytest.mark.parametrize("deep", [(0, 0), (1, 0), (0, 1)])
def test_deep_halves_of_an_autoencoder_are_256_wide(deep: tuple[int, int]) -> None:
    model = autoencoder(torch.randn(8, 5), 2, deep, 0, 1)
    shapes = [tuple(w.shape) for w in model.parameters() if w.ndim == 2]
    encoder = [(256, 5), (2, 256)] if deep[0] else [(2, 5)]
    decoder = [(256, 2), (5, 256)] if deep[1] else [(5, 2)]
    assert shapes == encoder + decoder


def test_descent_reaches_least_squares() -> None:
    """Against torch.linalg.lstsq."""
    x = torch.randn(64, 3)
    rows = torch.cat([x, x @ torch.randn(3, 2)], 1)
    model = dense(3, 2)

    def loss(batch: torch.Tensor) -> torch.Tensor:
        return (batch[:, 3:] - model(batch[:, :3])).square().sum()

    history = descend(model, loss, rows, rate=0.05, epochs=400, batch_size=64)
    assert len(history["total"]) == 400
    weight, *_ = model.parameters()
    expected = torch.linalg.lstsq(x, rows[:, 3:]).solution.T
    assert (weight - expected).abs().max() < 1e-2
    assert not weight.requires_grad


def test_descent_takes_batches_of_128_in_one_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate makes one cycle in as many steps as there are batches."""
    told: dict[str, Any] = {}
    monkeypatch.setattr(networks, "fit", lambda *_, **how: told.update(how) or {})
    for rows, steps in ((256, 4), (257, 6)):
        descend(dense(2, 2), torch.sum, torch.ones(rows, 2), rate=0.1, epochs=2)
        assert told["generator"].initial_seed() == 0
        assert (told["batch_size"], told["schedule"].total_steps) == (128, steps)


def test_a_linear_autoencoder_reaches_the_floor() -> None:
    rows = torch.randn(40, 6) * torch.linspace(3, 1, 6)
    model, history = linear_autoencoder(rows, principal_axes(rows, 2), steps=1500)
    error = (rows - model(rows)).square().sum()
    assert abs(error / discarded_energy(rows, 2) - 1) < 1e-3
    assert len(history["angle"]) == 150
    assert history["angle"][-1] < 1
    _, history = linear_autoencoder(rows, principal_axes(rows, 2), decay=1.0, steps=2)
    assert set(history) == {"total"}


def test_the_angle_of_a_linear_autoencoder_is_the_largest() -> None:
    axes = principal_axes(torch.randn(20, 6), 3)
    model, history = linear_autoencoder(torch.randn(20, 6), axes, steps=11)
    angles = subspace_angles(model.decoder.T.numpy(), axes.numpy())
    assert history["angle"][-1] == pytest.approx(np.degrees(angles.max()), abs=1e-2)


def test_deep_autoencoders_are_deep_where_they_should_be() -> None:
    rows = torch.randn(20, 4)
    for deep in ((0, 0), (1, 0), (0, 1)):
        model = autoencoder(rows, 2, deep, seed=0, epochs=2)
        assert [len(list(part.parameters())) for part in model] == [2 + 2 * part for part in deep]
        assert model(rows).shape == rows.shape
        again = autoencoder(rows, 2, deep, seed=0, epochs=2)
        assert torch.equal(again(rows), model(rows))


def test_shares_and_spreads() -> None:
    """By hand: 1 + 4 of 25 lost; means 2 and 5, sample deviations 1.41 and 0."""
    assert abs(share(torch.tensor([2.0, 2.0]), torch.tensor([3.0, 4.0])) - 20) < 1e-12
    assert spreads({"a": [[1, 5], [3, 5.0]]}) == [("a", "2.0 ± 1.4", "5.0 ± 0.0")]
    assert spreads({"one run": [[7.0]]}) == [("one run", "7.0 ± 0.0")]


@pytest.mark.refusal
def test_refuses_counts_below_one() -> None:
    with pytest.raises(ValueError, match="outputs must be at least 1, got 0"):
        dense(2, 0)
    with pytest.raises(ValueError, match="epochs must be at least 1, got 0"):
        descend(dense(2, 2), torch.sum, torch.ones(2, 2), rate=0.1, epochs=0)
