"""Joins two changes of one graph that were made at once, entry by entry."""

from __future__ import annotations

from typing import Any

from legonet.errors import GraphError, Problem
from legonet.graph.editing.operations import SECTIONS
from legonet.graph.schema import Graph

_ABSENT: Any = object()


def merged(base: Graph, ours: Graph, theirs: Graph, source: str) -> Graph:
    """Make our changes to what others have made of a graph meanwhile.

    Args:
        base: As it was before either change.
        ours: With our changes.
        theirs: With those of others.
        source: The graph's file, for messages.

    Returns:
        Their graph with our changes; entries that we add come last. It is not checked.

    Raises:
        GraphError: An entry was changed on both sides, each in its own way.
    """
    graph, clashes = joined(base, ours, theirs)
    if clashes:
        raise GraphError.of(
            *(
                Problem(
                    "another command has changed it meanwhile",
                    "expected it as it was when the file was read",
                    "read the file again, and make the change to that",
                    source,
                    key=".".join(key),
                )
                for key in clashes
            )
        )
    return graph


def joined(base: Graph, ours: Graph, theirs: Graph) -> tuple[Graph, list[tuple[str, ...]]]:
    """As `merged`; and the keys of what was changed on both sides, where the graph has either."""
    if theirs == base:
        return ours, []
    changes: dict[str, Any] = {}
    clashes: list[tuple[str, ...]] = []
    for section in SECTIONS:
        was, mine, now = (getattr(each, section) for each in (base, ours, theirs))
        changes[section], found = _entries(was, mine, now)
        clashes += [(section, name) for name in found]
    for key in ("name", "input", "proxies", "remote"):
        was, mine, now = (getattr(each, key) for each in (base, ours, theirs))
        changes[key] = now if mine == was else mine
        if mine != was != now != mine:
            clashes.append((key,))
    return theirs.model_copy(update=changes), clashes


def _entries(
    was: dict[str, Any], mine: dict[str, Any], now: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """One section with both changes, and the names of the entries that clash."""
    result, clashes = dict(now), list[str]()
    for name in {**was, **mine}:
        old, new, other = (each.get(name, _ABSENT) for each in (was, mine, now))
        if new == old:
            continue
        # A variant has a number of its own: two that got the same one are not the same.
        if other != old and (other != new or ("@" in name and old is _ABSENT)):
            clashes.append(name)
        elif new is _ABSENT:
            result.pop(name, None)
        else:
            result[name] = new
    return result, clashes
