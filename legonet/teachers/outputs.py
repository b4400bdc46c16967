"""What the shape of a model's output means, and whether it fits a task. Needs no torch."""

from __future__ import annotations

from typing import Any

from legonet.errors import GraphError, TeacherError
from legonet.graph.output import OUTPUTS, Output, Shape
from legonet.ops.shapes import show_shape


def check_output(shape: Shape, meaning: Output, input_shape: Shape, where: str, task: str) -> None:
    """Refuse a teacher whose output does not fit its task.

    Raises:
        TeacherError: It does not.
    """
    expected = meaning.shape(input_shape)
    if tuple(shape) != expected:
        raise TeacherError(
            f"{where}: its output has shape {show_shape(shape)}; task {task} ({meaning.kind}) expects "
            f"{show_shape(expected)}; {meaning.sharing()}"
        )


def check_labels(labels: tuple[str, ...] | None, meaning: Output, where: str, task: str) -> None:
    """Refuse labels that are not those of a known task.

    Raises:
        GraphError: They are not.
    """
    if labels is None:
        return
    for key, value in meaning.labelled(labels).items():
        known = tuple(getattr(meaning, key))
        if known != tuple(value):
            raise GraphError(
                f"{where}: labels: found {', '.join(labels)}; task {task} has {', '.join(known)}; leave "
                "labels out, or give the teacher a task of its own"
            )


def output_of(shape: Shape, input_shape: Shape, where: str) -> dict[str, Any]:
    """The meaning that an output most likely has, as in a graph file: of the first kind that takes it.

    Args:
        shape: The output's shape, without the batch.
        input_shape: The shape of an image, (channels, height, width).
        where: What messages call the teacher.

    Raises:
        TeacherError: No kind of output has such a shape.
    """
    for kind in OUTPUTS:
        guess = kind.guess(shape, input_shape)
        if guess is not None:
            return guess
    _, height, width = input_shape
    known = [kind.guessed_from.format(height=height, width=width) for kind in OUTPUTS if kind.guessed_from]
    *first, last = sorted(known, key=len)  # the simplest first
    raise TeacherError(
        f"{where}: its output has shape {show_shape(shape)}; expected {', '.join(first)}, or {last}; name "
        f"the steps that it lacks, such as {_lacks(shape, (height, width))}{_declared(shape)}"
    )


def _declared(shape: Shape) -> str:
    """How a task is said to give such an output as it is, where a kind of output may."""
    if len(shape) == 3:
        names = ", ".join([*(f"n{number}" for number in range(min(shape[0], 3))), "…"][: shape[0]])
        kind = f"{{kind: map, names: [{names}], size: [{shape[1]}, {shape[2]}]}}"
    elif len(shape) == 2:
        kind = "{kind: boxes, levels: […]}"  # of a detector
    else:
        return ""
    return f"; or write into the graph file what it means, such as `tasks: {{NAME: {{output: {kind}}}}}`"


def _lacks(shape: Shape, size: tuple[int, ...]) -> str:
    """The steps that an output of such a shape most likely lacks."""
    if len(shape) == 3 and shape[0] == 1:
        return f"`--output '| resize {size[0]} {size[1]}'`"
    if len(shape) == 3:
        return "`--output '| mean 2 3'` (`output=` in Python)"
    return "`--output '| mean 1'` or `'| flatten'` (`output=` in Python)"
