"""Of matching outputs on features, after the closed form."""

from __future__ import annotations

from legonet.distill.flops.work import Work

HELD_OUT = 4  # one feature in so many is held out
BATCH = 64


def matching_operations(work: Work, synthesised: int, steps: int) -> int:
    """Of the features, the teacher's outputs, the steps, and of judging before and after them.

    Args:
        work: Of the fit.
        synthesised: Features that are drawn from the statistics, if there are any.
        steps: Of the descent.
    """
    features = work.images + (synthesised if work.statistics else 0)
    known = work.images * work.f + features * work.teacher + 2 * work.judged(features // HELD_OUT)
    return known + steps * BATCH * work.step
