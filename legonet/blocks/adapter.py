"""Adapters: stacks of convolutions that join a category module to a task module. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from legonet.blocks.adapter_layers import adapter_layers
from legonet.blocks.build import build_layers, lowered
from legonet.graph.schema import Adapter
from legonet.ir.graph import Shape
from legonet.ir.interpreter import GraphModule


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution of an adapter, with its weights as they are in the adapter.

    Attributes:
        name: Of its operation.
        weight: (channels_out, channels_in, kernel, kernel).
        bias: (channels_out), if it has one.
    """

    name: str
    weight: Tensor
    bias: Tensor | None

    @property
    def kernel(self) -> int:
        """Height and width of its window."""
        return self.weight.shape[-1]


def build_adapter(spec: Adapter, source: Shape, target: Shape, where: str = "adapter") -> GraphModule:
    """Build the adapter of one edge, its weights drawn from torch's generator.

    Args:
        spec: What the graph file says of it: kernel, depth, channels, activation and re-scaling.
        source: The shape of the category module's features, (channels, height, width).
        target: The shape that the task module takes, likewise.
        where: What messages call the edge.

    Returns:
        A chain of the layers that `legonet.blocks.adapter_layers` lists.

    Raises:
        BlockError: The two shapes cannot be joined by such an adapter.
    """
    return lowered(build_layers(adapter_layers(spec, source, target, where), where=where))


def convolutions(adapter: GraphModule) -> list[Convolution]:
    """The adapter's convolutions, bottom first."""
    found = []
    for step in adapter.graph.steps.values():
        if step.function == "conv2d":
            weight, *bias = (adapter.tensor(name) for name in step.tensors())
            found.append(Convolution(step.name, weight, bias[0] if bias else None))
    return found


def set_identity(conv: Convolution) -> None:
    """Make a convolution pass its channels on unchanged (Dirac), as far as there are equal ones."""
    with torch.no_grad():
        nn.init.dirac_(conv.weight)
        if conv.bias is not None:
            conv.bias.zero_()


def beta_of(adapter: GraphModule) -> Tensor | None:
    """The scalar of the re-scaling layer, if the adapter has one."""
    names = [name for name, layer in (adapter.graph.notation or {}).items() if layer.type == "rescale"]
    return adapter.tensor(f"{names[0]}.beta") if names else None


def set_beta(adapter: GraphModule, value: float) -> None:
    """Set the re-scaling layer's beta, if the adapter has one."""
    beta = beta_of(adapter)
    if beta is not None:
        beta.fill_(value)
