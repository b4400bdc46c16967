"""A graph file's text that says what a graph has become in memory."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from legonet.graph.editing.changed_text import changed_text
from legonet.graph.editing.dump import graph_data
from legonet.graph.editing.operations import SECTIONS
from legonet.graph.editing.subject import Wanted
from legonet.graph.load import parse_graph
from legonet.graph.schema import Graph

_ABSENT = object()


def with_graph(text: str, graph: Graph, source: str, as_json: bool) -> str:
    """A graph file's text with every change that a graph in memory has seen, and no other.

    Args:
        text: The file's text, a valid graph.
        graph: What it is to say.
        source: The file's name for messages.
        as_json: The text is JSON.

    Raises:
        GraphError: The text is no valid graph, or its layout has no place for a change.
    """
    was = parse_graph(text, source, as_json).graph
    return changed_text(text, lambda subject: Wanted(_data(subject.data, was, graph)), source, as_json)[0]


def _data(written: dict[str, Any], was: Graph, graph: Graph) -> dict[str, Any]:
    data = dict(written)
    for key in Graph.model_fields:
        old, new = getattr(was, key), getattr(graph, key)
        if key in SECTIONS:
            if new or key in written:
                there = written.get(key, {})
                data[key] = {name: _entry(there.get(name), old.get(name), new[name]) for name in new}
        elif old != new:
            data[key] = _entry(written[key], old, new)
    return data


def _entry(written: Any, was: Any, now: Any) -> Any:
    """An entry as data; what has not changed as it is written, defaults that are written out included."""
    if was == now:
        return written
    if not isinstance(now, BaseModel):
        return list(now) if isinstance(now, tuple) else now
    data = graph_data(now)
    for key, value in (written or {}).items():
        if getattr(was, key, _ABSENT) == getattr(now, key, None):
            data[key] = value
    return data
