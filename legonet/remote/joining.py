"""Joins what others have pushed with what was done here meanwhile: graph and lock, entry by entry. Pure."""

from __future__ import annotations

from typing import Any

from legonet.errors import GraphError, Problem
from legonet.graph.editing.merge import merged
from legonet.graph.editing.operations import SECTIONS
from legonet.graph.lock import Lock, LockedAdapter, LockedModule
from legonet.graph.schema import Graph

PARTS = ("teachers", "categories", "tasks", "adapters")
_ABSENT: Any = object()


def join_graphs(base: Graph | None, ours: Graph, theirs: Graph, where: str) -> Graph:
    """One graph of two that came from one.

    Args:
        base: What both came from; None: nothing, so that only entries that agree can be on both sides.
        ours: As it is here.
        theirs: As it is in the remote.
        where: What messages call ours.

    Raises:
        GraphError: An entry was changed on both sides, each in its own way.
    """
    if base is None:
        base = theirs.model_copy(update={section: {} for section in SECTIONS})
        if ours.input != theirs.input:
            parts = ("is another one in the remote", "expected the same", "is this the same network?")
            raise GraphError.of(Problem(*parts, where, key="input"))
    return merged(base, ours, theirs, where)


def join_locks(base: Lock | None, ours: Lock, theirs: Lock, where: str) -> Lock:
    """One lock of two: of an adapter that was fitted on both sides from the same, theirs stays.

    Args:
        base: What both came from; None: nothing.
        ours: As it is here.
        theirs: As it is in the remote, which others may have pulled by now.
        where: What messages call ours.

    Raises:
        GraphError: An entry was built on both sides, each in its own way.
    """
    base, changes, clashes = base or Lock(), dict[str, Any](), list[str]()
    for part in PARTS:
        was, mine, now = (getattr(each, part) for each in (base, ours, theirs))
        result = dict(now)
        for name in {**was, **mine}:
            old, new, other = (each.get(name, _ABSENT) for each in (was, mine, now))
            if new in (old, other):
                continue
            if other == old or other is _ABSENT:
                if new is _ABSENT:
                    result.pop(name, None)
                else:
                    result[name] = new
            elif new is not _ABSENT and not _theirs_will_do(new, other):
                clashes.append(f"{part}.{name}")
        changes[part] = result
    if clashes:
        parts = ("was built here and in the remote, each in its own way", "expected one of them")
        advice = (
            "decide for one: pull into another folder and compare, then delete this entry, or push elsewhere"
        )
        raise GraphError.of(*(Problem(*parts, advice, where, key=each) for each in clashes))
    return theirs.model_copy(update=changes)


def _theirs_will_do(ours: object, theirs: object) -> bool:
    """Whether nothing is lost where their entry stands for both.

    Which teacher gives a module follows from the graph, and the next plan puts it right.
    """
    if isinstance(ours, LockedAdapter) and isinstance(theirs, LockedAdapter):
        return ours.key == theirs.key
    if isinstance(ours, LockedModule) and isinstance(theirs, LockedModule):
        return ours.tuned is None or ours.tuned == theirs.tuned
    return False
