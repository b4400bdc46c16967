"""A model that somebody wrote becomes a chain of layers if it is one, else a graph. Needs torch."""

from __future__ import annotations

from torch import nn

from legonet.ir.interpreter import GraphModule
from legonet.ir.lowering import lower
from legonet.teachers.tracing.chains import chain_of
from legonet.teachers.tracing.export import export
from legonet.teachers.tracing.outputs import ONLY, Chosen
from legonet.teachers.tracing.programs import ProgramModel
from legonet.teachers.tracing.traced import Traced


def trace(
    module: nn.Module, input_shape: tuple[int, ...], *, output: Chosen = ONLY, where: str = "model"
) -> Traced:
    """Describe a model.

    Args:
        module: Any model that leads one tensor to its output, on any device.
        input_shape: Of one image: (channels, height, width).
        output: Which output counts, and what is still done with it.
        where: What messages call the model.

    Returns:
        Its graph; weights keep the names of the state dict.

    Raises:
        TeacherError: It cannot be traced; says where and why.
    """
    return output.added_to(_traced(module, input_shape, output.name, where).in_float32())


def _traced(module: nn.Module, input_shape: tuple[int, ...], output: str | None, where: str) -> Traced:
    if output is None and isinstance(module, GraphModule):
        return Traced(module.graph)  # a block of operations: traced again, they would lose their names
    if output is None and not isinstance(module, ProgramModel):
        layers = chain_of(module, input_shape)
        if layers is not None:
            return Traced(lower(layers))
    return export(module, input_shape, output=output, where=where)
