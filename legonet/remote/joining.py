"""Joins what others have pushed with what was done here meanwhile: graph and lock, entry by entry. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from legonet.errors import GraphError, Problem
from legonet.graph.address import without_secrets
from legonet.graph.check import check
from legonet.graph.editing.dump import graph_data
from legonet.graph.editing.mentions import mentions
from legonet.graph.editing.merge import joined
from legonet.graph.editing.operations import SECTIONS, WORDS
from legonet.graph.load import LoadedGraph
from legonet.graph.lock import Lock, LockedAdapter, LockedModule
from legonet.graph.reading.findings import Finding, located
from legonet.graph.reading.positions import Positions, printable, shorten
from legonet.graph.schema import Graph

PARTS = ("teachers", "categories", "tasks", "adapters")
_ABSENT: Any = object()


def join_graphs(
    base: Graph | None, ours: Graph, theirs: Graph, where: str, remote: str, lines: Positions | None = None
) -> Graph:
    """One graph of two that came from one.

    Args:
        base: What both came from; None: nothing, so that only entries that agree can be on both sides.
        ours: As it is here.
        theirs: As it is in the remote.
        where: What messages call ours.
        remote: What they call the remote.
        lines: Where the keys of ours stand.

    Raises:
        GraphError: An entry was changed on both sides, each in its own way; or the two do not fit, such as
            where one needs what the other has removed.
    """
    if base is None:
        base = theirs.model_copy(update={section: {} for section in SECTIONS})
        if ours.input != theirs.input:
            parts = (f"is another one in {remote}", "expected the same", "is this the same network?")
            raise GraphError.of(Problem(*parts, where, key="input"))
    graph, clashes = joined(base, ours, theirs)
    found = [_clash(base, ours, theirs, key, where, remote) for key in clashes]
    found = found or list(_widowed(base, ours, graph, remote)) or _unfit(graph, remote)
    if found:
        raise GraphError.of(*located(found, where, lines))
    return graph


def _clash(base: Graph, ours: Graph, theirs: Graph, key: tuple[str, ...], where: str, remote: str) -> Finding:
    """What to know of an entry that was changed on both sides, and how either can win."""
    was, mine, now = (_value(each, key) for each in (base, ours, theirs))
    if was is _ABSENT and "@" in key[-1]:
        found, expected = f"was added here and in {remote}", "expected one variant of this name"
        advice = (
            f"give yours another number, such as `legonet rename {where} {'.'.join(key)} NAME`, and go on"
        )
    else:
        found = f"{_said(mine, now)} here, {_said(now, mine)} in {remote}; both sides have changed it"
        expected = "expected one of them"
        advice = (
            "for the remote's, make it here as it is there, and run the command again; for yours, do that "
            "too, then change it again and push"
        )
    return Finding(key, found, expected, advice, at="key")


def _widowed(base: Graph, ours: Graph, graph: Graph, remote: str) -> Iterator[Finding]:
    """What names an entry that one side has removed, while the other made use of it."""
    data = graph_data(graph)
    for section, word in WORDS.items():
        for name in sorted(getattr(base, section).keys() - getattr(graph, section).keys()):
            there = name in getattr(ours, section)
            for mention in mentions(data, section, name):
                found = f"needs {word} '{name}', which {f'{remote} has' if there else 'you have'} removed"
                if there:
                    advice = (
                        "to go along, remove this, and run the command again; to have it, do that too, then "
                        "add both again and push"
                    )
                else:
                    advice = f"{remote} has it still: put '{name}' back here, and remove it after this pull"
                yield Finding(mention.key, found, "expected one that is there", advice, at="key")


def _unfit(graph: Graph, remote: str) -> list[Finding]:
    """What else is wrong with a graph of which both sides were right."""
    problems = check(LoadedGraph(graph))
    return [replace(each, found=f"with what {remote} holds, {each.found}") for each in problems]


def _value(graph: Graph, key: tuple[str, ...]) -> Any:
    value = getattr(graph, key[0])
    return value.get(key[1], _ABSENT) if len(key) > 1 else value


def _said(value: Any, other: Any) -> str:
    """An entry in a message, what is the same in another left out: one line, no secrets, not too long."""
    if value is _ABSENT:
        return "removed"
    data, rest = (graph_data(each) if isinstance(each, BaseModel) else each for each in (value, other))
    if isinstance(data, dict) and isinstance(rest, dict):
        data = {key: each for key, each in data.items() if key not in rest or rest[key] != each}
    return shorten(printable(json.dumps(_open(data), ensure_ascii=False)), 160)


def _open(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _open(each) for key, each in data.items()}
    if isinstance(data, list | tuple):
        return [_open(each) for each in data]
    return without_secrets(data) if isinstance(data, str) else data


def join_locks(base: Lock | None, ours: Lock, theirs: Lock, where: str, remote: str) -> Lock:
    """One lock of two: of an adapter that was fitted on both sides from the same, theirs stays.

    Args:
        base: What both came from; None: nothing.
        ours: As it is here.
        theirs: As it is in the remote, which others may have pulled by now.
        where: What messages call ours.
        remote: What they call the remote.

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
        parts = (f"was built here and in {remote}, each in its own way", "expected one of them")
        advice = (
            "for the remote's, delete this entry, and run the command again; for yours, do that too, then "
            "build it again and push; to compare, pull into another folder"
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
