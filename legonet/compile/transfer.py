"""Copies of modules on another device or in another dtype; the originals are not touched. Needs torch."""

from __future__ import annotations

import copy
from itertools import chain
from typing import TypeVar

import torch
from torch import Tensor, nn

_Module = TypeVar("_Module", bound=nn.Module)


def transferred(module: _Module, device: torch.device, dtype: torch.dtype) -> _Module:
    """A copy of a module whose tensors are on a device and, those of floating point, of a dtype.

    A tensor that is there already is shared with the original; none is copied twice.
    """
    made: dict[int, object] = {}
    for tensor in chain(module.parameters(), module.buffers()):
        value = tensor.detach().to(device, dtype if tensor.is_floating_point() else tensor.dtype)
        made[id(tensor)] = _like(value, tensor)
    return copy.deepcopy(module, made)


def _like(value: Tensor, original: Tensor) -> Tensor:
    return nn.Parameter(value, original.requires_grad) if isinstance(original, nn.Parameter) else value
