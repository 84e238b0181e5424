"""What pyproject.toml cannot say: what the package needs stands in requirements.txt."""

import re
from pathlib import Path

from setuptools import setup

PINS = Path(__file__).with_name("requirements.txt").read_text("utf-8")


def bounds(pins: str) -> list[str]:
    """Return pins as lower bounds, for a reader may have newer versions."""
    return [pin.replace("==", ">=") for pin in re.findall(r"^[\w.-]+==\S+", pins, re.M)]


if __name__ == "__main__":
    setup(
        install_requires=bounds(PINS.split("\n\n")[1]),  # the group of the models
        extras_require={"comparisons": bounds("\n".join(re.findall("^scipy=.*", PINS, re.M)))},
    )
