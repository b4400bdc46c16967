"""Features of images that nobody took: drawn from a seed, then moved until the teacher knows them.

Features that f itself gives keep what no statistics can say: which of them go together. The images start as
scenes of overlapping leaves, which show no category, and are moved by descent through f and g_T, within
the range of an image, until the teacher answers as it answered its owner's, which
`legonet.distill.synthesis.activation_matching` measures. At each step they are flipped, turned, scaled, moved
and coloured by chance: what f sees in one place only may be an accident of its weights.

Source: legonet; DeepInversion, Yin et al., arXiv:1912.08795, uses the statistics of batch norms, which
are replaced here by recorded ones, and starts from noise. Random transformations: Olah et al., Feature
Visualization, Distill (2017).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from legonet.data.leaves import leaves_images
from legonet.distill.fitting.adam import Adam
from legonet.distill.fitting.context import outputs_of
from legonet.distill.flops.synthesis import INVERSION_STEPS as STEPS
from legonet.distill.gradients import passing
from legonet.distill.memory import in_parts, kept_together
from legonet.distill.synthesis.activation_matching import ActivationMismatch
from legonet.distill.synthesis.augment import transformed
from legonet.graph.schema import Input
from legonet.ir.interpreter import GraphModule
from legonet.teachers.statistics import Statistics

LEARNING_RATE = 0.02  # in units of the image's range
GROUP = 32  # images that are moved together, at least


def invert(
    f: GraphModule,
    teacher: GraphModule,
    given: Input,
    statistics: Statistics | None,
    count: int,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
    beside: nn.Module | None = None,
) -> Tensor:
    """Synthesise images for a teacher.

    Args:
        f: The category module, frozen.
        teacher: g_T, frozen.
        given: Shape and normalisation of f's images.
        statistics: Of the teacher; without them the images stay as they were drawn.
        count: How many.
        generator: A CPU generator.
        device: Where f and g_T are.
        beside: Another module below g_T, which is to answer to the same images as f does; see
            `legonet.distill.fitting.stitching`.

    Returns:
        Normalised images (count, channels, height, width).
    """
    kept = kept_together((f.graph, given.shape))
    group = max(GROUP, kept)
    if count > group:  # more do not fit into memory: each group shows the recorded activities by itself
        sizes = [min(group, count - begin) for begin in range(0, count, group)]
        made = (invert(f, teacher, given, statistics, each, generator, device, beside) for each in sizes)
        return torch.cat(list(made))
    channels = given.shape[0]
    mean = torch.tensor(given.mean or (0.0,) * channels, device=device).view(-1, 1, 1)
    std = torch.tensor(given.std or (1.0,) * channels, device=device).view(-1, 1, 1)
    images = leaves_images(count, given.shape, generator).to(device)
    if statistics is None:
        return (images - mean) / std
    activation_mismatch = ActivationMismatch(outputs_of(f, (images - mean) / std), teacher, statistics)
    images.requires_grad_()
    modules = [f] if beside is None else [f, beside]
    optimiser = Adam([images], lr=LEARNING_RATE)
    for _ in range(STEPS):
        optimiser.zero_grad(set_to_none=True)
        changed = transformed(images, generator)
        shown = changed.detach().requires_grad_()
        for below in modules:  # one after the other: less memory
            loss = activation_mismatch(in_parts(below, (shown - mean) / std, kept))
            with passing():
                loss.backward()
        with passing():
            changed.backward(shown.grad)
        optimiser.step()
        with torch.no_grad():
            images.clamp_(0, 1)
    return (images.detach() - mean) / std
