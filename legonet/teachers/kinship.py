"""Says whether the weights of two teachers are alike, by some of their numbers. Needs no torch."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import prod, sqrt
from pathlib import Path

from legonet.errors import LegonetError
from legonet.store.tensors import ITEM_BYTES, RawTensor, read_tensors
from legonet.teachers.sources.source import TeacherSource
from legonet.teachers.weights.parts import mapped

ALIKE = 0.5
"""Cosine of weights above which units correspond: near 1 of two from one network, 0 of strangers."""
LOOKED_AT = 100  # teachers, of which each takes about a millisecond
_NUMBERS = 64  # of a matrix, evenly spaced
_MATRICES = 64  # of a model
_FORMS: dict[str, str] = {"F64": "<d", "F32": "<f", "F16": "<e"}

Sample = Mapping[str, tuple[float, ...]]


class Kinship:
    """Compares teachers, whose files it looks into once.

    Args:
        source: Gives a teacher by its name.
    """

    def __init__(self, source: Callable[[str], TeacherSource]) -> None:
        self._source = source
        self._samples: dict[str, Sample] = {}

    def strangers(self, one: str, other: str) -> bool:
        """Whether the weights of two teachers of one architecture have nothing in common.

        What both have to the last bit is left out: a category module that they share says nothing of what
        is above it.

        Returns:
            False too where nothing tells.
        """
        ours, theirs = self._sample(one), self._sample(other)
        both = [name for name in ours if len(ours[name]) == len(theirs.get(name, ()))]
        apart = [name for name in both if ours[name] != theirs[name]]
        mine, wanted = ([each for name in apart for each in found[name]] for found in (ours, theirs))
        size = sqrt(sum(each * each for each in mine) * sum(each * each for each in wanted))
        return size > 0 and sum(a * b for a, b in zip(mine, wanted, strict=True)) <= ALIKE * size

    def _sample(self, teacher: str) -> Sample:
        if teacher not in self._samples:
            full = len(self._samples) >= LOOKED_AT
            self._samples[teacher] = {} if full else _sample_of(self._source(teacher), teacher)
        return self._samples[teacher]


def _sample_of(source: TeacherSource, name: str) -> Sample:
    with suppress(LegonetError, OSError):  # it is told when it is cut
        content = source.content()
        data = mapped(content, name) if isinstance(content, Path) else content
        tensors = data if isinstance(data, Mapping) else read_tensors(data, name).tensors
        matrices = [
            (key, each) for key, each in tensors.items() if len(each.shape) > 1 and each.dtype in _FORMS
        ]
        return {key: _numbers(each) for key, each in matrices[:: max(1, len(matrices) // _MATRICES)]}
    return {}


def _numbers(tensor: RawTensor) -> tuple[float, ...]:
    form, count = _FORMS[tensor.dtype], prod(tensor.shape)
    places = range(0, count, max(1, count // _NUMBERS))
    return tuple(struct.unpack_from(form, tensor.data, at * ITEM_BYTES[tensor.dtype])[0] for at in places)
