"""Several values through one module run as one batch."""

from __future__ import annotations

from legonet.compile.program import Brick, Call, Program, merge_calls


def batch(program: Program) -> Program:
    """Run all calls of one module as one, with what they read as one batch.

    What one module reads has one shape; where images of another size make it differ, the network runs the
    members one by one. What normalises by the statistics of a batch is left as it is.
    """
    seen: set[tuple[str, ...]] = {(name,) for name, brick in program.bricks.items() if _mixes_images(brick)}
    while (calls := _of_one_brick(program, seen)) is not None:
        seen.add(calls[0].bricks)
        try:
            program = merge_calls(program, calls, calls[0].bricks)
        except ValueError:  # one reads what another gives
            continue
    return program


def _mixes_images(brick: Brick) -> bool:
    return any(step.function == "batch_norm" and step.argument(5, False, "training") for step in brick.steps)


def _of_one_brick(program: Program, seen: set[tuple[str, ...]]) -> list[Call] | None:
    calls: dict[tuple[str, ...], list[Call]] = {}
    for call in program.calls:
        if not call.is_group and call.bricks not in seen:
            calls.setdefault(call.bricks, []).append(call)
    return next((each for each in calls.values() if len(each) > 1), None)
