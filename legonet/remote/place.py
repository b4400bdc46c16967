"""An opened remote: files that are read within bounds, written whole, exchanged only if unchanged."""

from __future__ import annotations

import importlib
import logging
import secrets
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from legonet.errors import StoreError
from legonet.remote.address import RemoteAddress
from legonet.remote.exchange import EXCHANGES
from legonet.remote.patience import persist
from legonet.store.confined import expect_inside

_AT_ONCE = 2**20  # bytes
_LOUD = ("fsspec", "fsspec.http", "s3fs", "aiobotocore", "botocore", "aiohttp.client", "gcsfs", "paramiko")
_Got = TypeVar("_Got")


class Place:
    """A folder of some kind of store.

    Args:
        address: Where it is. Nothing is asked of it yet.

    Raises:
        StoreError: What it needs is not installed.
    """

    def __init__(self, address: RemoteAddress) -> None:
        self.address, self.shown = address, address.shown
        self._opened: Any = None
        self._opening = threading.Lock()
        self._root = ""

    @property
    def files(self) -> Any:
        """What fsspec opens of it."""
        with self._opening:  # several threads may ask first
            if self._opened is None:
                self._opened, self._root = _open(self.address)
        return self._opened

    def path(self, name: str, *, writing: bool = False) -> str:
        """A file's path, as fsspec takes it."""
        folder = self.address.folder
        if folder is not None and writing:
            expect_inside(folder, folder / name)  # whoever made the folder may have made links in it
        self.files  # noqa: B018 - it is opened: the root is known
        if not name:
            return self._root
        root, mark, query = self._root, "", ""
        if self.address.scheme.protocol == "http":
            root, mark, query = root.partition("?")
        return f"{root.rstrip('/')}/{name}{mark}{query}"

    def persist(self, name: str, call: Callable[[], _Got]) -> _Got:
        """Do something of a file, and try again what may go better."""
        return persist(call, f"{self.shown}/{name}" if name else self.shown, self.address.scrubbed)

    def read(self, name: str, most: int) -> bytes:
        """A file's bytes.

        Args:
            name: Of the file.
            most: It may have.

        Raises:
            FileNotFoundError: There is none.
            StoreError: It has more, is no regular file, or cannot be read.
        """
        data = self.persist(name, lambda: self._read(name, most + 1))
        if len(data) > most:
            raise StoreError(
                f"{self.shown}/{name}: has more than {most:,} bytes; expected no more; nothing of it is "
                "taken; see whether this is a remote of legonet"
            )
        return data

    def _read(self, name: str, most: int) -> bytes:
        files, path = self._now_there(), self.path(name)
        if self.address.scheme.streams:
            return b"".join(self._stream(files, path, most))
        if self.address.folder is not None:
            self._expect_file(Path(path))
        return files.cat_file(path, start=0, end=most)

    @staticmethod
    def _stream(files: Any, path: str, most: int, **options: Any) -> Iterator[bytes]:
        # A size that is not asked for, and no blocks: one request, which is left where enough has come.
        with files.open(path, "rb", block_size=0, size=1, **options) as file:
            left = most
            while left > 0 and (piece := file.read(min(left, _AT_ONCE))):
                left -= len(piece)
                yield piece

    def _expect_file(self, path: Path) -> None:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise StoreError(
                f"{path}: a link, a folder or a device; expected a regular file; whoever keeps this remote "
                "has to put the file itself there"
            )

    def info(self, name: str = "") -> dict[str, Any]:
        """What its store tells of a file, or of the address itself.

        Raises:
            FileNotFoundError: There is none.
        """
        return self.persist(name, lambda: self._now_there().info(self.path(name)))

    def _now_there(self) -> Any:
        """The files, of which nothing is taken from memory that was true a moment ago."""
        self.files.invalidate_cache()
        return self.files

    def size(self, name: str) -> int | None:
        """The bytes that a file has; None where there is none."""
        try:
            found = self.info(name)
        except FileNotFoundError:
            return None
        return found.get("size") if found.get("type", "file") == "file" else None

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole: nobody sees half of one.

        Raises:
            StoreError: It cannot be written, or nothing can be, there.
        """
        self.expect_writable()
        try:
            self.persist(name, lambda: self._write(name, data))
        except FileNotFoundError:
            raise StoreError(
                f"{self.shown}: there is no such place; expected a bucket, or a folder, that exists; make it "
                "first"
            ) from None

    def expect_writable(self) -> None:
        """Refuse a place that can only be read, before anything is asked of it.

        Raises:
            StoreError: It is one.
        """
        if not self.address.scheme.writable:
            raise StoreError(
                f"{self.shown}: is read-only; expected a remote that can be written to; push to another "
                "address"
            )

    def _write(self, name: str, data: bytes) -> None:
        files, path = self.files, self.path(name, writing=True)
        if self.address.scheme.protocol in ("file", "sftp", "memory"):
            files.makedirs(path.rpartition("/")[0], exist_ok=True)
        if not self.address.scheme.renames:
            files.pipe_file(path, data)
            return
        beside = f"{path}.{secrets.token_hex(8)}.tmp"
        try:
            files.pipe_file(beside, data)
            files.mv(beside, path)
        except BaseException:
            with suppress(Exception):
                files.rm_file(beside)
            raise

    def swap(self, name: str, before: bytes | None, after: bytes, most: int) -> bool:
        """Write a file only if it still is what it was.

        Args:
            name: Of the file.
            before: What it was; None: not there.
            after: What it becomes.
            most: Bytes that it may have.

        Returns:
            Whether it was written; if not, somebody else has written it meanwhile.
        """
        return EXCHANGES[self.address.scheme.swap](self, name, before, after, most)

    def now(self, name: str, most: int) -> bytes | None:
        """A file's bytes as they are; None where there is none."""
        try:
            return self.read(name, most)
        except FileNotFoundError:
            return None

    def make(self, name: str) -> bool:
        """Make an empty file; whether there was none. Of many who try at once one is told so."""
        self.expect_writable()
        path = self.path(name, writing=True)

        def make() -> bool:
            self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
            return self.files.make(path)

        return self.persist(name, make)

    def remove(self, name: str) -> None:
        """Remove a file.

        Raises:
            FileNotFoundError: There is none.
        """
        self.persist(name, lambda: self.files.rm_file(self.path(name, writing=True)))

    def pieces(self, name: str, start: int, most: int, size: int | None) -> Iterator[bytes]:
        """A file's bytes from one on, piece by piece; an interruption is for the caller to go on from.

        Args:
            name: Of the file; empty: the address itself is one.
            start: Of the first byte.
            most: Bytes at most.
            size: Of the file, where that is known.
        """
        files, path = self.files, self.path(name)
        if self.address.scheme.protocol == "http":
            skip, asked = start, {"headers": {"Range": f"bytes={start}-"}} if start else {}
            with files.open(path, "rb", block_size=0, size=1, **asked) as file:
                if start and file.r.status == 206:  # else the server sends all of it
                    skip = 0
                while most > 0 and (piece := file.read(_AT_ONCE)):
                    piece, skip = piece[skip:], max(0, skip - len(piece))
                    most -= len(piece)
                    if piece:
                        yield piece
            return
        end = start + most if size is None else min(size, start + most)
        while start < end:
            piece = files.cat_file(path, start=start, end=min(end, start + 8 * _AT_ONCE))
            if not piece:
                return
            start += len(piece)
            yield piece


