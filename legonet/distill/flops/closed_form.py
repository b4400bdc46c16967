"""Of the closed form: pullbacks, normal equations, and their solution."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from legonet.ir.notation import AdaptiveAvgPool, Conv, Layer, Upsample
from legonet.ir.sizes import Shape, chain_operations

GRAM_BLOCK = 192  # rows of the Gram matrix that are computed together
RIDGES = (1e-6, 0.1, 1.0)  # that are tried where there is something to judge by
CHECKED = 32  # fresh draws for the residual, at most; a quarter of those of the fit


def checked(draws: int) -> int:
    """Fresh draws that the residual of so many is measured over."""
    return min(CHECKED, -(-draws // 4))


def windows_read(kernel: int, window: int) -> int:
    """How many windows of a pooling the patches of one window's positions read, in each direction."""
    return 2 * -(-(kernel // 2) // window) + 1


def closed_form_operations(
    adapter: Mapping[str, Layer], source: Shape, once: int, draws: int, windows: set[int], ridges: int = 1
) -> int:
    """About how many operations the closed form takes: pullbacks, normal equations, and their solution.

    Args:
        adapter: That is solved for.
        source: Shape of the features that it takes.
        once: Operations of one pass through g_S and g_T; a pullback takes as many.
        draws: For the normal equations; those for the residual come on top.
        windows: Of the poolings that g_S and g_T begin with.
        ridges: How many are tried: so many solutions.
    """
    first = next(each for each in adapter.values() if isinstance(each, Conv))
    resampled = any(isinstance(each, AdaptiveAvgPool | Upsample) for each in adapter.values())
    window = 1 if resampled or len(windows) > 1 else next(iter(windows))
    kernel, taken = first.kernel[0], first.in_channels
    read, unknown = first.out_channels * windows_read(kernel, window) ** 2, first.out_channels * kernel**2
    rows = draws * prod(source[1:]) // window**2
    block = GRAM_BLOCK
    gram = sum(min(block, read - begin) * (read - begin) for begin in range(0, read, block))
    solved = 2 * rows * (gram + read * taken) + ridges * (unknown**3 // 3 + 2 * unknown**2 * taken)
    lowest = 2 * prod(source[1:]) * unknown * taken  # what it solves for is only pulled through to be checked
    above = chain_operations(adapter, source) - lowest
    return (draws + checked(draws)) * (once + above) + checked(draws) * lowest + solved
