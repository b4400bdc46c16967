"""Which paths are kept as they are built, found for all of them at a time. Needs no torch.

A plan of a large network consists of these. One thing looked up for all paths, then the next, takes half of
the time of all things for one path after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from itertools import compress, repeat
from operator import and_, attrgetter, eq

from legonet.graph.lock import Lock, LockedAdapter
from legonet.graph.schema import Graph, Teacher
from legonet.graph.select import Givers
from legonet.plan.facts import Facts
from legonet.plan.inputs import NO_SAMPLES, NO_STATISTICS, SharedInputs
from legonet.plan.plan import PlannedEdge

_REST = PlannedEdge("", "keep", "")[7:]  # nothing is taken over, changes or costs anything
_ABSENT = LockedAdapter.model_construct(key="", inputs={}, adapter="", method="", seed=0)


def kept(
    teachers: Mapping[str, Teacher],
    graph: Graph,
    lock: Lock,
    facts: Facts,
    given: Givers,
    shared: SharedInputs,
) -> dict[str, PlannedEdge]:
    """The paths whose adapter is stored and built from just what it would be built from now.

    Args:
        teachers: whose paths are looked at.
        graph: as for `legonet.plan.diff.diff`.
        lock: likewise.
        facts: likewise.
        given: who gives each module of the graph.
        shared: what the paths of each task have in common.

    Returns:
        The edges by teacher.
    """
    if not lock.adapters:
        return {}
    modules = {
        name: facts.teachers[giver].category_module for name, giver in given.categories.items() if giver
    }
    usual = {task: shared.of("", task) for task, giver in given.tasks.items() if giver}
    special, samples = graph.adapters, facts.samples

    categories = list(map(attrgetter("category"), teachers.values()))
    tasks = list(map(attrgetter("task"), teachers.values()))
    paths = [f"{category}:{task}" for category, task in zip(categories, tasks, strict=True)]
    common = [
        shared.of(path, task) if path in special else usual[task]
        for path, task in zip(paths, tasks, strict=True)
    ]
    found = [lock.adapters.get(path, _ABSENT) for path in paths]
    inputs = list(map(attrgetter("inputs"), found))
    seen = [
        samples.get(path) or each.get("samples", NO_SAMPLES) for path, each in zip(paths, inputs, strict=True)
    ]
    modules_below = list(map(modules.__getitem__, categories))
    owned = list(map(facts.teachers.__getitem__, teachers))
    elsewhere = [
        "" if own.category_module == f else own.category_module
        for f, own in zip(modules_below, owned, strict=True)
    ]
    digests = map(attrgetter("digest"), common)
    keys = [
        sha256(f"{f}\n{g}\n{statistics or NO_STATISTICS}\n{other}\n{images}\n{digest}".encode()).hexdigest()
        for f, (_, g, statistics), other, images, digest in zip(
            modules_below, owned, elsewhere, seen, digests, strict=True
        )
    ]
    locked = list(map(attrgetter("key"), found))
    stored = map(facts.stored.__contains__, map(attrgetter("adapter"), found))
    method = map(attrgetter("method"), common)
    edges = map(
        PlannedEdge._make,
        zip(
            paths,
            repeat("keep"),
            repeat("nothing changed"),
            teachers,
            method,
            locked,
            inputs,
            *map(repeat, _REST),
        ),
    )
    return dict(compress(zip(teachers, edges, strict=True), map(and_, map(eq, keys, locked), stored)))