def _open(address: RemoteAddress) -> tuple[Any, str]:
    scheme = address.scheme
    try:
        fsspec: Any = importlib.import_module("fsspec")
        for package in filter(None, (scheme.package,)):
            importlib.import_module(package)
    except ImportError as error:
        lacking = error.name or scheme.package
        how = "pip install 'legonet[remote]'" if scheme.package not in ("gcsfs", "paramiko") else None
        raise StoreError(
            f"{address.shown}: {lacking} is not installed; expected it for such a remote; run: "
            f"{how or f'pip install {scheme.package}'}"
        ) from error
    for loud in _LOUD:
        logging.getLogger(loud).addFilter(_without_secrets)
    try:
        if scheme.opener:
            room, _, name = scheme.opener.partition(":")
            opener = getattr(importlib.import_module(room), name)
            given = opener._get_kwargs_from_urls(address.url)
            files = opener(**given, skip_instance_cache=True, use_listings_cache=False, **scheme.options)
            path = opener._strip_protocol(address.url)
        else:
            files, path = fsspec.core.url_to_fs(
                address.url, skip_instance_cache=True, use_listings_cache=False, **scheme.options
            )
    except Exception as error:  # a bad address, or settings of fsspec's own
        said = address.scrubbed(f"{type(error).__name__}: {error}").split("\n")[0]
        raise StoreError(
            f"{address.shown}: cannot be opened ({said}); expected an address that fsspec understands; "
            "correct it"
        ) from None
    if hasattr(files, "retries"):
        files.retries = 1
    return files, path.rstrip("/")


def _without_secrets(record: logging.LogRecord) -> bool:
    from legonet.graph.address import without_secrets

    record.msg, record.args = without_secrets(record.getMessage()), ()
    return True
