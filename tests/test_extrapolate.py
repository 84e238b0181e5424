"""A learning curve that is a power law is continued exactly."""

import pytest

from tools.extrapolate import power_law


@pytest.mark.parametrize("power", [0.3, 0.5, 1.2])
def test_a_power_law_is_continued(power: float) -> None:
    epochs = [1, 3, 7, 15, 31]
    curve = [1980 - 300 * count**-power for count in epochs]
    assert power_law(epochs, curve, 1500) == pytest.approx(1980 - 300 * 1500**-power, abs=0.1)


def test_a_fall_is_continued_as_well() -> None:
    epochs = [1, 2, 4, 8]
    assert power_law(epochs, [2 + 1 / n for n in epochs], 100) == pytest.approx(2.01, abs=1e-3)


def test_three_points_are_too_few() -> None:
    with pytest.raises(ValueError, match="4 or more, one an epoch, got 3"):
        power_law([1, 2, 4], [1.0, 2.0, 3.0], 8)
