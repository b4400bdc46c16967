"""Adds entries to a graph file's text and leaves every other byte as it is, comments included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from legonet.graph.editing.apply import plain
from legonet.graph.editing.changed_text import changed_text
from legonet.graph.editing.dump import graph_data
from legonet.graph.editing.subject import Subject, Wanted

Entries = Mapping[str, Mapping[str, Any]]


def add_entries(text: str, entries: Entries, source: str = "graph", as_json: bool = False) -> str:
    """Add categories, tasks, adapters, teachers or applications to a graph file.

    Args:
        text: The file's text, a valid graph.
        entries: Section to name to the entry, as plain data or a model of `legonet.graph.schema`;
            such as `{"teachers": {"cat-v1": {...}}}`. A category or task is a plain `{}` at least.
        source: The file's name for messages.
        as_json: The text is JSON.

    Returns:
        The new text; it loads, and differs from the old one by the new entries only.

    Raises:
        GraphError: The text is no valid graph, an entry exists already, or the result would not be valid.
    """

    def added(subject: Subject) -> Wanted:
        data = dict(subject.data)
        for section, new in entries.items():
            for name in new:
                subject.free(section, name)
            if new:
                parts = {
                    name: graph_data(part) if isinstance(part, BaseModel) else plain(part)
                    for name, part in new.items()
                }
                data[section] = {**subject.section(section), **parts}
        return Wanted(data)

    return changed_text(text, added, source, as_json)[0]
