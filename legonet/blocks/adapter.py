"""Adapters: stacks of convolutions that join a category module to a task module. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from legonet.blocks.adapter_layers import adapter_chains
from legonet.blocks.build import build_layers, lowered
from legonet.graph.output import Maps
from legonet.graph.schema import Adapter
from legonet.ir.graph import Shape
from legonet.ir.interpreter import GraphModule, part
from legonet.ir.modules import with_tensors
from legonet.ir.several import apart, side_by_side


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
    return build_adapter_of(spec, (source,), (target,), where)


def build_adapter_of(spec: Adapter, sources: Maps, targets: Maps, where: str = "adapter") -> GraphModule:
    """Build the adapter of an edge that several maps may cross: a chain for each, side by side.

    Args:
        spec: What the graph file says of it.
        sources: The shapes of the category module's maps.
        targets: The shapes of those that the task module takes.
        where: What messages call the edge.

    Raises:
        BlockError: They are not as many, or two of them cannot be joined.
    """
    layers = adapter_chains(spec, sources, targets, where)
    chains = [lowered(build_layers(each, where=where)) for each in layers]
    if len(chains) == 1:
        return chains[0]
    graph = side_by_side([each.graph for each in chains], sources, targets)
    tensors = {
        f"map{number}.{name}": tensor
        for number, chain in enumerate(chains)
        for name, tensor in chain.state_dict().items()
    }
    return with_tensors(graph, tensors)


def chains_of(adapter: GraphModule) -> list[GraphModule]:
    """An adapter's chains, one for each map that crosses, with its very tensors."""
    graphs = apart(adapter.graph)
    return [adapter] if len(graphs) == 1 else [part(adapter, graph) for graph in graphs]


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


def beta_of(chain: GraphModule) -> Tensor | None:
    """The scalar of the re-scaling layer, if a chain has one; no other layer has a `beta`."""
    names = [name for name in chain.graph.tensors if name.endswith(".beta")]
    return chain.tensor(names[0]) if names else None


def set_beta(adapter: GraphModule, value: float) -> None:
    """Set the beta of every re-scaling layer that the adapter has."""
    for beta in map(beta_of, chains_of(adapter)):
        if beta is not None:
            beta.fill_(value)
