"""The records of a zip file that is mapped; what they would take is known before one is read. Needs no torch.

Written out here, since the library reads a directory of any size, and unpacks whatever a record becomes.
Source: APPNOTE.TXT 4.3 and 4.5.3 (PKWARE).
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

LARGEST_DIRECTORY = 8 * 2**20  # bytes; 60,000 records as torch writes them
MOST_UNPACKED = 256 * 2**20  # bytes that all records together may take that are compressed

_END, _END_64, _AT_END_64 = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_FULL = 0xFFFFFFFF  # stands for a number that is in the extra field
_STORED, _DEFLATED = 0, 8


class _Entry(NamedTuple):
    start: int
    packed: int
    size: int
    method: int


class ZipRecords:
    """Records by their names, without the folder that all of them are in.

    Args:
        memory: The file.

    Raises:
        ValueError: It is no zip file, or cut short.
    """

    def __init__(self, memory: memoryview) -> None:
        self._memory, self._left = memory, MOST_UNPACKED
        try:
            self._entries = _directory(memory)
        except (struct.error, IndexError) as error:
            raise ValueError("it is cut short or damaged") from error
        self._unpacked: dict[str, memoryview] = {}

    def names(self) -> list[str]:
        """The records' names."""
        return list(self._entries)

    def record(self, name: str) -> memoryview:
        """A record's bytes: where they lie, or unpacked.

        Raises:
            ValueError: There is none, it is damaged, or would take too much.
        """
        if name in self._unpacked:
            return self._unpacked[name]
        if name not in self._entries:
            raise ValueError(f"it has no record {name}")
        entry = self._entries[name]
        head = bytes(self._memory[entry.start : entry.start + 30])
        if len(head) < 30 or head[:4] != b"PK\3\4":
            raise ValueError(f"its record {name} is damaged")
        start = entry.start + 30 + sum(struct.unpack("<2H", head[26:30]))
        packed = self._memory[start : start + entry.packed]
        if len(packed) < entry.packed:
            raise ValueError(f"its record {name} is cut short")
        if entry.method == _STORED and entry.packed == entry.size:
            return packed
        if entry.method != _DEFLATED:
            raise ValueError(f"its record {name} is compressed in a way that is not known")
        self._unpacked[name] = self._inflated(name, packed, entry.size)
        return self._unpacked[name]

    def _inflated(self, name: str, packed: memoryview, size: int) -> memoryview:
        if size > self._left:
            raise ValueError(
                f"its compressed records have more than {MOST_UNPACKED // 2**20} MiB: unpack it, and put it "
                "together without compression"
            )
        self._left -= size
        try:
            data = zlib.decompressobj(-15).decompress(packed, size + 1)
        except zlib.error as error:
            raise ValueError(f"its record {name} is damaged") from error
        if len(data) != size:
            raise ValueError(f"its record {name} does not have the size that its directory says")
        return memoryview(bytearray(data))


def _directory(memory: memoryview) -> dict[str, _Entry]:
    tail = max(0, len(memory) - 22 - 0xFFFF)
    end = bytes(memory[tail:]).rfind(_END)
    if end < 0:
        raise ValueError("it is cut short or damaged")
    end += tail
    size, start, comment = struct.unpack("<2IH", memory[end + 12 : end + 22])
    if end + 22 + comment != len(memory):
        raise ValueError("it is cut short or damaged")
    if end >= 20 and bytes(memory[end - 20 : end - 16]) == _AT_END_64:
        (at,) = struct.unpack("<Q", memory[end - 12 : end - 4])
        if bytes(memory[at : at + 4]) != _END_64:
            raise ValueError("it is cut short or damaged")
        size, start = struct.unpack("<2Q", memory[at + 40 : at + 56])
    if size > LARGEST_DIRECTORY:
        raise ValueError(f"its directory has {size:,} bytes, more than {LARGEST_DIRECTORY:,}")
    if start + size > end:
        raise ValueError("it is cut short or damaged")
    return _entries(bytes(memory[start : start + size]))


def _entries(directory: bytes) -> dict[str, _Entry]:
    found: dict[str, _Entry] = {}
    at = 0
    while at < len(directory):
        if directory[at : at + 4] != b"PK\1\2":
            raise ValueError("its directory is damaged")
        flags, method = struct.unpack_from("<2H", directory, at + 8)
        packed, size, *lengths = struct.unpack_from("<2I3H", directory, at + 20)
        (start,) = struct.unpack_from("<I", directory, at + 42)
        named = at + 46
        extra, at = named + lengths[0], named + sum(lengths)
        size, packed, start = _wide([size, packed, start], directory[extra : extra + lengths[1]])
        _, folder, name = directory[named:extra].decode("utf-8", "replace").partition("/")
        if not folder:
            raise ValueError("it is a zip file of something else")
        if flags & 1:
            raise ValueError("it is encrypted")
        if name in found:
            raise ValueError(f"it has two records {name}")
        found[name] = _Entry(start, packed, size, method)
    return found


def _wide(numbers: list[int], extra: bytes) -> list[int]:
    """Numbers of 64 bits, of which those that need them are in the extra field, in this order."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            wide = iter(struct.iter_unpack("<Q", extra[at + 4 : at + 4 + length // 8 * 8]))
            return [next(wide, (each,))[0] if each == _FULL else each for each in numbers]
        at += 4 + length
    return numbers
