"""A model in memory becomes a teacher."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from legonet.errors import GraphError, LegonetError, TeacherError, first_line
from legonet.graph.editing.build import extended
from legonet.graph.editing.dump import graph_data
from legonet.graph.output import OUTPUTS
from legonet.graph.schema import Graph, Input
from legonet.ir.graph import Shape
from legonet.ir.modules import raw_tensor
from legonet.ir.sizes import output_shape
from legonet.teachers.cutting import resolve
from legonet.teachers.new_teacher import NewTeacher
from legonet.teachers.outputs import check_labels, check_output, output_of
from legonet.teachers.sources.memory import MemoryTeacher
from legonet.teachers.tracing.outputs import read_output
from legonet.teachers.tracing.plain import plain
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
    image = expect_input(graph, new.category, new.input, new.where)
    shape = image.shape
    known = graph.tasks.get(new.task)
    entries: dict[str, dict[str, Any]] = {"categories": {}, "tasks": {}, "teachers": {}}

    def check(given: Shape) -> None:
        if known is not None:
            check_output(given, known.output, shape, new.where, new.task)
            check_labels(new.labels, known.output, new.where, new.task)
        else:
            output = output_of(given, shape, new.where)
            if new.labels is not None:
                output |= OUTPUTS.read(output).labelled(new.labels)
            entries["tasks"][new.task] = {"output": output}

    source, _ = from_module(new, shape, check)
    if new.category not in graph.categories:
        own = {} if image == graph.input else {"input": graph_data(image)}
        entries["categories"][new.category] = own
    weights = f"teachers/{new.name}.safetensors"
    entries["teachers"][new.name] = {
        "category": new.category,
        "task": new.task,
        "model": new.name,
        "weights": weights,
        "cut": source.cut_name,
        **new.origin,
    }
    return extended(graph, entries), source


def expect_input(graph: Graph, category: str, own: Input | None, where: str) -> Input:
    """The images that a new teacher sees, which all teachers of a category agree on.

    Args:
        graph: That it is added to.
        category: That it is of.
        own: What its owner says of them; None: they are the category's.
        where: What messages call it.

    Raises:
        TeacherError: The category is known, and its images are others.
    """
    known = graph.input_of(category)
    if own is None or own == known:
        return known
    if category in graph.categories:
        raise TeacherError(
            f"{where}: its images are {own.in_words()}; expected those of category "
            f"{category}, {known.in_words()}, which its module and all of its teachers see; give it a "
            "category of its own, or let it be a variant (on_conflict)"
        )
    return own


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


def from_module(
    new: NewTeacher, input_shape: Shape, check: Callable[[Shape], None] = lambda _: None
) -> tuple[MemoryTeacher, Shape]:
    """Describe a model, and copy its weights.

    Args:
        new: The teacher; nothing is asked of its category and task.
        input_shape: (channels, height, width) of the network's images.
        check: Called with the shape of its output before the model is compared, which may take long.

    Returns:
        The teacher, and the shape of its output without the batch.

    Raises:
        TeacherError: The model cannot be traced, computes something else when it is put together again, or
            has no such cut.
    """
    try:
        return _described(new, input_shape, check)
    except LegonetError:
        raise
    except Exception as error:  # of torch, which raises anything about modules of others
        raise TeacherError(
            f"{new.where}: cannot be taken in: {type(error).__name__}: {first_line(error)}; expected a "
            "model of images whose parameters are plain tensors with values; correct the model"
        ) from error


def _described(
    new: NewTeacher, input_shape: Shape, check: Callable[[Shape], None]
) -> tuple[MemoryTeacher, Shape]:
    output, where = read_output(new.output, new.where), new.where
    with plain(new.module, where) as model:
        traced = trace(model.module, new.example_shape or input_shape, output=output, where=where)
        cut = resolve(traced.graph, new.cut, input_shape, where)
        given = output_shape(cut.graph, input_shape)
        check(given)
        known = {**model.module.state_dict(), **traced.constants}
        state = {key: _real(known[key]) for key in cut.graph.tensors}
        weights = {key: raw_tensor(tensor, key, copy=new.copy) for key, tensor in state.items()}
        MemoryTeacher(new.name, cut, weights).parts()  # so that bad weights are reported now
        notes = expect_same(model.module, traced, cut, state, input_shape, output)
    return MemoryTeacher(
        new.name, cut, weights, notes=tuple(filter(None, (*model.notes, cut.note, *notes)))
    ), given


def _real(tensor: Tensor) -> Tensor:
    """A complex tensor as a graph keeps it: as pairs."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor
