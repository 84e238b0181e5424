"""Where a flow starts: as the best density of independent pixels.

Article:  docs/articles/nice.md, whose labs train from here.
Source:   ours; the paper does not say how its networks start.
Shapes:   x is (batch, D), the training images.
Units:    widths and medians in the units of x.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snippets.nice import NICE, optimal_log_scale


@torch.no_grad()
def keep_scale(flow: NICE) -> NICE:
    """Draw the hidden layers of all shifts as He and others (2015) do.

    Five layers of 1,000 with PyTorch's own start leave less than a hundredth
    of what varies in a signal, which takes the first epochs to undo.
    """
    for coupling in flow.couplings:
        shift: Any = coupling.shift
        for layer in shift[:-1:2]:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return flow


# --8<-- [start:pixels]
@torch.no_grad()
def at_independent_pixels(flow: NICE, x: Float[Tensor, "batch D"]) -> NICE:
    """Let a flow begin as the best density of independent pixels.

    Each shift ends in units of the widths of what it moves, so that one rate
    of learning suits the margin and the centre of an image alike. The first
    two shifts take off the medians (for a Gaussian prior the means), in place.
    """
    mid = x.mean(0) if flow.prior == "gaussian" else x.median(0).values
    width = (-optimal_log_scale(x - mid, prior=flow.prior)).exp()
    for index, coupling in enumerate(flow.couplings):
        shift: Any = coupling.shift
        moved, end = slice(1 - index % 2, None, 2), shift[-1]
        bias = -(mid / width)[moved] * (index < 2)  # noqa: PLR2004
        end.load_state_dict({"weight": 0 * end.weight, "bias": bias})
        shift.register_forward_hook(
            lambda m, x, y, unit=width[moved]: y * unit.to(y)
        )
    flow.scaling.log_scale.copy_(-width.log())
    return flow


# --8<-- [end:pixels]
