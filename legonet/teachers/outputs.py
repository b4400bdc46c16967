"""What the shape of a model's output means, and whether it fits a task. Needs no torch."""

from __future__ import annotations

from typing import Any

from legonet.errors import TeacherError
from legonet.graph.schema import BinaryOutput, MaskOutput, Output

Shape = tuple[int, ...]


def expected_output(meaning: Output, input_shape: Shape) -> Shape:
    """The shape, without the batch, of an output that means this.

    Args:
        meaning: of the task's output.
        input_shape: (channels, height, width) of an image.
    """
    if isinstance(meaning, BinaryOutput):
        return (1,)
    if isinstance(meaning, MaskOutput):
        return (len(meaning.labels), *input_shape[1:])
    return (len(meaning.names),)


def check_output(shape: Shape, meaning: Output, input_shape: Shape, where: str, task: str) -> None:
    """Refuse a teacher whose output does not fit its task.

    Raises:
        TeacherError: it does not.
    """
    expected = expected_output(meaning, input_shape)
    if tuple(shape) != expected:
        raise TeacherError(
            f"{where}: its output has shape {_show(shape)}; task {task} ({meaning.kind}) expects "
            f"{_show(expected)}; choose another model, or give it a task of its own"
        )


def output_of(shape: Shape, input_shape: Shape, where: str) -> dict[str, Any]:
    """The meaning that an output most likely has, as in a graph file.

    Args:
        shape: of the output, without the batch: one score is binary, a map is a mask, else a vector.
        input_shape: (channels, height, width) of an image; a mask has its height and width.
        where: for messages.

    Raises:
        TeacherError: no task has such an output.
    """
    if shape == (1,):
        return {"kind": "binary"}
    if len(shape) == 1:
        return {"kind": "vector", "names": [f"value {index}" for index in range(shape[0])]}
    if len(shape) == 3 and tuple(shape[1:]) == tuple(input_shape[1:]):
        labels = ["{category}"] if shape[0] == 1 else [f"label {index}" for index in range(shape[0])]
        return {"kind": "mask", "labels": ["other", "{category}"] if shape[0] == 2 else labels}
    raise TeacherError(
        f"{where}: its output has shape {_show(shape)}; expected a score (1), a vector (size), or maps of "
        f"the image's size (labels, {input_shape[1]}, {input_shape[2]}); add the layers that are missing, "
        "such as flatten or upsample"
    )


def _show(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))})"
