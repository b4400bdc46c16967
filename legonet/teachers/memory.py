"""A model in memory becomes a teacher."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from torch import Tensor

from legonet.errors import GraphError, SelectError
from legonet.graph.build import extended
from legonet.graph.schema import Graph
from legonet.ir.modules import make_module, raw_tensor
from legonet.ir.sizes import output_shape
from legonet.store.files import write_file
from legonet.teachers.maps import take_in_with_cut
from legonet.teachers.new_teacher import NewTeacher
from legonet.teachers.outputs import check_output, output_of
from legonet.teachers.source import FileTeacher, MemoryTeacher, TeacherSource
from legonet.teachers.statistics import SHARE, dump_statistics, record
from legonet.teachers.verify import expect_same


def add_model(graph: Graph, new: NewTeacher) -> tuple[Graph, MemoryTeacher]:
    """Add a model to a graph as a teacher; its category and its task are added too if they are new.

    Args:
        graph: as it is; it is not changed.
        new: the teacher.

    Returns:
        The new graph, and the teacher.

    Raises:
        TeacherError: the model cannot be traced, has no such cut, or its output does not fit the task.
        GraphError: there is a teacher of this name, or one for this category and task.
    """
    expect_new(graph, new.name, new.category, new.task)
    shape = graph.input.shape
    source, given = from_module(new, shape)
    entries: dict[str, dict[str, Any]] = {"categories": {}, "tasks": {}, "teachers": {}}
    if new.category not in graph.categories:
        entries["categories"][new.category] = {}
    if new.task in graph.tasks:
        check_output(given, graph.tasks[new.task].output, shape, new.where, new.task)
    else:
        entries["tasks"][new.task] = {"output": output_of(given, shape, new.where)}
    weights = f"teachers/{new.name}.safetensors"
    entries["teachers"][new.name] = {
        "category": new.category,
        "task": new.task,
        "model": new.name,
        "weights": weights,
        "cut": source.cut,
    }
    return extended(graph, entries), source


def expect_new(graph: Graph, name: str, category: str, task: str) -> None:
    """Refuse a teacher whose name or path has one already.

    Raises:
        GraphError: it has.
    """
    if name in graph.teachers:
        raise GraphError(f"teachers.{name}: is there already; expected a new name; choose another one")
    for other, teacher in graph.teachers.items():
        if (teacher.category, teacher.task) == (category, task):
            raise GraphError(
                f"teachers.{name}: {category}:{task} has the teacher {other} already; expected one teacher "
                "for each path; leave one of them out, or say what becomes of them: `on_conflict` may "
                "be replace (a new version) or variant"
            )


def from_module(new: NewTeacher, input_shape: tuple[int, ...]) -> tuple[MemoryTeacher, tuple[int, ...]]:
    """Describe a model, and copy its weights.

    Args:
        new: the teacher; nothing is asked of its category and task.
        input_shape: (channels, height, width) of the network's images.

    Returns:
        The teacher, and the shape of its output without the batch.

    Raises:
        TeacherError: the model cannot be traced, computes something else when it is put together again, or
            has no such cut.
    """
    module, output, where = new.module, new.output, new.where
    traced_with = new.example_shape or input_shape
    found, place = take_in_with_cut(module, traced_with, input_shape, new.cut, output, where)
    known = {**module.state_dict(), **found.constants}
    state = {key: known[key] for key in found.architecture.tensors}
    plain = {key: raw_tensor(tensor, key, copy=new.copy) for key, tensor in state.items()}
    source = MemoryTeacher(new.name, place, found.architecture, plain)
    source.parts()  # so that a wrong cut or bad weights are told now
    expect_same(module, found, state, input_shape, output, where)
    return source, output_shape(found.architecture, input_shape)


def record_bytes(source: TeacherSource, batches: Iterable[Tensor]) -> bytes:
    """Record a teacher's statistics on normalised images of its owner.

    Args:
        source: the teacher.
        batches: (batch, channels, height, width).

    Returns:
        The statistics file, at most a tenth of the weights' size; of a small teacher as `FLOOR` says.

    Raises:
        TeacherError: no image.
    """
    parts = source.parts()
    limit = int(SHARE * sum(map(len, source.weights())))
    f, g = (make_module(half.layers, half.tensors) for half in (parts.below, parts.above))
    return dump_statistics(record(f, g, batches, limit))


def record_file(source: TeacherSource, images: Callable[[], Tensor]) -> tuple[Path, int]:
    """Record a teacher's statistics beside its weights.

    Args:
        source: the teacher.
        images: gives its owner's images, normalised.

    Returns:
        The statistics file, and the number of images.

    Raises:
        SelectError: the teacher is in memory.
    """
    if not isinstance(source, FileTeacher):
        raise SelectError(
            f"teachers.{source.name}: is in memory; give `images` to add_teacher, or save the network"
        )
    shown = images()
    write_file(source.statistics_path(), record_bytes(source, shown.split(256)))
    return source.statistics_path(), len(shown)


def with_statistics(source: MemoryTeacher, statistics: bytes) -> MemoryTeacher:
    """The same teacher with statistics."""
    return MemoryTeacher(source.name, source.cut, source.layers, source.content(), statistics)
