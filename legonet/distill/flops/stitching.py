"""Of matching at the image, where the teacher stands on a category module of its own."""

from __future__ import annotations

from math import prod

from legonet.blocks.adapter_layers import BRIDGE_KERNEL, bridge_layers
from legonet.distill.flops.refinement import BUDGET, LEAST
from legonet.distill.flops.synthesis import affordable, moved_operations
from legonet.distill.flops.work import Work
from legonet.ir.sizes import Shape, Size, chain_operations

SYNTHESISED = 512  # images as they are drawn, and as many that are moved
JOINED = 6144  # images that are made by joining two, if there is memory for their features
STEPS = 1500  # in which the bridge learns
BATCH = 64


def joined_images(most: int, *shapes: Shape) -> int:
    """How many images are made by joining two, in whole batches.

    Args:
        most: Where there is memory for the features of so many.
        shapes: Of the features of both category modules.
    """
    return max(BATCH, affordable(most, (sum(map(prod, shapes)),)) // BATCH * BATCH)


def affordable_steps(step: int, most: int) -> int:
    """How many steps a descent takes: fewer of large modules.

    Args:
        step: Operations of one feature of one step.
        most: Of small modules.
    """
    return max(min(LEAST, most), min(most, BUDGET // (BATCH * max(1, step))))


def refined_steps(learned: int) -> int:
    """How many steps the whole adapter takes after those of the bridge, of small modules.

    Args:
        learned: Those.
    """
    return max(1, 2 * learned // 5)


def stitching_operations(work: Work, category_module: Size) -> int:
    """Of all but what stands above the bridge.

    Args:
        work: Of the fit above the bridge, on the teacher's own category module.
        category_module: f, which the bridge stands on.
    """
    source, own = category_module.gives, work.source
    bridge = chain_operations(bridge_layers(source, own), source)
    unknown = source[0] * BRIDGE_KERNEL**2 + 1
    solved = 2 * prod(own[1:]) * (work.images + SYNTHESISED) * unknown * (unknown + own[0])
    moved = work.inverted(SYNTHESISED)
    if work.statistics:
        moved += moved_operations(SYNTHESISED, category_module.operations + bridge, work.teacher)
    seen = work.images + 2 * SYNTHESISED + joined_images(JOINED, source, own)
    answered = seen * (category_module.operations + work.f + work.teacher)
    return solved + moved + answered + sum(descent_operations(work, category_module))


def descent_operations(work: Work, category_module: Size) -> tuple[int, int]:
    """Of the steps at its end, in which the bridge learns, and in which all of the adapter does."""
    bridge = chain_operations(bridge_layers(category_module.gives, work.source), category_module.gives)
    learned, refined = step_operations(work.teacher, work.student, bridge, work.h)
    return (
        affordable_steps(learned, STEPS) * BATCH * learned,
        affordable_steps(refined, refined_steps(STEPS)) * BATCH * refined,
    )


def step_operations(teacher: int, student: int, bridge: int, above: int) -> tuple[int, int]:
    """Of one feature of a step in which the bridge learns, and of one in which the whole adapter does.

    Args:
        teacher: Operations of g_T for one feature: through it and back, and f''s own through it.
        student: Of g_S.
        bridge: Of the bridge; nothing below it has a gradient.
        above: Of the adapter that stands on the bridge.
    """
    return 3 * teacher + 2 * bridge, 2 * student + 3 * above + 2 * bridge
