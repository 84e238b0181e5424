"""Test bounds of VAEs with 2 and 20 latents, one hidden layer of 500, on all of MNIST.

Of the 60,000 training images the last 5,000 choose the epoch; test images are scored once, with
ten draws from each ellipse. The paper (Kingma and Welling, 2014, figure 2) draws such bounds as
curves over 10^5 to 10^8 images seen and prints no number. Its decoder takes grey levels for
probabilities of ink (Bernoulli); the article's is Gaussian, here with a variance of 0.02, and its
bound is on a density of images without noise. Batches of 100, as in the paper; Adam, one cycle.
"""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from snippets.data import load_full_mnist
from snippets.vae import VAE, gaussian_kl, reparameterize
from tools.longrun import Plan, Run

run = Run("vae")
train, new = (load_full_mnist("train")[0].flatten(1) / 255).split([55_000, 5000])
plan = Plan(run.options.epochs or 12, batch_size=100, rate=2e-3)


def bernoulli(model, x):
    """Return minus the bound and its KL, with grey levels as probabilities of ink."""
    mean, log_var = model.encode(x)
    logits = model.decode(reparameterize(mean, log_var))
    ink = binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1).mean()
    kl = gaussian_kl(mean, log_var).mean()
    return ink + kl, kl


def gaussian(model, x):
    total, _, kl = model.loss(x)
    return total, kl


def bound(model, x, decoder, draws):
    """Return the mean bound and its KL, in nats, with draws that are always the same."""
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(1)
        x = x.to(next(model.parameters()).device)
        values = [torch.stack(decoder(model, x)) for _ in range(draws)]
    total, kl = torch.stack(values).mean(0).tolist()
    return -total, kl


made, found, rows = {}, {}, []
for name, decoder in {"Bernoulli": bernoulli, "Gaussian": gaussian}.items():
    for latent in (2, 20):
        made[name, decoder, latent] = run.train(
            f"{name}-{latent}",
            lambda latent=latent: VAE(784, latent, hidden=(500,), decoder_variance=0.02),
            lambda model, x, done, decoder=decoder: decoder(model, x)[0],
            [train],
            plan,
            lambda model, decoder=decoder: {"validation": -bound(model, new, decoder, 1)[0]},
        )
test = load_full_mnist("test")[0].flatten(1) / 255
for (name, decoder, latent), each in made.items():
    (value, kl), seen = bound(each.model, test, decoder, 10), each.epochs * len(train)
    found |= {f"{name}, {latent}: test bound": value, f"{name}, {latent}: test KL": kl}
    found[f"{name}, {latent}: validation by epoch"] = [-v for v in each.history["validation"]]
    chosen = -min(each.history["validation"])
    paper = "a curve" if decoder is bernoulli else ""
    rows.append([name, latent, f"{seen:,}", *(f"{v:.1f}" for v in (chosen, value, kl)), paper])
top = ["decoder", "latents", "images seen", "validation bound (nats)", "test bound (nats)"]
run.report(found, [*top, "of which KL", "paper"], rows)
