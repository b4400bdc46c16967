"""The text of a graph file that is written again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from legonet.errors import GraphError
from legonet.graph.editing.dump import dump_yaml, graph_data
from legonet.graph.editing.edit import SECTIONS, add_entries
from legonet.graph.load import parse_graph
from legonet.graph.schema import Graph


def graph_text(graph: Graph, previous: Graph | None, path: Path, text: str | None = None) -> str | None:
    """The text of a graph's file: the one that is there with additions if possible, so that comments survive.

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
    if previous is not None and graph.input == previous.input:
        new: dict[str, dict[str, object]] = {}
        for section in SECTIONS:
            old, now = getattr(previous, section), getattr(graph, section)
            new[section] = {name: entry for name, entry in now.items() if name not in old}
            if {**old, **new[section]} != now:
                break
        else:
            with suppress(GraphError, OSError):
                before = path.read_text(encoding="utf-8") if text is None else text
                grown = add_entries(before, _plain(new), str(path), as_json)
                if parse_graph(grown, str(path), as_json).graph == graph:
                    return grown
    return json.dumps(graph_data(graph), indent=2, ensure_ascii=False) + "\n" if as_json else dump_yaml(graph)


def _plain(entries: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, object]]:
    """Entries as plain data: models, or an application's paths."""
    return {
        section: {name: list(each) if isinstance(each, tuple) else each for name, each in new.items()}
        for section, new in entries.items()
    }
