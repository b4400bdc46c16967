"""What a blob says of itself in its first bytes: how long it is, and what it is. Needs no torch."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from legonet import foreign
from legonet.store.modules import METADATA_KEY

_LONGEST = 8 * 2**20  # bytes of a header that is read for this
_REMEMBERED = 2**18


class Outline(NamedTuple):
    """What a file says.

    Attributes:
        whole: It is as long as it says.
        kind: What part of a network it is; None if it is none.
    """

    whole: bool
    kind: str | None = None


@lru_cache(_REMEMBERED)
def outline(path: str, size: int, changed: int, number: int) -> Outline:
    """Read the header of a safetensors file, once as long as the file stays as it is.

    Args:
        path: The file.
        size: Of the file, in bytes.
        changed: When it was written last.
        number: Of its inode.

    Raises:
        StoreError: It cannot be read.
        OSError: Likewise.
    """
    with foreign.opened(Path(path), foreign.BLOB) as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(size, _LONGEST):
            return Outline(length <= size)  # too long to be looked at, or cut short
        header = file.read(length)
    try:
        tensors = json.loads(header)
        said = json.loads(tensors.pop("__metadata__", {}).get(METADATA_KEY, "{}"))
        end = max((each["data_offsets"][1] for each in tensors.values()), default=0)
        return Outline(8 + length + end == size, said.get("kind"))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return Outline(whole=False)
