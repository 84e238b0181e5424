"""Laws of snippets/positions/survey.py and memory.py: what the survey says, by other routes."""

import time

import pytest
import torch
from torch import Generator, Tensor

from snippets.positions import Attention, Scheme, survey, toeplitz
from snippets.positions.biases import offsets
from snippets.positions.memory import peak_memory
from snippets.positions.survey import (
    SCHEMES,
    Cost,
    Traits,
    cost,
    kind,
    term_matrices,
    traits,
)

pytestmark = pytest.mark.usefixtures("reproducible")

KEPT = ("constant", "absolute", "absolute", "absolute")
MAP = {
    "none": ("constant", "absent", "absent", "absent"),
    "none, causal": ("constant", "absent", "absent", "absent"),
    "learned": KEPT,
    "product": ("absolute", "absent", "absent", "absent"),
    "sinusoidal": KEPT,
    "recurrent": KEPT,
    "Shaw": ("constant", "relative", "absent", "absent"),
    "Transformer-XL": ("constant", "relative", "constant", "relative"),
    "T5": ("constant", "absent", "absent", "relative"),
    "DeBERTa": ("constant", "relative", "relative", "absent"),
    "rotary": ("relative", "absent", "absent", "absent"),
    "ALiBi": ("constant", "absent", "absent", "relative"),
}
BEYOND: dict[str, str] = {"learned": "refuses", "product": "refuses"}
BEYOND |= {"none": "sees nothing", "none, causal": "sees nothing"}
BEYOND |= {"Shaw": "clips", "T5": "clips", "DeBERTa": "clips"}
ABSOLUTE = ("learned", "product", "sinusoidal", "recurrent")


@pytest.fixture(scope="module")
def found() -> dict[str, Traits]:
    return {row.scheme: row for row in survey.survey(generator=Generator().manual_seed(3))}


@pytest.mark.parametrize("name", SCHEMES)
def test_the_map_is_that_of_the_papers(found: dict[str, Traits], name: str) -> None:
    """positions:four-terms: the papers' formulas say which terms stay; the survey measures it."""
    row = found[name]
    assert row.terms == MAP[name]
    assert row.beyond == BEYOND.get(name, "goes on")
    assert (row.shift_gap < 1e-10) == (name not in ABSOLUTE)
    assert (row.equivariance_gap < 1e-10) == (name == "none")
    assert row.direction == (name not in ("none", "none, causal", "ALiBi"))


def test_parameters_are_counted_by_hand(found: dict[str, Traits]) -> None:
    """Width 16, two heads, 128 rows."""
    expected = {
        "learned": 128 * 16,
        "Shaw": 2 * 33 * 8,
        "T5": 32 * 2,
        "DeBERTa": 256 * 16 + 2 * 256,
    }
    expected |= {"Transformer-XL": 256 + 2 * 16, "rotary": 0, "ALiBi": 0, "sinusoidal": 0}
    assert {name: found[name].parameters for name in expected} == expected


def test_same_seed_same_traits() -> None:
    """The generator decides all that is drawn."""
    rows = [traits("Shaw", generator=Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert rows[0] == rows[1] != rows[2]


def test_terms_add_up_to_the_scores() -> None:
    """positions:four-terms: query from one token, key from another, all four terms summed."""
    for name in SCHEMES:
        net: Attention = survey.surveyed(name).double()
        a, b = torch.randn(2, 16)
        total = torch.stack(term_matrices(net, a, b)).sum(0)
        x = torch.stack([a, b, a, b, a, b])[None]
        scores = net.scores(x)[0]
        assert (total - scores)[:, ::2, 1::2].abs().max() < 1e-12


def test_kinds_of_matrices() -> None:
    """Four matrices of which we know what they depend on, in float64."""
    place = torch.arange(6.0)
    offset = (place - place[:, None]).expand(2, 6, 6)
    assert kind(0 * offset) == "absent"
    assert kind(0 * offset + 7) == "constant"
    assert kind(offset.sin()) == "relative"
    assert kind(place.expand(2, 6, 6)) == "absolute"
    one_head = torch.stack([torch.zeros(6, 6), place.expand(6, 6)])
    assert kind(one_head) == "absolute"


@pytest.mark.parametrize("sign", [-1, 1])
def test_either_side_may_go_on(sign: int) -> None:
    """A bias that clips keys on one side and grows on the other does not clip."""

    class OneSided(Scheme):
        def bias(self, query: Tensor, key: Tensor) -> Tensor:
            return toeplitz((sign * offsets(query.shape[-2], query.device)).clamp(min=-4.0)[None])[
                None
            ]

    net = Attention(4, 1, position=OneSided())
    assert survey.beyond(net, torch.randn(4), 16) == "goes on"


def test_peak_memory_counts_what_lives() -> None:
    """Bytes by hand: freed before the next, kept, views, in place, and none that was there."""
    x = torch.zeros(1000, dtype=torch.float32)

    def freed() -> None:
        for _ in range(5):
            x + 1

    assert peak_memory(freed) == 4000
    assert peak_memory(lambda: (x + 1) + (x + 2)) == 12000
    assert peak_memory(lambda: [x + 1, x + 2, x + 3]) == 12000
    assert peak_memory(lambda: (x + 1).view(10, 100)[2:].mT.add_(1)) == 4000
    assert peak_memory(lambda: x.view(10, 100).mul_(2).mT) == 0

    def view_outlives() -> Tensor:
        part = (x + 1)[:2]
        return part + x[:2]

    assert peak_memory(view_outlives) == 4008


@pytest.mark.parametrize("name", SCHEMES)
def test_costs_are_measured(name: str) -> None:
    """A matrix of weights is quadratic below the fused kernel."""
    rows = [cost(name, length) for length in (16, 64)]
    assert [(row.scheme, row.length) for row in rows] == [(name, 16), (name, 64)]
    assert all(row.milliseconds > 0 for row in rows)
    assert rows[1].megabytes > 2 * 64 * 64 * 4 / 1e6
    assert rows[1].megabytes > 4 * rows[0].megabytes


def test_fused_kernel_saves_memory() -> None:
    """At length 512 there is no matrix of weights, unless values get positions, too."""
    matrix = 2 * 512 * 512 * 4 / 1e6
    assert cost("rotary", 512, seconds=0).megabytes < matrix / 2
    assert cost("Shaw", 512, seconds=0).megabytes > matrix


def test_cost_leaves_threads_alone() -> None:
    """One thread for the measurement, then as many as before; and it is the time of a call."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    start = time.perf_counter()
    row = cost("none", 64, seconds=0.02)
    passed = 1e3 * (time.perf_counter() - start)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)
    assert isinstance(row, Cost)
    assert row.milliseconds < passed


def test_lengths_and_reach_are_those_of_the_article() -> None:
    """Costs from 128 to 4096 by doubling; tables of offsets reach 128 far."""
    assert tuple(128 * 2**power for power in range(6)) == survey.LENGTHS
    assert len(survey.surveyed("DeBERTa").position.table) == 2 * 128  # pyright: ignore
    assert survey.surveyed("T5").position.max_distance == 128  # pyright: ignore
    learned = survey.surveyed("learned").position
    assert learned.table.shape == (128, 16)  # pyright: ignore


@pytest.mark.refusal
def test_refuses_bad_input() -> None:
    with pytest.raises(ValueError, match=r"^name must be none or none, causal .* got 'roformer'$"):
        traits("roformer")
    with pytest.raises(ValueError, match="trained must be at least 16, got 8"):
        traits("Shaw", trained=8)
    with pytest.raises(ValueError, match="length must be at least 1, got 0"):
        cost("Shaw", 0)
