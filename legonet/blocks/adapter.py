"""Adapters: stacks of convolutions that join a category module to a task module."""

from __future__ import annotations

import torch
from torch import nn

from legonet.blocks.rescale import Rescale
from legonet.errors import BlockError
from legonet.graph.schema import Adapter

Shape = tuple[int, ...]


def build_adapter(spec: Adapter, source: Shape, target: Shape, where: str = "adapter") -> nn.Sequential:
    """Build the adapter of one edge, its weights drawn from torch's generator.

    Args:
        spec: kernel, depth, channels, activation and re-scaling.
        source: (channels, height, width) of the category module's features.
        target: (channels, height, width) that the task module takes.
        where: the edge, for messages.

    Returns:
        A chain `rescale`, `conv1`, `relu1`, `conv2`, … that keeps height and width.

    Raises:
        BlockError: the two shapes cannot be joined by such an adapter.
    """
    if len(source) != 3 or len(target) != 3 or source[1:] != target[1:]:
        raise BlockError(
            f"{where}: the category module gives features of shape {source}, the task module takes {target}; "
            "expected two feature maps of the same height and width; choose cuts where they agree"
        )
    if spec.channels is not None and spec.channels != (source[0], target[0]):
        raise BlockError(
            f"{where}.channels: {list(spec.channels)}; the modules it joins have "
            f"[{source[0]}, {target[0]}]; leave `channels` out or correct it"
        )
    hidden = spec.hidden or target[0]
    widths = [source[0], *[hidden] * (spec.depth - 1), target[0]]
    adapter = nn.Sequential()
    if spec.rescale:
        adapter.add_module("rescale", Rescale())
    for index in range(spec.depth):
        conv = nn.Conv2d(widths[index], widths[index + 1], spec.kernel, padding=spec.kernel // 2)
        adapter.add_module(f"conv{index + 1}", conv)
        if spec.activation == "relu":
            adapter.add_module(f"relu{index + 1}", nn.ReLU())
    return adapter


def convolutions(adapter: nn.Sequential) -> list[nn.Conv2d]:
    """The adapter's convolutions, bottom first."""
    return [layer for layer in adapter if isinstance(layer, nn.Conv2d)]


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
