"""Adapters: stacks of convolutions that join a category module to a task module. Needs torch."""

from __future__ import annotations

import torch
from torch import nn

from legonet.blocks.build import build_layers
from legonet.blocks.joining import Shape, adapter_layers
from legonet.blocks.rescale import Rescale
from legonet.graph.schema import Adapter


def build_adapter(spec: Adapter, source: Shape, target: Shape, where: str = "adapter") -> nn.Sequential:
    """Build the adapter of one edge, its weights drawn from torch's generator.

    Args:
        spec: kernel, depth, channels, activation and re-scaling.
        source: (channels, height, width) of the category module's features.
        target: (channels, height, width) that the task module takes.
        where: the edge, for messages.

    Returns:
        A chain of the layers that `legonet.blocks.joining.adapter_layers` lists.

    Raises:
        BlockError: the two shapes cannot be joined by such an adapter.
    """
    return build_layers(adapter_layers(spec, source, target, where), where=where)


def convolutions(adapter: nn.Module) -> list[nn.Conv2d]:
    """The adapter's convolutions, bottom first."""
    return [layer for layer in adapter.children() if isinstance(layer, nn.Conv2d)]


def set_identity(conv: nn.Conv2d) -> None:
    """Make a convolution pass its channels on unchanged (Dirac), as far as there are equal ones."""
    with torch.no_grad():
        nn.init.dirac_(conv.weight)
        if conv.bias is not None:
            conv.bias.zero_()


def set_beta(adapter: nn.Sequential, beta: float) -> None:
    """Set the re-scaling layer's beta, if the adapter has one."""
    for layer in adapter:
        if isinstance(layer, Rescale):
            layer.beta.fill_(beta)
