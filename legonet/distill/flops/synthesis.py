"""Of features and images that are synthesised: how many there are, and how often they are moved."""

from __future__ import annotations

from math import prod

from legonet.ir.sizes import Shape

INVERSION_STEPS = 30  # that move synthesised images
VALUE = 10**4  # that a machine does in the time in which one value is drawn and sorted, which are no products
MEMORY = 2**28  # bytes that all features may take; fewer are made of large ones


def affordable(count: int, shape: Shape) -> int:
    """So many features of a shape, or as many as there is memory for."""
    return max(1, min(count, MEMORY // (4 * prod(shape))))


def recoloured_operations(features: int, shape: Shape) -> int:
    """Of giving features the distribution that was recorded: no products, but time that these would take."""
    return features * prod(shape) * VALUE


def moved_operations(images: int, below: int, teacher: int) -> int:
    """Of synthesised images that are moved until the teacher answers them as it answered its owner's.

    Args:
        images: How many.
        below: Operations of what stands below g_T.
        teacher: Of g_T.
    """
    return images * INVERSION_STEPS * 2 * (below + teacher)
