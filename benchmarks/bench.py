"""Run all benchmarks, or those that `-k` chooses: `make bench`, `make bench ARGS="-k nice"`.

Each comparison is proved equal in value before it is timed. What comes of it is written to
docs/benchmarks.json at once; results of another machine are forgotten.
"""

import json
import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import bottleneck, capsules, infomax, nice, positions, svd, vae
from benchmarks.duels import Results, contest, grown, merged, require_equal, written

MODULES = (nice, positions, capsules, vae, bottleneck, infomax, svd)
FILE = Path(__file__).parents[1] / "docs" / "benchmarks.json"
LIBRARIES = ("torch", "numpy", "transformers", "x-transformers", "rotary-embedding-torch")
LIBRARIES += ("zuko", "normflows", "scikit-learn")
THREADS = 2


def every(kind: str) -> list[Any]:
    """Return what all modules have of one kind, as parameters of a test."""
    return [
        pytest.param(f"{slug}/{name}", make, id=f"{slug}, {name}")
        for module in MODULES
        for slug in [module.__name__.rpartition(".")[2]]
        for name, make in getattr(module, kind, {}).items()
    ]


@pytest.fixture
def found() -> Iterator[Results]:
    """What a test measures; after it, it takes the place of what was known."""
    torch.set_num_threads(THREADS)
    results: Results = {}
    yield results
    known = json.loads(FILE.read_text("utf-8")) if FILE.is_file() else {}
    FILE.write_text(written(merged(known, machine() | results)), "utf-8")


@pytest.mark.parametrize(("name", "make"), every("DUELS"))
def test_duel(name: str, make: Any, benchmark: Any, found: Results) -> None:
    """Prove the sides equal, and let them take turns."""
    duel = make(small=False)
    require_equal(duel)
    results = contest(duel, benchmark)
    found |= {f"{name}/{key}": value for key, value in results.items()}


@pytest.mark.parametrize(("name", "growth"), every("GROWTH"))
def test_growth(name: str, growth: Any, found: Results) -> None:
    """Measure time and memory at growing sizes."""
    found |= {f"{name}/{key}": value for key, value in grown(growth).items()}


@pytest.mark.parametrize(("name", "make"), every("SHARES"))
def test_share(name: str, make: Any, found: Results) -> None:
    """Measure what is no duel; last, for a compiler leaves its traces on what comes after."""
    found |= {f"{name}/{key}": value for key, value in make(small=False).items()}


def machine() -> Results:
    """Say what the benchmarks ran on, without saying whose it is."""
    models = {
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        if line.startswith("model name")
    }
    return {
        "machine/processor": ", ".join(sorted(models)) or platform.machine(),
        "machine/cores": os.cpu_count(),
        "machine/threads": THREADS,
        "machine/python": platform.python_version(),
    } | {f"machine/{name}": version(name) for name in LIBRARIES}
