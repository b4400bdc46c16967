"""A model in memory becomes a teacher."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from legonet.errors import GraphError
from legonet.graph.editing.build import extended
from legonet.graph.output import OUTPUTS
from legonet.graph.schema import Graph
from legonet.ir.modules import raw_tensor
from legonet.ir.sizes import output_shape
from legonet.teachers.cutting import resolve
from legonet.teachers.new_teacher import NewTeacher
from legonet.teachers.outputs import check_labels, check_output, output_of
from legonet.teachers.sources.memory import MemoryTeacher
from legonet.teachers.tracing.trace import trace
from legonet.teachers.tracing.verify import expect_same


def add_model(graph: Graph, new: NewTeacher) -> tuple[Graph, MemoryTeacher]:
    """Add a model to a graph as a teacher; its category and its task are added too if they are new.

    Args:
        graph: The graph as it is; it is not changed.
        new: The teacher.

    Returns:
        The new graph, and the teacher.

    Raises:
        TeacherError: The model cannot be traced, has no such cut, or its output does not fit the task.
        GraphError: There is a teacher of this name, or one for this category and task.
    """
    expect_new(graph, new.name, new.category, new.task)
    shape = graph.input.shape
    source, given = from_module(new, shape)
    entries: dict[str, dict[str, Any]] = {"categories": {}, "tasks": {}, "teachers": {}}
    if new.category not in graph.categories:
        entries["categories"][new.category] = {}
    if new.task in graph.tasks:
        check_output(given, graph.tasks[new.task].output, shape, new.where, new.task)
        check_labels(new.labels, graph.tasks[new.task].output, new.where, new.task)
    else:
        output = output_of(given, shape, new.where)
        if new.labels is not None:
            output |= OUTPUTS.read(output).labelled(new.labels)
        entries["tasks"][new.task] = {"output": output}
    weights = f"teachers/{new.name}.safetensors"
    entries["teachers"][new.name] = {
        "category": new.category,
        "task": new.task,
        "model": new.name,
        "weights": weights,
        "cut": source.cut_name,
    }
    return extended(graph, entries), source


def expect_new(graph: Graph, name: str, category: str, task: str) -> None:
    """Refuse a teacher whose name or path has one already.

    Raises:
        GraphError: It has one.
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
        new: The teacher; nothing is asked of its category and task.
        input_shape: (channels, height, width) of the network's images.

    Returns:
        The teacher, and the shape of its output without the batch.

    Raises:
        TeacherError: The model cannot be traced, computes something else when it is put together again, or
            has no such cut.
    """
    module, output, where = new.module, new.output, new.where
    traced = trace(module, new.example_shape or input_shape, output=output, where=where)
    cut = resolve(traced.graph, new.cut, input_shape, where)
    known = {**module.state_dict(), **traced.constants}
    state = {key: known[key] for key in cut.graph.tensors}
    plain = {key: raw_tensor(tensor, key, copy=new.copy) for key, tensor in state.items()}
    source = MemoryTeacher(new.name, cut, plain)
    source.parts()  # so that bad weights are told now
    expect_same(module, replace(traced, graph=cut.graph), state, input_shape, output, where)
    return source, output_shape(cut.graph, input_shape)
