"""What a chain of layers gives and costs, by arithmetic: without torch, which takes seconds to import.

`legonet.blocks.build.output_shape` and `legonet.blocks.flops` say the same by running the layers on torch's
meta device, and refuse what does not fit; `tests/blocks/test_shapes.py` holds the two against each other.
"""

from __future__ import annotations

from math import prod

from legonet.blocks.schema import (
    AdaptiveAvgPool,
    AvgPool,
    Conv,
    ConvTranspose,
    Flatten,
    Layer,
    Layers,
    Linear,
    MaxPool,
    Upsample,
)

Shape = tuple[int, ...]
_Pair = tuple[int, int]


def chain_shape(layers: Layers, shape: Shape) -> Shape:
    """The shape of a chain's output, without the batch.

    Args:
        layers: names and layers, in order; they fit each other and the input.
        shape: of the input, without the batch, such as (channels, height, width).
    """
    for each in layers.values():
        shape = _above(each, shape)
    return shape


def chain_operations(layers: Layers, shape: Shape) -> int:
    """Operations of a chain for one input: two for each multiplication with its addition, as torch counts.

    Args:
        layers: as of `chain_shape`.
        shape: likewise.
    """
    total = 0
    for each in layers.values():
        above = _above(each, shape)
        if isinstance(each, Conv):
            total += 2 * prod(above) * each.in_channels // each.groups * prod(each.kernel)
        elif isinstance(each, ConvTranspose):
            total += 2 * prod(shape) * each.out_channels // each.groups * prod(each.kernel)
        elif isinstance(each, Linear):
            total += 2 * prod(above) * each.in_features
        shape = above
    return total


def lowest_window(layers: Layers, shape: Shape) -> int:
    """Height and width of the windows that a chain begins with a pooling of; 1: it does not.

    As `legonet.distill.pullback.Pullback.window`, but of layers that are not built.

    Args:
        layers: as of `chain_shape`.
        shape: likewise.
    """
    lowest = next(iter(layers.values()), None)
    if not isinstance(lowest, MaxPool | AvgPool) or lowest.padding != (0, 0):
        return 1
    size, *others = {*lowest.kernel, *lowest.stride}
    return 1 if others or any(side % size for side in shape[-2:]) else size


def _above(layer: Layer, shape: Shape) -> Shape:
    if isinstance(layer, Conv):
        return layer.out_channels, *_windows(layer, shape, layer.dilation)
    if isinstance(layer, ConvTranspose):
        return layer.out_channels, *_transposed(layer, shape)
    if isinstance(layer, MaxPool):
        return shape[0], *_windows(layer, shape, layer.dilation, layer.ceil)
    if isinstance(layer, AvgPool):
        return shape[0], *_windows(layer, shape, (1, 1), layer.ceil)
    if isinstance(layer, AdaptiveAvgPool):
        return shape[0], *layer.size
    if isinstance(layer, Upsample):
        scaled = zip(shape[1:], layer.scale or (1, 1), strict=True)
        return shape[0], *(layer.size or (size * factor for size, factor in scaled))
    if isinstance(layer, Linear):
        return *shape[:-1], layer.out_features
    return (prod(shape),) if isinstance(layer, Flatten) else shape


def _windows(layer: Conv | MaxPool | AvgPool, shape: Shape, dilation: _Pair, ceil: bool = False) -> Shape:
    """How many windows there are along each axis; none begins beyond the image and its left padding.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
    """
    found = []
    for axis, size in enumerate(shape[1:]):
        step, padding = layer.stride[axis], layer.padding[axis]
        room = size + 2 * padding - dilation[axis] * (layer.kernel[axis] - 1) - 1
        count = (room + (step - 1 if ceil else 0)) // step + 1
        found.append(count - 1 if ceil and (count - 1) * step >= size + padding else count)
    return tuple(found)


def _transposed(layer: ConvTranspose, shape: Shape) -> Shape:
    return tuple(
        (size - 1) * layer.stride[axis]
        - 2 * layer.padding[axis]
        + layer.dilation[axis] * (layer.kernel[axis] - 1)
        + layer.output_padding[axis]
        + 1
        for axis, size in enumerate(shape[1:])
    )
