"""What a save that was killed has left: files that it was about to make. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from legonet import foreign
from legonet.errors import GraphError, StoreError
from legonet.graph.in_parts import counted
from legonet.graph.load import load_graph
from legonet.store.blobs import sha256
from legonet.store.plain_files import write_file
from legonet.store.workspace import BLOCKS_FOLDER, GRAPHS_FOLDER, TEACHERS_FOLDER, Workspace

_FOLDER = "unfinished"
_GRAPHS = (".yaml", ".yml", ".json")


class Unfinished:
    """A record of the files that saving a graph file makes; it is there as long as they are made.

    Args:
        workspace: That they are in.
        graph: The graph file.
    """

    def __init__(self, workspace: Workspace, graph: Path) -> None:
        self._workspace, self._root = workspace, workspace.root
        self._graph = graph.absolute().relative_to(workspace.root)
        self._path = workspace.state(_FOLDER, f"{sha256(self._graph.as_posix().encode())[:16]}.json")

    def left(self) -> set[Path]:
        """Files that a save which was killed made, and that no graph file beside names."""
        return _left(self._workspace, self._path) if self._path.exists() else set()

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
    return {file for record in records for file in _left(workspace, record) or {record}}


def _left(workspace: Workspace, record: Path) -> set[Path]:
    root = workspace.root
    try:
        data = counted(foreign.read(record, foreign.STATE))
        graph, files = root / data["graph"], {root / each for each in data["files"]}
        there = {file for file in files if _is_made_by_saving(workspace, graph, file) and file.is_file()}
        return there - _named(root, graph.parent) if there else there
    except (OSError, ValueError, TypeError, KeyError, RecursionError, StoreError):
        return set()


def _is_made_by_saving(workspace: Workspace, graph: Path, file: Path) -> bool:
    """Whether a record may name a file, which is deleted then: a block, a teacher's weights or statistics.

    A record is a file like any other of a workspace, which a stranger may have written.
    """
    try:
        if workspace.own(file) != file or workspace.own(graph) != graph:
            return False
    except StoreError:
        return False
    if file.parent == workspace.root / BLOCKS_FOLDER:
        return file.suffix in _GRAPHS
    return file.parent == graph.parent / TEACHERS_FOLDER and file.suffix == ".safetensors"


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
