"""The integrals of snippets/cosine_integral.py, against SciPy and mpmath."""

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special
import torch
from torch.autograd import gradcheck, gradgradcheck

from snippets.cosine_integral import (
    SWITCH,
    TURNS,
    cosine_integral,
    entire_cosine_integral,
    narrow_average,
)

pytestmark = pytest.mark.usefixtures("reproducible")


def arguments() -> torch.Tensor:
    """From tiny to 1e9, and densely about the place where series and quadrature meet."""
    return torch.cat([torch.logspace(-8, 9, 4001), torch.linspace(SWITCH - 1, SWITCH + 1, 401)])


def test_cosine_integral_is_that_of_scipy() -> None:
    x = arguments()
    expected = scipy.special.sici(x.numpy())[1]
    assert np.abs(cosine_integral(x).numpy() - expected).max() < 5e-15


def test_cosine_integral_has_its_pole_and_its_domain() -> None:
    assert cosine_integral(torch.tensor(0.0)) == -torch.inf
    assert cosine_integral(torch.tensor(-1.0)).isnan()


def test_entire_cosine_integral_is_what_is_left_without_the_logarithm() -> None:
    """gamma + log x - Ci(x) by SciPy, and by mpmath where that difference would lose digits."""
    x = arguments()
    expected = np.euler_gamma + np.log(x.numpy()) - scipy.special.sici(x.numpy())[1]
    assert np.abs(entire_cosine_integral(x).numpy() - expected).max() < 2e-14
    for small in (1e-6, 1e-3, 0.5):
        exact: Any = mpmath.quad(lambda u: (1 - mpmath.cos(u)) / u, [0, small])
        found = entire_cosine_integral(torch.tensor(small)).item()
        assert found == pytest.approx(float(exact), rel=1e-12)
    assert torch.equal(entire_cosine_integral(-x), entire_cosine_integral(x))
    assert entire_cosine_integral(torch.tensor(0.0)) == 0


def test_narrow_average_is_the_integral() -> None:
    """Against SciPy's difference for wide bands, mpmath at 50 digits for narrow ones."""
    x = torch.logspace(-3, 5, 200)
    lowest = x / math.exp(0.7)
    ci = [scipy.special.sici(each.numpy())[1] for each in (x, lowest)]
    assert np.abs(narrow_average(x, 0.7).numpy() - (ci[0] - ci[1]) / 0.7).max() < 5e-15
    with mpmath.workdps(50):
        for width in (1e-12, 1e-8, 1e-5, 0.01, 1.0):
            for each in (0.1, 19.0, 21.0, TURNS / 0.01, 1e5, 1e9):
                low = mpmath.mpf(each) * mpmath.exp(-mpmath.mpf(width))
                exact = (mpmath.ci(mpmath.mpf(each)) - mpmath.ci(low)) / mpmath.mpf(width)
                found = narrow_average(torch.tensor(each), width).item()
                tolerance = 1e-12 if each * width < TURNS else 5e-9
                assert abs(found - float(exact)) < tolerance


@pytest.mark.parametrize("x", [0.0, 0.3, SWITCH - 1e-2, SWITCH + 1e-2, -4.0, 300.0])
def test_slopes_are_those_of_the_integrands(x: float) -> None:
    """d Cin = (1 - cos x) / x by hand; first and second derivatives by differences."""
    place = torch.tensor(x, requires_grad=True)
    entire_cosine_integral(place).backward()
    assert place.grad is not None
    slope = (1 - math.cos(x)) / x if x else 0
    assert place.grad.item() == pytest.approx(slope, abs=1e-13)
    assert gradcheck(entire_cosine_integral, place)
    assert gradgradcheck(lambda x: narrow_average(x, 0.1), place)


def test_slope_of_the_cosine_integral() -> None:
    x = torch.tensor([0.5, 5.0, 7.0, 50.0], requires_grad=True)
    cosine_integral(x).sum().backward()
    torch.testing.assert_close(x.grad, x.detach().cos() / x.detach(), rtol=0, atol=1e-13)


@pytest.mark.refusal
def test_refuses_bad_input() -> None:
    for function in (cosine_integral, entire_cosine_integral):
        with pytest.raises(TypeError, match="x must be float32 or float64"):
            function(torch.tensor([1]))
    for width in (0.0, -1.0, 1.1, math.nan):
        with pytest.raises(ValueError, match="width must be above 0, at most 1, got"):
            narrow_average(torch.tensor(1.0), width)
    with pytest.raises(TypeError, match="x must be float32"):
        narrow_average(torch.tensor([1]), 0.5)
