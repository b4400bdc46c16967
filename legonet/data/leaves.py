"""Images of nothing: overlapping blobs with smooth outlines and textures, drawn from a seed.

They have what photographs of all kinds share (occlusion, edges, textures, shapes of every size) and show no
category. Networks see more of themselves in them than in noise, so inputs are synthesised from them.

Source: the dead leaves model, Lee, Mumford and Huang, Occlusion models for natural images (2001); as training
images, Baradad et al., arXiv:2106.05963. The irregular outlines are legonet's.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LEAVES = 12  # in an image, at most
RADIUS = (0.06, 0.45)  # of a leaf, as parts of the image's side; evenly distributed on a log scale
HARMONICS = range(2, 8)  # of an outline
ROUGHNESS = 0.45  # standard deviation of the first harmonic's amplitude; the others fall as 1 / harmonic
PATCHES = (3, 9)  # patches of a texture across the image: at least, and less than
NOISE = 0.025  # standard deviation of the noise of each pixel
LARGEST = 64  # side of what is drawn; larger images are enlarged, which takes a fraction of the time


def leaves_images(count: int, shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    """Draw images of overlapping leaves.

    Args:
        count: How many.
        shape: (channels, height, width) of one.
        generator: A CPU generator.

    Returns:
        (count, channels, height, width) in [0, 1].
    """
    channels, *size = shape
    shrunk = max(1.0, max(size) / LARGEST)
    height, width = (max(1, round(side / shrunk)) for side in size)
    shape = (channels, height, width)
    down = (torch.arange(height) + 0.5).view(-1, 1) / height * 2 - 1
    right = (torch.arange(width) + 0.5) / width * 2 - 1
    images = _textures(count, shape, down, right, generator)
    leaves = torch.randint(1, LEAVES + 1, (count, 1, 1), generator=generator)
    for leaf in range(LEAVES):
        covered = _outline(count, down, right, generator) * (leaf < leaves)
        images = images.lerp(_textures(count, shape, down, right, generator), covered.unsqueeze(1))
    if shrunk > 1:
        images = F.interpolate(images, size=size, mode="bicubic", align_corners=False)
    return (images + NOISE * torch.randn(images.shape, generator=generator)).clamp(0, 1)


def _textures(
    count: int, shape: tuple[int, int, int], down: Tensor, right: Tensor, generator: torch.Generator
) -> Tensor:
    """A random colour with smooth patches and a grating, for the whole image."""

    def each(*axes: int) -> Tensor:
        return torch.rand(count, *axes, 1, 1, generator=generator)

    channels, *size = shape
    colour = 0.17 + 0.66 * each(channels)
    grid = int(torch.randint(*PATCHES, (1,), generator=generator))
    nodes = torch.randn(count, channels, grid, grid, generator=generator)
    patches = F.interpolate(nodes, size=size, mode="bicubic", align_corners=False)
    angle, cycles, phase = math.pi * each(1), 3 + 18 * each(1), 2 * math.pi * each(1)
    wave = torch.sin(cycles * (right * angle.cos() + down * angle.sin()) + phase)
    tint = torch.randn(count, channels, 1, 1, generator=generator)
    return colour + 0.12 * each(1) * patches + 0.06 * tint * wave


def _outline(count: int, down: Tensor, right: Tensor, generator: torch.Generator) -> Tensor:
    """How much of each pixel one leaf covers, (count, height, width) in [0, 1]."""

    def uniform() -> Tensor:
        return torch.rand(count, 1, 1, generator=generator)

    def normal() -> Tensor:
        return torch.randn(count, 1, 1, generator=generator)

    least, greatest = (2 * radius for radius in RADIUS)
    edge = least * (greatest / least) ** uniform()
    x, y = right - (2 * uniform() - 1), down - (2 * uniform() - 1)
    angle, stretch = math.pi * uniform(), torch.exp(0.4 * normal())
    along = (x * angle.cos() + y * angle.sin()) * stretch
    across = (y * angle.cos() - x * angle.sin()) / stretch
    around = torch.atan2(across, along)
    for harmonic in HARMONICS:
        phase = 2 * math.pi * uniform()
        edge = edge * (1 + ROUGHNESS / harmonic * normal() * torch.cos(harmonic * around + phase))
    return torch.sigmoid((edge - torch.hypot(along, across)) * min(len(down), len(right)))
