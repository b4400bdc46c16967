"""A model and the one place where it is cut in two: found once, by name, and handed on as a value."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from legonet.ir.cuts import find_cut, split_at
from legonet.ir.graph import ModelGraph, Shape
from legonet.ir.sizes import output_shape


@dataclass(frozen=True)
class Cut:
    """A model and the place where it is cut.

    Attributes:
        graph: The whole model.
        place: The operation that f ends with; its result alone crosses.
        name: The name that its owner gave the place: a layer, a module or an operation.
        where: What messages call the model, such as `teachers.cat-v1`.
        note: What its owner should know of the place, as a sentence without a full stop.
    """

    graph: ModelGraph
    place: str
    name: str = field(compare=False)
    where: str = field(compare=False)
    note: str = field(default="", compare=False)

    @property
    def below(self) -> ModelGraph:
        """The lower part f: up to and including the place."""
        return self.parts[0]

    @property
    def above(self) -> ModelGraph:
        """The upper part g_T; its input is the output of f."""
        return self.parts[1]

    @cached_property
    def parts(self) -> tuple[ModelGraph, ModelGraph]:
        """The two parts: f and g_T."""
        return split_at(self.graph, self.place)

    def shape(self, input_shape: Shape) -> Shape:
        """The shape that crosses for an input of this shape, both without the batch.

        Raises:
            BlockError: The model does not take such an input.
        """
        return output_shape(self.below, input_shape, where=self.where)


def cut_at(graph: ModelGraph, name: str, *, where: str = "teacher") -> Cut:
    """Cut a model in two; nothing is computed twice but what does not follow the input.

    Args:
        graph: The model.
        name: The layer, module or operation that f ends with.
        where: What messages call the model.

    Raises:
        TeacherError: It cannot be cut there.
    """
    return Cut(graph, find_cut(graph, name, where=where), name, where)
