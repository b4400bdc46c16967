"""Bytes of a request become photos, as `predict` takes them: pictures, and arrays of NumPy's format."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from legonet.data.photos import Photo, of_array
from legonet.data.pictures import read_picture
from legonet.errors import DataError, LegonetError, Problem

ARRAY = b"\x93NUMPY"
MOST_HEADER = 4096  # bytes of an array's
KINDS = "uf"  # bytes and floating-point numbers: nothing that has objects in it


@dataclass(frozen=True)
class Upload:
    """An image as it came.

    Attributes:
        name: What answers call it.
        data: Its bytes.
    """

    name: str
    data: bytes


def read_photos(uploads: Sequence[Upload], pixels: int, images: int) -> list[Photo]:
    """Decode what came.

    Args:
        uploads: Pictures, or arrays of one image or of several.
        pixels: How many pixels all of them may have together.
        images: How many images there may be.

    Returns:
        The photos, in order; none of them refers to a file.

    Raises:
        DataError: Some of it is no image, or there is too much of it; each such image has a problem.
    """
    photos: list[Photo] = []
    problems: list[Problem] = []
    for upload in uploads:
        left = pixels - sum(math.prod(size_of(each)) for each in photos)
        try:
            photos += _read(upload, left)
        except LegonetError as error:
            problems += error.problems
    if problems:
        raise DataError.of(*problems)
    if len(photos) > images:
        raise DataError(f"images: found {len(photos)}; expected at most {images}; send fewer at a time")
    return photos


def size_of(photo: Photo) -> tuple[int, int]:
    """Height and width of a photo that is in memory."""
    if isinstance(photo.source, Tensor):
        return photo.source.shape[-2], photo.source.shape[-1]
    assert isinstance(photo.source, Image.Image)  # noqa: S101 - `read_photos` makes no other
    return photo.source.height, photo.source.width


def _read(upload: Upload, pixels: int) -> list[Photo]:
    if not upload.data:
        raise DataError(f"{upload.name}: found no bytes; expected an image")
    if upload.data.startswith(ARRAY):
        array = _array(upload, pixels)
        if array.ndim != 4:
            return [Photo(upload.name, of_array(array, upload.name))]
        names = [f"{upload.name}[{number}]" for number in range(len(array))]
        return [Photo(name, of_array(each, name)) for name, each in zip(names, array, strict=True)]
    return [Photo(upload.name, read_picture(io.BytesIO(upload.data), Path(upload.name), most=max(pixels, 0)))]


def _array(upload: Upload, pixels: int) -> np.ndarray:
    """An array of NumPy's format: as many bytes as its header says, of numbers, and no pickle."""
    data = io.BytesIO(upload.data)
    try:
        version = np.lib.format.read_magic(data)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, fortran, dtype = readers[version](data, max_header_size=MOST_HEADER)
    except Exception as error:  # a stranger's header is read as Python, with whatever that raises
        raise DataError(
            f"{upload.name}: cannot be read as an array; expected NumPy's format, as numpy.save writes it"
        ) from error
    if dtype.kind not in KINDS or dtype.hasobject or 0 in shape:
        raise DataError(f"{upload.name}: found {dtype} {shape}; expected uint8 or numbers from 0 to 1")
    size = math.prod(shape)
    if size * dtype.itemsize != len(upload.data) - data.tell():
        raise DataError(f"{upload.name}: found another number of bytes than {shape} of {dtype} has")
    channels = shape[-1] if len(shape) > 2 and shape[-1] in (1, 3, 4) else 1
    if size // channels > pixels:
        raise DataError(f"{upload.name}: found shape {shape}; expected at most {max(pixels, 0):,} pixels")
    array = np.frombuffer(upload.data, dtype, size, data.tell())
    return array.reshape(shape, order="F" if fortran else "C").astype(dtype.newbyteorder("="))
