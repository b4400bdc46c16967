"""Edits a graph file where it lies: under the workspace's lock, whole or not at all. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from legonet.graph.editing.apply import apply_edit
from legonet.graph.editing.operations import Edit
from legonet.graph.reading.source import read_exactly
from legonet.store.plain_files import write_file
from legonet.store.workspace import Workspace


def edit_file(path: Path, edit: Edit | Callable[[str], Edit], *, dry_run: bool = False) -> tuple[str, str]:
    """Make an edit of a graph file.

    Args:
        path: The file, YAML, or JSON if its name ends in `.json`.
        edit: What is to be done; or what says so, given the file's text.
        dry_run: Write nothing.

    Returns:
        The text before and after.

    Raises:
        GraphError: The file cannot be read, or the edit is refused.
        SelectError: It is about a category or task that does not exist.
        StoreError: The file cannot be written, or a link leads to it.
    """
    if dry_run:
        return _edited(path, edit)
    workspace = Workspace.find(path)
    with workspace.writing():
        before, after = _edited(path, edit)
        if after != before:
            write_file(workspace.own(path), after.encode())
    return before, after


def _edited(path: Path, edit: Edit | Callable[[str], Edit]) -> tuple[str, str]:
    text = read_exactly(path)
    wanted = edit(text) if callable(edit) else edit
    return text, apply_edit(text, wanted, str(path), is_json(path))[0]


def is_json(path: Path) -> bool:
    """Whether a graph file is JSON."""
    return path.name.lower().endswith(".json")
