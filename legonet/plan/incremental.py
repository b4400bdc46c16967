"""What of an earlier plan still holds, so that it need not be made again. Needs no torch.

An edge that is kept, native or open follows from its teacher, the modules of its category and its task, its
adapter in lock and store, and its samples. Where none of these has changed, neither has the edge. Finding out
is a few comparisons of whole mappings, most of whose values are the same objects as before; so a plan after
one arrival takes a fraction of the time of the first, however many edges there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from legonet.graph.lock import Lock
from legonet.graph.schema import Graph
from legonet.graph.select import Givers, givers, split_path
from legonet.plan.facts import Facts
from legonet.plan.inputs import donor_input
from legonet.plan.plan import Plan, PlannedEdge


class Before(NamedTuple):
    """An earlier plan, and what it was made from."""

    graph: Graph
    lock: Lock
    facts: Facts
    plan: Plan


class Standing(NamedTuple):
    """Edges of an earlier plan that would be planned in the same words now.

    Attributes:
        taught: Kept or native, by teacher.
        open: Open edges, by path.
    """

    taught: Mapping[str | None, PlannedEdge]
    open: Mapping[str, PlannedEdge]


NOTHING = Standing({}, {})


def standing(before: Before, graph: Graph, lock: Lock, facts: Facts, given: Givers) -> Standing:
    """What of an earlier plan still holds.

    Args:
        before: An earlier plan of any graph.
        graph: What the network is.
        lock: What has been built.
        facts: What is known of teachers, store and samples.
        given: Who gives each module of the graph.
    """
    old = before.graph
    if old.input != graph.input or before.facts.proxies != facts.proxies:
        return NOTHING
    teachers = _changed(old.teachers, graph.teachers) | _changed(before.facts.teachers, facts.teachers)
    paths = _changed(old.adapters, graph.adapters) | _changed(before.lock.adapters, lock.adapters)
    for each in (before.facts, facts):
        paths |= each.samples.keys() | each.labelled
    lost = before.facts.stored - facts.stored
    categories, tasks = _changed_modules(before, graph, facts, given)

    def stands(edge: PlannedEdge) -> bool:
        category, task = split_path(edge.path)
        if edge.path in paths or category in categories or task in tasks:
            return False
        return not lost or edge.key is None or lock.adapters[edge.path].adapter not in lost

    edges = before.plan.edges
    taught = {edge.teacher: edge for edge in edges if edge.action in ("keep", "native")}
    taught.pop(None, None)  # labelled samples made up for their teachers
    for teacher in teachers:
        taught.pop(teacher, None)
    # What is locked for an open path may be taken over by another one: that is planned anew.
    unlocked = {edge.path: edge for edge in edges if edge.action == "open" and edge.path not in lock.adapters}
    if paths or categories or tasks or lost:
        taught = {teacher: edge for teacher, edge in taught.items() if stands(edge)}
        unlocked = {path: edge for path, edge in unlocked.items() if stands(edge)}
    return Standing(taught, unlocked)


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> set[str]:
    """The keys that only one of two mappings has, or that lead to other values."""
    if before is now:
        return set()
    get = before.get
    other = {key for key, value in now.items() if (known := get(key)) is not value and known != value}
    return other | (before.keys() - now.keys())


def _changed_modules(before: Before, graph: Graph, facts: Facts, given: Givers) -> tuple[set[str], set[str]]:
    """Categories and tasks of the earlier graph whose edges depend on something else now."""
    old, new = _modules(before.graph, before.facts, givers(before.graph)), _modules(graph, facts, given)
    return _changed(old[0], new[0]) & old[0].keys(), _changed(old[1], new[1]) & old[1].keys()


def _modules(graph: Graph, facts: Facts, given: Givers) -> tuple[dict[str, Any], dict[str, Any]]:
    """Who gives each category's and task's module, which one that is, and what the graph says of the task."""
    known = facts.teachers
    categories = {
        name: (giver, giver and known[giver].category_module, graph.input_of(name))
        for name, giver in given.categories.items()
    }
    tasks = {
        name: (giver, giver and known[giver][1:], graph.tasks[name], donor_input(graph, given, name))
        for name, giver in given.tasks.items()
    }
    return categories, tasks
