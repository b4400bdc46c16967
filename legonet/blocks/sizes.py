"""What one input costs a module, and what it gives. Needs no torch, but for a graph of operations."""

from __future__ import annotations

from typing import NamedTuple

from legonet.blocks.operations import Operations
from legonet.blocks.schema import Architecture
from legonet.blocks.shapes import Shape, chain_operations, chain_shape, lowest_window


class Size(NamedTuple):
    """Of a module.

    Attributes:
        operations: of a forward pass for one input: two for each multiplication with its addition.
        gives: the shape of its output, without the batch.
        window: height and width of the windows that it begins with a pooling of; 1: with none, or unknown.
    """

    operations: int
    gives: Shape
    window: int = 1


def size_of(architecture: Architecture, shape: Shape) -> Size:
    """What a module costs and gives.

    Args:
        architecture: its layers, which fit each other and the input, or its operations.
        shape: of one input, without the batch.
    """
    if isinstance(architecture, Operations):
        return _of_operations(architecture, shape)
    operations, gives = chain_operations(architecture, shape), chain_shape(architecture, shape)
    return Size(operations, gives, lowest_window(architecture, shape))


def _of_operations(operations: Operations, shape: Shape) -> Size:
    import torch

    from legonet.blocks.build import build_architecture
    from legonet.blocks.flops import FlopCounter

    module = build_architecture(operations, "meta").eval()
    with torch.no_grad(), FlopCounter() as counter:
        output = module(torch.empty((1, *shape), device="meta"))
    return Size(counter.total, tuple(output.shape[1:]))
