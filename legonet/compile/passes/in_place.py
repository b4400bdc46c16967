"""Activations overwrite what they read, where nobody else reads it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from legonet.compile.program import Program, Step, with_steps
from legonet.ir.notation import AvgPool, BatchNorm, Conv, ConvTranspose, Linear, MaxPool, Relu

_FRESH = (Conv, ConvTranspose, Linear, BatchNorm, MaxPool, AvgPool)
"""Layers whose output is a tensor of their own, which their gradient does not need."""


def in_place(program: Program) -> Program:
    """Let a ReLU overwrite the output of the layer below it in the same brick."""
    return with_steps(program, lambda brick: _in_place(brick.steps))


def _in_place(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    changed = [
        replace(step, in_place=True)
        if isinstance(step.layer, Relu) and isinstance(below.layer, _FRESH)
        else step
        for below, step in pairwise(steps)
    ]
    return steps[:1] + tuple(changed)
