"""A teacher's statistics are recorded on its owner's images. Needs torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from torch import Tensor

from legonet.errors import SelectError
from legonet.ir.modules import make_module
from legonet.store.plain_files import write_file
from legonet.teachers.sources.file import FileTeacher
from legonet.teachers.sources.memory import MemoryTeacher
from legonet.teachers.sources.source import TeacherSource
from legonet.teachers.statistics import SHARE, record
from legonet.teachers.statistics_file import dump_statistics


def record_bytes(source: TeacherSource, batches: Iterable[Tensor]) -> bytes:
    """Record a teacher's statistics on normalised images of its owner.

    Args:
        source: The teacher.
        batches: The images, (batch, channels, height, width).

    Returns:
        The statistics file, at most a quarter of the weights' size; of a small teacher as `FLOOR` says.

    Raises:
        TeacherError: There is no image.
    """
    parts = source.parts()
    limit = int(SHARE * sum(map(len, source.weights())))
    f, g = (make_module(half.graph, half.tensors) for half in (parts.below, parts.above))
    return dump_statistics(record(f, g, batches, limit))


def record_file(source: TeacherSource, images: Callable[[], Tensor]) -> tuple[Path, int]:
    """Record a teacher's statistics beside its weights.

    Args:
        source: The teacher.
        images: Gives its owner's images, normalised.

    Returns:
        The statistics file, and the number of images.

    Raises:
        SelectError: The teacher is in memory.
    """
    if not isinstance(source, FileTeacher):
        raise SelectError(
            f"teachers.{source.name}: is in memory; give `images` to add_teacher, or save the network"
        )
    shown = images()
    data, workspace = record_bytes(source, shown.split(256)), source.workspace
    with workspace.writing():
        path = workspace.own(source.statistics_path())
        write_file(path, data)
    return path, len(shown)


def with_statistics(source: MemoryTeacher, statistics: bytes) -> MemoryTeacher:
    """The same teacher with statistics."""
    return MemoryTeacher(source.name, source.cut(), source.content(), statistics, source.notes)
