"""Several values through one module run as one batch."""

from __future__ import annotations

from collections.abc import Mapping

from legonet.compile.program import Brick, Call, Program, merge_calls
from legonet.ops.table import ROWS

BELOW = ("input", "normalise", "stems", "categories", "adapters")  # what reads depends on the images' size


def batch(program: Program, shapes: Mapping[str, tuple[int, ...]] | None = None) -> Program:
    """Run all calls of one module as one, with what they read as one batch.

    What one module reads has one shape; where photos of another size make it differ, the network runs the
    members one by one. What normalises by the statistics of a batch is left as it is.

    Args:
        program: What is rewritten.
        shapes: Of the images by their name, where categories see other ones: calls below the task modules are
            joined only where they see images of one size.
    """
    mixing = [name for name, brick in program.bricks.items() if _mixes_images(brick)]
    seen: set[object] = {((name,), shape) for name in mixing for shape in (None, *(shapes or {}).values())}
    while (calls := _of_one_brick(program, seen, shapes or {})) is not None:
        seen.add(_kind(program, calls[0], shapes or {}))
        try:
            program = merge_calls(program, calls, calls[0].bricks)
        except ValueError:  # one reads what another gives
            continue
    return program


def _kind(program: Program, call: Call, shapes: Mapping[str, tuple[int, ...]]) -> object:
    """What calls of one batch have in common: the brick, and the shape of the images far below it."""
    if not shapes or program.bricks[call.bricks[0]].kind not in BELOW:
        return call.bricks, None
    calls, name = {each.name: each for each in program.calls}, call.reads[0].call
    while name in calls:
        name = calls[name].reads[0].call
    return call.bricks, shapes[name]


def _mixes_images(brick: Brick) -> bool:
    return any(ROWS[step.function].mixes(step) for step in brick.steps)


def _of_one_brick(
    program: Program, seen: set[object], shapes: Mapping[str, tuple[int, ...]]
) -> list[Call] | None:
    calls: dict[object, list[Call]] = {}
    for call in program.calls:
        if not call.is_group and (kind := _kind(program, call, shapes)) not in seen:
            calls.setdefault(kind, []).append(call)
    return next((each for each in calls.values() if len(each) > 1), None)
