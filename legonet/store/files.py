"""Files written whole or not at all. Needs no torch."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from legonet.errors import StoreError


def write_file(path: Path, data: bytes) -> None:
    """Write a file atomically, and its folders: readers see the old file or the new one, never a part.

    Raises:
        StoreError: it cannot be written; what was there is untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({error.strerror or error}); expected a folder with room that may be "
            "written to; what was there is untouched"
        ) from error
