"""A model in memory becomes a teacher."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from legonet.errors import GraphError, SelectError
from legonet.graph.build import extended
from legonet.graph.schema import Graph
from legonet.ir.modules import make_module, raw_tensor
from legonet.ir.sizes import output_shape
from legonet.store.files import write_file
from legonet.teachers.maps import take_in_with_cut
from legonet.teachers.outputs import check_output, output_of
from legonet.teachers.source import FileTeacher, MemoryTeacher, TeacherSource
from legonet.teachers.statistics import SHARE, dump_statistics, record
from legonet.teachers.verify import expect_same


def arrive(
    graph: Graph,
    name: str,
    module: nn.Module,
    category: str,
    task: str,
    cut: str | float,
    output: str | None = None,
    example_shape: tuple[int, ...] | None = None,
    copy: bool = True,
) -> tuple[Graph, MemoryTeacher]:
    """Add a model to a graph as a teacher; its category and its task are added too if they are new.

    Args:
        graph: as it is; it is not changed.
        name: of the teacher.
        module: the model.
        category: that it was trained for.
        task: that it was trained for.
        cut: the category module ends with the layer, module or operation of this name; or a fraction.
        output: which output counts, where the model gives several.
        example_shape: of the images that it is traced with; default: the same.
        copy: its weights; without, they must not change as long as the teacher is used.

    Returns:
        The new graph, and the teacher.

    Raises:
        TeacherError: the model cannot be traced, has no such cut, or its output does not fit the task.
        GraphError: there is a teacher of this name, or one for this category and task.
    """
    expect_new(graph, name, category, task)
    where, shape = f"teachers.{name}", graph.input.shape
    source, given = from_module(name, module, shape, cut, output, example_shape, copy)
    entries: dict[str, dict[str, Any]] = {"categories": {}, "tasks": {}, "teachers": {}}
    if category not in graph.categories:
        entries["categories"][category] = {}
    if task in graph.tasks:
        check_output(given, graph.tasks[task].output, shape, where, task)
    else:
        entries["tasks"][task] = {"output": output_of(given, shape, where)}
    weights = f"teachers/{name}.safetensors"
    spec = {"category": category, "task": task, "model": name, "weights": weights, "cut": source.cut}
    entries["teachers"][name] = spec
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
                "for each path; leave one of them out, or say what becomes of them: `different` may be "
                "replace (a new version) or variant"
            )


def from_module(
    name: str,
    module: nn.Module,
    input_shape: tuple[int, ...],
    cut: str | float,
    output: str | None = None,
    example_shape: tuple[int, ...] | None = None,
    copy: bool = True,
) -> tuple[MemoryTeacher, tuple[int, ...]]:
    """Describe a model, and copy its weights.

    Args:
        name: of the teacher.
        module: any model that leads one tensor to its output.
        input_shape: (channels, height, width).
        cut: the category module ends with the layer, module or operation of this name; or a fraction of the
            model's multiplications.
        output: which output counts, where the model gives several.
        example_shape: of the images that it is traced with; default: the same.
        copy: the weights; without, they must not change as long as the teacher is used.

    Returns:
        The teacher, and the shape of its output without the batch.

    Raises:
        TeacherError: the model cannot be traced, computes something else when it is put together again, or
            has no such cut.
    """
    where = f"teachers.{name}"
    found, place = take_in_with_cut(module, example_shape or input_shape, input_shape, cut, output, where)
    known = {**module.state_dict(), **found.constants}
    state = {key: known[key] for key in found.architecture.tensors}
    plain = {key: raw_tensor(tensor, key, copy=copy) for key, tensor in state.items()}
    source = MemoryTeacher(name, place, found.architecture, plain)
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
