"""So much memory at a time, however large modules and images are.

What goes through a module together is bounded by its bytes, and so is what a descent keeps of a batch: beyond
that, parts of the batch are computed again when their gradients are wanted.
Source: Chen et al., Training Deep Nets with Sublinear Memory Cost, arXiv:1604.06174.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from legonet.ir.graph import ModelGraph, Shape
from legonet.ir.sizes import shapes_of

TOGETHER = 2**25  # bytes of inputs that go through a module together
KEPT = 2**30  # bytes of results that a descent keeps of a batch


def together(inputs: Tensor, most: int) -> int:
    """How many of some inputs (batch, …) go through a module together: `most`, or fewer of large ones."""
    return max(1, min(most, TOGETHER // max(1, inputs[:1].nbytes)))


def kept_together(*modules: tuple[ModelGraph, Shape]) -> int:
    """How many examples a descent through some modules keeps the results of.

    Args:
        modules: Each with the shape of its input, without the batch.
    """
    numbers = sum(prod(shape) for graph, given in modules for shape in shapes_of(graph, given).values())
    return max(1, KEPT // max(1, 4 * numbers))


def in_parts(path: Callable[[Tensor], Tensor], features: Tensor, most: int) -> Tensor:
    """A path's outputs with their gradients, of at most so many features at a time.

    What the last part keeps is used up first, so that it alone need not be computed again.

    Args:
        path: What is differentiated; it draws nothing at random.
        features: (batch, …).
        most: As `kept_together` says.

    Returns:
        The outputs, (batch, …).
    """
    if len(features) <= most:
        return path(features)
    before, last = features[:-most], features[-most:]
    again = [checkpoint(path, each, use_reentrant=False) for each in before.split(most)]
    return torch.cat([*again, path(last)])
