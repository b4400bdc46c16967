"""The layers of an adapter between two maps, and how people read them. Needs no torch.

Where the two differ in height or width, the first convolution works at the category module's size, so that
it sees all there is, and its output is brought to the task module's size before the first activation. That
step is linear, so the closed form holds through it.

Where several maps cross, each has a chain of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from legonet.errors import BlockError
from legonet.graph.output import Maps, Shape
from legonet.graph.schema import Adapter
from legonet.ir.notation import AdaptiveAvgPool, Conv, Layer, Rescale, Upsample, layer

BRIDGE_KERNEL = 3
MAPS = (
    "cut both below flatten, or bring them in with `legonet teacher add`, which makes tokens and vectors maps"
)


def adapter_layers(spec: Adapter, source: Shape, target: Shape, where: str = "adapter") -> dict[str, Layer]:
    """The layers of one edge's adapter.

    Args:
        spec: What the graph file says of it: kernel, depth, channels, activation and re-scaling.
        source: The shape of the category module's features, (channels, height, width).
        target: The shape that the task module takes, likewise.
        where: What messages call the edge.

    Returns:
        A chain `rescale`, `conv1`, `pool`, `upsample`, `relu1`, `conv2`, …; `pool` where an axis shrinks,
        `upsample` where one grows.

    Raises:
        BlockError: The two shapes cannot be joined by such an adapter.
    """
    if len(source) != 3 or len(target) != 3:
        raise BlockError(
            f"{where}: the category module gives features of shape {source}, the task module takes {target}; "
            f"expected feature maps (channels, height, width) on both sides; {MAPS}"
        )
    if spec.channels is not None and spec.channels != (source[0], target[0]):
        raise BlockError(
            f"{where}.channels: {list(spec.channels)}; the modules it joins have "
            f"[{source[0]}, {target[0]}]; leave `channels` out or correct it"
        )
    return {name: layer(data) for name, data in _layers(spec, source, target)}


def adapter_chains(
    spec: Adapter, sources: Maps, targets: Maps, where: str = "adapter"
) -> list[dict[str, Layer]]:
    """The layers of one edge's adapter for each map that crosses; see `adapter_layers`.

    Args:
        spec: What the graph file says of it.
        sources: The shapes of the category module's maps.
        targets: The shapes of those that the task module takes, in the same order.
        where: What messages call the edge.

    Raises:
        BlockError: They are not as many, or two of them cannot be joined.
    """
    if len(sources) != len(targets):
        raise BlockError(
            f"{where}: the category module gives {_counted(sources)}, the task module takes "
            f"{_counted(targets)}; expected as many on both sides; cut both teachers where as many cross"
        )
    if len(sources) > 1 and spec.channels is not None:
        raise BlockError(
            f"{where}.channels: {list(spec.channels)}; the modules it joins have {len(sources)} maps; leave "
            "`channels` out"
        )
    return [adapter_layers(spec, *pair, where) for pair in zip(sources, targets, strict=True)]


def _counted(maps: Maps) -> str:
    shown = ", ".join(map(sizes, maps))
    return f"one map, {shown}" if len(maps) == 1 else f"{len(maps)} maps, {shown}"


def _layers(spec: Adapter, source: Shape, target: Shape) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if spec.rescale:
        yield "rescale", {"type": "rescale"}
    hidden = spec.hidden or target[0]
    widths = [source[0], *[hidden] * (spec.depth - 1), target[0]]
    for index in range(spec.depth):
        channels = {"in": widths[index], "out": widths[index + 1]}
        yield (
            f"conv{index + 1}",
            {"type": "conv", **channels, "kernel": spec.kernel, "padding": spec.kernel // 2},
        )
        if index == 0:
            yield from _resampling(source[1:], target[1:])
        if spec.activation != "none":
            yield f"relu{index + 1}", {"type": "relu"}


def _resampling(source: Shape, target: Shape) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Layers from one (height, width) to another: means where an axis shrinks, bilinear where it grows."""
    least = tuple(min(sizes) for sizes in zip(source, target, strict=True))
    if least != source:
        yield "pool", {"type": "adaptive-avg-pool", "size": least}
    if least != target:
        yield "upsample", {"type": "upsample", "size": target}


def bridge_layers(source: Shape, own: Shape, where: str = "adapter") -> dict[str, Layer]:
    """The layers below an adapter whose teacher has a category module of its own.

    `legonet.distill.fitting.stitching` finds their weights.

    Args:
        source: The shape of the category module's features.
        own: The shape of the features of the teacher's own category module.
        where: What messages call the adapter.

    Raises:
        BlockError: One of them is no map, but a row of several.
    """
    if len(source) != 3 or len(own) != 3:
        raise BlockError(
            f"{where}: the category module gives features of shape {source}, the teacher's own {own}; "
            "expected one map (channels, height, width) of both; cut both where one map crosses, or let the "
            "teacher have a category of its own (on_conflict: variant)"
        )
    channels, kernel = {"in": source[0], "out": own[0]}, BRIDGE_KERNEL
    conv = {"type": "conv", **channels, "kernel": kernel, "padding": kernel // 2}
    return {name: layer(data) for name, data in (*_resampling(source[1:], own[1:]), ("conv", conv))}


def bridge_in_words(source: Shape, own: Shape, where: str) -> list[str]:
    """A bridge's layers as people read them; see `bridge_layers`."""
    *resampled, conv = in_words(bridge_layers(source, own, where), source)
    return [*resampled, f"bridge {conv}"]


def in_words(layers: Mapping[str, Layer], source: Shape) -> list[str]:
    """An adapter's layers as people read them, such as `conv 3x3 64 -> 40`, `interpolate 8x8 -> 14x14`."""
    words, size = [], source[1:]
    for each in layers.values():
        if isinstance(each, Conv):
            words.append(f"conv {sizes(each.kernel)} {each.in_channels} -> {each.out_channels}")
        elif isinstance(each, AdaptiveAvgPool):
            words.append(f"mean pool {sizes(size)} -> {sizes(each.size)}")
            size = each.size
        elif isinstance(each, Upsample) and each.size is not None:
            words.append(f"interpolate {sizes(size)} -> {sizes(each.size)}")
            size = each.size
        else:
            words.append("scale" if isinstance(each, Rescale) else each.type)
    return words


def sizes(shape: Shape) -> str:
    """A shape as people read it: 64x8x8."""
    return "x".join(map(str, shape))
