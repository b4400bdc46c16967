"""One picture file becomes a tensor; shared by the loaders of folders and of VOC."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from legonet.errors import DataError

MOST_PIXELS = 100_000_000
_MODES = {1: "L", 3: "RGB"}
_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def read_image(path: Path, shape: tuple[int, int, int]) -> Tensor:
    """Read an image, turned upright and resized.

    Args:
        path: A file that Pillow can read, 8 bits per channel.
        shape: Channels (1: grey, 3: red, green, blue), height, width.

    Returns:
        float32 of that shape, in [0, 1].

    Raises:
        DataError: The file is missing, damaged, too large, or has more than 8 bits per channel.
    """
    return as_values(open_picture(path), shape)


def as_values(picture: Image.Image, shape: tuple[int, int, int]) -> Tensor:
    """Bring a picture to a number of channels and a size.

    Args:
        picture: Of 8 bits per channel.
        shape: Channels (1: grey, 3: red, green, blue), height, width.

    Returns:
        float32 of that shape, in [0, 1].
    """
    channels, height, width = shape
    resized = picture.convert(_MODES[channels]).resize((width, height), Image.Resampling.BILINEAR)
    values = np.array(resized, dtype=np.float32).reshape(height, width, channels) / 255
    return torch.from_numpy(values.transpose(2, 0, 1).copy())


def read_mask(path: Path, size: tuple[int, int], image_size: tuple[int, int] | None = None) -> Tensor:
    """Read a mask: white (from 128) in a grey picture, or any index but 0 in one with a palette.

    Args:
        path: The mask's file.
        size: Height and width of the result.
        image_size: Width and height that the file must have: those of its image.

    Returns:
        bool (1, height, width).

    Raises:
        DataError: The file cannot be read, or has another size than its image.
    """
    picture = open_picture(path)
    if image_size is not None and picture.size != image_size:
        raise DataError(
            f"{path}: is {picture.width}x{picture.height} pixels; expected {image_size[0]}x{image_size[1]}, "
            "as its image; draw the mask over the image itself"
        )
    values = (
        np.asarray(picture) > 0 if picture.mode in ("P", "1") else np.asarray(picture.convert("L")) >= 128
    )
    mask = Image.fromarray(values.astype(np.uint8)).resize((size[1], size[0]), Image.Resampling.NEAREST)
    return torch.from_numpy(np.array(mask, dtype=np.bool_))[None]


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture as it is shown, that is, turned upright.

    Raises:
        DataError: The file cannot be read.
    """
    return open_picture(path).size


def check_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Refuse an input shape that no picture can have.

    Raises:
        DataError: It is not (1 or 3, height, width) with sides from 1 to 8,192.
    """
    if len(shape) != 3 or shape[0] not in _MODES or not all(1 <= side <= 8192 for side in shape[1:]):
        raise DataError(
            f"images: shape {tuple(shape)}; expected channels (1 or 3), height and width (1 to 8192)"
        )
    return shape[0], shape[1], shape[2]


def upright(picture: Image.Image, name: str | Path) -> Image.Image:
    """Turn a picture as it is to be seen, and refuse one that is too large or too deep.

    Raises:
        DataError: It is.
    """
    _check(picture, name)
    return ImageOps.exif_transpose(picture)


def open_picture(path: Path) -> Image.Image:
    """Open a picture file and turn it upright.

    Raises:
        DataError: The file is missing, damaged, too large, or has more than 8 bits per channel.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit below is ours
            with Image.open(path) as picture:
                _check(picture, path)
                picture.load()
                return ImageOps.exif_transpose(picture)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; expected an image") from None
    # Pillow reports a damaged file by any of these, depending on its format
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path}: cannot be read as an image ({error}); expected a PNG or JPEG file"
        ) from error


def _check(picture: Image.Image, path: Path | str) -> None:
    if picture.width * picture.height > MOST_PIXELS:
        raise DataError(
            f"{path}: {picture.width}x{picture.height} pixels; expected at most {MOST_PIXELS:,}; "
            "make it smaller first"
        )
    if picture.mode in _DEEP:
        raise DataError(f"{path}: has more than 8 bits per channel; expected 8; convert it first")
