"""What the lab of capsules compares with, in snippets/rivals.py."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import torch
from sklearn.mixture import GaussianMixture
from torch import Generator, Tensor, nn
from torch.testing import assert_close

from snippets import rivals
from snippets.capsules import MatrixCapsules, em_routing

pytestmark = pytest.mark.usefixtures("reproducible")  # one seed, float64


def test_routing_by_broadcasting_gives_the_same() -> None:
    """Poses, activations, responsibilities, and gradients of votes."""
    votes, activations = torch.randn(3, 30, 4, 5), torch.rand(3, 30)
    results = []
    for function in (em_routing, rivals.broadcast_routing):
        leaf = votes.clone().requires_grad_()
        routing = function(leaf, activations, beta_u=0.3, beta_a=-0.2, inverse_temperature=0.1)
        sum(x.square().sum() for x in routing).backward()  # pyright: ignore
        results.append([*routing, leaf.grad])
    assert_close(*results, atol=1e-7, rtol=1e-6)


def test_routing_by_broadcasting_survives_votes_that_agree() -> None:
    votes, activations = torch.ones(1, 3, 2, 4), torch.ones(1, 3)
    for part in rivals.broadcast_routing(votes, activations, beta_u=0.0, beta_a=0.0):
        assert part.isfinite().all()


def test_the_cnn_has_as_many_weights() -> None:
    """To two in a hundred, and its map shrinks as that of the capsules."""
    capsules = MatrixCapsules(10, features=32, types=(2, 8, 8), strides=(3, 2, 1))
    counts = [sum(p.numel() for p in m.parameters()) for m in (capsules, rivals.convnet(10))]
    assert counts == [14_760, 14_588]
    assert rivals.convnet(7)(torch.rand(2, 1, 28, 28)).shape == (2, 7)
    strides = [layer.stride for layer in rivals.convnet(7) if isinstance(layer, nn.Conv2d)]
    assert strides == [(3, 3), (2, 2), (1, 1)]


@pytest.mark.parametrize("spread", [False, True])
def test_classify_learns(spread: bool) -> None:
    """Bright squares to the left or to the right: read after one epoch; the seed decides all."""
    labels = torch.arange(64) % 2
    images = 0.1 * torch.rand(64, 1, 28, 28)
    images[labels == 0, :, 8:20, 3:12] += 1
    images[labels == 1, :, 8:20, 16:25] += 1

    def trained() -> nn.Module:
        torch.manual_seed(0)
        model = nn.Sequential(rivals.convnet(2, channels=(4, 4, 4)), nn.Sigmoid())
        how: Any = {"rate": 0.02, "epochs": 15, "seed": 0, "spread": spread}
        return rivals.classify(model, images, labels, batch_size=16, **how)

    model = trained()
    assert rivals.percent_wrong(model, images, labels) == 0
    assert not any(p.requires_grad for p in model.parameters())
    for mine, again in zip(model.parameters(), trained().parameters(), strict=True):
        assert torch.equal(mine, again)


def test_a_classifier_meets_its_images_in_the_order_of_its_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr(rivals, "fit", lambda *_, **how: told.update(how))
    model, images = nn.Sequential(nn.Flatten(), nn.Linear(9, 2)), torch.rand(70, 1, 3, 3)
    how: Any = {"rate": 0.1, "epochs": 3, "spread": False}
    rivals.classify(model, images, torch.arange(70) % 2, seed=5, **how)
    assert told["generator"].initial_seed() == 5
    assert (told["epochs"], told["batch_size"], told["schedule"].total_steps) == (3, 32, 9)


def test_margins_grow_in_the_first_seven_tenths(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 0.2 to 0.9, by steps; the rate makes one cycle in as many."""
    margins, cycles = [], []

    def loss(scores: Tensor, labels: Tensor, *, margin: float) -> Tensor:
        margins.append(margin)
        return (scores.sum(1) - labels).square().mean()

    def cycle(*arguments: Any, **options: Any) -> Any:
        cycles.append((arguments[1:], options))
        return torch.optim.lr_scheduler.LambdaLR(arguments[0], lambda _: 1.0)

    monkeypatch.setattr(rivals, "spread_loss", loss)
    monkeypatch.setattr(torch.optim.lr_scheduler, "OneCycleLR", cycle)
    how: Any = {"rate": 0.1, "epochs": 2, "seed": 0, "spread": True, "batch_size": 4}
    model = nn.Sequential(nn.Flatten(), nn.Linear(9, 2))
    rivals.classify(model, torch.rand(18, 1, 3, 3), torch.arange(18) % 2, **how)
    np.testing.assert_allclose(margins, [0.2 + 0.7 * min(1, k / 7) for k in range(10)])
    assert cycles == [((0.1, 10), {"pct_start": 0.2})]


