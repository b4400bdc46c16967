"""Image batches that a user gives: as a tensor that fits, or in any other form that images have."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from legonet.data.photos import find_photos
from legonet.errors import DataError
from legonet.graph.schema import Input


def check_images(images: Any, where: str, image: Input) -> Tensor:
    """Bring images into a batch, and refuse what is none.

    Args:
        images: A tensor (batch, channels, height, width) in [0, 1], which is taken as it is; or files,
            folders, PIL images and arrays, as `legonet.data.photos` takes them, which are resized.
        where: For messages.
        image: What the category module takes; photos of another size in a tensor are resized later, grey
            ones and coloured ones turned into each other.

    Returns:
        The images as float32 on the CPU.

    Raises:
        DataError: Another type, shape or range, or no image.
    """
    shape = image.shape
    expected = f"expected a tensor of shape (batch, {', '.join(map(str, shape))})"
    if not isinstance(images, Tensor):
        return _gathered(images, where, image)
    if images.ndim and not len(images):
        raise DataError(f"{where}: found no image; expected at least one; give some, or leave them out")
    given = images.shape[1] if images.ndim == 4 and 0 not in images.shape else None
    if given != shape[0] and {given, shape[0]} != {1, 3}:
        raise DataError(
            f"{where}: found images of shape {tuple(images.shape)}; {expected}, or of another height and "
            "width"
        )
    images = images.detach().cpu().float()
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 1):
        raise DataError(
            f"{where}: found values from {low:.3g} to {high:.3g}; expected images in [0, 1], which the "
            "network normalises itself; divide bytes by 255"
        )
    return images


def _gathered(images: Any, where: str, image: Input) -> Tensor:
    def tell(error: DataError) -> None:
        raise error

    try:
        found = [photo.values(image) for photo in find_photos(images, tell)]
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    if not found:
        raise DataError(f"{where}: found no image; expected at least one; give some, or leave them out")
    return torch.stack(found)
