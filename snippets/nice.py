"""NICE: exact likelihoods from additive coupling layers.

Article:  docs/articles/nice.md; `nice:...` below names one of its equations.
Source:   Dinh, Krueger and Bengio (2014), https://arxiv.org/abs/1410.8516.
Shapes:   D = 2d features, after any number of batch axes.
Units:    log-densities and log-determinants in nats, summed over features.
"""

import math
from itertools import pairwise
from typing import Any, Literal

import torch
from einops import rearrange
from jaxtyping import Float, Integer
from torch import Generator, Tensor, nn
from torch.nn.functional import logsigmoid

from snippets.checks import (
    require,
    require_amounts,
    require_axis,
    require_counts,
    require_dtype,
    require_features,
    require_floating,
    require_integers,
    require_shape,
    require_widths,
)

Features = Float[Tensor, "*batch D"]
Half = Float[Tensor, "*batch d"]
Nats = Float[Tensor, "*batch"]
Prior = Literal["logistic", "gaussian"]
LEVELS = range(2, 2**16 + 1)


def split(x: Features) -> tuple[Half, Half]:
    """Part the even-numbered features from the odd-numbered: `nice:split`."""
    require_axis("x", x)
    require(x.shape[-1] % 2 == 0, "last axis of x", "even", x.shape[-1])
    even, odd = rearrange(x, "... (d half) -> half ... d", half=2)
    return even, odd


def merge(even: Half, odd: Half) -> Features:
    """Undo `split`."""
    require_shape("odd", odd, even.shape)
    require_dtype("odd", odd, even.dtype)
    return rearrange([even, odd], "half ... d -> ... (d half)")


# --8<-- [start:coupling]
class AdditiveCoupling(nn.Module):
    """Move one half of the features by a function of the other half.

    Implements `nice:coupling`. Its Jacobian is triangular with ones on the
    diagonal, so log|det| is zero for any shift (`nice:unit-det`), and undoing
    it takes one subtraction (`nice:inverse`), never an inverse of the shift.

    Args:
        shift: The function m, from the half kept to an offset for the other.
        keep_odd: Keep the odd half, not the even. Stacks should alternate.
    """

    def __init__(self, shift: nn.Module, *, keep_odd: bool = False) -> None:
        super().__init__()
        self.shift = shift
        self.keep_odd = keep_odd

    def forward(self, x: Features) -> tuple[Features, Nats]:
        """Map x one step towards the latent; return it with log|det|."""
        return self._shifted(x, +1), x.new_zeros(x.shape[:-1])

    def inverse(self, z: Features) -> Features:
        """Return the x that `forward` takes to z."""
        return self._shifted(z, -1)

    def _shifted(self, x: Features, sign: int) -> Features:
        even, odd = split(x)
        kept, moved = (odd, even) if self.keep_odd else (even, odd)
        offset = self.shift(kept)
        require_shape("value of shift", offset, moved.shape)
        moved = moved + sign * offset
        require_features("sum of x and shift", moved, kept)
        return merge(moved, kept) if self.keep_odd else merge(kept, moved)


