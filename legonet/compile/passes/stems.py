"""What several modules begin with, the same operations on the same weights, is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from legonet.compile.program import Brick, Call, Program, Ref, fresh_name, joined_name, rewired
from legonet.ir.cuts import cut_points, split_at


def stems(program: Program) -> Program:
    """Compute the common beginning of modules that read the same value once.

    It becomes a brick of its own, of the kind `stems`; the modules keep what is above it.
    """
    while (found := _shared_beginning(program)) is not None:
        program = _split_off(program, *found)
    return program


def _shared_beginning(program: Program) -> tuple[list[Call], int] | None:
    """Calls of different bricks that read one value and begin alike, and where they part."""
    by_start: dict[object, list[Call]] = {}
    for call in program.calls:
        if len(call.reads) == 1 and (contents := program.bricks[call.bricks[0]].contents):
            by_start.setdefault((call.reads, contents[0]), []).append(call)
    for calls in by_start.values():
        bricks = {call.bricks[0]: program.bricks[call.bricks[0]] for call in calls}
        if len(bricks) > 1 and (place := _parting(list(bricks.values()))) is not None:
            return calls, place
    return None


def _parting(bricks: Sequence[Brick]) -> int | None:
    """The last operation up to which all bricks are alike, and which alone is taken above it."""
    count = 0
    for level in zip(*(brick.contents for brick in bricks), strict=False):
        if len(set(level)) > 1:
            break
        count += 1
    places = [set(_places(brick)) for brick in bricks]
    shared = [place for place in set.intersection(*places) if place < count]
    return max(shared, default=None)


def _places(brick: Brick) -> list[int]:
    """Where a brick can be cut, its output included, as numbers of operations."""
    names = list(brick.graph.steps)
    return [names.index(name) for name in (*cut_points(brick.graph), brick.graph.output)]


def _split_off(program: Program, calls: list[Call], place: int) -> Program:
    names = list(dict.fromkeys(call.bricks[0] for call in calls))
    given = list(dict.fromkeys(program.bricks[name].name for name in names))
    name = fresh_name(program, "stems", joined_name(given))
    whole = program.bricks[names[0]]
    lower, _ = split_at(whole.graph, whole.steps[place].name)
    stem = replace(whole.with_graph(lower), kind="stems", name=name)
    start = Call(f"{stem.full_name} in {calls[0].name}", (stem.full_name,), calls[0].reads)
    bricks = {**program.bricks, stem.full_name: stem}
    changed: dict[str, Call | None] = {}
    moved: dict[Ref, Ref] = {}
    for call in calls:
        brick = program.bricks[call.bricks[0]]
        cut = brick.steps[place].name
        if cut == brick.graph.output:
            changed[call.name] = None
            moved[call.refs[0]] = start.refs[0]
            continue
        rest = brick.with_graph(split_at(brick.graph, cut)[1])
        full_name = _part_name(program, rest, call, calls)
        bricks[full_name] = replace(rest, name=full_name.partition(".")[2])
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
