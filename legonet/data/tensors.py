"""Image batches that a user gives as tensors."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from legonet.errors import DataError
from legonet.graph.suggest import kind_of


def check_images(images: Any, where: str, shape: tuple[int, int, int]) -> Tensor:
    """Refuse what is no batch of images.

    Args:
        images: Should be (batch, channels, height, width) in [0, 1], at least one image.
        where: For messages.
        shape: (channels, height, width) that the category module takes; photos of another size are resized
            later, grey ones and coloured ones turned into each other.

    Returns:
        The images as float32 on the CPU.

    Raises:
        DataError: Another type, shape or range, or no image.
    """
    expected = f"expected a tensor of shape (batch, {', '.join(map(str, shape))})"
    if not isinstance(images, Tensor):
        raise DataError(f"{where}: images are {kind_of(images)}; {expected}; give images as a tensor")
    if images.ndim and not len(images):
        raise DataError(f"{where}: no image; expected at least one; leave them out to do without")
    given = images.shape[1] if images.ndim == 4 and 0 not in images.shape else None
    if given != shape[0] and {given, shape[0]} != {1, 3}:
        raise DataError(
            f"{where}: images of shape {tuple(images.shape)}; {expected}, or of another height and width"
        )
    images = images.detach().cpu().float()
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 1):
        raise DataError(
            f"{where}: values from {low:.3g} to {high:.3g}; expected images in [0, 1], which the network "
            "normalises itself; divide bytes by 255"
        )
    return images
