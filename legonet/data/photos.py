"""Images as people have them: files, folders, PIL images, NumPy arrays, tensors, and any of these together.

The same picture gives the same numbers, whichever of these it comes as.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from legonet.data.pictures import as_seen, as_values, check_sides, open_picture, pixels_of, resized
from legonet.data.walk import count_images, walk_images
from legonet.errors import DataError
from legonet.graph.schema import Input
from legonet.graph.suggest import kind_of

Images = str | os.PathLike[str] | Image.Image | np.ndarray | Tensor | Iterable[Any]
"""What `predict` takes: a file, a folder, a PIL image, an array or tensor of one image or of several, or
an iterable of these."""

_CHANNELS = (1, 3, 4)
_NUMBERS = "bytes (uint8), or numbers from 0 to 1"
_GREY = (0.299, 0.587, 0.114)  # ITU-R 601, as Pillow turns colours to grey


@dataclass(frozen=True)
class Photo:
    """One image, as it was given.

    Attributes:
        name: The file, or its number among those that were given, such as `image 0`.
        source: The file, a picture, or float values (channels, height, width) in [0, 1].
        named: Whether somebody asked for this very image; else it was found in a folder.
    """

    name: str
    source: Path | Image.Image | Tensor
    named: bool = True

    def values(self, image: Input) -> Tensor:
        """Bring it to the size and the channels that a category sees.

        Args:
            image: Which, and how.

        Returns:
            float32 of that shape, in [0, 1].

        Raises:
            DataError: The file cannot be read, or it is no image of 8 bits per channel.
        """
        if isinstance(self.source, Tensor):
            return resized(_channelled(self.source, image.shape[0]), image)
        return as_values(self._opened(self.source), image, self.name)

    def pixels(self, channels: int) -> Tensor:
        """Give it at its own size.

        Args:
            channels: 1: grey, 3: red, green, blue.

        Returns:
            float32 (channels, height, width) in [0, 1].

        Raises:
            DataError: The file cannot be read, or it is no image of 8 bits per channel.
        """
        if isinstance(self.source, Tensor):
            return _channelled(self.source, channels)
        return pixels_of(self._opened(self.source), channels, self.name)

    def picture(self) -> Image.Image:
        """Give it at its own size, upright, in RGB.

        Raises:
            DataError: The file cannot be read, or it is no image of 8 bits per channel.
        """
        source = self.source
        if isinstance(source, Tensor):
            values = source[:3] if len(source) > 1 else source.expand(3, -1, -1)
            return Image.fromarray((values.permute(1, 2, 0) * 255).round().byte().numpy())
        return self._opened(source).convert("RGB")

    def _opened(self, source: Path | Image.Image) -> Image.Image:
        return as_seen(source, self.name) if isinstance(source, Image.Image) else open_picture(source)


def find_photos(given: Images, tell: Callable[[DataError], None]) -> Iterator[Photo]:
    """Find the images that are given, one after the other; files are not opened yet.

    Args:
        given: See `Images`. Arrays are (height, width), (height, width, channels) or (batch, height, width,
            channels), tensors (channels, height, width) or (batch, channels, height, width), of bytes or of
            numbers in [0, 1]; with 1, 3 or 4 channels.
        tell: Called with the error where a folder cannot be read or has no image.

    Yields:
        Images, folders in the order of their names.

    Raises:
        DataError: Something that is no image.
    """
    yield from _photos(given, tell, count())


def how_many(given: Images) -> int | None:
    """How many images there are, if that can be known without looking at each."""
    if isinstance(given, str | os.PathLike):
        return count_images(Path(given)) if os.path.isdir(given) else 1  # noqa: PTH112
    if isinstance(given, np.ndarray | Tensor):
        return int(given.shape[0]) if given.ndim == 4 else 1  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(given, list | tuple):
        counts = [how_many(each) for each in given]
        return sum(each for each in counts if each is not None)
    return 1 if isinstance(given, Image.Image) else None


def _photos(given: Any, tell: Callable[[DataError], None], numbers: Iterator[int]) -> Iterator[Photo]:
    if isinstance(given, str | os.PathLike):
        path = Path(given)
        if os.path.isdir(path):  # noqa: PTH112 - never raises, whatever the name
            yield from (Photo(str(each), each, named=False) for each in walk_images(path, tell))
        else:
            yield Photo(str(path), path)
    elif isinstance(given, Image.Image):
        name = f"image {next(numbers)}"
        yield Photo(str(getattr(given, "filename", "") or name), given)
    elif isinstance(given, np.ndarray | Tensor):
        several = given.ndim == 4
        for each in given if several else (given,):
            name = f"image {next(numbers)}"
            yield Photo(name, of_array(each, name))
    elif isinstance(given, Iterable) and not isinstance(given, Mapping | bytes):
        for each in given:
            yield from _photos(each, tell, numbers)
    else:
        raise DataError(
            f"image {next(numbers)}: found {kind_of(given)}; expected a file, a folder, a PIL image, an "
            "array, a tensor, or a list of these; give images without their labels"
        )


def of_array(given: np.ndarray | Tensor, name: str) -> Image.Image | Tensor:
    """One image: bytes as a picture, numbers as values (channels, height, width).

    Raises:
        DataError: Another shape or range.
    """
    values = _as_tensor(given, name) if isinstance(given, np.ndarray) else given.detach().cpu()
    if values.ndim == 2:
        values = values[None]
    elif values.ndim == 3 and isinstance(given, np.ndarray) and values.shape[-1] in _CHANNELS:
        values = values.permute(2, 0, 1)
    if values.ndim != 3 or values.shape[0] not in _CHANNELS or 0 in values.shape:
        order = "height, width, channels" if isinstance(given, np.ndarray) else "channels, height, width"
        raise DataError(
            f"{name}: found shape {tuple(given.shape)}; expected ({order}) with 1, 3 or 4 channels; "
            "reshape it"
        )
    check_sides(values.shape[2], values.shape[1], name)
    if values.dtype == torch.uint8:
        pixels = values.permute(1, 2, 0).numpy()
        return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))
    if not values.is_floating_point():
        raise DataError(f"{name}: found {values.dtype}; expected {_NUMBERS}")
    values = values.float()
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 1):
        raise DataError(
            f"{name}: values from {low:.3g} to {high:.3g}; expected numbers from 0 to 1, which the network "
            "normalises itself, or bytes (uint8); divide by 255, and leave normalising out"
        )
    return values


def _as_tensor(given: np.ndarray, name: str) -> Tensor:
    """The same numbers, copied: any order of bytes, and of memory."""
    try:
        return torch.from_numpy(np.array(given, given.dtype.newbyteorder("=")))
    except TypeError as error:  # long doubles, objects, dates, text, records
        raise DataError(f"{name}: found {given.dtype}; expected {_NUMBERS}") from error


def _channelled(values: Tensor, channels: int) -> Tensor:
    """Values (channels, height, width), grey or in colours, without what is transparent."""
    values = values[:3]
    if len(values) == channels:
        return values
    if channels == 1:
        return (values * torch.tensor(_GREY)[:, None, None]).sum(0, keepdim=True).clamp(0, 1)
    return values.expand(channels, -1, -1)
