"""What all tests share: one seed and float64 on request, shape checks by default."""

from collections.abc import Iterator

import pytest
import torch
from jaxtyping import install_import_hook

# A float may be given as an int, as everywhere in Python (PEP 484).
BEARTYPE = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"

# These come first: else one worker may end with them, or both, while the other has nothing to do.
LONGEST = ("test_zensical", "test_takehome", "test_rebuild", "test_training")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-shape-checks",
        action="store_true",
        help="import the snippets as a user does; tests marked `refusal` need it",
    )


def pytest_configure(config: pytest.Config) -> None:
    torch.set_num_threads(1)  # sums in one order, and small tensors wait for no second core
    # Before any test module imports the snippets: the hook acts on imports only.
    if not config.getoption("--no-shape-checks"):
        install_import_hook("snippets", BEARTYPE)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in LONGEST)
    if config.getoption("--no-shape-checks"):
        return
    skip = pytest.mark.skip(reason="needs --no-shape-checks: beartype would refuse first")
    for item in items:
        if item.get_closest_marker("refusal"):
            item.add_marker(skip)


@pytest.fixture
def reproducible() -> Iterator[None]:
    """Seed PyTorch and compute in float64; afterwards restore dtype and random state."""
    dtype, state = torch.get_default_dtype(), torch.get_rng_state()
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(dtype)
    torch.set_rng_state(state)
