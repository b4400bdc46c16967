"""Features that no image of the category was taken for, from every source that is at hand.

A mixture measures better than any single source (docs/method.md).
"""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor

from legonet.distill.fitting.context import Context, Edge, features_of
from legonet.distill.flops.synthesis import affordable
from legonet.distill.synthesis.augment import augmented_features
from legonet.distill.synthesis.inversion import invert
from legonet.distill.synthesis.sources import TABLE
from legonet.graph.schema import Input


def synthetic_features(context: Context, count: int) -> Tensor | None:
    """Those that a fit was given, or new ones from its generator; see `synthesise_features`."""
    if context.imagined is not None:
        return context.imagined
    seed = int(torch.randint(2**31, (1,), generator=context.generator))
    return synthesise_features(context.edge, count, seed, context.device)


def synthesise_features(
    edge: Edge, count: int, seed: int = 0, device: torch.device | str = "cpu"
) -> Tensor | None:
    """Synthesise features at the cut of an edge's teacher; no image is needed.

    Args:
        edge: Its category module, its teacher's task part, and what is known of them.
        count: How many, in the shares of `legonet.distill.synthesis.sources.TABLE`; fewer where a source is
            missing, or where there is no memory for so many.
        seed: Same seed, same machine: same features.
        device: Where to compute.

    Returns:
        (batch, channels, height, width), in random order; None where neither statistics nor f's input are
        known.
    """
    generator = torch.Generator().manual_seed(seed)
    count = affordable(count, edge.source)
    found = (make(edge, ceil(count * share), generator, device) for make, share in TABLE.values())
    parts = [each for each in found if each is not None]
    if not parts:
        return None
    imagined = torch.cat(parts)
    return imagined[torch.randperm(len(imagined), generator=generator).to(device)]


def moved_features(context: Context, given: Input, count: int) -> Tensor:
    """Features of images that are moved until the teacher knows them, and of their copies.

    Args:
        context: The fit under way.
        given: The images that f takes.
        count: How many images.

    Returns:
        (copies · count, channels, height, width).
    """
    return augmented_features(context, _inverted(context, given, count))


def inverted_features(context: Context, given: Input, count: int) -> Tensor:
    """F's own features of images that `legonet.distill.synthesis.inversion` synthesises from the teacher.

    Args:
        context: The fit under way.
        given: The images that f takes.
        count: How many.

    Returns:
        (count, channels, height, width).
    """
    return features_of(context.category_module, _inverted(context, given, count))


def _inverted(context: Context, given: Input, count: int) -> Tensor:
    f, statistics = context.category_module, context.edge.statistics
    return invert(f, context.teacher, given, statistics, count, context.generator, context.device)
