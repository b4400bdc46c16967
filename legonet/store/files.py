"""Files that are no blobs, with the errors of a store. Needs no torch."""

from __future__ import annotations

from pathlib import Path

from legonet.errors import StoreError
from legonet.graph.files import write_atomically


def write_file(path: Path, data: bytes) -> None:
    """Write a file atomically, and its folders: readers see the old file or the new one, never a part.

    Raises:
        StoreError: it cannot be written; what was there is untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({error.strerror or error}); expected a folder with room that may be "
            "written to; what was there is untouched"
        ) from error
