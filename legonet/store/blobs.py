"""Bytes by the sha256 of their content, in a folder or in memory. Needs no torch."""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

from legonet import foreign
from legonet.errors import DamagedError, StoreError
from legonet.graph.atomic import adopt, write_atomically
from legonet.graph.fields import SHA256_PATTERN
from legonet.store.confined import expect_inside
from legonet.store.memory_map import map_file
from legonet.store.outline import outline

_Data = TypeVar("_Data", bytes, mmap.mmap)
_SHA256 = re.compile(SHA256_PATTERN)


Pieces = Sequence[bytes | memoryview]
"""A blob's bytes, one piece after the other: what is mapped need not be copied to be written."""


def sha256(data: bytes | Pieces) -> str:
    """Compute the address of a blob: the lower-case hexadecimal sha256 of its bytes."""
    found = hashlib.sha256()
    for piece in _pieces(data):
        found.update(piece)
    return found.hexdigest()


def _pieces(data: bytes | Pieces) -> Pieces:
    return [data] if isinstance(data, bytes) else data


class BlobStore(ABC):
    """What every store can do."""

    @abstractmethod
    def put(self, data: bytes | Pieces) -> str:
        """Keep a blob; one that is already there costs little.

        Returns:
            Its address, the sha256 of its bytes.

        Raises:
            StoreError: It cannot be written. Nothing that was there is lost.
        """

    @abstractmethod
    def get(self, sha: str) -> bytes:
        """Read a blob and verify it.

        Raises:
            DamagedError: It is damaged, and was set aside.
            StoreError: It is not there, or cannot be read.
        """

    def map(self, sha: str) -> memoryview:
        """Read a blob and verify it, without a copy where it is a file: pages are read when they are used.

        Returns:
            Its bytes, in memory that may be written to without changing the blob, or else read-only.

        Raises:
            StoreError: It is not there, cannot be read, or is damaged.
        """
        return memoryview(self.get(sha))

    @abstractmethod
    def has(self, sha: str) -> bool:
        """Say whether there is a blob of this address; its bytes are not verified.

        Raises:
            StoreError: The address is none.
        """

    def looks_whole(self, sha: str, kind: str | None = None) -> bool:
        """Say whether there is a blob of this address that is as long as it says, which costs little.

        Args:
            sha: The address.
            kind: What it has to say that it is, such as `adapter`; None: anything.

        Raises:
            StoreError: The address is none.
        """
        return self.has(sha)

    @abstractmethod
    def path(self, sha: str) -> Path:
        """Tell the file of a blob, whether it is there or not.

        Raises:
            StoreError: The address is none, or the store has no files.
        """


class Origin(ABC):
    """Where blobs come from that a store lacks, such as a remote."""

    @abstractmethod
    def has(self, sha: str) -> bool:
        """Say whether it has a blob, as far as is known here: nothing is asked of it."""

    @abstractmethod
    def fetch(self, sha: str, file: Path) -> None:
        """Bring a blob into a file, verified; one that is there is its beginning.

        Raises:
            StoreError: It cannot be had.
        """


