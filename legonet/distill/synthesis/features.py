"""Features that no image was taken for, from what is known of a teacher.

Half are drawn from the teacher's statistics and moved until g_T's units are as active as recorded; half are
f's own, of synthesised images. A mixture measures better than either (docs/method.md).
"""

from __future__ import annotations

import torch
from torch import Tensor

from legonet.distill.fitting.context import Context, Edge, features_of, frozen
from legonet.distill.synthesis.activation_matching import match_activations
from legonet.distill.synthesis.from_statistics import synthesise
from legonet.distill.synthesis.inversion import invert
from legonet.graph.schema import Input
from legonet.ir.interpreter import GraphModule
from legonet.teachers.statistics import Statistics


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
        edge: its category module, its teacher's task part, and what is known of them.
        count: how many; half as many where only one kind can be made.
        seed: same seed, same machine: same features.
        device: where to compute.

    Returns:
        (batch, channels, height, width), in random order; None where neither statistics nor f's input are
        known.
    """
    generator, parts = torch.Generator().manual_seed(seed), []
    f, teacher = (frozen(module, device) for module in (edge.category_module, edge.teacher_module))
    if edge.statistics is not None:
        parts.append(drawn_features(edge.statistics, teacher, count // 2, generator, device))
    if edge.input is not None:
        images = invert(f, teacher, edge.input, edge.statistics, count - count // 2, generator, device)
        parts.append(features_of(f, images))
    if not parts:
        return None
    imagined = torch.cat(parts)
    return imagined[torch.randperm(len(imagined), generator=generator).to(device)]


def drawn_features(
    statistics: Statistics,
    teacher: GraphModule,
    count: int,
    generator: torch.Generator,
    device: torch.device | str,
) -> Tensor:
    """Features drawn from statistics, and moved until g_T's units are as active as recorded."""
    return match_activations(synthesise(statistics, count, generator).to(device), teacher, statistics)


def inverted_features(context: Context, given: Input, count: int) -> Tensor:
    """F's own features of images that `legonet.distill.synthesis.inversion` synthesises from the teacher.

    Args:
        context: the fit under way.
        given: the images that f takes.
        count: how many.

    Returns:
        (count, channels, height, width).
    """
    f, statistics = context.category_module, context.edge.statistics
    images = invert(f, context.teacher, given, statistics, count, context.generator, context.device)
    return features_of(f, images)
