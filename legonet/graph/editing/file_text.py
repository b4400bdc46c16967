"""The text of a graph file that is written again."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from legonet.errors import GraphError
from legonet.graph.editing.dump import dump_yaml, graph_data
from legonet.graph.editing.whole import with_graph
from legonet.graph.load import parse_graph
from legonet.graph.reading.source import read_exactly
from legonet.graph.schema import Graph


def graph_text(graph: Graph, previous: Graph | None, path: Path, text: str | None = None) -> str | None:
    """The text of a graph's file: the one that is there with our changes if possible; comments survive.

    Args:
        graph: As it is to be.
        previous: As the file has it; None where there is none.
        path: The file.
        text: Of the previous graph; default: the file's.

    Returns:
        The text; None if the file is as it is to be.
    """
    if graph == previous:
        return None
    as_json = path.name.lower().endswith(".json")
    if previous is not None:
        with suppress(GraphError, OSError):  # a layout that cannot be edited
            found = with_graph(read_exactly(path) if text is None else text, graph, str(path), as_json)
            if parse_graph(found, str(path), as_json).graph == graph:
                return found
    return json.dumps(graph_data(graph), indent=2, ensure_ascii=False) + "\n" if as_json else dump_yaml(graph)
