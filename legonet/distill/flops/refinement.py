"""Of calibrating an adapter and refining it on what the teacher answers."""

from __future__ import annotations

from legonet.distill.flops.work import Work

BATCH = 64
CALIBRATION = 30  # steps on the biases alone
JOINED = 8192  # features that are made by joining two
MANY = 400  # so many given images are worth as many steps again
MOST = 4  # times the steps, at most


def refinement_steps(steps: int, images: int) -> int:
    """So many steps without images, more with some."""
    return round(steps * min(MOST, 1 + images / MANY))


def refinement_operations(work: Work, steps: int) -> int:
    """Of the teacher's answers, of calibration, and of so many steps without images."""
    batch = BATCH + (BATCH // 2 if work.labelled else 0)
    calibrated = CALIBRATION * BATCH * (work.step - work.h)  # biases alone
    refined = refinement_steps(steps, work.images) * batch * work.step
    return JOINED * work.teacher + calibrated + refined
