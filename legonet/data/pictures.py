"""One picture file becomes a tensor; shared by the loaders of folders and of VOC."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from legonet.errors import DataError
from legonet.graph.schema import Input

MOST_PIXELS = 100_000_000
_MODES = {1: "L", 3: "RGB"}
_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def read_image(path: Path, image: Input) -> Tensor:
    """Read an image, turned upright and resized.

    Args:
        path: A file that Pillow can read, 8 bits per channel.
        image: What it becomes: channels (1: grey, 3: red, green, blue), height, width, and how.

    Returns:
        float32 of that shape, in [0, 1].

    Raises:
        DataError: The file is missing, damaged, too large, or has more than 8 bits per channel.
    """
    channels, height, width = image.shape
    picture = _open(path).convert(_MODES[channels])
    if image.resize != "pad" and (
        image.resize == "squash" or picture.width * height == picture.height * width
    ):
        kernel = Image.Resampling[image.interpolation.upper()]
        return _pixels(picture.resize((width, height), kernel))  # no other way keeps more of it
    from legonet.blocks.photo import Resize

    fill = image.mean if image.resize in ("fit", "pad") else None
    return Resize(image.shape, image.resize, image.interpolation, fill)(_pixels(picture)[None])[0]


def read_photo(path: Path, channels: int) -> Tensor:
    """Read a photo as it is, turned upright.

    Args:
        path: A file that Pillow can read, 8 bits per channel.
        channels: 1: grey, 3: red, green, blue.

    Returns:
        float32 (channels, height, width) in [0, 1].

    Raises:
        DataError: As of `read_image`.
    """
    return _pixels(_open(path).convert(_MODES[channels]))


def _pixels(picture: Image.Image) -> Tensor:
    values = np.array(picture, dtype=np.float32).reshape(picture.height, picture.width, -1) / 255
    return torch.from_numpy(values.transpose(2, 0, 1).copy())


def read_mask(
    path: Path, size: tuple[int, int], image_size: tuple[int, int] | None = None, how: str = "fit"
) -> Tensor:
    """Read a mask: white (from 128) in a grey picture, or any index but 0 in one with a palette.

    Args:
        path: The mask's file.
        size: Height and width of the result.
        image_size: Width and height that the file must have: those of its image.
        how: As its image is resized.

    Returns:
        bool (1, height, width).

    Raises:
        DataError: The file cannot be read, or has another size than its image.
    """
    picture = _open(path)
    if image_size is not None and picture.size != image_size:
        raise DataError(
            f"{path}: is {picture.width}x{picture.height} pixels; expected {image_size[0]}x{image_size[1]}, "
            "as its image; draw the mask over the image itself"
        )
    values = (
        np.asarray(picture) > 0 if picture.mode in ("P", "1") else np.asarray(picture.convert("L")) >= 128
    )
    from legonet.blocks.photo import Resize

    mask = torch.from_numpy(values.astype(np.float32))[None, None]
    return Resize((1, *size), how, "nearest", None)(mask)[0] > 0


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture as it is shown, that is, turned upright.

    Raises:
        DataError: The file cannot be read.
    """
    return _open(path).size


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


def _open(path: Path) -> Image.Image:
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


def _check(picture: Image.Image, path: Path) -> None:
    if picture.width * picture.height > MOST_PIXELS:
        raise DataError(
            f"{path}: {picture.width}x{picture.height} pixels; expected at most {MOST_PIXELS:,}; "
            "make it smaller first"
        )
    if picture.mode in _DEEP:
        raise DataError(f"{path}: has more than 8 bits per channel; expected 8; convert it first")
