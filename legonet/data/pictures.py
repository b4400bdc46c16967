"""One picture file becomes a tensor; shared by the loaders of folders and of VOC."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from legonet import foreign
from legonet.errors import DataError, first_line
from legonet.graph.schema import Input

FORMATS = {"PNG": 70_000_000, "JPEG": 70_000_000, "BMP": 70_000_000, "WEBP": 50_000_000}
"""Pillow's names of the formats that are read, and how many pixels take a gibibyte at most to decode."""
MOST_PIXELS = max(FORMATS.values())  # of a picture in memory
LONGEST_SIDE = 65_535  # pixels, the most that JPEG has: to resize a line takes as long as it is
MOST_SCANNED = 20 * FORMATS["JPEG"]  # pixels that all scans of a progressive JPEG have together

_NAMED = "a PNG, JPEG, BMP or WebP file"
_MODES = {1: "L", 3: "RGB"}
_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def read_image(path: Path, image: Input) -> Tensor:
    """Read an image, turned upright and resized.

    Args:
        path: A file of one of `FORMATS`, 8 bits per channel.
        image: What it becomes: channels (1: grey, 3: red, green, blue), height, width, and how.

    Returns:
        float32 of that shape, in [0, 1].

    Raises:
        DataError: The file is missing, damaged, too large, or has more than 8 bits per channel.
    """
    return as_values(open_picture(path), image, path)


def as_values(picture: Image.Image, image: Input, name: Path | str) -> Tensor:
    """Bring a picture to a number of channels and a size.

    Args:
        picture: Of 8 bits per channel.
        image: What it becomes; see `read_image`.
        name: What messages call it.

    Returns:
        float32 of that shape, in [0, 1].

    Raises:
        DataError: It cannot be decoded.
    """
    channels, height, width = image.shape
    with _told(name):
        picture = picture.convert(_MODES[channels])
        if image.resize != "pad" and (
            image.resize == "squash" or picture.width * height == picture.height * width
        ):
            kernel = Image.Resampling[image.interpolation.upper()]
            return _pixels(picture.resize((width, height), kernel))  # no other way keeps more of it
    return resized(pixels_of(picture, channels, name), image)


def pixels_of(picture: Image.Image, channels: int, name: Path | str) -> Tensor:
    """Give a picture as it is.

    Args:
        picture: Of 8 bits per channel.
        channels: 1: grey, 3: red, green, blue.
        name: What messages call it.

    Returns:
        float32 (channels, height, width) in [0, 1].

    Raises:
        DataError: It cannot be decoded.
    """
    with _told(name):
        return _pixels(picture.convert(_MODES[channels]))


def resized(values: Tensor, image: Input) -> Tensor:
    """Values (channels, height, width) in [0, 1], likewise; those of its shape already are given back."""
    from legonet.blocks.photo import Resize

    fill = image.mean if image.resize in ("fit", "pad") else None
    return Resize(image.shape, image.resize, image.interpolation, fill)(values[None])[0]


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
    picture = open_picture(path)
    if image_size is not None and picture.size != image_size:
        raise DataError(
            f"{path}: is {picture.width}x{picture.height} pixels; expected {image_size[0]}x{image_size[1]}, "
            "as its image; draw the mask over the image itself"
        )
    with _told(path):
        indexed = picture.mode in ("P", "1")
        values = np.asarray(picture) > 0 if indexed else np.asarray(picture.convert("L")) >= 128
    from legonet.blocks.photo import Resize

    mask = torch.from_numpy(values.astype(np.float32))[None, None]
    return Resize((1, *size), how, "nearest", None)(mask)[0] > 0


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


def as_seen(picture: Image.Image, name: Path | str) -> Image.Image:
    """Decode a picture that is in memory and turn it upright.

    Raises:
        DataError: It is damaged, too large, or has more than 8 bits per channel.
    """
    _check(picture, FORMATS.get(_format(picture), MOST_PIXELS), name)
    with _told(name):
        return ImageOps.exif_transpose(picture)


def open_picture(path: Path, *, upright: bool = True) -> Image.Image:
    """Open and decode a picture of one of `FORMATS`.

    Args:
        path: The file; a link is followed, as in a folder of images that somebody chose.
        upright: Turn it as its camera was held.

    Raises:
        DataError: The file is missing, damaged or too large, or of another format.
    """
    with foreign.opened(path, foreign.IMAGE, follow=True) as file:
        return read_picture(file, path, upright=upright)


def read_picture(
    file: BinaryIO, name: Path | str, *, most: int = MOST_PIXELS, upright: bool = True
) -> Image.Image:
    """Decode a picture of one of `FORMATS`.

    Args:
        file: Its bytes, from the beginning.
        name: What messages call it.
        most: Pixels that it may have, beside what its format may have.
        upright: Turn it as its camera was held.

    Raises:
        DataError: It is damaged, too large, or of another format.
    """
    with _told(name), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own; the limits below are ours
        with Image.open(file, formats=tuple(FORMATS)) as picture:
            _check(picture, min(most, FORMATS[_format(picture)]), name)
            _check_coding(picture, file, name)
            picture.load()
            if upright:
                ImageOps.exif_transpose(picture, in_place=True)
            return picture


@contextmanager
def _told(path: Path | str) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except UnidentifiedImageError as error:  # which names the file as Python does, address and all
        raise DataError(f"{path}: cannot be read as an image; expected {_NAMED}") from error
    except Exception as error:  # of a damaged file Pillow raises anything, depending on its format
        raise DataError(
            f"{path}: cannot be read as an image ({first_line(error)}); expected {_NAMED}"
        ) from error


def check_sides(width: int, height: int, name: Path | str) -> None:
    """Refuse a picture that is too long, whatever its number of pixels.

    Raises:
        DataError: A side has more than `LONGEST_SIDE` pixels.
    """
    if max(width, height) > LONGEST_SIDE:
        raise DataError(
            f"{name}: {width}x{height} pixels; expected at most {LONGEST_SIDE:,} in width and in height; "
            "make it smaller first"
        )


def _check(picture: Image.Image, most: int, name: Path | str) -> None:
    check_sides(picture.width, picture.height, name)
    if picture.width * picture.height > most:
        raise DataError(
            f"{name}: {picture.width}x{picture.height} pixels; expected at most {most:,}; "
            "make it smaller first"
        )
    if picture.mode in _DEEP:
        raise DataError(f"{name}: has more than 8 bits per channel; expected 8; convert it first")


def _check_coding(picture: Image.Image, file: BinaryIO, path: Path | str) -> None:
    if any(
        tile[0] == "bmp_rle" for tile in getattr(picture, "tile", ())
    ):  # which Pillow unpacks in Python, to any size
        raise DataError(f"{path}: is a compressed BMP file; expected an uncompressed one; save it as PNG")
    pixels = picture.width * picture.height
    if _format(picture) == "JPEG" and pixels * _scans(file) > MOST_SCANNED:
        raise DataError(f"{path}: is a JPEG file of too many scans; expected ten or so; save it again")


def _format(picture: Image.Image) -> str:
    return "JPEG" if picture.format == "MPO" else str(picture.format)  # MPO: with a preview behind it


def _scans(file: BinaryIO) -> int:
    """How often a JPEG file goes over the whole picture, or more, as previews count too."""
    place = file.tell()
    file.seek(0)
    count = file.read().count(b"\xff\xda")
    file.seek(place)
    return max(count, 1)
