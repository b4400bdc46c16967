"""Which paths an application is compiled of. Needs no torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from legonet.errors import SelectError
from legonet.graph.schema import Graph
from legonet.graph.select import select_paths, split_path
from legonet.graph.subgraph import names_of
from legonet.graph.suggest import listed
from legonet.plan.plan import Plan, PlannedEdge


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
            if not is_built(edge):
                raise SelectError(not_built(edge))
        return chosen
    wanted = (
        names_of("category", "categories", categories, graph.categories, graph),
        names_of("task", "tasks", tasks, graph.tasks, graph),
    )
    inside = [edge for edge in plan.by_path.values() if _is_inside(edge, wanted)]
    built = [edge for edge in inside if is_built(edge)]
    if not built:
        waiting = [edge.path for edge in inside if edge.action in ("add", "refit")]
        found = f"{listed(waiting)} to be fitted" if waiting else "no teacher for any of them"
        advice = "run `legonet transplant`, or call transplant()" if waiting else "add teachers first"
        raise SelectError(f"{graph.name}: none of the paths is built: {found}; {advice}")
    return built


def _is_inside(edge: PlannedEdge, wanted: tuple[Collection[str], Collection[str]]) -> bool:
    category, task = split_path(edge.path)
    return category in wanted[0] and task in wanted[1]


def is_built(edge: PlannedEdge) -> bool:
    """Whether a path can be compiled as it is."""
    return edge.action in ("keep", "native")


def not_built(edge: PlannedEdge) -> str:
    """What to say of a path that cannot."""
    if edge.action == "open":
        return f"{edge.path}: cannot be built: {edge.reason}"
    return f"{edge.path}: not built yet ({edge.reason}); run `legonet transplant`, or call transplant()"
