"""Memory on a disk, for weights that have to be changed before they are used. Needs torch."""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from legonet.errors import TeacherError
from legonet.store.tensors import ALIGNMENT

_CHUNKS = 2**20, 2**26  # bytes of the first file and of the largest that small tensors share


class Scratch:
    """Room for tensors in files that have no name, or none for long, and are gone with the process.

    The system may write them out, so that they can be larger than the machine's memory.

    Args:
        folder: On a disk with room; where it may not be written to, the system's folder for temporary files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._chunk: mmap.mmap | None = None
        self._used, self._next = 0, _CHUNKS[0]

    def room(self, size: int) -> Tensor:
        """Some bytes, zeros.

        Raises:
            TeacherError: The disk has not as much room.
        """
        if not size:
            return torch.empty(0, dtype=torch.uint8)
        if self._chunk is None or self._used + size > len(self._chunk):
            self._chunk, self._used = self._map(max(size, self._next)), 0
            self._next = min(2 * self._next, _CHUNKS[1])
        flat = torch.frombuffer(self._chunk, dtype=torch.uint8, count=size, offset=self._used)
        self._used += -(-size // ALIGNMENT) * ALIGNMENT
        return flat

    def converted(self, tensor: Tensor, dtype: torch.dtype) -> Tensor:
        """A tensor in another number type; itself if it has that."""
        if tensor.dtype == dtype:
            return tensor
        return self.room(tensor.numel() * dtype.itemsize).view(dtype).reshape(tensor.shape).copy_(tensor)

    def _map(self, size: int) -> mmap.mmap:
        try:
            with self._file() as file:
                if hasattr(os, "posix_fallocate"):  # else a full disk would be a bus error later
                    os.posix_fallocate(file.fileno(), 0, size)
                else:
                    file.truncate(size)
                return mmap.mmap(file.fileno(), size)
        except OSError as error:
            raise TeacherError(
                f"{self._folder}: {size / 2**20:,.0f} MiB of temporary room cannot be had "
                f"({error.strerror or error}); expected a disk with room for weights that are converted; "
                "free some, or give a safetensors file in the model's own number type"
            ) from error

    def _file(self) -> tempfile._TemporaryFileWrapper[bytes]:
        try:
            return tempfile.TemporaryFile(dir=self._folder)  # type: ignore[return-value]
        except PermissionError:
            return tempfile.TemporaryFile()  # type: ignore[return-value]
