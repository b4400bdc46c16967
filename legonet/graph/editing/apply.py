"""Makes an edit of a graph file's text, and says how it is taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from legonet.graph.checks.outline import outline
from legonet.graph.editing.changed_text import changed_text
from legonet.graph.editing.connection import connection
from legonet.graph.editing.operations import Add, Change, Connect, Disconnect, Edit, Remove, Rename, Restore
from legonet.graph.editing.removal import without
from legonet.graph.editing.renaming import renamed
from legonet.graph.editing.splices import restored
from legonet.graph.editing.subject import Subject, Wanted
from legonet.graph.load import graph_problems
from legonet.graph.reading.findings import Finding
from legonet.graph.schema import Graph


def apply_edit(
    text: str, edit: Edit | Restore, source: str = "graph", as_json: bool = False
) -> tuple[str, Restore]:
    """Make an edit of a graph file's text; every comment, order and spelling around it stays.

    Args:
        text: The file's text.
        edit: What is to be done.
        source: The file's name for messages.
        as_json: The text is JSON.

    Returns:
        The new text, which is a valid graph, and the edit's inverse: made of the new text, it gives every
        character of the old one back. The inverse of that makes the edit again.

    Raises:
        GraphError: There is no such entry, or one already; something depends on what is removed; the result
            would be no valid graph; or an inverse is for another text.
        SelectError: A path of a category or task that does not exist.
    """
    if isinstance(edit, Restore):
        return restored(text, edit, source)
    return changed_text(text, lambda subject: edited(subject, edit), source, as_json)


def edited(subject: Subject, edit: Edit) -> Wanted:
    """What a graph says after an edit.

    Raises:
        GraphError: It is refused.
        SelectError: A path of a category or task that does not exist.
    """
    return _HOW[type(edit)](subject, edit)


def _add(subject: Subject, edit: Add) -> Wanted:
    subject.free(edit.section, edit.name)
    return subject.with_entry(edit.section, edit.name, plain(edit.entry))


def _change(subject: Subject, edit: Change) -> Wanted:
    subject.entry(edit.section, edit.name)
    return subject.with_entry(edit.section, edit.name, plain(edit.entry))


def _rename(subject: Subject, edit: Rename) -> Wanted:
    return renamed(subject, edit.section, edit.name, edit.to)


def _remove(subject: Subject, edit: Remove) -> Wanted:
    return without(subject, edit.section, edit.name, edit.references)


def _connect(subject: Subject, edit: Connect) -> Wanted:
    if problems := graph_problems(subject.data, subject.positions):
        raise subject.refusal(*problems)
    entry = connection(Graph.model_validate(subject.data), edit.path, edit.adapter, edit.settings)
    return subject.with_entry("adapters", edit.path, plain(entry))


def _disconnect(subject: Subject, edit: Disconnect) -> Wanted:
    if edit.path not in subject.section("adapters"):
        pairs = {
            f"{category}:{task}": name for (category, task), name in outline(subject.data).pairs().items()
        }
        if teacher := pairs.get(edit.path):
            parts = (f"connects {edit.path}", "expected a path that has an adapter of its own")
            raise subject.refusal(Finding(("teachers", teacher), *parts, "remove this teacher", at="key"))
    return without(subject, "adapters", edit.path, edit.references)


def plain(part: Any) -> Any:
    """Data by way of JSON, so that tuples compare as the lists that they are read back as."""
    return json.loads(json.dumps(part))


_HOW: dict[type, Callable[[Subject, Any], Wanted]] = {
    Add: _add,
    Change: _change,
    Rename: _rename,
    Remove: _remove,
    Connect: _connect,
    Disconnect: _disconnect,
}
