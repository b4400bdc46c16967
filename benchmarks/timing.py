"""How long things take, side by side, and how fast this machine multiplies matrices."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

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


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch have one thread, so that times do not depend on what else the machine does."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def devices() -> tuple[str, ...]:
    """The devices that ratios are measured on: a GPU too, where there is one."""
    return ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)


def ratio(
    reference: Callable[[], object], candidate: Callable[[], object], repeats: int, device: str = "cpu"
) -> float:
    """Seconds of the candidate over those of the reference: the median over pairs of runs.

    Processor seconds on a CPU; on a GPU those that pass until it has done its work.
    """
    return ratios([reference], candidate, repeats, device)[0]


def ratios(
    references: Sequence[Callable[[], object]],
    candidate: Callable[[], object],
    repeats: int,
    device: str = "cpu",
) -> list[float]:
    """The same against several references, which take turns with the candidate."""
    runs = [candidate, *references]
    for each in (*runs, *runs):
        each()
    found: list[list[float]] = [[] for _ in references]
    for number in range(repeats):
        seconds = {}
        for each in runs if number % 2 else reversed(runs):
            begin = _now(device)
            each()
            seconds[each] = _now(device) - begin
        for reference, pairs in zip(references, found, strict=True):
            pairs.append(seconds[candidate] / max(seconds[reference], 1e-9))
    return [statistics.median(pairs) for pairs in found]


def _now(device: str) -> float:
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()
