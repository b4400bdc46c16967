"""How long things take, and how fast this machine multiplies matrices."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import torch


def matmul_rate(dtype: torch.dtype, size: int = 1024, repeats: int = 10) -> float:
    """The best rate of this machine's matrix product, in operations per second, with torch's threads."""
    left, right = (torch.rand(size, size, dtype=dtype) for _ in range(2))
    return 2 * size**3 / best_time(lambda: left @ right, repeats)


def best_time(run: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of several runs, after one that warms up: what else the machine does is out."""
    return best_times([run], repeats)[0]


def best_times(runs: Sequence[Callable[[], object]], repeats: int, turn: int = 10) -> list[float]:
    """The same of several things that take turns, so that all of them see the same machine.

    Args:
        runs: what to time.
        repeats: of each.
        turn: runs of one before the next one's turn: as in a loop, its data are in the processor's caches.
    """
    for run in runs:
        run()
    best = [math.inf] * len(runs)
    for begin in range(0, repeats, turn):
        for index, run in enumerate(runs):
            for _ in range(min(turn, repeats - begin)):
                started = time.perf_counter()
                run()
                best[index] = min(best[index], time.perf_counter() - started)
    return best
