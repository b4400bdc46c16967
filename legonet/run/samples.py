"""Images that a user gives for a path, whatever form they come in."""

from __future__ import annotations

import hashlib
from collections.abc import Sized
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.data import Dataset

from legonet.errors import DataError

GivenSamples = Dataset[Any] | tuple[Tensor, Tensor | None]


def read_samples(given: GivenSamples, path: str, shape: tuple[int, int, int]) -> tuple[Tensor, Tensor | None]:
    """Images and labels of one path.

    Args:
        given: (images, labels), labels may be None; or a dataset of (image, label) pairs.
        path: for messages.
        shape: (channels, height, width) that the network expects.

    Returns:
        Images (batch, channels, height, width) in [0, 1], and labels or None.

    Raises:
        DataError: another shape or range, or as many labels as images are not there.
    """
    images, labels = _of_dataset(given, path) if isinstance(given, Dataset) else given
    where = f"samples['{path}']"
    if not isinstance(images, Tensor) or images.ndim != 4 or tuple(images.shape[1:]) != tuple(shape):
        found = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise DataError(f"{where}: images {found}; expected a tensor of shape (batch, {', '.join(map(str, shape))})")
    images = images.float()
    if len(images) and not (0 <= float(images.min()) and float(images.max()) <= 1):
        raise DataError(
            f"{where}: values from {float(images.min()):.3g} to {float(images.max()):.3g}; expected images in "
            "[0, 1]; the network normalises them itself"
        )
    if labels is not None and len(labels) != len(images):
        raise DataError(f"{where}: {len(images)} images and {len(labels)} labels; expected one label per image")
    return images, labels


def _of_dataset(given: Dataset[Any], path: str) -> tuple[Tensor, Tensor | None]:
    items = [given[index] for index in range(len(cast(Sized, given)))]
    if not items:
        raise DataError(f"samples['{path}']: an empty dataset; expected at least one image, or no entry at all")
    images = torch.stack([item[0] for item in items])
    labels = [item[1] for item in items]
    if any(label is None for label in labels):
        return images, None
    return images, torch.stack([torch.as_tensor(label) for label in labels])


def fingerprint_samples(samples: tuple[Tensor, Tensor | None]) -> str:
    """The sha256 of images and labels: shapes, dtypes and values."""
    digest = hashlib.sha256()
    for tensor in samples:
        if tensor is None:
            digest.update(b"none")
            continue
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
