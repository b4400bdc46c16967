"""Crops of photos of anything: what all photos share, whatever they show.

Source: Asano and Saeed, arXiv:2112.00725, who distil from the crops of a single picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

FOLDER = Path(__file__).parent / "public_photos"
SMALLEST = (
    0.25  # side of the smallest crop, as a part of the photo's shorter side; sides are even on a log scale
)


@cache
def public_photos() -> tuple[Tensor, ...]:
    """The photos in the wheel, (3, height, width) in [0, 1]; `public_photos/README.md` has their terms."""
    found = []
    for path in sorted(FOLDER.glob("*.jpg")):
        with Image.open(path, formats=["JPEG"]) as photo:
            values = np.asarray(photo.convert("RGB"), dtype=np.float32) / 255
        found.append(torch.from_numpy(values).permute(2, 0, 1).contiguous())
    return tuple(found)


def crop_images(
    count: int, shape: tuple[int, int, int], photos: Sequence[Tensor], generator: torch.Generator
) -> Tensor:
    """Cut squares out of photos, some of them mirrored.

    Args:
        count: How many.
        shape: (channels, height, width) of one; of one channel for grey images.
        photos: (3, height, width) in [0, 1] each, of any size.
        generator: A CPU generator.

    Returns:
        (count, channels, height, width) in [0, 1].
    """
    channels, *size = shape
    chosen = torch.randint(len(photos), (count,), generator=generator)
    chances = torch.rand(count, 4, generator=generator)
    images = torch.empty(count, 3, *size)
    for index, (scale, down, right, mirrored) in enumerate(chances.tolist()):
        photo = photos[int(chosen[index])]
        shorter = min(photo.shape[1:])
        side = max(1, round(shorter * SMALLEST**scale))
        top, left = (
            int(place * (length - side + 1))
            for place, length in zip((down, right), photo.shape[1:], strict=True)
        )
        square = photo[None, :, top : top + side, left : left + side]
        resized = F.interpolate(square, size=size, mode="bilinear", antialias=True, align_corners=False)
        images[index] = resized[0].flip(-1) if mirrored < 0.5 else resized[0]
    images = images.clamp(0, 1)
    return images if channels == 3 else images.mean(1, keepdim=True).expand(-1, channels, -1, -1)
