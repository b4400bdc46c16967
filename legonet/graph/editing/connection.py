"""The adapter that connects a category and a task: what it is by default, and where none belongs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from legonet.errors import GraphError
from legonet.graph.editing.build import extended
from legonet.graph.schema import Graph
from legonet.graph.select import adapter_spec, find_edge, split_path


def connection(
    graph: Graph,
    path: str,
    adapter: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The entry of `adapters` that connects a path.

    Args:
        graph: The graph.
        path: Category and task, `cat:classify`.
        adapter: The adapter as in a graph file; default: the one that the path has, else its task's.
        settings: What differs from that.

    Returns:
        The entry, as plain data, not checked yet.

    Raises:
        SelectError: It is no path, or there is no such category or task.
        GraphError: One teacher gives both modules, so that none is needed.
    """
    spec = adapter_spec(graph, *split_path(path))  # refuses names that do not exist
    if adapter is None:
        adapter = spec.model_dump(mode="json", exclude_unset=True)
    edge = find_edge(extended(graph, {"adapters": {path: {}}}), path)
    if edge.native:
        raise GraphError(
            f"{path}: the teacher {edge.teacher} gives both modules; expected a path that joins modules "
            "of two teachers; leave it as it is: it needs no adapter"
        )
    return {**adapter, **(settings or {})}
