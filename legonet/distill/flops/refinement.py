"""Of refining an adapter on what the teacher answers."""

from __future__ import annotations

from legonet.distill.flops.work import Work

BATCH = 32
STEPS = 300
LEAST = 60  # steps, however large the modules are
MANY = 400  # so many given images are worth as many steps again
MOST = 4  # times the steps, at most
BUDGET = (
    6 * 10**12
)  # operations of a refinement; of small modules it takes less, of the largest `LEAST` steps


def refinement_steps(step: int, steps: int | None, images: int, patience: int = 1) -> int:
    """How many steps a refinement has.

    Args:
        step: Operations of one feature of one step.
        steps: Without images, if they are set.
        images: How many are given; there are more steps with some.
        patience: Times the steps, where they can be afforded.
    """
    found = max(LEAST, min(patience * STEPS, BUDGET // (BATCH * max(1, step))))
    affordable = found if steps is None else patience * steps
    return round(affordable * min(MOST, 1 + images / MANY))


def refinement_operations(work: Work, steps: int | None, features: int) -> int:
    """Of the teacher's answers to all features, and of the steps."""
    batch = BATCH + (BATCH // 2 if work.labelled else 0)
    return features * work.teacher + refinement_steps(work.step, steps, work.images) * batch * work.step
