"""What several modules begin with, the same layers with the same weights, is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from legonet.compile.program import Brick, Call, Program, Ref, Step, fresh_name, joined_name, rewired


def stems(program: Program) -> Program:
    """Compute the common beginning of modules that read the same value once.

    It becomes a brick of its own, of the kind `stems`; the modules keep what is above it.
    """
    while (found := _shared_beginning(program)) is not None:
        program = _split_off(program, *found)
    return program


def _shared_beginning(program: Program) -> tuple[list[Call], int] | None:
    """Calls of different bricks that read one value and begin alike, and how many steps are alike."""
    by_start: dict[object, list[Call]] = {}
    for call in program.calls:
        if len(call.reads) == 1 and (steps := program.steps(call.bricks[0])):
            by_start.setdefault((call.reads, steps[0].content), []).append(call)
    for calls in by_start.values():
        chains = {call.bricks[0]: program.steps(call.bricks[0]) for call in calls}
        if len(chains) > 1:
            return calls, _alike(list(chains.values()))
    return None


def _alike(chains: Sequence[tuple[Step, ...]]) -> int:
    count = 0
    for level in zip(*chains, strict=False):
        if len({step.content for step in level}) > 1:
            break
        count += 1
    return count


def _split_off(program: Program, calls: list[Call], count: int) -> Program:
    names = list(dict.fromkeys(call.bricks[0] for call in calls))
    given = list(dict.fromkeys(program.bricks[name].name for name in names))
    name = fresh_name(program, "stems", joined_name(given))
    stem = Brick("stems", name, program.steps(names[0])[:count])
    start = Call(f"{stem.full_name} in {calls[0].name}", (stem.full_name,), calls[0].reads)
    bricks = {**program.bricks, stem.full_name: stem}
    changed: dict[str, Call | None] = {}
    moved: dict[Ref, Ref] = {}
    for call in calls:
        rest = program.bricks[call.bricks[0]]
        if len(rest.steps) == count:
            changed[call.name] = None
            moved[call.refs[0]] = start.refs[0]
            continue
        part = Brick(rest.kind, f"{rest.name}", rest.steps[count:])
        full_name = _part_name(program, part, call, calls)
        bricks[full_name] = replace(part, name=full_name.partition(".")[2])
        changed[call.name] = replace(call, bricks=(full_name,), reads=start.refs)
    others = [changed.get(call.name, call) for call in program.calls]
    rewritten = [start, *(call for call in others if call is not None)]
    return rewired(replace(program, bricks=bricks), rewritten, moved)


def _part_name(program: Program, part: Brick, call: Call, calls: list[Call]) -> str:
    """The module's own name, unless the whole module is called elsewhere too."""
    mine = {each.name for each in calls}
    elsewhere = any(call.bricks[0] in each.bricks and each.name not in mine for each in program.calls)
    name = fresh_name(program, part.kind, part.name) if elsewhere else part.name
    return f"{part.kind}.{name}"
