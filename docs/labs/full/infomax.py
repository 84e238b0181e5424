"""Linear probes of codes of 32 numbers, learned on and scored with all of MNIST.

The encoders of the article's lab, with the weights that it chose on its validation images. Of the
60,000 training images the last 5,000 choose the epoch, by each method's own loss; test images are
scored once. The paper (Hjelm and others, 2019) has no figure for MNIST: the article gives those it
has, for CIFAR-10. Fashion-MNIST and CIFAR-10 are loaded as well: see snippets/colour.py.
"""

import torch

from snippets.colour import load_full
from snippets.experiments import METHODS, build
from tools import probes
from tools.longrun import Plan, Run

WEIGHTS = {"global": 1e-4, "local": 1e-4, "both": 1e-5, "VAE": 0.02}
WIDTHS = (8, 16, 32)
run = Run("infomax")
seeds = range(run.options.seeds)
images, labels = load_full("train")
(train, new), (known, unseen) = (part.tensor_split([-5000]) for part in (images, labels))


def pixels(images):
    return (images if images.ndim == 4 else images[:, None]) / 255


def loss_of(method):
    def loss(model, x, y, done):
        return model.loss(pixels(x), *([y] if method == "supervised" else []))

    return loss


def validation(model, loss):
    """Return the loss on held-out images, with draws that are always the same."""
    device = next(model.parameters()).device
    with torch.random.fork_rng():
        torch.manual_seed(1)
        value = loss(model, new.to(device), unseen.to(device), 1.0)
    return {"validation": (value if torch.is_tensor(value) else value.total).item()}


def trained(method, seed):
    def network():
        return build(method, pixels(train[:2]), WEIGHTS.get(method, 0.0), WIDTHS)

    if method == "random":
        torch.manual_seed(seed)
        return network().eval().requires_grad_(False)
    loss, plan = loss_of(method), Plan(run.options.epochs or 2, 128, rate=3e-3, seed=seed)
    name, data = f"{method}-seed-{seed}", [train, known]
    return run.train(name, network, loss, data, plan, lambda model: validation(model, loss)).model


made = {method: [trained(method, seed) for seed in seeds] for method in METHODS}
test, truth = load_full("test")
sets, found, rows = [pixels(part) for part in (train, test)], {}, []
for method, nets in made.items():
    wrong = probes.errors(probes.coded(nets, *sets), known, truth)
    found |= {f"{method}: linear": 100 - wrong[:, 1], f"{method}: neighbours": 100 - wrong[:, 0]}
    rows.append([method, *probes.mean_and_spread(100 - wrong.flip(1))])
run.report(found, ["encoder", "linear probe (%)", "ten neighbours (%)"], rows)
