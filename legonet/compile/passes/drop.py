"""Operations that do nothing in an application are left out."""

from __future__ import annotations

from legonet.compile.program import Brick, Program, with_bricks
from legonet.compile.rewrite import bypassed
from legonet.ops.table import ROWS


def drop(program: Program) -> Program:
    """Leave out dropout, which does nothing outside training, and identities."""
    return with_bricks(program, _dropped)


def _dropped(brick: Brick) -> Brick:
    names = {step.name for step in brick.steps if ROWS[step.function].inert and any(step.references())}
    return brick.with_graph(bypassed(brick.graph, names)) if names else brick
