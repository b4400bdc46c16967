"""What a save that was killed has left: files that it was about to make. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from legonet.errors import GraphError
from legonet.graph.load import load_graph
from legonet.store.blobs import sha256
from legonet.store.plain_files import write_file
from legonet.store.workspace import BLOCKS_FOLDER, GRAPHS_FOLDER, Workspace

_FOLDER = "unfinished"
_GRAPHS = (".yaml", ".yml", ".json")


class Unfinished:
    """A record of the files that saving a graph file makes; it is there as long as they are made.

    Args:
        workspace: That they are in.
        graph: The graph file.
    """

    def __init__(self, workspace: Workspace, graph: Path) -> None:
        self._root, self._graph = workspace.root, graph.absolute().relative_to(workspace.root)
        self._path = workspace.state(_FOLDER, f"{sha256(self._graph.as_posix().encode())[:16]}.json")

    def left(self) -> set[Path]:
        """Files that a save which was killed made, and that no graph file beside names."""
        return _left(self._root, self._path) if self._path.exists() else set()

    def begin(self, files: Iterable[Path]) -> None:
        """Record what is about to be made, and what was left before."""
        listed = {file.relative_to(self._root).as_posix() for file in {*files, *self.left()}}
        if listed:
            data = {"graph": self._graph.as_posix(), "files": sorted(listed)}
            write_file(self._path, json.dumps(data, indent=0).encode())

    def end(self) -> None:
        """The graph file is there, or nothing of it is; what nothing names is still recorded."""
        if self.left():
            return
        with suppress(OSError):  # it may be kept; folders may be in use
            self._path.unlink(missing_ok=True)
            self._path.parent.rmdir()
            self._path.parents[1].rmdir()


def left_over(workspace: Workspace) -> set[Path]:
    """Files of a workspace that saves which were killed made, and that no graph file names.

    A record of none is one itself.
    """
    records = workspace.state(_FOLDER).glob("*.json")
    return {file for record in records for file in _left(workspace.root, record) or {record}}


def _left(root: Path, record: Path) -> set[Path]:
    try:
        data = json.loads(record.read_text(encoding="utf-8"))
        graph, files = root / data["graph"], {root / each for each in data["files"]}
    except (OSError, ValueError, TypeError, KeyError):
        return set()
    there = {file for file in files if file.is_file()}
    return there - _named(root, graph.parent) if there else there


def _named(root: Path, folder: Path) -> set[Path]:
    """Files that the graph files of a folder name; those in the workspace's own folder of graphs too."""
    found = set[Path]()
    for place in {folder, root / GRAPHS_FOLDER}:
        for file in place.glob("*"):
            if file.suffix.lower() not in _GRAPHS:
                continue
            with suppress(GraphError):  # no graph file
                for teacher in load_graph(file).graph.teachers.values():
                    weights = (place / teacher.weights).absolute()
                    found |= {weights, weights.with_suffix(".statistics.safetensors")}
                    block = root / BLOCKS_FOLDER / teacher.model
                    found |= {block.with_name(block.name + suffix) for suffix in _GRAPHS}
    return found
