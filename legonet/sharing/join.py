"""Brings what a remote holds into the files of a workspace, joined with what was done there meanwhile."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from legonet import foreign
from legonet.blocks.files import list_blocks
from legonet.errors import LegonetError, StoreError
from legonet.graph.load import parse_graph
from legonet.graph.lock import Lock, dump_lock, lock_path, parse_lock, read_lock
from legonet.graph.reading.source import read_exactly
from legonet.graph.schema import Graph
from legonet.remote.address import RemoteAddress
from legonet.remote.joining import join_graphs, join_locks
from legonet.remote.manifest import Found, Manifest
from legonet.remote.objects import Objects
from legonet.remote.place import Place
from legonet.sharing.text import Side, joined_text
from legonet.store.blobs import sha256
from legonet.store.elsewhere import Record, read_record, record_path, write_record
from legonet.store.locks import RunLock
from legonet.store.plain_files import write_file
from legonet.store.workspace import BLOCKS_FOLDER, Workspace


def join(place: Place, found: Found, file: Path, workspace: Workspace) -> bool:
    """Bring what a remote holds into a graph file and its lock file; what was done here meanwhile is kept.

    Args:
        place: The remote.
        found: What it holds.
        file: The graph file; it need not exist.
        workspace: That it is in.

    Returns:
        Whether anything was changed here.

    Raises:
        LegonetError: An entry was changed on both sides, or what the remote holds does not fit.
    """
    manifest = found.manifest
    record = read_record(record_path(workspace.records, manifest.name))
    if record is not None and record.manifest == found.sha256 and file.exists():
        return False
    if os.path.normpath(workspace.root / manifest.graph) != os.path.normpath(file.absolute()):
        raise StoreError(
            f"{file}: {place.shown} keeps this network as {manifest.graph}; expected it at that place in the "
            "workspace too; move the file there, or choose another remote"
        )
    reading = _Reading(Objects(place), place.shown)
    theirs, their_lock = reading.graph(manifest), reading.lock(manifest)
    base = None
    if record is not None and file.exists():
        base = reading.base(record)
    blocks = reading.blocks(manifest, workspace)
    workspace.own(file)
    alone = RunLock(workspace.run_lock(manifest.name), beginning=workspace.writing)
    with alone, workspace.writing():
        text, lock, changed = reading.texts[manifest.graph], their_lock, True
        if file.exists():
            here, our_lock = read_exactly(file), read_lock(lock_path(file))
            loaded = parse_graph(here, str(file), file.name.lower().endswith(".json"))
            ours = loaded.graph
            _expect_same(ours, theirs, file, place)
            known_text, known, known_lock = base or (None, None, None)
            graph = join_graphs(known, ours, theirs, str(file), place.shown, loaded.positions)
            lock = join_locks(known_lock, our_lock, their_lock, str(lock_path(file)), place.shown)
            changed = graph != ours or lock != our_lock
            last = None if record is None else record.graph[0]
            joined = joined_text(
                graph,
                Side(here, ours, sha256(here.encode()) != last),
                Side(text.decode(), theirs, sha256(text) != last),
                file,
                known_text,
            )
            text = None if joined == here else joined.encode()
        _write(workspace, blocks, file, text, lock)
    return changed


def _expect_same(ours: Graph, theirs: Graph, file: Path, place: Place) -> None:
    if ours.name != theirs.name:
        raise StoreError(
            f"{file}: is of the network '{ours.name}', and {place.shown} holds '{theirs.name}'; expected the "
            "same; choose another remote, or another folder"
        )


class _Reading:
    """Texts that are read from a remote."""

    def __init__(self, objects: Objects, shown: str) -> None:
        self._objects, self._shown = objects, shown
        self.texts: dict[str, bytes] = {}

    def _text(self, manifest: Manifest, name: str, kind: foreign.Kind) -> bytes:
        sent, most = manifest.files[name], kind.largest or 0
        if sent.size > most:
            raise foreign.too_large(kind, f"{self._shown}: {name}", sent.size)
        self.texts[name] = self._objects.read(sent.sha256, sent.size)
        return self.texts[name]

    def graph(self, manifest: Manifest) -> Graph:
        """The graph, of the name that the list says."""
        name = manifest.graph
        text = self._text(manifest, name, foreign.GRAPH)
        found = parse_graph(text, f"{self._shown}: {name}", name.endswith(".json")).graph
        if found.name != manifest.name:
            raise StoreError(
                f"{self._shown}: {name}: is of '{found.name}'; expected '{manifest.name}'; push it again"
            )
        return found

    def lock(self, manifest: Manifest) -> Lock:
        """The lock."""
        text = self._text(manifest, manifest.lock, foreign.LOCK)
        return parse_lock(text, f"{self._shown}: {manifest.lock}")

    def blocks(self, manifest: Manifest, workspace: Workspace) -> dict[Path, bytes]:
        """The block files that are not here, by the place where they belong."""
        shipped = {path.name: path for path in list_blocks(workspace.block_folders).values()}
        found: dict[Path, bytes] = {}
        for name, sent in manifest.files.items():
            if name in (manifest.graph, manifest.lock):
                continue
            path = workspace.own(workspace.root / name)
            if path.parent != workspace.root / BLOCKS_FOLDER:
                raise StoreError(
                    f"{self._shown}: {name}: no block file; expected one in {BLOCKS_FOLDER}/; push the "
                    "network again"
                )
            known = path if path.exists() else shipped.get(path.name)
            if known is not None and sha256(foreign.read(known, foreign.BLOCK)) == sent.sha256:
                continue
            if path.exists():
                raise StoreError(
                    f"{path}: is there already, with other content than in {self._shown}; expected no "
                    "file, or the same; move it away, or pull into another folder"
                )
            found[path] = self._text(manifest, name, foreign.BLOCK)
        return found

    def base(self, record: Record) -> tuple[str, Graph, Lock] | None:
        """What was pushed or pulled last; None where the remote has lost it: then nothing is in common."""
        try:
            graph = self._objects.read(record.graph[0], foreign.GRAPH.largest or 0)
            lock = self._objects.read(record.lock[0], foreign.LOCK.largest or 0)
            as_json = graph.lstrip()[:1] == b"{"
            found = parse_graph(graph, self._shown, as_json).graph
            return graph.decode(), found, parse_lock(lock, self._shown)
        except (LegonetError, FileNotFoundError):
            return None


def _write(
    workspace: Workspace, blocks: Mapping[Path, bytes], file: Path, text: bytes | None, lock: Lock
) -> None:
    """Write what was pulled, the graph file last: one that exists is complete."""
    where, lock_text = workspace.own(lock_path(file)), dump_lock(lock).encode()
    for path, data in blocks.items():
        write_file(path, data)
    if foreign.read_if_there(where, foreign.LOCK) != lock_text:
        write_file(where, lock_text)
    if text is not None:
        write_file(workspace.own(file), text)


def note(workspace: Workspace, address: RemoteAddress, manifest: Manifest) -> None:
    """Record what a remote holds: what the next push or pull starts from, and what need not be here."""
    graph, lock = manifest.files[manifest.graph], manifest.files[manifest.lock]
    record = Record(
        remote=address.shown if address.secret else address.url,
        name=manifest.name,
        manifest=sha256(manifest.dump()),
        graph=(graph.sha256, graph.size),
        lock=(lock.sha256, lock.size),
        blobs=manifest.blobs,
        elsewhere=manifest.elsewhere,
    )
    write_file(workspace.state(".gitignore"), b"*\n")
    write_record(workspace.own(record_path(workspace.records, manifest.name)), record)
    workspace.__dict__.pop("elsewhere", None)  # what was known of it before is read again
