"""Random draws for pseudo-gradients: output gradients G and ReLU masks, shared by both task modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Shape = tuple[int, ...]


def draw_gradient(
    count: int,
    shape: Shape,
    kind: Literal["ones", "uniform"],
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Draw G.

    Args:
        count: number of draws.
        shape: shape of the network's output for one input.
        kind: all ones, or uniform in [-1, 1].
        generator: a CPU generator; the draw does not depend on the device it is used on.
        dtype: of the result.

    Returns:
        (count, *shape).

    Source: arXiv:1804.10272, section 3.3, "Data augmentation".
    """
    if kind == "ones":
        return torch.ones(count, *shape, dtype=dtype)
    return torch.rand(count, *shape, generator=generator, dtype=dtype) * 2 - 1


def draw_masks(
    count: int,
    shapes: Sequence[Shape],
    passes: float | Sequence[Tensor],
    generator: torch.Generator,
    shared_channels: bool = False,
    dtype: torch.dtype = torch.float32,
) -> list[Tensor]:
    """Draw 1(x_rand > 0) for each ReLU, bottom first.

    Args:
        count: number of draws.
        shapes: the shape of each ReLU's input for one image.
        passes: how often a unit passes: one probability, or for each ReLU a tensor of them that
            broadcasts to its shape.
        generator: a CPU generator.
        shared_channels: one x_rand for all channels of a map, as in the paper's Experiment 2.
        dtype: of the result.

    Returns:
        For each ReLU (count, *shape), or (count, 1, height, width) where channels share it.

    Source: arXiv:1804.10272, section 3.3 (f_dummy of the 2nd kind), 4.1 and 4.2.
    """
    masks = []
    for index, shape in enumerate(shapes):
        drawn = (1, *shape[1:]) if shared_channels and len(shape) == 3 else shape
        probability = passes if isinstance(passes, float | int) else passes[index].to(torch.float32)
        uniform = torch.rand(count, *drawn, generator=generator)
        masks.append((uniform < probability).to(dtype))
    return masks
