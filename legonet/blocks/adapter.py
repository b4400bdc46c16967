"""Adapters: stacks of convolutions that join a category module to a task module.

Where the two differ in height or width, the first convolution works at the category module's size, so that
it sees all there is, and its output is brought to the task module's size before the first activation. That
step is linear, so the closed form holds through it.
"""

from __future__ import annotations

from collections.abc import Iterator

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
        A chain `rescale`, `conv1`, `pool`, `upsample`, `relu1`, `conv2`, …; `pool` where an axis shrinks,
        `upsample` where one grows.

    Raises:
        BlockError: the two shapes cannot be joined by such an adapter.
    """
    if len(source) != 3 or len(target) != 3:
        raise BlockError(
            f"{where}: the category module gives features of shape {source}, the task module takes {target}; "
            "expected feature maps (channels, height, width) on both sides; cut both below flatten"
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
        if index == 0:
            for name, layer in _resampling(source[1:], target[1:]):
                adapter.add_module(name, layer)
        if spec.activation == "relu":
            adapter.add_module(f"relu{index + 1}", nn.ReLU())
    return adapter


def _resampling(source: Shape, target: Shape) -> Iterator[tuple[str, nn.Module]]:
    """Layers from one (height, width) to another: means where an axis shrinks, bilinear where it grows."""
    least = tuple(min(sizes) for sizes in zip(source, target, strict=True))
    if least != source:
        yield "pool", nn.AdaptiveAvgPool2d(least)
    if least != target:
        yield "upsample", nn.Upsample(size=target, mode="bilinear", align_corners=False)


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
