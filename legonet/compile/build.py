"""A program's bricks and groups become modules. Needs torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from legonet.compile.passes.group import side_by_side
from legonet.compile.program import Brick, Program, fresh, joined_name
from legonet.compile.weights import Tensors
from legonet.ir.graph import ModelGraph, Operation
from legonet.ir.interpreter import GraphModule
from legonet.ir.modules import with_tensors
from legonet.ops.table import ROWS

Place = tuple[str, str]
"""Kind and name of a module in a compiled network, such as ("categories", "cat")."""


def build_modules(program: Program, tensors: Tensors) -> tuple[dict[Place, nn.Module], dict[str, Place]]:
    """Make the modules of a program.

    Args:
        program: The program that is to run.
        tensors: The tensors of the stored modules that it names.

    Returns:
        The modules by kind and name, and where the module of each call is.
    """
    modules: dict[Place, nn.Module] = {}
    places: dict[str, Place] = {}
    for call in program.calls:
        bricks = [program.bricks[name] for name in call.bricks]
        if call.is_group:
            shared = len(set(call.reads)) == 1
            kind, taken = bricks[0].kind, [name for each, name in modules if each == bricks[0].kind]
            place = kind, fresh(joined_name([each.name for each in bricks]), taken)
            modules[place] = build_group(bricks, tensors, shared)
        else:
            place = (bricks[0].kind, bricks[0].name)
            if place not in modules:
                modules[place] = build_brick(bricks[0], tensors)
        places[call.name] = place
    return modules, places


def build_brick(brick: Brick, tensors: Tensors) -> GraphModule:
    """Make one brick's module; stored tensors are used as they are, and equal ones are one."""
    return with_tensors(_runnable(brick), tensors.of(brick))


def build_group(bricks: Sequence[Brick], tensors: Tensors, shared: bool) -> GraphModule:
    """Make one module of several bricks of one architecture, side by side in the channels.

    Args:
        bricks: The members.
        tensors: The stored tensors.
        shared: All read the same value, so that the first convolution sees it once.
    """
    return build_brick(side_by_side(bricks, shared), tensors)


def _runnable(brick: Brick) -> ModelGraph:
    """The graph with functions that overwrite what they may, and that ask for no order of memory.

    Channels last, a view across axes cannot be had; the same numbers can.
    """
    steps: dict[str, Operation] = {}
    for name, step in brick.graph.steps.items():
        if name in brick.in_place:
            step = replace(step, function=f"{step.function}_")
        elif other := ROWS[step.function].any_layout:
            step = replace(step, function=other)
        elif other is not None:
            below = fresh(f"{name}.contiguous", {*brick.graph.steps, *steps}, "_")
            steps[below] = Operation(below, "contiguous", step.arguments[:1], {}, step.module)
            step = replace(step, arguments=({"ref": below}, *step.arguments[1:]))
        steps[name] = step
    return replace(brick.graph, steps=steps)
