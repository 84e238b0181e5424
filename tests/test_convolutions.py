"""The encoder that all methods share, and those it is compared with."""

import math
from typing import Any

import pytest
import torch
from torch import distributions, nn
from torch.nn.functional import cross_entropy
from torch.testing import assert_close

from snippets.convolutions import Classifier, ConvAutoencoder, Encoder
from snippets.infomax import DeepInfoMax

pytestmark = pytest.mark.usefixtures("reproducible")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("side", "patches"), [(28, 4), (32, 4), (8, 1), (7, 1), (1, 1)])
def test_each_convolution_halves_the_map(side: int, patches: int) -> None:
    encoder = Encoder(2, 5)
    mean, log_var, feature_map = encoder(torch.rand(3, 2, side, side))
    assert mean.shape == log_var.shape == (3, 5)
    assert feature_map.shape == (3, 32, patches, patches)
    assert (feature_map >= 0).all()


def test_code_is_that_of_the_layers_one_by_one() -> None:
    encoder, x = Encoder(1, 3, widths=(4, 6)), torch.randn(2, 1, 12, 12)
    h = x
    convolutions = [layer for layer in encoder.modules() if isinstance(layer, nn.Conv2d)]
    for layer in convolutions:
        if layer is convolutions[-1]:
            assert_close(encoder(x)[2], h)
        h = nn.functional.conv2d(h, layer.weight, layer.bias, stride=2, padding=1).clamp(min=0)
    assert h.shape == (2, 12, 2, 2)
    both = h.flatten(1) @ encoder.code.weight.T + encoder.code.bias
    mean, log_var, _ = encoder(x)
    assert_close(torch.cat([mean, log_var], 1), both)


def test_noise_starts_small_and_signals_keep_their_size() -> None:
    mean, log_var, feature_map = Encoder(1, 16)(torch.randn(50, 1, 28, 28))
    assert -5 < log_var.mean() < -3
    assert mean.std() > 0.1
    assert 0.2 < feature_map.square().mean() < 5


def test_the_decoder_is_as_wide_as_promised() -> None:
    assert [each.shape[0] for each in ConvAutoencoder(1, 2, 8).decoder.parameters()][:1] == [256]


def test_autoencoder_and_vae_have_the_losses_of_theirs() -> None:
    x = torch.rand(4, 1, 8, 8)
    plain = ConvAutoencoder(1, 3, 8, widths=(4,))
    mean, _, _ = plain.encode(x)
    assert_close(plain.loss(x), (x - plain.decoder(mean)).square().sum() / 4)
    noisy: Any = ConvAutoencoder(1, 3, 8, decoder_variance=0.1, widths=(4,))
    mean, log_var, _ = noisy.encode(x)
    posterior = distributions.Normal(mean, (log_var / 2).exp())
    z = mean + (log_var / 2).exp() * torch.empty(4, 3).normal_(generator=seeded())
    model = distributions.Normal(noisy.decoder(z), math.sqrt(0.1))
    elbo = model.log_prob(x).sum((1, 2, 3)).mean()
    elbo -= distributions.kl_divergence(posterior, distributions.Normal(0.0, 1.0)).sum(1).mean()
    constant = 32 * math.log(2 * math.pi * 0.1)
    assert_close(noisy.loss(x, generator=seeded()) + constant, -elbo)


def test_classifier_is_a_linear_layer_on_the_code() -> None:
    model, x, labels = Classifier(1, 3, 5), torch.rand(4, 1, 8, 8), torch.randint(5, (4,))
    logits = model.encode(x)[0] @ model.last.weight.T + model.last.bias
    assert_close(model.loss(x, labels), cross_entropy(logits, labels))


def test_all_have_the_same_encoder() -> None:
    nets = [Encoder(1, 3), ConvAutoencoder(1, 3, 28).encoder, Classifier(1, 3, 5).encoder]
    shapes = [[each.shape for each in net.parameters()] for net in nets]
    assert shapes[1:] == [shapes[0]] * 2


@pytest.mark.refusal
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Encoder(1, 0), "latent must be at least 1, got 0"),
        (lambda: ConvAutoencoder(1, 2, 0), "side must be at least 1, got 0"),
        (lambda: ConvAutoencoder(1, 2, 8, hidden=0), "hidden must be at least 1, got 0"),
        (
            lambda: ConvAutoencoder(1, 2, 8, decoder_variance=0),
            "decoder_variance must be positive and finite, got 0",
        ),
        (lambda: Classifier(1, 2, 0), "classes must be at least 1, got 0"),
        (
            lambda: ConvAutoencoder(1, 2, 8).double().loss(torch.zeros(2, 1, 9, 9)),
            r"shape of images must be \(2, 1, 8, 8\), got \(2, 1, 9, 9\)",
        ),
    ],
)
def test_refuses(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


def test_hidden_layers_are_as_wide_as_they_say() -> None:
    """256 in a decoder, 128 in Deep InfoMax's critics, unless told otherwise."""
    for made, width in (
        (ConvAutoencoder(1, 5, 8), 256),
        (ConvAutoencoder(1, 5, 8, hidden=17), 17),
        (DeepInfoMax(1, 5), 128),
        (DeepInfoMax(1, 5, hidden=17), 17),
    ):
        outs = {part.out_features for part in made.modules() if isinstance(part, nn.Linear)}
        assert width in outs
        assert outs <= {width, 1, 5, 10, 64}
