"""NICE beside zuko's additive couplings with the same weights: `python benchmarks/nice.py`.

Both sides run in one process and take turns, two threads, float32, 784 features, shifts of five
layers of 1,000. Prints the median of the ratios of each turn, and how much of our training step
is matrix multiplication.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import zuko
from torch import Tensor, distributions
from torch.profiler import ProfilerActivity, profile

sys.path.insert(0, str(Path(__file__).parents[1]))

from snippets.nice import NICE

TURNS = 15
MULTIPLICATIONS = ("aten::addmm", "aten::mm")


def with_zuko(flow: NICE) -> Callable[[Tensor], Tensor]:
    """Return the log-density of the same flow, built from zuko's transforms."""
    features = len(flow.scaling.log_scale)
    base = distributions.TransformedDistribution(
        distributions.Uniform(torch.zeros(features), 1.0), distributions.SigmoidTransform().inv
    )
    base = distributions.Independent(base, 1)

    def log_prob(x: Tensor) -> Tensor:
        steps = [
            zuko.transforms.CouplingTransform(
                lambda kept, m=coupling.shift: zuko.transforms.DependentTransform(
                    zuko.transforms.AdditiveTransform(m(kept)), 1
                ),
                torch.arange(features) % 2 == index % 2,
            )
            for index, coupling in enumerate(flow.couplings)
        ]
        scaling = distributions.AffineTransform(0.0, flow.scaling.log_scale.exp(), event_dim=1)
        transform = distributions.ComposeTransform([*steps, scaling])
        z = transform(x)
        return base.log_prob(z) + transform.log_abs_det_jacobian(x, z)

    return log_prob


def report(name: str, sides: dict[str, Callable], work: Callable[[Callable], object]) -> None:
    """Time `work` on each side in turn, and print the ratio of zuko's time to ours."""
    ratios = []
    for _ in range(TURNS):
        times = {}
        for side, log_prob in sides.items():
            start = time.perf_counter()
            work(log_prob)
            times[side] = time.perf_counter() - start
        ratios.append(times["zuko"] / times["snippets"])
    middle = statistics.median(ratios)
    print(f"{name}: zuko takes {middle:.2f} times as long ({min(ratios):.2f}–{max(ratios):.2f})")


def main() -> None:
    """Measure log-densities and training steps, ours and zuko's in turn."""
    torch.set_num_threads(2)
    torch.manual_seed(0)
    flow, x = NICE(784), torch.rand(128, 784)
    sides = {"snippets": flow.log_prob, "zuko": with_zuko(flow)}
    torch.testing.assert_close(sides["snippets"](x), sides["zuko"](x))
    optimizer = torch.optim.Adam(flow.parameters())

    def step(log_prob: Callable[[Tensor], Tensor]) -> None:
        optimizer.zero_grad()
        (-log_prob(x).mean()).backward()
        optimizer.step()

    with torch.no_grad():
        report("log_prob", sides, lambda log_prob: log_prob(x))
    report("training step", sides, step)

    with profile(activities=[ProfilerActivity.CPU]) as record:
        for _ in range(3):
            optimizer.zero_grad()
            (-flow.log_prob(x).mean()).backward()
    events = record.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    bare = sum(event.self_cpu_time_total for event in events if event.key in MULTIPLICATIONS)
    print(f"matrix multiplication: {bare / total:.0%} of forward and backward")


if __name__ == "__main__":
    main()
