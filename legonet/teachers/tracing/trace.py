"""A model that somebody wrote becomes a chain of layers if it is one, else a graph. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from legonet.ir.graph import ModelGraph
from legonet.ir.interpreter import GraphModule
from legonet.ir.lowering import lower
from legonet.teachers.tracing.chains import chain_of
from legonet.teachers.tracing.export import export
from legonet.teachers.tracing.programs import ProgramModel


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


def trace(
    module: nn.Module, input_shape: tuple[int, ...], *, output: str | None = None, where: str = "model"
) -> Traced:
    """Describe a model.

    Args:
        module: Any model that leads one tensor to its output, on any device.
        input_shape: Of one image: (channels, height, width).
        output: Which output counts, where the model gives several; by its key or number.
        where: What messages call the model.

    Returns:
        Its graph; weights keep the names of the state dict.

    Raises:
        TeacherError: It cannot be traced; says where and why.
    """
    if output is None and isinstance(module, GraphModule):
        return Traced(module.graph)  # a block of operations: traced again, they would lose their names
    if output is None and not isinstance(module, ProgramModel):
        layers = chain_of(module, input_shape)
        if layers is not None:
            return Traced(lower(layers))
    exported = export(module, input_shape, output=output, where=where)
    return Traced(exported.operations, exported.constants, exported.reordered)
