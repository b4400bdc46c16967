"""Layers that do nothing in an application are left out."""

from __future__ import annotations

from legonet.compile.program import Program, with_steps
from legonet.ir.notation import Dropout, Identity


def drop(program: Program) -> Program:
    """Leave out dropout, which does nothing outside training, and identities."""
    return with_steps(
        program,
        lambda brick: tuple(step for step in brick.steps if not isinstance(step.layer, Dropout | Identity)),
    )
