"""Of matching at the image, where the teacher stands on a category module of its own."""

from __future__ import annotations

from math import prod

from legonet.blocks.adapter_layers import BRIDGE_KERNEL, bridge_layers
from legonet.distill.flops.synthesis import moved_operations
from legonet.distill.flops.work import Work
from legonet.ir.sizes import Size, chain_operations

SYNTHESISED = 512  # images as they are drawn, and as many that are moved
JOINED = 6144  # images that are made by joining two
STEPS = 300
BATCH = 64


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
    seen = work.images + 2 * SYNTHESISED + JOINED
    answered = seen * (category_module.operations + work.f + work.teacher)
    return solved + moved + answered + refined_operations(work, category_module)


def refined_operations(work: Work, category_module: Size) -> int:
    """Of the steps at its end, in which the bridge and what stands above it learn together."""
    bridge = chain_operations(bridge_layers(category_module.gives, work.source), category_module.gives)
    return STEPS * BATCH * (2 * work.student + 3 * work.h + 2 * bridge)
