"""Of images that are synthesised: how often they are moved."""

from __future__ import annotations

INVERSION_STEPS = 30  # that move synthesised images


def moved_operations(images: int, below: int, teacher: int) -> int:
    """Of synthesised images that are moved until the teacher answers them as it answered its owner's.

    Args:
        images: How many.
        below: Operations of what stands below g_T.
        teacher: Of g_T.
    """
    return images * INVERSION_STEPS * 2 * (below + teacher)
