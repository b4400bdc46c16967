"""What is wrong with images that a compiled network cannot take."""

from __future__ import annotations

import torch
from torch import Tensor


def image_problem(
    images: Tensor, shape: tuple[int | str, ...], weights: Tensor | None, where: str
) -> str | None:
    """Say what is wrong with a batch of images.

    Args:
        images: The images as they were given.
        shape: (channels, height, width) of the network's; a word stands for any number.
        weights: Some of the network's weights, whose dtype and device the images should have; None if it
            takes others.
        where: What the message calls the images.

    Returns:
        A message, or None if nothing is wrong.
    """
    dtype, device = (torch.float32, images.device) if weights is None else (weights.dtype, weights.device)
    if images.ndim == len(shape):
        advice = "give a batch of one, images[None]"
    elif not _has(images, shape):
        advice = "bring them to this shape"
    elif not images.is_floating_point():
        advice = f"write images.to({dtype}) / 255 if they are in [0, 255]"
    elif images.dtype != dtype:
        advice = f"write images.to({dtype})"
    elif images.device != device:
        advice = f'write images.to("{device}"), or move the network to {images.device}'
    else:
        return None
    expected = f"({', '.join(map(str, ('batch', *shape)))})"
    return (
        f"{where}: found {_named(images.dtype)} {tuple(images.shape)} on {images.device}; expected "
        f"{_named(dtype)} {expected} in [0, 1] on {device}; {advice}"
    )


def _has(images: Tensor, shape: tuple[int | str, ...]) -> bool:
    pairs = zip(images.shape[1:], shape, strict=False)
    return images.ndim == 1 + len(shape) and all(isinstance(b, str) or a == b for a, b in pairs)


def _named(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
