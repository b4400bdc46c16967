"""Random colour textures: a base colour, smooth patches, a grating, a slope of light.

A texture is a function of the place in the image, drawn once and rasterised at any size, so one seed gives
the same scene at 32 and at 96 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class TextureStyle:
    """How strong each part of a texture is, as amplitudes in units of the image's range [0, 1]."""

    patches: float
    """Standard deviation of the smooth patches."""
    patch_grid: int
    """Patches across the image."""
    grating: float
    """Greatest amplitude of the grating."""
    cycles: tuple[float, float]
    """Fewest and most periods of the grating across the image."""
    slope: float
    """Greatest change of light from one edge of the image to the other."""


def textures(rng: np.random.Generator, colours: Floats, size: int, style: TextureStyle) -> Floats:
    """Draw one texture for each base colour.

    Args:
        rng: Source of randomness; what it draws does not depend on `size`.
        colours: Base colours (textures, 3) in [0, 1].
        size: Height and width in pixels.
        style: Amplitudes.

    Returns:
        Textures (textures, 3, size, size), around the base colours, not clipped.
    """
    count = len(colours)
    place = ((np.arange(size, dtype=np.float32) + 0.5) / size).astype(np.float32)

    nodes = rng.standard_normal((count, 3, style.patch_grid, style.patch_grid), dtype=np.float32)
    to_pixels = interpolation(place * (style.patch_grid - 1), style.patch_grid)
    result = (style.patches * to_pixels) @ nodes @ to_pixels.T

    angle = rng.uniform(0, np.pi, count).astype(np.float32)
    cycles = rng.uniform(*style.cycles, count).astype(np.float32)
    phase = rng.uniform(0, 2 * np.pi, count).astype(np.float32)
    tint = rng.uniform(-1, 1, (count, 3)).astype(np.float32)
    down, right = (np.float32(2 * np.pi) * cycles * part for part in (np.sin(angle), np.cos(angle)))
    wave = np.sin(
        down[:, None, None] * place[:, None] + right[:, None, None] * place + phase[:, None, None],
        dtype=np.float32,
    )
    result += (style.grating * tint)[:, :, None, None] * wave[:, None]

    light = rng.uniform(-style.slope, style.slope, (count, 2, 1, 1)).astype(np.float32)
    result += (light[:, :1] * (place[:, None] - 0.5) + light[:, 1:] * (place - 0.5))[:, :1]
    result += colours[:, :, None, None]
    return result


def smooth_regions(rng: np.random.Generator, count: int, size: int, grid: int) -> Floats:
    """Draw random regions with a smooth outline: where a field of smooth noise is above zero.

    Args:
        rng: Source of randomness; what it draws does not depend on `size`.
        count: How many regions.
        size: Height and width in pixels.
        grid: Nodes of the noise across the image.

    Returns:
        Opacity (regions, 1, size, size) in [0, 1], with an edge about a thirtieth of the image wide.
    """
    nodes = rng.standard_normal((count, 1, grid, grid), dtype=np.float32)
    place = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / size
    to_pixels = interpolation(place * (grid - 1), grid)
    return np.clip(10 * (to_pixels @ nodes @ to_pixels.T) + 0.5, 0, 1)


def interpolation(at: Floats, length: int, width: float = 1.0) -> Floats:
    """Matrix that samples a row of `length` values at the given places, linearly.

    Args:
        at: Places (..., samples) in units of the row's elements; outside [0, length - 1] is empty.
        length: Elements of the row.
        width: Half width of the triangle each sample averages over, in elements; more than 1 smooths,
            for samples that are further apart than the elements.

    Returns:
        Matrix (..., samples, length).
    """
    distance = np.abs(at[..., None] - np.arange(length, dtype=np.float32))
    return (np.clip(1 - distance / width, 0, None) / width).astype(np.float32)
