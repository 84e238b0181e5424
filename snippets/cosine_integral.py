"""The cosine integral, which PyTorch lacks: a series and a quadrature.

Article:  none of its own; snippets/sinusoidal.py integrates with it.
Source:   Abramowitz and Stegun (1964), chapter 5, for both representations.
Shapes:   any.
Units:    radians in; absolute errors about 1e-15 out, in float64.
"""

import math
from itertools import accumulate

import torch
from jaxtyping import Float
from numpy.polynomial.laguerre import laggauss
from numpy.polynomial.legendre import leggauss
from torch import Tensor

from snippets.checks import require, require_dtype

Numbers = Float[Tensor, "*shape"]
EULER = 0.57721566490153286  # gamma, to all the digits of float64
SWITCH = 6.0  # below it the series, from it on the quadrature
TURNS = 20.0  # radians that the Gauss-Legendre rule resolves to 1e-15
# (-1)^(n+1) / (2n (2n)!) for n = 1, 2 ...: the next adds less than 1e-17.
SERIES = [
    (-1) ** (n + 1) / (2 * n * math.factorial(2 * n)) for n in range(1, 22)
]
LAGUERRE = [each.tolist() for each in laggauss(40)]
LEGENDRE = [((1 + t) / 2, w / 2) for t, w in zip(*leggauss(32), strict=True)]


# --8<-- [start:cosine_integral]
def _near(square: Numbers) -> Numbers:
    """Cin(x) from x^2, by its power series, in the manner of Horner."""
    steps = accumulate(SERIES[::-1], lambda total, c: total * square + c)
    return square * list(steps)[-1]


def _far(x: Numbers) -> Numbers:
    """Ci(x) of large x, by the Gauss-Laguerre rule.

    Ci(x) = integral over t > 0 of exp(-t) (x sin x - t cos x) / (x^2 + t^2).
    """
    sine, cosine = torch.zeros_like(x), torch.zeros_like(x)
    for t, weight in zip(*LAGUERRE, strict=True):
        share = weight / (x * x + t * t)
        sine, cosine = sine + share * x, cosine + share * t
    return sine * x.sin() - cosine * x.cos()


def entire_cosine_integral(x: Numbers) -> Numbers:
    """Cin(x), the integral of (1 - cos u) / u from 0 to x: even, and smooth."""
    require_dtype("x", x)
    far = x.abs().clamp(min=SWITCH)
    tail = EULER + far.log() - _far(far)
    head = _near((x * x).clamp(max=SWITCH**2))
    return torch.where(x.abs() < SWITCH, head, tail)


def cosine_integral(x: Numbers) -> Numbers:
    """Ci(x) = gamma + log x - Cin(x) for x above 0; NaN below, -inf at 0."""
    require_dtype("x", x)
    head = EULER + x.log() - _near((x * x).clamp(max=SWITCH**2))
    return torch.where(x < SWITCH, head, _far(x.clamp(min=SWITCH)))


# --8<-- [end:cosine_integral]
def narrow_average(x: Numbers, width: float) -> Numbers:
    """Average of cos(x exp(-width t)) over t from 0 to 1, for a width below 1.

    While the phase moves by less than TURNS, by the Gauss-Legendre rule; only
    that move is rounded, so that a large x costs no digits. Beyond, by a
    difference of two cosine integrals.
    """
    require_dtype("x", x)
    require(0 < width <= 1, "width", "above 0, at most 1", width)
    few = x.abs() * width < TURNS
    x_few = torch.where(few, x, 0)
    x_many = torch.where(few, TURNS / width, x.abs())
    total = torch.ones_like(x) + 0j
    for t, weight in LEGENDRE:
        moved = x_few * math.expm1(-width * t)
        total = total + weight * ((1j * moved).exp() - 1)
    near = (total * (1j * x_few).exp()).real
    lowest = x_many * math.exp(-width)
    far = (cosine_integral(x_many) - cosine_integral(lowest)) / width
    return torch.where(few, near, far)
