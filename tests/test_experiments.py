"""What the lab of infomax repeats, and the data it takes at full scale."""

import math
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Normal
from torch.optim.lr_scheduler import OneCycleLR

from snippets import experiments
from snippets.colour import load_full
from snippets.convolutions import Classifier, ConvAutoencoder
from snippets.experiments import (
    METHODS,
    build,
    known_estimates,
    learned_critic,
    noisy_information,
    trained,
)
from snippets.infomax import DeepInfoMax, gaussian_mutual_information

IMAGES = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(40) % 10


def test_estimates_are_those_of_known_information() -> None:
    dv, nwj, js, nce = known_estimates(0.8, 1, 0)
    information = gaussian_mutual_information(0.8)
    assert abs(dv - information) < 0.05
    assert abs(nwj - information) < 0.05
    assert abs(js - 0.134) < 0.02
    assert 0.4 < nce < information + 0.05
    assert torch.equal(known_estimates(0.5, 2, 3), known_estimates(0.5, 2, 3))


def test_a_critic_is_learned_from_pairs() -> None:
    x = torch.randn(4000, 1, generator=torch.Generator().manual_seed(0))
    critic = learned_critic(x, x + 0.1, epochs=4)
    assert critic(x, x + 0.1).mean() > 0.3 > 0 > critic(x, x.flip(0)).mean()
    assert not any(parameter.requires_grad for parameter in critic.parameters())


