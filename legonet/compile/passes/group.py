"""Modules of one architecture and different weights run side by side, as one call with grouped convolutions.

The members' features stand beside each other in the channels of one tensor. Where all read the same images,
the first convolution is a plain one with the members' filters below each other.

Measured on a CPU with one thread, channels last: up to 32 channels per member a group is mostly faster than
its members one after another, up to 7 times (4 channels, 20 members, batch 1); at worst, for a few members of
small maps, it takes 1.2 times as long. At 64 channels it is as fast, and above that slower. So groups are
proposed up to `WIDEST` channels, and whoever has the modules at hand may measure each and refuse it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any

from legonet.compile.program import Brick, Call, Program, Step, fresh_name, merge_calls, split_brick
from legonet.ir.notation import (
    AdaptiveAvgPool,
    AvgPool,
    BatchNorm,
    Conv,
    ConvTranspose,
    Dropout,
    Identity,
    MaxPool,
    Relu,
    Rescale,
    Upsample,
)

WIDEST = 32

Pays = Callable[[Program, Sequence[Call], int], bool]
"""Whether the first steps of some calls of a program, so many, are worth to be run as a group."""


def always(program: Program, calls: Sequence[Call], count: int) -> bool:
    """Take every group that is proposed."""
    return True


_BY_CHANNEL = (
    AdaptiveAvgPool,
    AvgPool,
    BatchNorm,
    Conv,
    ConvTranspose,
    Dropout,
    Identity,
    MaxPool,
    Relu,
    Rescale,
    Upsample,
)
"""Layers that leave members apart which stand side by side in the channels."""


def group(program: Program, pays: Pays = always) -> Program:
    """Run modules of one architecture that read the same value, or members of one group, as a group.

    Of modules that are too wide above, the layers below are grouped as bricks of the kind `stems`.

    Args:
        program: that is rewritten.
        pays: asked of each group whether it is worth it.
    """
    refused: set[str] = set()
    while (found := _alike(program, refused)) is not None:
        calls, count = found
        if not pays(program, calls, count):
            refused |= {call.name for call in calls}
            continue
        names = []
        for call in calls:
            name, steps = call.bricks[0], program.steps(call.bricks[0])
            if count < len(steps):
                stem = fresh_name(program, "stems", program.bricks[name].name)
                program = split_brick(program, name, count, Brick("stems", stem, ()))
                name = f"stems.{stem}"
            names.append(name)
        own = {each.bricks: each for each in program.calls}
        program = merge_calls(program, [own[(name,)] for name in names], tuple(names))
    return program


def narrow(steps: Sequence[Step]) -> int:
    """How many steps from the first can be grouped; none unless a convolution is among them."""
    count = 0
    for step in steps:
        layer = step.layer
        if not isinstance(layer, _BY_CHANNEL):
            break
        if isinstance(layer, Conv | ConvTranspose) and layer.out_channels > WIDEST:
            break
        count += 1
    convolves = any(isinstance(step.layer, Conv | ConvTranspose) for step in steps[:count])
    return count if convolves else 0


def _alike(program: Program, refused: Collection[str]) -> tuple[list[Call], int] | None:
    """Calls that can be one group, and how many of their steps: the first, in the order of the program."""
    groups = {call.name for call in program.calls if call.is_group}
    times: dict[tuple[str, ...], int] = {}
    for call in program.calls:
        times[call.bricks] = times.get(call.bricks, 0) + 1
    found: dict[tuple[Any, ...], dict[Hashable, Call]] = {}
    for call in program.calls:
        if call.is_batch or call.is_group or times[call.bricks] > 1 or call.name in refused:
            continue
        brick = program.bricks[call.bricks[0]]
        chain = tuple(step.layer for step in brick.steps[: narrow(brick.steps)])
        if not chain:
            continue
        read = call.reads[0]
        if read.call in groups:  # members of a group, each once
            found.setdefault((read.call, chain, brick.device), {}).setdefault(read.member, call)
        elif isinstance(first := chain[0], Conv) and first.groups == 1:
            found.setdefault((read, chain, brick.device), {})[call.name] = call
    alike = ((key, list(calls.values())) for key, calls in found.items() if len(calls) > 1)
    return next(((calls, len(key[1])) for key, calls in alike), None)
