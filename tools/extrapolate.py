"""What a learning curve predicts: a limit, approached as a power of the epochs."""

from collections.abc import Sequence

import numpy as np

POWERS = np.linspace(0.02, 3, 299)


def power_law(epochs: Sequence[float], values: Sequence[float], at: float) -> float:
    """Fit values = limit - gap * epochs ** -power by least squares; return what it gives `at`.

    Raises:
        ValueError: There are fewer than four points, so that the fit would be no test of the law.
    """
    if len(epochs) < 4 or len(epochs) != len(values):  # noqa: PLR2004
        raise ValueError(f"values must be 4 or more, one an epoch, got {len(values)}")
    fits = []
    for power in POWERS:
        table = np.stack([np.ones(len(epochs)), -(np.asarray(epochs, float) ** -power)], 1)
        (limit, gap), *_ = np.linalg.lstsq(table, np.asarray(values), rcond=None)
        misfit = np.square(table @ [limit, gap] - values).sum()
        fits.append((misfit, limit - gap * at**-power))
    return float(min(fits)[1])
