"""Files that are no blobs, with the errors of a store. Needs no torch."""

from __future__ import annotations

from pathlib import Path

from legonet.errors import StoreError
from legonet.graph.atomic import write_atomically
from legonet.store.blobs import Pieces

_AT_ONCE = 2**20  # bytes


def write_file(path: Path, data: bytes | Pieces) -> None:
    """Write a file atomically, and its folders: readers see the old file or the new one, never a part.

    Raises:
        StoreError: It cannot be written; what was there is untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({error.strerror or error}); expected a folder with free space that "
            "may be written to; check both; what was there is untouched"
        ) from error


def holds(path: Path, pieces: Pieces) -> bool:
    """Whether a file has these bytes and no others; it is read a part at a time, and only as far as needed.

    Raises:
        OSError: It cannot be read.
    """
    if path.stat().st_size != sum(map(len, pieces)):
        return False
    with path.open("rb") as file:
        for piece in map(memoryview, pieces):
            for start in range(0, len(piece), _AT_ONCE):
                part = piece[start : start + _AT_ONCE]
                if file.read(len(part)) != part:
                    return False
    return True
