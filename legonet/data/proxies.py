"""A user's own photos of anything, as one file that a fit can take to any machine.

Photos are made small, and kept as bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor

from legonet.data.photos import Photo
from legonet.errors import StoreError
from legonet.store.tensors import read_tensors

SIDE = 256  # a photo's shorter side, at most
LONGER = 2  # times that: of a longer photo, the middle


def proxy_photos(files: Iterable[Path]) -> bytes:
    """Read photos, whatever they show.

    Args:
        files: Of formats that legonet reads.

    Returns:
        A safetensors file: the same of the same photos, whatever their names are.

    Raises:
        DataError: A file cannot be read.
    """
    photos = [_small(Photo(str(each), each).pixels(3)) for each in files]
    return safetensors.torch.save({f"{index:02}": each for index, each in enumerate(photos)})


def photos_of(data: bytes, where: str) -> tuple[Tensor, ...]:
    """Read what `proxy_photos` wrote: photos (3, height, width) in [0, 1].

    Raises:
        StoreError: The bytes are something else.
    """
    found = list(read_tensors(memoryview(bytearray(data)), where).tensors.values())
    if not found or not all(
        each.dtype == "U8" and len(each.shape) == 3 and each.shape[0] == 3 and min(each.shape) > 0
        for each in found
    ):
        raise StoreError(f"{where}: no photos; expected those of a folder, as bytes; run it again")
    photos = (torch.frombuffer(each.data, dtype=torch.uint8).view(each.shape) for each in found)
    return tuple(each.float() / 255 for each in photos)


def _small(photo: Tensor) -> Tensor:
    """Bytes of its middle, at most `SIDE` by `LONGER * SIDE`."""
    _, height, width = photo.shape
    longest = LONGER * min(height, width)
    top, left = (max(0, (side - longest) // 2) for side in (height, width))
    middle = photo[:, top : top + longest, left : left + longest]
    shorter = min(height, width)
    if shorter > SIDE:
        size = [round(side * SIDE / shorter) for side in middle.shape[1:]]
        middle = F.interpolate(middle[None], size, mode="bilinear", antialias=True, align_corners=False)[0]
    return (middle.clamp(0, 1) * 255).round().byte().contiguous()
