"""Equal modules become one, and a module runs once per value that it reads."""

from __future__ import annotations

from collections.abc import Hashable

from legonet.compile.program import Call, Program, Ref, rewired


def share(program: Program) -> Program:
    """Run each module once per value that it reads, and equal modules as one.

    Modules are equal whose layers and weights are, whatever they are called. The first one's name stays.
    """
    first: dict[Hashable, str] = {}
    for name, brick in program.bricks.items():
        first.setdefault((brick.kind, brick.content), name)
    alias = {name: first[brick.kind, brick.content] for name, brick in program.bricks.items()}
    seen: dict[Hashable, Call] = {}
    moved: dict[Ref, Ref] = {}
    for call in program.calls:
        bricks = tuple(alias[name] for name in call.bricks)
        reads = tuple(moved.get(ref, ref) for ref in call.reads)
        kept = seen.setdefault((bricks, reads), Call(call.name, bricks, reads))
        if kept.name != call.name:
            moved.update(zip(call.refs, kept.refs, strict=True))
    return rewired(program, seen.values(), moved)
