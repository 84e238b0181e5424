"""What capsules refuse: votes, mixtures, maps and settings out of bounds.

Article:  none of its own; snippets/capsules.py asks these first.
Source:   none.
Shapes:   those of snippets/capsules.py.
Units:    none.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from snippets.checks import (
    require,
    require_counts,
    require_dtype,
    require_integers,
    require_shape,
    require_widths,
)

SQUARE = (4, 4)  # a pose
TABLE = 2  # axes of points, or of activations by class
MAP = 4  # axes of a map: batch, channels or types, height and width
UNIT = "from 0 to 1"


def check_unit(name: str, x: Tensor) -> None:
    """Require numbers from 0 to 1."""
    if x.numel():
        bounds = [float(bound) for bound in x.detach().aminmax()]
        require(bounds[0] >= 0 and bounds[1] <= 1, name, UNIT, bounds)


class Check:
    """What each argument must be, named after it."""

    @staticmethod
    def votes(votes: Tensor, activations: Tensor) -> None:
        """Require votes (batch, children, parents, d) of active children."""
        require(votes.ndim == MAP, "rank of votes", MAP, votes.ndim)
        require_dtype("votes", votes)
        require_dtype("activations", activations, votes.dtype)
        require_shape("activations", activations, votes.shape[:2])
        _, children, parents, d = votes.shape
        require_counts(children=children, parents=parents, d=d)
        check_unit("activations", activations)

    @staticmethod
    def beta(name: str, beta: float | Tensor, votes: Tensor) -> Tensor:
        """Return a price as a tensor like the votes: one, or one a parent."""
        if torch.is_tensor(beta) and beta.is_complex():
            raise TypeError(f"{name} must be real, got {beta.dtype}")
        price = torch.as_tensor(beta, dtype=votes.dtype, device=votes.device)
        shape, parents = tuple(price.shape), votes.shape[2]
        fits = shape in ((), (parents,))
        require(fits, f"shape of {name}", f"() or ({parents},)", shape)
        finite = bool(price.isfinite().all())
        require(finite, name, "finite", price.tolist())
        return price

    @staticmethod
    def settings(iterations: int, inverse_temperature: float) -> dict[str, Any]:
        """Return the settings of routing by name."""
        require_counts(iterations=iterations)
        slope = inverse_temperature
        proper = 0 < slope < math.inf
        require(proper, "inverse_temperature", "finite and above 0", slope)
        return {"iterations": iterations, "inverse_temperature": slope}

    @staticmethod
    def mixture(
        points: Tensor, means: Tensor, variances: Tensor, weights: Tensor
    ) -> None:
        """Require points (n, d) and the parameters of k Gaussians."""
        require(points.ndim == TABLE, "rank of points", TABLE, points.ndim)
        require(weights.ndim == 1, "rank of weights", 1, weights.ndim)
        require_dtype("points", points)
        (n, d), k = points.shape, len(weights)
        require_counts(points=n, d=d, weights=k)
        for name, x in (("means", means), ("variances", variances)):
            require_shape(name, x, (k, d))
            require_dtype(name, x, points.dtype)
        require_dtype("weights", weights, points.dtype)
        positive = bool((variances > 0).all()) and bool(
            variances.isfinite().all()
        )
        require(positive, "variances", "finite and above 0", variances.tolist())
        total = float(weights.sum())
        proper = bool((weights >= 0).all()) and math.isclose(
            total, 1, abs_tol=1e-5
        )
        require(proper, "weights", "non-negative with sum 1", weights.tolist())

    @staticmethod
    def stack(types: Sequence[int], strides: Sequence[int]) -> None:
        """Require the types of three maps, and the strides between maps."""
        require_widths("types", types, 3, 3)
        require_widths("strides", strides, 3, 3)

    @staticmethod
    def images(name: str, images: Tensor, layer: nn.Conv2d) -> None:
        """Require a batch of maps that a convolution takes."""
        require(images.ndim == MAP, f"rank of {name}", MAP, images.ndim)
        require_dtype(name, images, layer.weight.dtype)
        _, channels, *size = images.shape
        expected = layer.in_channels
        require(channels == expected, f"channels of {name}", expected, channels)
        least = int(layer.kernel_size[0])
        require(
            min(size) >= least, f"size of {name}", f"at least {least}", size
        )

    @staticmethod
    def capsules(capsules: Any, transforms: Tensor, kernel: int) -> None:
        """Require a map of capsules of the types that a layer takes."""
        poses, activations = capsules
        require(
            activations.ndim == MAP,
            "rank of activations",
            MAP,
            activations.ndim,
        )
        require_dtype("poses", poses, transforms.dtype)
        require_dtype("activations", activations, transforms.dtype)
        require_shape("poses", poses, (*activations.shape, *SQUARE))
        *_, types = activations.shape
        size, expected = list(activations.shape[1:3]), transforms.shape[1]
        require(types == expected, "types of capsules", expected, types)
        require(
            min(size) >= kernel, "size of the map", f"at least {kernel}", size
        )
        check_unit("activations", activations)

    @staticmethod
    def targets(activations: Tensor, target: Tensor, margin: float) -> None:
        """Require a class a sample, and a margin in reach of activations."""
        rank = activations.ndim
        require(rank == TABLE, "rank of activations", TABLE, rank)
        require_dtype("activations", activations)
        require_shape("target", target, activations.shape[:1])
        require_counts(**{"length of target": len(target)})
        require_integers("target", target, 0, activations.shape[1] - 1)
        require(0 < margin <= 1, "margin", "above 0, at most 1", margin)
