"""A flow starts as the density of independent pixels that SciPy fits, and keeps its signals."""

from typing import Any

import pytest
import torch
from scipy import stats
from torch.testing import assert_close

from snippets.nice import NICE
from snippets.starts import at_independent_pixels, keep_scale

pytestmark = pytest.mark.usefixtures("reproducible")


@pytest.mark.parametrize("prior", ["logistic", "gaussian"])
def test_a_flow_starts_as_independent_pixels(prior: Any) -> None:
    """Each feature's own density by SciPy: a Gaussian fitted, or a logistic about the median."""
    x = torch.randn(400, 6) * torch.logspace(-2, 0, 6) + torch.arange(6)
    flow = at_independent_pixels(NICE(6, hidden=8, hidden_layers=2, prior=prior), x)
    expected: Any = 0.0
    normal: Any = stats.norm
    logistic: Any = stats.logistic
    for column in x.T.numpy():
        if prior == "gaussian":
            expected += normal(column.mean(), column.std()).logpdf(column)
        else:
            middle = torch.from_numpy(column).median().item()
            middle, width = logistic.fit(column, floc=middle)
            expected += logistic(middle, width).logpdf(column)
    got = flow.log_prob(x).detach()
    assert_close(got, torch.as_tensor(expected), atol=2e-3, rtol=1e-4)


def test_a_shift_moves_in_units_of_widths() -> None:
    """A change of the last layer by 1 shifts each feature by its width."""
    x = torch.randn(400, 6) * torch.logspace(-2, 0, 6)
    flow: Any = at_independent_pixels(NICE(6, hidden=8, hidden_layers=1), x)
    before, _ = flow(x[:5])
    with torch.no_grad():
        flow.couplings[3].shift[-1].bias += 1
    after, _ = flow(x[:5])
    assert_close((after - before)[:, 0::2], torch.ones(5, 3))
    assert_close((after - before)[:, 1::2], torch.zeros(5, 3))


def test_signals_keep_their_size() -> None:
    """What varies, after five layers: half of it is left, where PyTorch's start leaves 1 %."""
    x, left = torch.randn(500, 392), []
    flow: Any
    for flow in (NICE(784, couplings=1), keep_scale(NICE(784, couplings=1))):
        left.append(flow.couplings[0].shift[:-1](x).std(0).square().mean().sqrt())
    assert left[0] < 0.01
    assert 0.4 < left[1] < 0.7
