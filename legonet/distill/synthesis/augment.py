"""More of few features: the teacher tells the output of whatever is made of them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from legonet.distill.fitting.context import Context, features_of
from legonet.distill.flops.refinement import copies

SHIFT = 16  # an image is shifted by up to a part in so many of its side
COLOUR = 0.1  # standard deviation of a channel's gain and offset
TURN = 0.25  # an image is turned by up to so many radians,
SCALE = 0.2  # made larger or smaller by up to this part,
MOVE = 0.05  # and moved by up to this part of its side


def augmented_features(context: Context, images: Tensor) -> Tensor:
    """Features of images as they are and of copies: flipped, shifted, in other colours.

    Args:
        context: The fit under way.
        images: Normalised, (batch, channels, height, width); the fewer, the more copies.

    Returns:
        (copies · batch, channels, height, width) at the cut.
    """
    others = copies(len(images), context.edge.source) - 1
    changed = [images, *(_changed(images, context.generator) for _ in range(others))]
    return torch.cat([features_of(context.category_module, each) for each in changed])


def cutmix(features: Tensor, others: Tensor, generator: torch.Generator) -> Tensor:
    """Join the features of a batch to others' along a straight line, across or down.

    Args:
        features: (batch, channels, height, width).
        others: The same shape.
        generator: A CPU generator.

    Returns:
        The same shape.

    Source: Yun et al., arXiv:1905.04899, in feature space.
    """
    axis = int(torch.randint(2, (1,), generator=generator)) + 2
    cut = int(torch.randint(1, features.shape[axis] + 1, (1,), generator=generator))
    rest = features.shape[axis] - cut
    return torch.cat([features.narrow(axis, 0, cut), others.narrow(axis, cut, rest)], axis)


def mixed_batch(parts: Iterable[tuple[Tensor | None, int]], generator: torch.Generator) -> Tensor:
    """Draw some of each of several sets, with replacement, and put them in random order.

    Args:
        parts: Each set, (size, …), and how many to draw from it; None for a set that is not there.
        generator: A generator on the CPU.
    """
    drawn = [
        values[torch.randint(len(values), (count,), generator=generator).to(values.device)]
        for values, count in parts
        if values is not None and count
    ]
    batch = torch.cat(drawn)
    return batch[torch.randperm(len(batch), generator=generator).to(batch.device)]


def transformed(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images that are flipped, turned, scaled, moved and coloured, each by chance; differentiable.

    They are sampled on the CPU, where gradients have the same bits each time.

    Args:
        images: (batch, channels, height, width), of a range of about 1, or normalised.
        generator: A generator on the CPU.

    Returns:
        The same shape; what comes in at an edge is mirrored. What is not square is turned as if it were.
    """

    def chance(*shape: int) -> Tensor:
        return 2 * torch.rand(shape, generator=generator) - 1

    count = len(images)
    turn, scale = TURN * chance(count), 1 + SCALE * chance(count)
    flip = torch.where(chance(count) < 0, -1.0, 1.0)
    cos, sin, to = scale * turn.cos(), scale * turn.sin(), 2 * MOVE * chance(2, count)
    rows = torch.stack([flip * cos, -sin, to[0], flip * sin, cos, to[1]], 1)
    grid = F.affine_grid(rows.view(count, 2, 3), list(images.shape), align_corners=False)
    sampled = F.grid_sample(images.cpu(), grid, padding_mode="reflection", align_corners=False)
    return _coloured(sampled.to(images), generator)


def _changed(images: Tensor, generator: torch.Generator) -> Tensor:
    flip = torch.rand(len(images), 1, 1, 1, generator=generator).to(images) < 0.5
    changed = torch.where(flip, images.flip(-1), images)
    for axis in (-2, -1):
        most = images.shape[axis] // SHIFT
        changed = changed.roll(int(torch.randint(-most, most + 1, (1,), generator=generator)), axis)
    return _coloured(changed, generator)


def _coloured(images: Tensor, generator: torch.Generator) -> Tensor:
    def normal() -> Tensor:
        return COLOUR * torch.randn(len(images), images.shape[1], 1, 1, generator=generator).to(images)

    return images * (1 + normal()) + normal()
