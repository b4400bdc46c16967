"""Of features and images that are synthesised: how often they are moved."""

from __future__ import annotations

ACTIVITY_STEPS = 60  # that move features drawn from statistics
INVERSION_STEPS = 30  # that move synthesised images


def drawn_operations(features: int, teacher: int) -> int:
    """Of features that are drawn from statistics, and moved.

    Args:
        features: how many.
        teacher: operations of g_T.
    """
    return features * ACTIVITY_STEPS * 2 * teacher


def moved_operations(images: int, below: int, teacher: int) -> int:
    """Of synthesised images that are moved until the teacher answers them as it answered its owner's.

    Args:
        images: how many.
        below: operations of what stands below g_T.
        teacher: of g_T.
    """
    return images * INVERSION_STEPS * 2 * (below + teacher)
