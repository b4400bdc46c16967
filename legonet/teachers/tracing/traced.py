"""A model as it was traced. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import Tensor

from legonet.ir.graph import ModelGraph, Operation

CAST = "output.float32"
"""What the last operation of a model is called that computes its output in another type."""


@dataclass(frozen=True)
class Traced:
    """A model as it was traced.

    Attributes:
        graph: Its operations, with a notation if it is a chain of layers.
        constants: Tensors that the model computes with and that its state dict does not have, by name.
        reordered: The model asks for an order of memory, such as channels last; the graph does not.
        dtype: The type of its output's numbers; several, where others were joined.
    """

    graph: ModelGraph
    constants: dict[str, Tensor] = field(default_factory=dict)
    reordered: bool = False
    dtype: str = "float32"

    def in_float32(self) -> Traced:
        """The model with its output in float32, as all teachers give it."""
        if self.dtype == "float32":
            return self
        graph = self.graph.without_notation()
        cast = Operation(CAST, "to.dtype", ({"ref": graph.output}, {"dtype": "float32"}), {})
        steps = {**graph.steps, CAST: cast}
        return replace(self, graph=replace(graph, steps=steps, output=CAST), dtype="float32")
