"""Files written whole or not at all. The one place of legonet that replaces a file; needs no torch."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path


def write_atomically(
    path: Path, data: bytes | Iterable[bytes | memoryview], *, folder: Path | None = None
) -> None:
    """Write a file so that at any moment it has either its old bytes or all of the new ones.

    A link is refused: whoever put it there may not be the one who writes. A new file gets the mode that
    `open` gives, an old one keeps its own.

    Args:
        path: The file; its folder exists.
        data: All its bytes, in one or in pieces.
        folder: Where the temporary file is made, on the same file system; default: beside the file.

    Raises:
        OSError: Not written. The old file is as it was.
    """
    target = Path(path)
    if target.is_symlink():
        raise OSError(errno.ELOOP, "it is a link, which is not followed", str(path))
    temporary = (folder or target.parent) / f".{target.name[:16]}-{secrets.token_hex(8)}.tmp"
    try:
        with temporary.open("xb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            os.fsync(file.fileno())
        if target.is_file():
            temporary.chmod(target.stat().st_mode & 0o777)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush_folder(target.parent)


def adopt(file: Path, path: Path) -> None:
    """Put a file that was written elsewhere on the same disk into its place, flushed; links are refused.

    Raises:
        OSError: It cannot be. What was there is as it was.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a link, which is not followed", str(path))
    handle = os.open(file, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    file.replace(path)
    _flush_folder(path.parent)


def is_temporary(path: Path) -> bool:
    """Whether a file is one that `write_atomically` was writing when it was killed, if it is old."""
    return re.fullmatch(r"\..{1,16}-[0-9a-f]{16}\.tmp", path.name) is not None


def _flush_folder(folder: Path) -> None:
    """Make the renaming itself durable, where the system lets a folder be flushed."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
