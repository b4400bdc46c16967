"""Activations overwrite what they take, where nobody else takes it."""

from __future__ import annotations

from dataclasses import replace

from legonet.compile.program import Brick, Program, with_bricks
from legonet.compile.rewrite import only_user, ref_of
from legonet.ops.table import ROWS


def in_place(program: Program) -> Program:
    """Let an activation overwrite the output of the operation below it in the same brick."""
    return with_bricks(program, _in_place)


def _in_place(brick: Brick) -> Brick:
    steps = brick.graph.steps
    names = {
        step.name
        for step in brick.steps
        if ROWS[step.function].in_place
        and (below := steps.get(ref_of(step.arguments[0]) or "")) is not None
        and ROWS[below.function].fresh
        and only_user(brick.graph, below.name) == step
    }
    return replace(brick, in_place=frozenset(names)) if names else brick