class MemoryStore(BlobStore):
    """Blobs in memory, for networks that are built without a file."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def put(self, data: bytes | Pieces) -> str:
        """Keep a blob. Returns its address."""
        sha = sha256(data)
        self._blobs.setdefault(sha, b"".join(_pieces(data)))
        return sha

    def get(self, sha: str) -> bytes:
        """Read a blob; bytes in memory do not change, so they are not hashed again."""
        _check_address(sha, "the store in memory")
        try:
            return self._blobs[sha]
        except KeyError:
            raise StoreError(_missing("the store in memory", sha)) from None

    def has(self, sha: str) -> bool:
        """Say whether there is a blob of this address."""
        if sha in self._blobs:
            return True
        _check_address(sha, "the store in memory")
        return False

    def path(self, sha: str) -> Path:
        """Refuse: there are no files."""
        _check_address(sha, "the store in memory")
        raise StoreError(f"the store in memory: blob {sha} has no file; use get")


class Store(BlobStore):
    """Blobs in a folder, as `ab/cd/abcd…`: written atomically, verified when read.

    Attributes:
        folder: Where they are.
        origin: Where those come from that it lacks: they are fetched when they are read; None: nowhere.
    """

    def __init__(self, folder: Path | str, origin: Origin | None = None) -> None:
        """Use a folder; the first write makes it.

        Args:
            folder: Holds the blobs, `tmp/` and, once something is damaged, `damaged/`.
            origin: Where those come from that it lacks.
        """
        self.folder, self.origin = Path(folder), origin

    def path(self, sha: str) -> Path:
        """Tell the file of a blob, whether it is there or not."""
        _check_address(sha, str(self.folder))
        return self.folder / sha[:2] / sha[2:4] / sha

    def _own(self, path: Path) -> Path:
        return expect_inside(self.folder.absolute(), path.absolute())

    def has(self, sha: str) -> bool:
        """Say whether there is a file of this address, or could be; its bytes are not verified."""
        return self.path(sha).is_file() or self._can_have(sha)

    def _can_have(self, sha: str) -> bool:
        return self.origin is not None and self.origin.has(sha)

    def fill(self, sha: str) -> bool:
        """Fetch a blob that is lacking from where it comes from.

        Returns:
            Whether it was.

        Raises:
            StoreError: It cannot be had, or not be written.
        """
        path, temporary = self._own(self.path(sha)), self._own(self.folder / "tmp")
        if path.is_file() or self.origin is None or not self.origin.has(sha):
            return False
        part = self._own(temporary / f"{sha}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir(exist_ok=True)
            self.origin.fetch(sha, part)
            adopt(part, path)
        except OSError as error:
            if path.is_file():  # another process has fetched it
                return False
            raise StoreError(
                f"{path}: the blob cannot be written: {error.strerror or error}; "
                "check the folder's permissions and the free space"
            ) from error
        return True

    def looks_whole(self, sha: str, kind: str | None = None) -> bool:
        """Say whether there is a file of this address that is as long as its header says, and of the kind."""
        path = self.path(sha)
        try:
            state = path.lstat()
            if not stat.S_ISREG(state.st_mode):
                return False
        except OSError:
            return self._can_have(sha)
        try:
            said = outline(str(path), state.st_size, state.st_mtime_ns, state.st_ino)
        except (StoreError, OSError):  # it is there; whoever reads it learns what is wrong
            return True
        return said.whole and kind in (None, said.kind)

    def put(self, data: bytes | Pieces) -> str:
        """Write a blob: to a temporary file, flushed to the disk, then renamed."""
        sha = sha256(data)
        path, temporary = self._own(self.path(sha)), self._own(self.folder / "tmp")
        try:
            if path.is_file() and path.stat().st_size == sum(map(len, _pieces(data))):
                return sha
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir(exist_ok=True)
            write_atomically(path, data, folder=temporary)
        except OSError as error:
            raise StoreError(
                f"{path}: the blob cannot be written: {error.strerror or error}; "
                "check the folder's permissions and the free space"
            ) from error
        return sha

    def get(self, sha: str) -> bytes:
        """Read a blob and compare its sha256; a damaged one is moved to `damaged/`."""
        with self._open(sha) as file:
            return self._verified(sha, file.read())

    def map(self, sha: str) -> memoryview:
        """Map a blob's file, privately: what is written to the memory stays there."""
        with self._open(sha) as file:
            if os.fstat(file.fileno()).st_size == 0:  # which cannot be mapped, and is no blob of this address
                return memoryview(self._verified(sha, b""))
            mapped = map_file(file)
        return memoryview(self._verified(sha, mapped))

    @contextmanager
    def _open(self, sha: str) -> Iterator[BinaryIO]:
        path = self.path(sha)
        if self.origin is not None:
            self.fill(sha)
        try:
            with foreign.opened(path, foreign.BLOB) as file:
                yield file
        except StoreError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise StoreError(_missing(str(self.folder), sha)) from None
            raise
        except OSError as error:
            raise StoreError(
                f"{path}: the blob cannot be read: {error.strerror or error}; check the file's permissions"
            ) from error

    def _verified(self, sha: str, data: _Data) -> _Data:
        path, found = self.path(sha), hashlib.sha256(data).hexdigest()
        if found != sha:
            raise DamagedError(
                f"{path}: the blob is damaged: its sha256 is {found}; {self._set_aside(path)}; "
                "run `legonet transplant` to build it again"
            )
        return data

    def _set_aside(self, path: Path) -> str:
        target = self._own(self.folder / "damaged" / path.name)
        try:
            target.parent.mkdir(exist_ok=True)
            path.replace(target)
        except OSError as error:
            return f"it could not be moved aside ({error.strerror or error}), so remove it"
        return f"it was moved to {target}"


def _check_address(sha: str, where: str) -> None:
    if not _SHA256.match(sha) or sha.endswith("\n"):
        raise StoreError(f"{where}: {sha!r} is not a blob's address; expected 64 digits 0-9a-f")


def _missing(where: str, sha: str) -> str:
    return f"{where}: there is no blob {sha}; run `legonet transplant` to build what is missing"