def test_percent_wrong_counts_images() -> None:
    """By hand, with one label an image and with two in any order."""
    model = nn.Sequential(nn.Flatten())
    images = torch.tensor([[5.0, 1, 4], [0, 2, 1], [9, 8, 7], [1, 2, 3]])[:, None, None]
    assert rivals.percent_wrong(model, images, torch.tensor([0, 2, 0, 2])) == 25
    pairs = torch.tensor([[2, 0], [1, 2], [0, 2], [1, 2]])
    assert rivals.percent_wrong(model, images, pairs) == 25


@pytest.mark.parametrize("seed", [*range(4, 12)])
def test_affine_digits_are_scipys(seed: int) -> None:
    """One blurred image: the matrix found back by scipy.ndimage on the same draws."""
    x = torch.zeros(1, 1, 28, 28)
    x[..., 9:19, 12:16] = 1
    x[..., 15:19, 12:22] = 1
    smooth = torch.tensor(scipy.ndimage.gaussian_filter(x[0, 0].numpy(), 1.5))[None, None]
    found = rivals.affine_digits(smooth, generator=Generator().manual_seed(seed))
    u = 2 * torch.rand(
        6, 1, generator=Generator().manual_seed(seed), dtype=torch.get_default_dtype()
    )
    u = (u - 1)[:, 0].tolist()
    angle, shear = math.radians(20) * u[0], 0.2 * u[1]
    across, up = 1 / (1 + 0.2 * u[2]), 1 / (1 + 0.2 * u[3])
    a = np.array([[across * math.cos(angle), across * (shear - math.sin(angle))],
                  [up * math.sin(angle), up * math.cos(angle)]])  # fmt: skip
    matrix, move = a[::-1, ::-1], 3 * np.array([u[5], u[4]])
    centre = np.full(2, 13.5)
    offset: Any = centre + move - matrix @ centre
    expected = scipy.ndimage.affine_transform(smooth[0, 0].numpy(), matrix, offset, order=1)
    np.testing.assert_allclose(found[0, 0].numpy(), expected, atol=0.02)


def test_affine_digits_stay_within_their_bounds() -> None:
    """Mass keeps within the scales' product; no two images move alike; the seed decides."""
    x = torch.zeros(200, 1, 28, 28)
    x[..., 10:18, 10:18] = 1
    found = rivals.affine_digits(x, generator=Generator().manual_seed(0))
    mass = found.sum((1, 2, 3)) / 64
    assert 0.8**2 * 0.85 < mass.min() < 0.85
    assert 1.2 < mass.max() < 1.2**2 * 1.1
    grid = torch.arange(28.0)
    rows = (found.sum(3)[:, 0] * grid).sum(1) / found.sum((1, 2, 3))
    assert 2.5 < (rows - 13.5).abs().max() < 4.5
    assert torch.equal(found, rivals.affine_digits(x, generator=Generator().manual_seed(0)))


def test_overlapping_pairs_are_two_digits_moved_apart() -> None:
    """Dots of labels' brightness: both found, 4 pixels apart each way, never two alike."""
    labels = torch.arange(40) % 10
    images = torch.zeros(40, 1, 28, 28)
    images[:, 0, 14, 14] = (labels + 1) / 10
    found, both = rivals.overlapping_pairs(
        images, labels, count=50, generator=Generator().manual_seed(0)
    )
    assert found.shape == (50, 1, 28, 28)
    assert (both[:, 0] != both[:, 1]).all()
    for image, pair in zip(found[:, 0], both, strict=True):
        places = image.nonzero()
        assert (places[0] - places[1]).abs().tolist() == [4, 4]
        values = sorted(image[image > 0].tolist())
        np.testing.assert_allclose(values, sorted(((pair + 1) / 10).tolist()))


def test_pairs_are_drawn_by_their_generator_alone() -> None:
    images, labels = torch.rand(20, 1, 8, 8), torch.arange(20) % 10
    drawn = [
        rivals.overlapping_pairs(images, labels, count=6, generator=Generator().manual_seed(8))
        for _ in "ab"
    ]
    assert_close(*drawn, rtol=0, atol=0)


def test_knots_agree_for_their_own_parent_only() -> None:
    """Means and spreads of both kinds of votes, and who belongs to whom."""
    places = torch.tensor([[3.0, -3.0], [-4.0, 4.0]])
    votes, belongs = rivals.knots(
        places, members=500, strays=100, spread=0.1, generator=Generator().manual_seed(0)
    )
    assert votes.shape == (1, 1100, 2, 2)
    assert belongs.bincount().tolist() == [500, 500, 100]
    for parent in (0, 1):
        own, other = (votes[0, mask, parent] for mask in (belongs == parent, belongs != parent))
        assert_close(own.mean(0), places[parent], atol=0.03, rtol=0)
        assert_close(own.std(0), torch.full((2,), 0.1), atol=0.02, rtol=0)
        assert other.mean(0).abs().max() < 0.2
        assert_close(other.std(0), torch.ones(2), atol=0.15, rtol=0)


