"""How much a fit computes where no setting says so: what the methods and the estimate of a fit share.

Needs no torch.
"""

from __future__ import annotations

ACTIVITY_STEPS = 60  # that move features drawn from statistics
INVERSION_STEPS = 30  # that move synthesised images
START_IMAGINED = 256  # features whose masks are drawn

# The closed form, and the matching of outputs that follows it.
GRAM_BLOCK = 192  # rows of the Gram matrix that are computed together
CHECKED = 32  # fresh draws for the residual, at most; a quarter of those of the fit
MATCHING_SYNTHESISED = 256  # features drawn from the statistics
MATCHING_BATCH = 64

AUTO_BATCH = 64
AUTO_CALIBRATION = 30  # steps on the biases alone
AUTO_JOINED = 8192  # features that are made by joining two
AUTO_MANY = 400  # so many given images are worth as many steps again
AUTO_MOST = 4  # times the steps, at most

# Matching at the image.
BRIDGE_SYNTHESISED = 512  # images as they are drawn, and as many that are moved
BRIDGE_JOINED = 6144  # images that are made by joining two
BRIDGE_STEPS = 300
BRIDGE_BATCH = 64


def checked(draws: int) -> int:
    """Fresh draws that the residual of so many is measured over."""
    return min(CHECKED, -(-draws // 4))


def windows_read(kernel: int, window: int) -> int:
    """How many windows of a pooling the patches of one window's positions read, in each direction."""
    return 2 * -(-(kernel // 2) // window) + 1
