"""Small Transformers, and several of them trained as one network."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import OneCycleLR

from snippets.ensembles import Ensemble, Transformer, losses, train
from snippets.sequences import task_batch
from snippets.trials import SCHEMES, scheme

pytestmark = pytest.mark.usefixtures("reproducible")
SMALL: Any = {"width": 16, "heads": 2}


def ensemble(name: str = "none", members: int = 3, **sizes: Any) -> Ensemble:
    """A few members with parameters drawn anew."""
    built = Ensemble(
        lambda: Transformer(18, scheme(name, 40, **SMALL), **SMALL, **sizes), range(members)
    )
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.normal_(std=0.3)
    return built


@pytest.mark.parametrize("name", [*SCHEMES])
def test_members_are_networks_of_their_own(name: str) -> None:
    """Outputs and gradients, against each member alone."""
    built, ids = ensemble(name, hidden=8), torch.randint(18, (3, 2, 11))
    logits = built(ids)
    assert logits.shape == (3, 2, 11, 18)
    logits.square().sum().backward()
    for index in range(3):
        alone = built.member(index)
        expected = alone(ids[index])
        torch.testing.assert_close(logits[index], expected)
        expected.square().sum().backward()
        for stacked, own in zip(built.weights, alone.parameters(), strict=True):
            if own.grad is not None:
                assert stacked.grad is not None
                torch.testing.assert_close(stacked.grad[index], own.grad)


@pytest.mark.parametrize("name", [*SCHEMES])
def test_no_later_symbol_is_seen(name: str) -> None:
    """Autograd would show it; a changed tail must leave the head as it was."""
    network = ensemble(name).member(0)
    ids = torch.randint(18, (2, 9))
    changed = torch.cat([ids[:, :6], (ids[:, 6:] + 1) % 18], 1)
    torch.testing.assert_close(network(ids)[:, :6], network(changed)[:, :6])
    assert not torch.equal(network(ids)[:, 6:], network(changed)[:, 6:])
    both = Transformer(18, scheme(name, 40, **SMALL), causal=False, **SMALL)
    assert not torch.allclose(both(ids)[:, :6], both(changed)[:, :6])


def test_a_transformer_is_its_formula() -> None:
    """Written out with torch.nn.functional, for one layer."""
    network: Any = Transformer(5, layers=1, width=8, heads=1, hidden=6)
    ids = torch.randint(5, (1, 4))
    attention, (norm, up, _, down) = network.attentions[0][1], network.networks[0]
    h = network.embedding.weight[ids]
    n = nn.functional.layer_norm(h, (8,))
    scores = (n @ attention.query.weight.T) @ (n @ attention.key.weight.T).mT / 8**0.5
    scores = scores.masked_fill(torch.ones(4, 4).triu(1).bool(), -torch.inf)
    h = h + scores.softmax(-1) @ (n @ attention.value.weight.T) @ attention.output.weight.T
    h = h + down(up(nn.functional.layer_norm(h, (8,))).relu())
    torch.testing.assert_close(network(ids), network.last[1](nn.functional.layer_norm(h, (8,))))
    assert norm.weight.shape == (8,)


def test_seeds_decide_the_start_and_schemes_do_not() -> None:
    first, again, other = (
        Ensemble(lambda name=name: Transformer(18, scheme(name, 9, **SMALL), **SMALL), seeds)
        for name, seeds in (("none", (3, 4)), ("learned", (3, 4)), ("none", (4, 5)))
    )
    one, two = first.member(0).state_dict(), again.member(0).state_dict()
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    later, twin = first.member(1).state_dict(), other.member(0).state_dict()
    assert all(torch.equal(value, twin[name]) for name, value in later.items())
    assert not torch.equal(one["embedding.weight"], later["embedding.weight"])
    state = torch.get_rng_state()
    ensemble()
    assert torch.equal(state, torch.get_rng_state()) is False  # the test's own draws moved it
    state = torch.get_rng_state()
    Ensemble(lambda: Transformer(3, width=8, heads=2), (0,))
    assert torch.equal(state, torch.get_rng_state())


def test_losses_are_those_of_each_member_where_asked() -> None:
    logits, targets = torch.randn(2, 3, 4, 5), torch.randint(5, (2, 3, 4))
    targets[0, :, :2] = -100
    for index, value in enumerate(losses(logits, targets)):
        expected = cross_entropy(logits[index].flatten(0, 1), targets[index].flatten())
        torch.testing.assert_close(value, expected)


def test_training_together_is_training_apart() -> None:
    """Against a plain loop over one member, by Adam with the same schedule."""
    built = Ensemble(lambda: Transformer(18, scheme("rotary", 9, **SMALL), **SMALL), (5, 6))
    apart = [built.member(index) for index in range(2)]

    def batch(step: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        return task_batch("copy", 5 + step, 3, generator=generator)

    history = train(built, batch, steps=12, rate=0.01, epochs=3)
    means = torch.zeros(12)
    for seed, network in zip((5, 6), apart, strict=True):
        draw = torch.Generator().manual_seed(seed)
        adam = torch.optim.Adam(network.parameters())
        cycle = OneCycleLR(adam, 0.01, 12, pct_start=0.1)
        for step in range(12):
            ids, targets = batch(step, draw)
            loss = cross_entropy(network(ids).flatten(0, 1), targets.flatten())
            adam.zero_grad()
            loss.backward()
            adam.step()
            cycle.step()
            means[step] += loss.detach() / 2
    for index, network in enumerate(apart):
        trained = built.member(index).state_dict()
        for name, value in network.state_dict().items():
            torch.testing.assert_close(trained[name], value, atol=1e-6, rtol=1e-6)
    expected = means.unflatten(0, (3, 4)).mean(1)
    torch.testing.assert_close(torch.tensor(history["total"]), expected)


def untold(step: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of nothing, never drawn."""
    raise AssertionError(step, generator)


@pytest.mark.refusal
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Transformer(0), "symbols must be at least 1, got 0"),
        (lambda: Transformer(5, layers=0), "layers must be at least 1, got 0"),
        (lambda: Transformer(5, width=6, heads=4), "dim must be a multiple of 4 heads"),
        (lambda: Transformer(5, scheme("ALiBi", 9, heads=2)), "heads of position must be 4"),
        (lambda: Ensemble(lambda: Transformer(5), ()), "members must be at least 1, got 0"),
        (lambda: ensemble()(torch.zeros(2, 1, 4).long()), "members of ids must be 3, got 2"),
        (lambda: ensemble().member(3), "index must be a member's, got 3"),
        (
            lambda: train(ensemble(), untold, steps=15, rate=1.0),
            "steps must be a multiple of 10, got 15$",
        ),
        (
            lambda: train(ensemble(), untold, steps=10, rate=1.0),
            "steps must be at least 11, got 10$",
        ),
    ],
)
def test_refuses(call, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()
