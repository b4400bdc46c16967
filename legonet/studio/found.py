"""Weights that lie beside the graph file and that none of its teachers uses. Needs no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from legonet.errors import LegonetError
from legonet.graph.schema import Graph
from legonet.store.blobs import sha256
from legonet.store.tensors import read_tensors
from legonet.store.workspace import Workspace
from legonet.studio.models.teachers import FoundWeights
from legonet.teachers.sources.file import STATISTICS_SUFFIX, FileTeacher
from legonet.teachers.weights.parts import mapped
from legonet.web.faults import refuse

MOST = 50  # files that are offered
_SEEN = 5_000  # names that are looked at
_DEEPEST = 2  # folders below the graph file's
_SUFFIX = ".safetensors"


def found_weights(graph: Graph, path: Path, workspace: Workspace) -> tuple[FoundWeights, ...]:
    """Weights that lie beside the graph file and that no teacher uses, and which teachers are like them.

    Args:
        graph: Whose teachers they are compared with.
        path: The graph file; only its folder and those below are looked at, and no link is followed.
        workspace: Its workspace.
    """
    folder = path.absolute().parent
    known = _known(graph, folder, workspace)
    offered = []
    for name, file in _unused(graph, folder).items():
        with suppress(LegonetError, OSError):  # no weights after all
            outline = _outline(file)
            beside = name.removesuffix(_SUFFIX) + STATISTICS_SUFFIX
            statistics = folder / beside
            there = statistics.is_file() and not statistics.is_symlink()
            offered.append(
                FoundWeights(
                    file=name,
                    bytes=file.stat().st_size,
                    tensors=outline.tensors,
                    statistics=beside if there else None,
                    like={task: teacher for task, teacher, theirs in known[::-1] if theirs == outline},
                )
            )
    return tuple(offered)


def find_weights(name: str, graph: Graph, path: Path) -> Path:
    """A file of weights by the name that `found_weights` gives it.

    Raises:
        LegonetError: There is none, or a teacher uses it.
    """
    file = _unused(graph, path.absolute().parent).get(name)
    if file is None:
        expected = "expected one beside the graph file that no teacher uses"
        raise refuse(404, f"no weights {name[:100]!r}", expected, key="weights")
    return file


def _unused(graph: Graph, folder: Path) -> dict[str, Path]:
    named = [each for teacher in graph.teachers.values() for each in (teacher.weights, teacher.statistics)]
    used = {os.path.realpath(folder / each) for each in named if each is not None}
    unused = (path for path in _files(folder) if os.path.realpath(path) not in used)
    return {path.relative_to(folder).as_posix(): path for path in islice(unused, MOST)}


def _files(folder: Path) -> Iterator[Path]:
    """Files that are called weights, in the order of their names."""
    seen = 0
    for place, folders, files in os.walk(folder):
        here = Path(place)
        deep = len(here.relative_to(folder).parts) >= _DEEPEST
        seen += len(folders) + len(files)
        if seen > _SEEN:
            return
        folders[:] = [] if deep else sorted(filter(_is_plain, folders))
        for name in sorted(filter(_is_plain, files)):
            path = here / name
            wanted = name.endswith(_SUFFIX) and not name.endswith(STATISTICS_SUFFIX)
            if wanted and not path.is_symlink() and path.is_file():
                yield path


def _is_plain(name: str) -> bool:
    return name.isprintable() and not name.startswith(".")


class _Outline(NamedTuple):
    """Which tensors a file has: how many, and a hash of their names and shapes."""

    tensors: int
    digest: str


def _known(graph: Graph, folder: Path, workspace: Workspace) -> list[tuple[str, str, _Outline]]:
    """Of each kind of model that has taught a task: the task, the first such teacher, its tensors."""
    first: dict[tuple[str, str, str], str] = {}
    for name, each in graph.teachers.items():
        first.setdefault((each.task, each.model, each.cut), name)
    known = []
    for (task, _, _), name in first.items():
        with suppress(LegonetError, OSError):  # said where the network is planned
            path = FileTeacher(name, graph.teachers[name], folder, workspace).weights_path()
            known.append((task, name, _outline(path)))
    return known


def _outline(path: Path) -> _Outline:
    state = path.stat()
    return _read(path, state.st_size, state.st_mtime_ns, state.st_ino)


@lru_cache(1000)
def _read(path: Path, size: int, changed: int, number: int) -> _Outline:
    """Read a file's header, once as long as the file stays as it is."""
    tensors = read_tensors(mapped(path, path.name), path.name).tensors
    shapes = sorted((name, each.shape) for name, each in tensors.items())
    return _Outline(len(tensors), sha256(repr(shapes).encode()))