# --8<-- [end:coupling]
# --8<-- [start:scaling]
class Scaling(nn.Module):
    """Stretch each feature by a learned factor: z = exp(s) h, `nice:scaling`.

    No other layer of NICE changes volumes (`nice:scaling-det`): without it,
    no density exceeds the prior's mode (`nice:mode-bound`). Read the other
    way, it gives feature i of the prior the width exp(-s_i), and h the same
    density (`nice:prior-widths`).
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        require_counts(features=features)
        self.log_scale = nn.Parameter(torch.zeros(features))

    def forward(self, x: Features) -> tuple[Features, Nats]:
        """Stretch x; return it with log|det|, the sum of the log-scales."""
        require_features("x", x, self.log_scale)
        log_det = self.log_scale.sum().expand(x.shape[:-1])
        return x * self.log_scale.exp(), log_det

    def inverse(self, z: Features) -> Features:
        """Return the x that `forward` takes to z."""
        require_features("z", z, self.log_scale)
        return z * self.widths()

    def widths(self) -> Float[Tensor, "D"]:
        """Width of the prior in each feature: the small ones matter least."""
        return (-self.log_scale).exp()


# --8<-- [end:scaling]
# --8<-- [start:priors]
def logistic_log_prob(z: Features) -> Nats:
    """Log-density of the standard logistic: `nice:logistic`.

    In log-sigmoids nothing overflows, and the tails keep their digits.
    """
    require_axis("z", z)
    return (logsigmoid(z) + logsigmoid(-z)).sum(-1)


def gaussian_log_prob(z: Features) -> Nats:
    """Log-density of the standard Gaussian: `nice:gaussian`."""
    require_axis("z", z)
    return -(z.square() + math.log(2 * math.pi)).sum(-1) / 2


def logistic_draw(*shape: int, **options: Any) -> Float[Tensor, "..."]:
    """Draw from the standard logistic, with the arguments of torch.randn."""
    u = torch.rand(shape, **options)
    # u is a multiple of eps / 2, and may be 0: half a step keeps z finite.
    return torch.logit(u, eps=torch.finfo(u.dtype).eps / 4)


LOG_PROBS = {"logistic": logistic_log_prob, "gaussian": gaussian_log_prob}
DRAWS = {"logistic": logistic_draw, "gaussian": torch.randn}


# --8<-- [end:priors]
def shift_network(features: int, widths: list[int]) -> nn.Sequential:
    """Build a function m for a coupling: ReLU layers, then a linear output."""
    require_widths("widths", [features, *widths], 2)
    modules: list[nn.Module] = []
    for incoming, outgoing in pairwise([features, *widths]):
        modules += [nn.Linear(incoming, outgoing), nn.ReLU()]
    return nn.Sequential(*modules, nn.Linear(widths[-1], features))


class NICE(nn.Module):
    """Additive couplings, then a scaling: a density with exact likelihood.

    The couplings keep the even and the odd half in turn. Three of them let
    every feature depend on every other; two do not (`nice:three-layers`).

    Args:
        features: D, an even number.
        hidden: Width of each hidden layer of the shifts.
        hidden_layers: Hidden layers of each shift.
        couplings: Coupling layers.
        prior: The standard density of z, "logistic" or "gaussian".
    """

    # --8<-- [start:stack]
    def __init__(
        self,
        features: int,
        *,
        hidden: int = 1000,
        hidden_layers: int = 5,
        couplings: int = 4,
        prior: Prior = "logistic",
    ) -> None:
        super().__init__()
        require(features % 2 == 0, "features", "even", features)
        require_counts(hidden=hidden, hidden_layers=hidden_layers)
        require_counts(features=features, couplings=couplings)
        require(prior in DRAWS, "prior", " or ".join(DRAWS), prior)
        self.prior: Prior = prior
        half, widths = features // 2, [hidden] * hidden_layers
        self.couplings = nn.ModuleList(
            AdditiveCoupling(shift_network(half, widths), keep_odd=bool(i % 2))
            for i in range(couplings)
        )
        self.scaling = Scaling(features)

    def forward(self, x: Features) -> tuple[Features, Nats]:
        """Map x to the latent; log-determinants add up: `nice:chain`."""
        require_features("x", x, self.scaling.log_scale)
        z, total = x, x.new_zeros(x.shape[:-1])
        for layer in (*self.couplings, self.scaling):
            z, log_det = layer(z)
            total = total + log_det
        return z, total

    def inverse(self, z: Features) -> Features:
        """Return the x that `forward` takes to z, one layer at a time."""
        x = self.scaling.inverse(z)
        for coupling in self.couplings[::-1]:
            x = coupling.inverse(x)  # pyright: ignore[reportCallIssue]
        return x

    # --8<-- [end:stack]
    # --8<-- [start:log_prob]
    def log_prob(self, x: Features) -> Nats:
        """Log-density of x, exactly: `nice:likelihood`.

        It is `nice:change-of-variables` with a determinant that this stack
        gives away: the sum of its log-scales.
        """
        z, log_det = self(x)
        return LOG_PROBS[self.prior](z) + log_det

    # --8<-- [end:log_prob]
    # --8<-- [start:sample]
    @torch.no_grad()
    def sample(
        self, count: int, *, temperature: float = 1.0,
        generator: Generator | None = None,
    ) -> Float[Tensor, "count D"]:  # fmt: skip
        """Draw x from z = temperature times a draw of the prior.

        A temperature below 1 keeps z nearer to the mode of the prior, and
        moves the entropy by D log(temperature) nats: `nice:temperature`.
        """
        require_counts(count=count)
        require_amounts(temperature=temperature)
        s = self.scaling.log_scale
        options = {"generator": generator, "dtype": s.dtype, "device": s.device}
        z = DRAWS[self.prior](count, len(s), **options)
        return self.inverse(temperature * z)

    # --8<-- [end:sample]


# --8<-- [start:optimal]
def optimal_log_scale(
    h: Float[Tensor, "batch D"], *, prior: Prior = "logistic"
) -> Float[Tensor, "D"]:
    """Return the log-scales under which h is likeliest.

    For the Gaussian that is one formula, `nice:optimal-scale`. The same step
    taken again and again solves `nice:optimal-scale-logistic`: each leaves at
    most half of the error.
    """
    require(prior in DRAWS, "prior", " or ".join(DRAWS), prior)
    require(h.ndim == 2, "rank of h", "2", h.ndim)  # noqa: PLR2004
    require_dtype("h", h)
    dead = int((h == 0).all(0).sum())
    require(dead == 0, "number of features of h that are always 0", "0", dead)
    log_scale = -h.square().mean(0).log() / 2
    if prior == "logistic":
        for _ in range(40):
            z = h * log_scale.exp()
            log_scale = log_scale - (z * (z / 2).tanh()).mean(0).log() / 2
    return log_scale


# --8<-- [end:optimal]
# --8<-- [start:dequantize]
def dequantize(
    pixels: Integer[Tensor, "*shape"],
    *,
    levels: int = 256,
    generator: Generator | None = None,
) -> Float[Tensor, "*shape"]:
    """Spread each pixel over its cell: (pixel + u) / levels, below 1.

    Implements `nice:dequantize`, in the default dtype. On average over the
    noise u, the log-density is at most the log-probability of the discrete
    image plus D log levels: `nice:noise-bound`.
    """
    require(levels in LEVELS, "levels", "2 to 65536", levels)
    require_integers("pixels", pixels, 0, levels - 1)
    # u lies on the grid that keeps pixel + u exact. A finer one would round
    # 255 + u up to 256, and any other pixel up into the cell above its own.
    digits = 1 - round(math.log2(torch.finfo().eps))
    steps = 2 ** (digits - (int(levels) - 1).bit_length())
    options = {"generator": generator, "device": pixels.device}
    u = torch.randint(steps, pixels.shape, **options) / steps
    return (pixels + u) / levels


# --8<-- [end:dequantize]
def bits_per_dim(log_prob: Nats, features: int, *, levels: int = 256) -> Nats:
    """Convert log-densities on [0, 1) to bits per feature: `nice:bits`."""
    require_counts(features=features)
    require(levels in LEVELS, "levels", "2 to 65536", levels)
    require_floating("log_prob", log_prob)
    return math.log2(levels) - log_prob / (features * math.log(2))
