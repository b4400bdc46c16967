"""The part of a graph that some paths depend on, so that nothing else need be looked at."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from legonet.errors import SelectError
from legonet.graph.schema import Graph
from legonet.graph.select import givers, select_paths, split_path
from legonet.graph.suggest import did_you_mean, listed


def concerning(
    graph: Graph,
    names: Sequence[str] = (),
    categories: Iterable[str] | None = None,
    tasks: Iterable[str] | None = None,
) -> Graph:
    """The part of a graph that a choice of paths depends on, so that nothing else has to be looked at.

    Args:
        graph: the network.
        names: paths and applications, or
        categories: every path of these categories, and
        tasks: of these tasks. Nothing at all: every path.

    Returns:
        A graph of the chosen categories and tasks, and of the teachers that connect them or give their
        modules.

    Raises:
        SelectError: a name that does not exist.
    """
    if names:
        paths = {split_path(path) for path in select_paths(graph, names)}
    else:
        wanted = (
            names_of("category", "categories", categories, graph.categories, graph),
            names_of("task", "tasks", tasks, graph.tasks, graph),
        )
        paths = {(category, task) for category in wanted[0] for task in wanted[1]}
    given = givers(graph)
    choosing = {name for name, part in graph.tasks.items() if part.choose == "best"}
    kept = {
        name
        for name, each in graph.teachers.items()
        if (each.category, each.task) in paths or each.task in choosing  # what was built says which one
    }
    parts = {category for category, _ in paths}, {task for _, task in paths}
    while True:  # a teacher that gives a module has a category and a task itself
        giving = {given.categories[name] for name in parts[0]} | {given.tasks[name] for name in parts[1]}
        if giving - {None} <= kept:
            break
        kept |= {name for name in giving if name is not None}
        parts[0].update(graph.teachers[name].category for name in kept)
        parts[1].update(graph.teachers[name].task for name in kept)
    changed: dict[str, Any] = {
        "categories": {name: each for name, each in graph.categories.items() if name in parts[0]},
        "tasks": {name: each for name, each in graph.tasks.items() if name in parts[1]},
        "teachers": {name: each for name, each in graph.teachers.items() if name in kept},
    }
    return graph.model_copy(update=changed)


def names_of(
    what: str, plural: str, given: Iterable[str] | None, known: Collection[str], graph: Graph
) -> Collection[str]:
    """The names that are meant: a name by itself, several, or all where none is given.

    Args:
        what: they are names of.
        plural: of that.
        given: one name or several.
        known: all names.
        graph: that messages name.

    Raises:
        SelectError: a name that does not exist.
    """
    if given is None:
        return known
    names = [given] if isinstance(given, str) else list(given)
    for name in names:
        if name not in known:
            there = f"{plural} are {listed(list(known))}" if known else f"there are no {plural} yet"
            raise SelectError(
                f"{graph.name}: no {what} '{name}'; {there}; name one that exists.{did_you_mean(name, known)}"
            )
    return set(names)