def test_a_critic_is_trained_as_the_text_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty epochs of Adam at 0.003, in batches of 500."""
    told: list[Any] = []
    monkeypatch.setattr(experiments, "fit", lambda *given, **how: told.extend([*given, how]))
    learned_critic(torch.rand(8, 2), torch.rand(8, 2))
    (group,) = told[3].param_groups
    assert group["lr"] == 3e-3
    assert told[4] == {"epochs": 20, "batch_size": 500}


def test_information_behind_noise_of_far_and_of_equal_codes() -> None:
    codes = torch.randn(200, 5, generator=torch.Generator().manual_seed(1))
    draw = torch.Generator()
    much, some, none = (
        noisy_information(codes, noise=noise, generator=draw.manual_seed(0))
        for noise in (1e-3, 1.0, 100)
    )
    assert abs(much - math.log(200)) < 1e-3
    assert none < 0.05 < some < 5 / 2 * math.log(2) + 0.2  # a Gaussian channel's capacity
    scaled = noisy_information(3 * codes + 7, noise=1.0, generator=draw.manual_seed(0))
    assert scaled == pytest.approx(some, abs=1e-4)


def test_noise_is_that_of_a_gaussian_channel() -> None:
    """Against torch.distributions: log p(z|x) for each pair, codes in units of their spread."""
    codes = 2 + 3 * torch.randn(30, 4, generator=torch.Generator().manual_seed(2))
    how = {"noise": 0.7, "generator": torch.Generator().manual_seed(5)}
    found = noisy_information(codes, **how)  # pyright: ignore[reportArgumentType]
    x = (codes - codes.mean(0)) / codes.std(0)
    drawn = torch.empty_like(x).normal_(generator=torch.Generator().manual_seed(5))
    scores = Normal(x, 0.7).log_prob((x + 0.7 * drawn)[:, None]).sum(-1)
    expected = scores.log_softmax(1).diagonal().mean() + math.log(30)
    assert found == pytest.approx(expected.item(), abs=1e-4)


def test_each_name_builds_its_method() -> None:
    kinds = {"AE": ConvAutoencoder, "VAE": ConvAutoencoder, "supervised": Classifier}
    encoders = set()
    for method in METHODS:
        model = build(method, IMAGES, 0.1, (4, 8))
        assert isinstance(model, kinds.get(method, DeepInfoMax))
        encoders.add(str(model.encoder))
    assert len(encoders) == 1
    kept = {"random": (1, 1), "global": (1, 0), "local": (0, 1), "both": (0.5, 1)}
    for method, (whole, local) in kept.items():
        assert build(method, IMAGES, 0.1, (4, 8)).weights == (whole, local, 0.1)
    assert build("AE", IMAGES, 0.1, (4, 8)).decoder_variance is None
    assert build("VAE", IMAGES, 0.1, (4, 8)).decoder_variance == 0.1


def test_runs_repeat_and_only_random_is_left_alone() -> None:
    for method in METHODS:
        first, second = (
            trained(method, 0.1, 1, IMAGES, LABELS, epochs=1, widths=(4,)) for _ in "ab"
        )
        torch.manual_seed(1)
        fresh = build(method, IMAGES, 0.1, (4,))
        codes = [model.encode(IMAGES)[0] for model in (first, second, fresh)]
        assert torch.equal(codes[0], codes[1])
        assert torch.equal(codes[0], codes[2]) == (method == "random")
        assert not any(parameter.requires_grad for parameter in first.parameters())


def test_runs_are_those_that_the_text_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """One cycle of the rate over batches of 128, highest after a fifth; the usual widths."""
    told: dict[str, Any] = {}
    monkeypatch.setattr(experiments, "fit", lambda *_, **how: told.update(how))
    images = torch.rand(130, 1, 8, 8)
    model = trained("AE", 0.1, 4, images, torch.zeros(130).long(), epochs=7, rate=0.02)
    cycle = told["schedule"]
    assert isinstance(cycle, OneCycleLR)
    rates = []
    for _ in range(14):
        rates += cycle.get_last_lr()
        cycle.optimizer.step()
        if len(rates) < 14:
            cycle.step()
    assert max(rates) == pytest.approx(0.02, rel=0.05)
    assert rates.index(max(rates)) in (2, 3)
    assert rates[-1] < 1e-6
    assert told["generator"].initial_seed() == 4
    for count, steps in ((129, 14), (256, 14), (257, 21)):
        images = torch.rand(count, 1, 8, 8)
        trained("AE", 0.1, 4, images, torch.zeros(count).long(), epochs=7)
        assert told["schedule"].total_steps == steps
    channels = [part.out_channels for part in model.modules() if isinstance(part, torch.nn.Conv2d)]
    assert channels[:3] == [8, 16, 32]


def test_whole_data_set_comes_from_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def cifar(root: str, *, train: bool, download: bool) -> SimpleNamespace:
        asked.append((root, train, download))
        return SimpleNamespace(data=np.zeros((3, 4, 5, 3), np.uint8), targets=[1, 2, 3])

    fake: Any = SimpleNamespace(CIFAR10=cifar)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", fake)
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace(datasets=fake))
    monkeypatch.setenv("CIFAR_DIR", "somewhere")
    images, labels = load_full("test")
    assert images.shape == (3, 3, 4, 5)
    assert labels.tolist() == [1, 2, 3]
    assert asked == [("somewhere", False, True)]
    monkeypatch.delenv("CIFAR_DIR")
    monkeypatch.delenv("MNIST_DIR", raising=False)
    with pytest.raises(FileNotFoundError, match="MNIST_DIR"):
        load_full("train")


@pytest.mark.refusal
def test_refuses() -> None:
    with pytest.raises(ValueError, match="split must be 'train' or 'test', got 'dev'"):
        load_full("dev")
    with pytest.raises(ValueError, match="method must be random or AE"):
        build("best", IMAGES, 0.1, (4,))
    with pytest.raises(ValueError, match="epochs must be at least 1, got 0"):
        trained("AE", 0.1, 0, IMAGES, LABELS, epochs=0)
    with pytest.raises(ValueError, match="number of codes must be at least 2, got 1"):
        noisy_information(torch.zeros(1, 2), noise=1)
    with pytest.raises(ValueError, match="noise must be positive and finite, got 0"):
        noisy_information(torch.zeros(3, 2), noise=0)
