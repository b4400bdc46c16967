"""Weights in files become tensors that are read when they are used. Needs torch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from legonet.ir.modules import DTYPES
from legonet.store.tensors import RawTensor


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
