"""A model in memory becomes a teacher."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import safetensors.torch
from torch import Tensor, nn

from legonet.blocks.build import output_shape
from legonet.blocks.weights import load_module
from legonet.teachers.source import MemoryTeacher, TeacherSource
from legonet.teachers.statistics import SHARE, dump_statistics, record
from legonet.teachers.trace import describe


def from_module(
    name: str, module: nn.Module, input_shape: tuple[int, ...], cut: str
) -> tuple[MemoryTeacher, tuple[int, ...]]:
    """Describe and copy a model.

    Args:
        name: of the teacher.
        module: a chain of known layers.
        input_shape: (channels, height, width).
        cut: the category module ends with the layer of this name.

    Returns:
        The teacher, and the shape of its output without the batch.

    Raises:
        TeacherError: the model is no such chain, or has no such cut.
    """
    layers = describe(module, input_shape, where=f"teachers.{name}")
    state = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in module.state_dict().items()}
    source = MemoryTeacher(name, cut, layers, safetensors.torch.save(state))
    source.parts()  # so that a wrong cut or bad weights are told now
    return source, output_shape(layers, input_shape)


def record_bytes(source: TeacherSource, batches: Iterable[Tensor]) -> bytes:
    """Record a teacher's statistics on normalised images of its owner.

    Args:
        source: the teacher.
        batches: (batch, channels, height, width).

    Returns:
        The statistics file, at most a tenth of the weights' size.

    Raises:
        TeacherError: no image.
    """
    parts = source.parts()
    limit = int(SHARE * len(source.weights()))
    return dump_statistics(record(load_module(parts.f), load_module(parts.g), batches, limit))


def with_statistics(source: MemoryTeacher, statistics: bytes) -> MemoryTeacher:
    """The same teacher with statistics."""
    return MemoryTeacher(source.name, source.cut, source.layers, source.weights(), statistics)


def output_of(shape: tuple[int, ...]) -> dict[str, Any]:
    """The meaning that an output most likely has, as in a graph file.

    Args:
        shape: of the output, without the batch: one score is binary, a map is a mask, else a vector.
    """
    if shape == (1,):
        return {"kind": "binary"}
    if len(shape) == 3 and shape[0] <= 2:
        return {"kind": "mask", "labels": ["other", "{category}"][-shape[0] :]}
    if len(shape) == 3:
        return {"kind": "mask", "labels": [f"label {index}" for index in range(shape[0])]}
    return {"kind": "vector", "names": [f"value {index}" for index in range(math.prod(shape))]}
