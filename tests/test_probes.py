"""What labs compare autoencoders by: runs that repeat, errors that are those of the data."""

import pytest
import torch
from torch.testing import assert_close

from snippets.vae import VAE, Autoencoder
from tools import probes

pytestmark = pytest.mark.usefixtures("reproducible")


def test_a_run_repeats_and_lowers_the_loss() -> None:
    x = torch.randn(300, 4) @ torch.randn(4, 6)
    ends = []
    for model_class in (Autoencoder, VAE):
        for _ in range(2):
            torch.manual_seed(1)
            model = model_class(6, 2, hidden=(8,))
            history = probes.one_cycle(model, x, epochs=4, rate=0.01, seed=3)
            ends.append(history["total"][-1])
            assert history["total"][-1] < history["total"][0]
    assert ends[0] == ends[1]
    assert ends[2] == ends[3]


def test_centres_are_codes_or_the_first_of_two() -> None:
    x, plain, model = torch.randn(5, 4), Autoencoder(4, 2), VAE(4, 2)
    assert torch.equal(probes.centres(plain, x), plain.encode(x))
    assert torch.equal(probes.centres(model, x), model.encode(x)[0])
    ((first, second),) = probes.coded([model], x, x[:2])
    assert_close(first[:2], second)


def test_errors_are_counted_and_do_not_depend_on_units() -> None:
    labels = torch.arange(200) % 2
    codes = torch.randn(200, 2) + 8 * labels[:, None]
    truth = labels.clone()
    truth[:20] = 1 - truth[:20]  # a tenth of the truth is turned round
    stretched = codes * torch.tensor([1e-3, 1e3]) + 5
    found = probes.errors([(codes, codes), (stretched, stretched)], labels, truth)
    assert_close(found, torch.full((2, 2), 10.0), check_dtype=False)


def test_mean_and_spread_over_seeds() -> None:
    assert probes.mean_and_spread(torch.tensor([[1.0, 2.0], [3.0, 2.0]])) == [
        "2.0 ± 1.4",
        "2.0 ± 0.0",
    ]
    assert probes.mean_and_spread(torch.tensor([[1.25, 2.0]])) == ["1.2", "2.0"]
