"""Files as memory: pages are read when they are used. Needs no torch."""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path
from typing import BinaryIO

from legonet import foreign

# Linux has had it by this number since 2.4; Python names it since 3.13.
_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)


def map_file(file: BinaryIO) -> mmap.mmap:
    """Map a file privately: what is written to the memory stays there.

    No memory is set aside for what might be written, or else Linux refuses a file that is larger than the
    machine's memory, as it does `mmap.ACCESS_COPY`.

    Raises:
        OSError: It cannot be mapped.
        ValueError: It is empty.
    """
    if os.name == "nt":
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    protection = mmap.PROT_READ | mmap.PROT_WRITE
    return mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE | _NO_RESERVE, prot=protection)


def map_bytes(path: Path, kind: foreign.Kind, *, where: str = "", follow: bool = False) -> memoryview:
    """A foreign file's bytes, mapped privately; an empty file, which cannot be mapped, has none.

    Args:
        path: As of `legonet.foreign.opened`, like the others.
        kind: Likewise.
        where: Likewise.
        follow: Likewise.

    Raises:
        LegonetError: Of the kind: it cannot be read.
    """
    with foreign.opened(path, kind, where=where, follow=follow) as file:
        try:
            return memoryview(map_file(file) if os.fstat(file.fileno()).st_size else b"")
        except OSError as error:
            raise kind.error(
                f"{where or path}: cannot be read: {error.strerror or error}; {kind.expected}; check the path"
            ) from error
