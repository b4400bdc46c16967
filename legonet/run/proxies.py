"""Photos of anything that a graph file names, as adapters learn from them. Needs torch when they changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

from legonet import foreign
from legonet.data.walk import count_images, walk_images
from legonet.errors import DataError, GraphError, LegonetError, StoreError
from legonet.graph.lock import LockedAdapter
from legonet.graph.schema import Graph
from legonet.store.blobs import BlobStore, sha256
from legonet.store.plain_files import write_file
from legonet.store.workspace import Workspace

MOST = 64
_INPUT = "proxies"  # of an adapter, as the lock file names it


class Proxies:
    """The photos of one network.

    Args:
        graph: Names their folder, or none.
        base: The folder that this is relative to.
        workspace: Keeps what was found; the folder may not lie outside of it. None for a network in memory.
    """

    def __init__(self, graph: Graph, base: Path, workspace: Workspace | None) -> None:
        self._graph, self._base, self._workspace = graph, base, workspace
        self._file = None if workspace is None else workspace.found_out("proxies.json")

    def sha(self, built: Mapping[str, LockedAdapter]) -> str | None:
        """The content hash of what adapters learn from; None where the graph names no folder.

        Args:
            built: Adapters. Where the folder did not travel with them, it is the one that they were fitted
                with.

        Raises:
            LegonetError: There is no such folder, no image in it, or one that cannot be read.
        """
        if self._graph.proxies is None:
            return None
        folder = self._folder()
        if not _is_there(folder):
            known = {each.inputs[_INPUT] for each in built.values() if _INPUT in each.inputs}
            if len(known) == 1:
                return known.pop()
            raise self._missing()
        files = _chosen(folder)
        seen, known = _fingerprint(files), self._known()
        if known.get("seen") == seen and isinstance(known.get("sha256"), str):
            return str(known["sha256"])
        found = sha256(_bundle(files))
        if self._file is not None:
            with suppress(StoreError):  # found again next time
                write_file(self._file, json.dumps({"seen": seen, "sha256": found}).encode())
        return found

    def put(self, store: BlobStore) -> str | None:
        """Put what adapters learn from into a store, and give its content hash.

        Raises:
            LegonetError: As of `sha`.
        """
        if self._graph.proxies is None:
            return None
        folder = self._folder()
        if not _is_there(folder):
            raise self._missing()
        return store.put(_bundle(_chosen(folder)))

    def _folder(self) -> Path:
        named = self._graph.proxies or ""
        if self._workspace is None:
            return self._base / named
        try:
            return self._workspace.resolve(self._base, named)
        except LegonetError as error:
            raise GraphError(f"{self._graph.name}: proxies: {error}") from error

    def _missing(self) -> GraphError:
        return GraphError(
            f"{self._graph.name}: proxies: no folder {self._graph.proxies!r}; expected one of photos, "
            "relative to the graph file; put some there, or remove the line"
        )

    def _known(self) -> Mapping[str, object]:
        with suppress(StoreError, ValueError, RecursionError):
            data = None if self._file is None else json.loads(foreign.read(self._file, foreign.SETTINGS))
            if isinstance(data, dict):
                return data
        return {}


def _is_there(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:  # a name that no system takes
        return False


def _chosen(folder: Path) -> list[Path]:
    """At most `MOST` images of a folder and of those below it, evenly among all."""
    problems: list[DataError] = []
    step = max(1, -(-count_images(folder) // MOST))
    files = list(islice(walk_images(folder, problems.append), 0, None, step))
    if problems:
        raise problems[0]
    for each in files:  # a workspace may be a stranger's, and show what lies elsewhere
        if each.is_symlink():
            raise DataError(f"{each}: a link; expected a photo that lies there itself; copy it")
    return files


def _fingerprint(files: list[Path]) -> str:
    """Whether the files are still those that were read, as `make` does."""
    stats = [(str(each), each.stat()) for each in files]
    return sha256(json.dumps([(name, each.st_size, each.st_mtime_ns) for name, each in stats]).encode())


def _bundle(files: list[Path]) -> bytes:
    from legonet.data.proxies import proxy_photos

    return proxy_photos(files)
