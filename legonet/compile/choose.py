"""Which paths an application is compiled of. Needs no torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from legonet.errors import SelectError
from legonet.graph.schema import Graph
from legonet.graph.select import givers, select_paths, split_path
from legonet.graph.suggest import did_you_mean, listed
from legonet.plan.diff import Plan, PlannedEdge


def choose_paths(
    graph: Graph,
    plan: Plan,
    names: Sequence[str] = (),
    categories: Iterable[str] | None = None,
    tasks: Iterable[str] | None = None,
) -> list[PlannedEdge]:
    """The built paths that are asked for.

    Args:
        graph: the network.
        plan: tells what is built.
        names: paths and applications, or
        categories: every built path of these categories, and
        tasks: of these tasks. Nothing at all: every built path.

    Returns:
        Edges that are kept or native, in the order of the names, else of arrival.

    Raises:
        SelectError: a name that does not exist, a path that is not built, or nothing that is.
    """
    if names and (categories is not None or tasks is not None):
        raise SelectError(
            f"{graph.name}: found names ({listed(list(names))}) beside categories or tasks; expected "
            "one or the other; leave one out"
        )
    if names:
        chosen = [plan.by_path[path] for path in select_paths(graph, names)]
        for edge in chosen:
            if not _is_built(edge):
                raise SelectError(_not_built(edge))
        return chosen
    wanted = (
        _wanted("category", "categories", categories, graph.categories, graph),
        _wanted("task", "tasks", tasks, graph.tasks, graph),
    )
    inside = [edge for edge in plan.by_path.values() if _is_inside(edge, wanted)]
    built = [edge for edge in inside if _is_built(edge)]
    if not built:
        waiting = [edge.path for edge in inside if edge.action in ("add", "refit")]
        found = f"{listed(waiting)} to be fitted" if waiting else "no teacher for any of them"
        advice = "run `legonet transplant`, or call transplant()" if waiting else "add teachers first"
        raise SelectError(f"{graph.name}: none of the paths is built: {found}; {advice}")
    return built


def concerning(
    graph: Graph,
    names: Sequence[str] = (),
    categories: Iterable[str] | None = None,
    tasks: Iterable[str] | None = None,
) -> Graph:
    """The part of a graph that a choice of paths depends on, so that nothing else has to be looked at.

    Args:
        graph: the network.
        names: as in `choose_paths`, like all others.
        categories: likewise.
        tasks: likewise.

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
            _wanted("category", "categories", categories, graph.categories, graph),
            _wanted("task", "tasks", tasks, graph.tasks, graph),
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


def _wanted(
    what: str, plural: str, given: Iterable[str] | None, known: Collection[str], graph: Graph
) -> Collection[str]:
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


def _is_inside(edge: PlannedEdge, wanted: tuple[Collection[str], Collection[str]]) -> bool:
    category, task = split_path(edge.path)
    return category in wanted[0] and task in wanted[1]


def _is_built(edge: PlannedEdge) -> bool:
    return edge.action in ("keep", "native")


def _not_built(edge: PlannedEdge) -> str:
    if edge.action == "open":
        return f"{edge.path}: cannot be built: {edge.reason}"
    return f"{edge.path}: not built yet ({edge.reason}); run `legonet transplant`, or call transplant()"
