"""The draft: the graph file's text as it is being edited; nothing is written before it is saved."""

from __future__ import annotations

import codecs
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from legonet import foreign
from legonet.graph.editing.apply import apply_edit
from legonet.graph.editing.operations import Edit, Restore
from legonet.graph.load import LoadedGraph, parse_graph
from legonet.graph.reading.source import decode
from legonet.store.blobs import sha256
from legonet.store.graph_file import is_json
from legonet.store.plain_files import write_file
from legonet.store.workspace import Workspace
from legonet.web.faults import refuse

MOST_UNDONE = 500  # changes that can be taken back


@dataclass(frozen=True)
class _Disk:
    """The graph file as it was read."""

    data: bytes
    text: str
    etag: str

    @classmethod
    def read(cls, path: Path) -> _Disk:
        data = foreign.read(path, foreign.GRAPH, follow=True)  # a link is followed: the user named it
        return cls(data, decode(data, str(path)), sha256(data))


@dataclass(frozen=True)
class Snapshot:
    """The draft at one moment.

    Attributes:
        loaded: The draft's graph.
        text: The draft.
        disk: The file's text when it was read.
        etag: The file's sha256 then.
        revision: Counts the draft's changes.
        can_undo: There is a change to take back.
        can_redo: There is one to make again.
    """

    loaded: LoadedGraph = field(repr=False)
    text: str = field(repr=False)
    disk: str = field(repr=False)
    etag: str
    revision: int
    can_undo: bool
    can_redo: bool

    @property
    def dirty(self) -> bool:
        """Whether the draft is not what the file said."""
        return self.text != self.disk


class Draft:
    """A graph file's text, changed by typed edits that can be taken back by their inverses.

    Args:
        path: The graph file.

    Raises:
        GraphError: It is not valid.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.workspace = path, Workspace.find(path)
        self.as_json = is_json(path)
        self._lock = threading.RLock()
        self._revision = 0
        self._start(_Disk.read(path))

    def _start(self, disk: _Disk) -> None:
        self._loaded = self._parsed(disk.text)
        self._disk, self._text = disk, disk.text
        self._undo: list[list[Restore]] = []
        self._redo: list[list[Restore]] = []

    def _parsed(self, text: str) -> LoadedGraph:
        return parse_graph(text, str(self.path), self.as_json)

    def now(self) -> Snapshot:
        """The draft as it is."""
        with self._lock:
            return Snapshot(
                self._loaded,
                self._text,
                self._disk.text,
                self._disk.etag,
                self._revision,
                bool(self._undo),
                bool(self._redo),
            )

    def changed_outside(self) -> bool:
        """Whether the file is not what it was when it was read."""
        etag = self.now().etag
        try:
            return _Disk.read(self.path).etag != etag
        except Exception:  # gone, or no text any more
            return True

    def edit(self, revision: int, edits: Sequence[Edit]) -> Snapshot:
        """Make edits, all or none.

        Args:
            revision: That they were made on.
            edits: What is to be done, in this order.

        Raises:
            LegonetError: The draft has changed meanwhile, or an edit cannot be made.
        """
        with self._lock:
            self._expect(revision)
            self._undo.append(self._made(edits))
            del self._undo[:-MOST_UNDONE]
            self._redo.clear()
            return self.now()

    def undo(self, revision: int) -> Snapshot:
        """Take back the last change.

        Raises:
            LegonetError: There is none, or the draft has changed meanwhile.
        """
        return self._step(revision, self._undo, self._redo, "undo")

    def redo(self, revision: int) -> Snapshot:
        """Make again what was taken back last.

        Raises:
            LegonetError: There is nothing, or the draft has changed meanwhile.
        """
        return self._step(revision, self._redo, self._undo, "redo")

    def _step(
        self, revision: int, source: list[list[Restore]], target: list[list[Restore]], what: str
    ) -> Snapshot:
        with self._lock:
            self._expect(revision)
            if not source:
                raise refuse(409, f"nothing to {what}")
            inverses = self._made(source[-1])
            source.pop()
            target.append(inverses)
            return self.now()

    def _made(self, edits: Sequence[Edit | Restore]) -> list[Restore]:
        """Make edits; what takes them back, in order."""
        text, inverses = self._text, []
        for each in edits:
            text, inverse = apply_edit(text, each, str(self.path), self.as_json)
            inverses.append(inverse)
        self._loaded, self._text = self._parsed(text), text
        self._revision += 1
        return inverses[::-1]

    def _expect(self, revision: int) -> None:
        if revision != self._revision:
            found = f"the draft is at revision {self._revision}, the request at {revision}"
            raise refuse(409, found, "expected the same", "read the draft again", key="revision")

    def discard(self, revision: int) -> Snapshot:
        """Go back to what the file said when it was read.

        Raises:
            LegonetError: The draft has changed meanwhile.
        """
        with self._lock:
            self._expect(revision)
            self._start(self._disk)
            self._revision += 1
            return self.now()

    def reload(self) -> Snapshot:
        """Take the file as it is now; what was not saved is lost.

        Raises:
            GraphError: It is not valid; the draft is as it was.
        """
        disk = _Disk.read(self.path)
        with self._lock:
            self._start(disk)
            self._revision += 1
            return self.now()

    def save(self, etag: str) -> Snapshot:
        """Write the draft into the file.

        Args:
            etag: Of the file that the sender knows.

        Raises:
            LegonetError: The file has changed outside, or cannot be written.
        """
        with self._lock, self.workspace.writing():
            if etag != self._disk.etag:
                raise self._stale("the draft started from another file than the request says")
            if _Disk.read(self.path).etag != etag:
                raise self._stale("the file was changed by somebody else")
            mark = codecs.BOM_UTF8 if self._disk.data.startswith(codecs.BOM_UTF8) else b""
            data = mark + self._text.encode()
            write_file(self.workspace.own(self.path), data)
            self._disk = _Disk(data, self._text, sha256(data))
            return self.now()

    def _stale(self, found: str) -> Exception:
        advice = "reload it (what was not saved is lost), or save it under another name first"
        return refuse(412, f"{self.path}: {found}", "expected the one that was read", advice, key="If-Match")
