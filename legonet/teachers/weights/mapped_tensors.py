"""Weights in files become tensors that are read when they are used. Needs torch."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from legonet.ir.modules import DTYPES
from legonet.store.memory_map import map_file
from legonet.store.tensors import RawTensor


def map_bytes(path: Path) -> memoryview:
    """A file's bytes, mapped privately.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return memoryview(map_file(file) if path.stat().st_size else b"")


def tensor_at(memory: memoryview, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    """A tensor that lies in mapped memory, in a row; one that is not aligned to its elements is copied."""
    if not len(memory):
        return torch.empty(shape, dtype=dtype)
    flat = torch.frombuffer(memory, dtype=torch.uint8)
    flat = flat.clone() if flat.data_ptr() % dtype.itemsize else flat
    return flat.view(dtype).reshape(shape)


def raw_view(raw: RawTensor) -> Tensor:
    """The tensor of a mapped safetensors file."""
    return tensor_at(memoryview(raw.data), DTYPES[raw.dtype], raw.shape)


def part_of(
    memory: memoryview, dtype: torch.dtype, shape: Sequence[int], strides: Sequence[int], offset: int
) -> Tensor:
    """A tensor that lies in mapped memory with steps of its own; offset and strides count elements.

    Raises:
        RuntimeError: The memory is too short.
    """
    storage = tensor_at(memory, torch.uint8, (len(memory),)).untyped_storage()
    return torch.empty(0, dtype=dtype).set_(storage, offset, tuple(shape), tuple(strides))


class MappedArchive:
    """A zip file of torch.save or torch.export, whose records lie in it as they are.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be read.
        zipfile.BadZipFile: It is no zip file, or cut short.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._memory = path, map_bytes(path)
        try:
            with zipfile.ZipFile(path) as archive:
                self._records = {entry.filename.partition("/")[2]: entry for entry in archive.infolist()}
        except (zipfile.BadZipFile, OSError) as error:  # its directory may point to before its beginning
            raise zipfile.BadZipFile("it is cut short or damaged") from error

    def stored(self) -> bool:
        """Whether its records can be mapped: not compressed, and in this machine's order of bytes."""
        order = self._records.get("byteorder")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in self._records.values()):
            return False
        return order is None or self.record("byteorder") == b"little"

    def names(self) -> list[str]:
        """Its records, without the folder that all of them are in."""
        return list(self._records)

    def record(self, name: str) -> memoryview:
        """The bytes of a record that is stored.

        Source: APPNOTE.TXT 4.3.7 (PKWARE): a header of 30 bytes, the name and the extra field come first.
        """
        entry = self._records[name]
        start = entry.header_offset
        lengths = (self._memory[start + at : start + at + 2] for at in (26, 28))
        start += 30 + sum(int.from_bytes(each, "little") for each in lengths)
        return self._memory[start : start + entry.file_size]

    def checkpoint(self) -> Any:
        """What torch.save wrote, if it is nothing but weights; tensors only know where they lie.

        Source: https://docs.pytorch.org/docs/stable/notes/serialization.html, on FakeTensorMode.
        """
        from torch._subclasses.fake_tensor import FakeTensorMode

        if self.stored():
            with suppress(RuntimeError, TypeError, NotImplementedError), FakeTensorMode():
                return torch.load(self._path, map_location="cpu", weights_only=True)
        return torch.load(self._path, map_location="cpu", weights_only=True)

    def tensor(self, found: Tensor) -> Tensor:
        """A tensor of the checkpoint, in mapped memory."""
        storage = found.untyped_storage()
        offset = getattr(storage, "_checkpoint_offset", None)
        if offset is None:  # the file had to be read
            return found
        whole = self._memory[offset : offset + storage.nbytes()]
        return part_of(whole, found.dtype, found.shape, found.stride(), int(found.storage_offset()))
