"""What became of mutants: survivors by place, and the share killed with its uncertainty."""

import math
from collections import Counter
from hashlib import sha256
from typing import NamedTuple

KILLED = ("killed", "timed out")


class Mutant(NamedTuple):
    """One edit: what stood there, what stands there now, and the text of the whole module."""

    file: str
    line: int
    lines: tuple[int, ...]
    before: str
    after: str
    text: str


def key(mutant: Mutant) -> str:
    """Return what names a mutant: its file and its text."""
    return sha256(f"{mutant.file}\n{mutant.text}".encode()).hexdigest()[:20]


def report(results: list[tuple[Mutant, str]]) -> str:
    """List the survivors, then the share killed of each file and of all."""
    if not results:
        return "no mutant was judged"
    lines = [
        f"{mutant.file}:{mutant.line}: {how}: {mutant.before!r} -> {mutant.after!r}"
        for mutant, how in results
        if how not in KILLED
    ]
    lines += ["", "| file | mutants | killed | share | 95 % interval |", "|---|---|---|---|---|"]
    counts = Counter(mutant.file for mutant, _ in results)
    dead = Counter(mutant.file for mutant, how in results if how in KILLED)
    for file, count in [*sorted(counts.items()), ("all", counts.total())]:
        killed = dead[file] if file != "all" else dead.total()
        low, high = wilson(killed, count)
        share = f"{killed / count:.1%} | {low:.1%} to {high:.1%}"
        lines.append(f"| {file} | {count} | {killed} | {share} |")
    return "\n".join(lines)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return the bounds of a share that hold 19 times of 20, by Wilson's formula."""
    z = 1.96
    share, weight = successes / trials, 1 + z**2 / trials
    centre = (share + z**2 / (2 * trials)) / weight
    half = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2)) / weight
    return centre - half, centre + half
