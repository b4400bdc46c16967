"""How many operations the closed form takes, and how fast this machine multiplies matrices."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import torch
from torch import nn

from legonet.distill.least_squares import windows_read
from legonet.distill.pullback import Pullback


def pullback_operations(pullback: Pullback) -> int:
    """Floating-point operations of one draw: two for each multiplication and addition of its layers."""
    count = 0
    for (_, layer), below, above in zip(
        pullback.layers, pullback.shapes[:-1], pullback.shapes[1:], strict=True
    ):
        if isinstance(layer, nn.Conv2d):
            count += 2 * math.prod(above) * layer.weight[0].numel()
        elif isinstance(layer, nn.ConvTranspose2d):
            count += 2 * math.prod(below) * layer.weight[0].numel()
        elif isinstance(layer, nn.Linear):
            count += 2 * layer.weight.numel()
    return count


def closed_form_operations(student: Pullback, teacher: Pullback, kernel: int, draws: int) -> int:
    """Floating-point operations of the closed form: pullbacks, normal equations, Cholesky solution.

    Args:
        student: of g_S.
        teacher: of g_T.
        kernel: of the convolution.
        draws: for the normal equations; those for the residual come on top and are not counted.
    """
    channels_out, height, width = student.input_shape
    channels_in = teacher.input_shape[0]
    window = student.window if student.window == teacher.window else 1
    read, rows = channels_out * windows_read(kernel, window) ** 2, draws * height * width // window**2
    unknown = channels_out * kernel**2
    pulled = draws * (pullback_operations(student) + pullback_operations(teacher))
    summed = rows * read * (read + 1) + 2 * rows * read * channels_in  # half of a symmetric matrix
    return pulled + summed + unknown**3 // 3 + 2 * unknown**2 * channels_in


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
