"""A model as it was traced. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from legonet.ir.graph import ModelGraph


@dataclass(frozen=True)
class Traced:
    """A model as it was traced.

    Attributes:
        graph: Its operations, with a notation if it is a chain of layers.
        constants: Tensors that the model computes with and that its state dict does not have, by name.
        reordered: The model asks for an order of memory, such as channels last; the graph does not.
    """

    graph: ModelGraph
    constants: dict[str, Tensor] = field(default_factory=dict)
    reordered: bool = False
