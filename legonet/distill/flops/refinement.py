"""Of refining an adapter on what the teacher answers."""

from __future__ import annotations

from math import sqrt

from legonet.distill.flops.synthesis import affordable, moved_operations, recoloured_operations
from legonet.distill.flops.work import Work
from legonet.ir.sizes import Shape

BATCH = 32
STEPS = 300
LEAST = 60  # steps, however large the modules are
MANY = 400  # so many given images are worth as many steps again
MOST = 4  # times the steps, at most
BESIDES = 3  # times as many are drawn besides those of all sources, at most
SPARE = 2  # times as many as steps take, so that few are taken twice
MORE_SHARE = 4  # one in so many of what is not given is drawn besides; half of the others is drawn too
HALF = 50  # given images that take half of a batch, the imagined ones the other half
HELD_OUT = 5  # one feature in so many is held out
STARTING = 64  # held-out features that starts are compared on at least,
COMPARING = 10**11  # and operations that it may take for each, so that large modules have no more
FEW = 40  # given images are held out too from this number on
COPIES = 16  # of a given image, at most
ENOUGH = 6400  # given images that need no copies
MOVED = 400  # images that are moved until the teacher knows them, between strangers,
FEWEST = 40  # and how many at least, in fewer operations than the steps take
BUDGET = (
    6 * 10**12
)  # operations of a refinement; of small modules it takes less, of the largest `LEAST` steps


def refinement_steps(step: int, steps: int | None, images: int, patience: float = 1) -> int:
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


def is_large(step: int) -> bool:
    """Whether modules are so large that there are fewer steps.

    Args:
        step: Operations of one feature of one step.
    """
    return refinement_steps(step, None, 0) < STEPS


def copies(images: int, shape: Shape) -> int:
    """How many there are of each given image, itself among them; the fewer images and the smaller, the more.

    Args:
        images: How many are given.
        shape: Of the features of one.
    """
    return max(1, min(COPIES, affordable(ENOUGH, shape) // images))


def share_of_given(images: int, imagined: bool = True) -> int:
    """How many features of a batch are of given images, and of their copies; the rest is imagined.

    Args:
        images: How many are given.
        imagined: There are imagined features; one is in every batch.
    """
    if not imagined:
        return BATCH if images else 0
    return min(BATCH - 1, round(BATCH * images / (images + HALF)))


def share_of_drawn(images: int) -> int:
    """How many features of a batch are drawn besides.

    Args:
        images: How many are given.
    """
    return (BATCH - share_of_given(images)) // MORE_SHARE


def besides(features: int, shape: Shape, steps: int, images: int = 0) -> int:
    """How many features are drawn from statistics besides: two for each that steps take, if memory allows.

    Args:
        features: Of all sources.
        shape: Of one.
        steps: Of a refinement.
        images: How many are given.
    """
    room = affordable((1 + BESIDES) * features, shape) - features
    return max(0, min(SPARE * steps * share_of_drawn(images), room))


def tries_expected(tries: int) -> float:
    """How many of at most so many tries are counted beforehand.

    The first that makes the adapter better is the last, which only a fit finds out. The middle of one and all
    of them, by their ratio: of up to four it is never wrong by more than two times.
    """
    return sqrt(tries)


_BETWEEN = 2 / 3


def patience_expected(work: Work, patience: int) -> float:
    """How many times the steps are counted beforehand, of a method that is patient without a common base.

    The weights of strangers are known to have nothing in common; whether their pseudo-gradients have, only
    the closed form finds out, and in task modules of few layers they often do. So what is between one and all
    is counted, a little nearer to all.

    Args:
        work: Of the fit.
        patience: Times the steps, without a common base.
    """
    if work.related:
        return 1.0
    return patience**_BETWEEN if work.strangers else patience


def moved_images(once: int, descent: int) -> int:
    """How many images are moved until the teacher knows them, for modules that have no common base.

    Args:
        once: Operations of moving one of them.
        descent: Of all steps of the refinement.
    """
    count = min(MOVED, 2 * min(descent, BUDGET) // max(1, 3 * once))
    return count if count >= FEWEST else 0


_MOVING = 0.15


def moving_expected(work: Work, steps: int | None, patience: int) -> int:
    """What is counted beforehand of `moving_operations`.

    Args:
        work: Of the fit; whether strangers by their weights have no common base, only the fit finds out.
        steps: Of the refinement, if they are set.
        patience: Times the steps, without a common base.
    """
    if work.related:
        return 0
    return round((_MOVING if work.strangers else 1) * moving_operations(work, steps, patience))


def moving_operations(work: Work, steps: int | None, patience: int) -> int:
    """Of moving images, and of the features of all copies and the teacher's answers to them.

    Args:
        work: Of the fit.
        steps: Of the refinement, if they are set.
        patience: Times the steps.
    """
    if not work.statistics:
        return 0
    descent = refinement_steps(work.step, steps, 0, patience) * BATCH * work.step
    images = moved_images(moved_operations(1, work.f, work.teacher), descent)
    copied = images * copies(images, work.source) if images else 0
    return moved_operations(images, work.f, work.teacher) + copied * (work.f + work.teacher)


def held_out(work: Work, features: int) -> int:
    """How many features the adapter is judged by."""
    return (features + (work.images if work.images >= FEW else 0)) // HELD_OUT


def compared(held_out: int, once: int) -> int:
    """On how many of the held-out features starts are compared.

    Args:
        held_out: How many there are.
        once: Operations of the path for one.
    """
    return min(held_out, max(STARTING, COMPARING // max(1, once)))


def material_operations(work: Work, features: int, steps: int | None) -> int:
    """Of the copies of given images, what is drawn besides, and the teacher's answers to all of it.

    Args:
        work: Of the fit.
        features: Of all sources.
        steps: Of the refinement, if they are set.
    """
    given = work.images * copies(work.images, work.source) if work.images else 0
    made = refinement_steps(work.step, steps, work.images)
    drawn = besides(features, work.source, made, work.images) if work.statistics else 0
    drawing = recoloured_operations(drawn, work.source)
    return given * work.f + drawing + (features + drawn + given) * work.teacher


def descent_operations(work: Work, steps: int | None, features: int, patience: float = 1) -> int:
    """Of the steps of one refinement, and of judging what came of it."""
    batch = BATCH + (BATCH // 2 if work.labelled else 0)
    made = refinement_steps(work.step, steps, work.images, patience)
    return made * batch * work.step + work.judged(held_out(work, features))
