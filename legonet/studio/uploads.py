"""Weights that were uploaded: kept under `.legonet/`, read without code."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Literal

from legonet.errors import LegonetError
from legonet.foreign import MIB
from legonet.graph.atomic import write_atomically
from legonet.graph.fields import SHA256_PATTERN
from legonet.store.workspace import Workspace
from legonet.studio.models.teachers import Upload
from legonet.web.faults import refuse

KEPT = 8  # files; the oldest goes for a new one
NAMED = 1000  # tensors
_ZIP = b"PK\x03\x04"
_SUFFIXES = {"safetensors": ".safetensors", "pt": ".pt"}


class Uploads:
    """The files of weights of one workspace.

    Args:
        workspace: Whose they are.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def _folder(self, *names: str) -> Path:
        return self._workspace.state("studio", "uploads", *names)

    def take(self, file: BinaryIO) -> Upload:
        """Keep a file of weights, once it has been read without running code.

        Args:
            file: What was uploaded.

        Raises:
            LegonetError: It holds code, or is none of weights.
        """
        from legonet.teachers.weights.checkpoints import read_checkpoint

        file.seek(0)
        kind = _kind(file.read(9))
        held = self._folder(f"{secrets.token_hex(8)}.new{_SUFFIXES[kind]}")
        digest = hashlib.sha256()
        try:
            file.seek(0)
            held.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(held, _pieces(file, digest))
            try:
                tensors = read_checkpoint(held, "upload", follow=False)
            except LegonetError as error:
                raise refuse(422, str(error).replace(f"upload: {held}", "upload"), key="file") from error
            names = {name[:200]: tuple(each.shape) for name, each in list(tensors.items())[:NAMED]}
            count, size = len(tensors), held.stat().st_size
            del tensors  # which are mapped
            name = digest.hexdigest()
            held.replace(self._folder(name + _SUFFIXES[kind]))
        finally:
            held.unlink(missing_ok=True)
        self._tidy()
        return Upload(upload=name, kind=kind, bytes=size, names=names, tensors=count)

    def find(self, upload: str) -> Path:
        """The file of an upload.

        Raises:
            LegonetError: There is none.
        """
        if re.fullmatch(SHA256_PATTERN, upload):
            for suffix in _SUFFIXES.values():
                path = self._folder(upload + suffix)
                if path.is_file() and not path.is_symlink():
                    return path
        raise refuse(404, f"no upload {upload[:64]!r}", "expected one of this workspace", "upload it again")

    def _tidy(self) -> None:
        with suppress(OSError):
            files = [each for each in self._folder().iterdir() if each.suffix in _SUFFIXES.values()]
            for old in sorted(files, key=lambda each: each.lstat().st_mtime)[:-KEPT]:
                old.unlink(missing_ok=True)


def _pieces(file: BinaryIO, digest: hashlib._Hash) -> Iterator[bytes]:
    """A file in pieces, which are hashed as they are read."""
    while piece := file.read(MIB):
        digest.update(piece)
        yield piece


def _kind(start: bytes) -> Literal["safetensors", "pt"]:
    """What a file is by how it begins; a pickle of old torch begins with 0x80, a new one is a zip file."""
    return "pt" if start.startswith((_ZIP, b"\x80")) else "safetensors"