def test_knots_may_have_no_strays() -> None:
    votes, belongs = rivals.knots(
        torch.zeros(2, 3), members=1, strays=0, spread=1, generator=Generator()
    )
    assert votes.shape == (1, 2, 2, 3)
    assert belongs.tolist() == [0, 1]


def test_knots_are_drawn_by_their_generator_alone() -> None:
    drawn = [
        rivals.knots(
            torch.zeros(2, 3), members=4, strays=1, spread=1, generator=Generator().manual_seed(8)
        )
        for _ in "ab"
    ]
    assert_close(*drawn, rtol=0, atol=0)


def test_fitted_returns_what_a_picture_needs() -> None:
    """Mean by np.average, deviations by np.cov, of weights R times a."""
    votes, a = torch.randn(1, 20, 3, 4), torch.rand(1, 20)
    routing, group = rivals.fitted(votes, a, [2, 0], [1, 3], beta_u=0, beta_a=0)
    for parent, (own, shares, mean, std) in zip((2, 0), group, strict=True):
        assert_close(shares, routing.responsibilities[0, :, parent])
        x, w = votes[0, :, parent][:, [1, 3]].numpy(), (shares * a[0]).numpy()
        assert_close(own.numpy(), x)
        np.testing.assert_allclose(mean.numpy(), np.average(x, axis=0, weights=w))
        np.testing.assert_allclose(std.numpy() ** 2, np.diag(np.cov(x.T, aweights=w, ddof=0)))


def test_likelihoods_of_em_are_sklearns() -> None:
    """From the same responsibilities, step by step, by GaussianMixture's score."""
    points = torch.randn(50, 2) + 2 * (torch.arange(50) % 2)[:, None]
    start = torch.rand(50, 2).softmax(1)
    curve = rivals.likelihoods(points, start, slope=None, steps=3)
    model = GaussianMixture(2, covariance_type="diag", reg_covar=0)
    model._initialize(points.numpy(), start.numpy())
    for expected in curve.tolist():
        assert abs(model.score(points.numpy()) - expected) < 1e-9
        _, logs = model._e_step(points.numpy())
        model._m_step(points.numpy(), logs)
    routed = rivals.likelihoods(points, start, slope=0.1, steps=3)
    assert not torch.allclose(routed, curve)


REFUSALS: dict[str, Any] = {
    "no classes": (lambda: rivals.convnet(0), "classes must be at least 1, got 0"),
    "no epochs": (
        lambda: rivals.classify(
            nn.Linear(1, 1), images(1), torch.zeros(1).long(), rate=1, epochs=0, seed=0, spread=True
        ),
        "epochs must be at least 1, got 0",
    ),
    "labels of others": (
        lambda: rivals.percent_wrong(nn.Flatten(), images(2), torch.zeros(3).long()),
        r"shape of labels must be \(2,\), got \(3,\)",
    ),
    "images that are not numbers": (
        lambda: rivals.percent_wrong(
            nn.Sequential(nn.Flatten(), nn.Linear(784, 2)),
            math.nan * images(3),
            torch.zeros(3).long(),
        ),
        "count of NaN and infinity in scores must be 0, got 6",
    ),
    "images that are not square": (
        lambda: rivals.affine_digits(images(2)[..., :9], generator=Generator()),
        r"images must be square, got \(28, 9\)",
    ),
    "one class": (
        lambda: rivals.overlapping_pairs(
            images(4), torch.zeros(4).long(), count=2, generator=Generator()
        ),
        "labels must be of several classes, got 2",
    ),
    "no members": (
        lambda: rivals.knots(
            torch.zeros(2, 2), members=0, strays=1, spread=1, generator=Generator()
        ),
        "members must be at least 1, got 0",
    ),
    "fewer strays than none": (
        lambda: rivals.knots(
            torch.zeros(2, 2), members=1, strays=-1, spread=1, generator=Generator()
        ),
        "strays must be at least 0, got -1",
    ),
    "no steps": (
        lambda: rivals.likelihoods(torch.rand(4, 2), torch.rand(4, 2), slope=None, steps=0),
        "steps must be at least 1, got 0",
    ),
}


def images(count: int) -> Tensor:
    return torch.zeros(count, 1, 28, 28)


@pytest.mark.refusal
@pytest.mark.parametrize("case", REFUSALS)
def test_refuses_bad_input(case: str) -> None:
    call, message = REFUSALS[case]
    with pytest.raises(ValueError, match=f"^{message}$"):
        call()
