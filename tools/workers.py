"""Independent runs of a lab, several at a time."""

from collections.abc import Callable, Sequence
from typing import Any

from joblib import Parallel, delayed


def run_all(
    function: Callable[..., Any], jobs: Sequence[tuple[Any, ...]], *, workers: int
) -> dict[tuple[Any, ...], Any]:
    """Return what the function makes of each job, by job.

    Several workers have one thread each. A function of a notebook brings along what it uses of it.

    Args:
        function: Takes the parts of a job in order.
        jobs: No two alike.
        workers: How many run at a time; 1 is this process.
    """
    made = Parallel(workers)(delayed(function)(*job) for job in jobs)
    return dict(zip(jobs, made, strict=True))
