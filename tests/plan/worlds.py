"""Networks as they were built, and what may change in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from legonet.graph.lock import Lock
from legonet.graph.schema import Adapter, Graph
from legonet.plan.facts import Facts, TeacherFacts

World = tuple[Graph, Lock, Facts]
OTHER = "e" * 64


def changed(world: World, section: str, **parts: Any) -> World:
    graph, lock, facts = world
    return graph.model_copy(update={section: {**getattr(graph, section), **parts}}), lock, facts


def teacher(world: World, name: str, **changes: Any) -> World:
    return changed(world, "teachers", **{name: world[0].teachers[name].model_copy(update=changes)})


def known(world: World, name: str, **changes: Any) -> World:
    graph, lock, facts = world
    other = {**facts.teachers, name: facts.teachers[name]._replace(**changes)}
    return graph, lock, Facts(other, facts.stored)


def arrived(world: World) -> World:
    graph, lock, facts = changed(world, "categories", late=world[0].categories["c0"])
    late = graph.teachers["c0-t0"].model_copy(update={"category": "late"})
    graph, _, _ = changed((graph, lock, facts), "teachers", late=late)
    return graph, lock, Facts({**facts.teachers, "late": TeacherFacts(OTHER, "f" * 64)}, facts.stored)


def without(world: World, name: str) -> World:
    graph, lock, facts = world
    teachers = {other: each for other, each in graph.teachers.items() if other != name}
    return graph.model_copy(update={"teachers": teachers}), lock, facts


def locked(world: World, path: str, **changes: Any) -> World:
    graph, lock, facts = world
    adapters = {**lock.adapters, path: lock.adapters[path].model_copy(update=changes)}
    return graph, Lock(adapters=adapters), facts


def unlocked(world: World, path: str) -> World:
    graph, lock, facts = world
    return graph, Lock(adapters={name: each for name, each in lock.adapters.items() if name != path}), facts


def task(world: World, **changes: Any) -> World:
    return changed(world, "tasks", t1=world[0].tasks["t1"].model_copy(update=changes))


def lost(world: World) -> World:
    graph, lock, facts = world
    return graph, lock, Facts(facts.teachers, facts.stored - {lock.adapters["c3:t0"].adapter})


def sampled(world: World) -> World:
    graph, lock, facts = world
    return graph, lock, Facts(facts.teachers, facts.stored, {"c3:t0": OTHER})


def other_input(world: World) -> World:
    graph, lock, facts = world
    return (
        graph.model_copy(update={"input": graph.input.model_copy(update={"shape": (3, 9, 9)})}),
        lock,
        facts,
    )


CHANGES: dict[str, Callable[[World], World]] = {
    "nothing": lambda world: world,
    "a new category": arrived,
    "another module above": lambda world: known(world, "c3-t1", task_module=OTHER),
    "another module below": lambda world: known(world, "c3-t0", category_module=OTHER),
    "another module below, of one that gives none": lambda w: known(w, "c3-t1", category_module=OTHER),
    "another generic module": lambda world: known(world, "c0-t1", task_module=OTHER),
    "statistics": lambda world: known(world, "c3-t1", statistics=OTHER),
    "statistics of the generic module": lambda world: known(world, "c0-t1", statistics=OTHER),
    "settings of a task": lambda world: task(world, adapter=Adapter(seed=3)),
    "another giver": lambda world: task(world, teacher="c4-t1"),
    "settings of an adapter": lambda world: changed(world, "adapters", **{"c3:t1": Adapter(seed=3)}),
    "a teacher of another path": lambda world: teacher(without(world, "c3-t1"), "c3-t0", task="t1"),
    "a teacher gone": lambda world: without(world, "c3-t1"),
    "the generic module's teacher gone": lambda world: without(world, "c0-t1"),
    "an adapter gone from the lock": lambda world: unlocked(world, "c3:t1"),
    "another key in the lock": lambda world: locked(world, "c3:t1", key=OTHER),
    "another adapter in the lock": lambda world: locked(world, "c3:t1", adapter=OTHER),
    "an adapter gone from the store": lost,
    "samples": sampled,
    "another input": other_input,
}
