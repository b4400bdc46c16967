"""Which paths are kept as they are built, found for all of them at a time. Needs no torch.

A plan of a large network consists of these. One thing looked up for all paths, then the next, takes half of
the time of all things for one path after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from itertools import compress, repeat
from operator import and_, attrgetter, eq, not_
from typing import NamedTuple

from legonet.graph.lock import Lock, LockedAdapter
from legonet.graph.schema import Graph, Teacher
from legonet.graph.select import Givers
from legonet.plan.facts import Facts
from legonet.plan.inputs import NO_SAMPLES, SharedInputs, adapter_keys
from legonet.plan.plan import PlannedEdge

_REST = PlannedEdge("", "keep", "")[7:]  # nothing is taken over, changes or costs anything
_ABSENT = LockedAdapter.model_construct(key="", inputs={}, adapter="", method="", seed=0)


class Pairs(NamedTuple):
    """The categories and tasks of teachers, in the order of their names."""

    names: Collection[str]
    categories: list[str]
    tasks: list[str]

    @classmethod
    def of(cls, teachers: Mapping[str, Teacher]) -> Pairs:
        """Those of some teachers."""
        each = teachers.values()
        return cls(
            teachers.keys(), list(map(attrgetter("category"), each)), list(map(attrgetter("task"), each))
        )


def kept(
    pairs: Pairs,
    graph: Graph,
    lock: Lock,
    facts: Facts,
    given: Givers,
    shared: SharedInputs,
    otherwise: Callable[[str], PlannedEdge],
) -> list[PlannedEdge]:
    """Edges of teachers: kept where the adapter is stored and built from what it would be built from now.

    Args:
        pairs: The teachers whose paths are looked at.
        graph: What the network is.
        lock: What has been built.
        facts: What is known of teachers, store and samples.
        given: Who gives each module of the graph.
        shared: What the paths of each task have in common.
        otherwise: Plans the edge of a teacher that is not kept.

    Returns:
        The edge of each teacher.
    """
    names, categories, tasks = pairs
    if not lock.adapters:
        return list(map(otherwise, names))
    modules = {
        name: facts.teachers[giver].category_module for name, giver in given.categories.items() if giver
    }
    usual = {task: shared.of("", task) for task, giver in given.tasks.items() if giver}
    special, samples = graph.adapters, facts.samples
    others = {name for name, part in graph.categories.items() if part.input is not None}
    new = partial(tuple.__new__, PlannedEdge)  # `PlannedEdge._make`, but not a function of Python

    paths = [f"{category}:{task}" for category, task in zip(categories, tasks, strict=True)]
    common = list(map(usual.__getitem__, tasks))
    if special or others:
        common = [
            shared.of(path, task) if path in special or category in others else each
            for path, category, task, each in zip(paths, categories, tasks, common, strict=True)
        ]
    found = list(map(lock.adapters.get, paths, repeat(_ABSENT)))
    inputs = list(map(attrgetter("inputs"), found))
    seen = [each.get("samples", NO_SAMPLES) for each in inputs]
    if samples:
        seen = [samples.get(path) or each for path, each in zip(paths, seen, strict=True)]
    keys = adapter_keys(
        map(modules.__getitem__, categories),
        map(facts.teachers.__getitem__, names),
        seen,
        map(attrgetter("digest"), common),
    )
    locked = list(map(attrgetter("key"), found))
    stored = map(facts.stored.__contains__, map(attrgetter("adapter"), found))
    method = map(attrgetter("method"), common)
    edges: list[PlannedEdge] = list(
        map(
            new,
            zip(
                paths,
                repeat("keep"),
                repeat("nothing changed"),
                names,
                method,
                locked,
                inputs,
                *map(repeat, _REST),
            ),
        )
    )
    other = map(not_, map(and_, map(eq, keys, locked), stored))
    for index, name in compress(enumerate(names), other):
        edges[index] = otherwise(name)
    return edges
