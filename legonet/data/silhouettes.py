"""The animals' silhouettes: 1,000 each of ten animals, read from the `animal-shape-mnist` package.

The package itself is never imported (it wants TensorFlow): its two files are found through its metadata
and read by an unpickler that knows nothing but arrays of bytes and integers.

Silhouettes are split by *group*: silhouettes of one animal that are the same, or nearly, up to a flip and
a shift, form one group, and a group lies in one split only. Nothing of a training silhouette is therefore
seen in validation or test.
"""

from __future__ import annotations

import gzip
import io
import pickle
import zlib
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, get_args

import networkx
import numpy as np
from numpy.typing import NDArray

from legonet.errors import DataError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

ANIMALS = ("bear", "bird", "cat", "cow", "dog", "elephant", "giraffe", "horse", "sheep", "zebra")
"""In the order of the package's labels."""

SIDE = 28
PER_ANIMAL = 1000
NEAR = 0.90
"""Jaccard index from which two silhouettes of one animal count as the same."""

_PACKAGE = "animal-shape-mnist"
_IMAGES_FILE = "animal_data_version_3.gz"
_LABELS_FILE = "animal_label_version_3.gz"
_OVERHEAD = 4096  # bytes that a pickle of one array needs beside the array's own
_SHARES = {"train": 0.68, "validation": 0.12, "test": 0.20}
_SPLIT_SEED = 20_190  # of the shuffle before the split; another value is another data set


@lru_cache(maxsize=len(ANIMALS) * len(SPLITS))
def silhouettes(animal: str, split: Split) -> NDArray[np.uint8]:
    """Silhouettes of one animal in one split; always the same ones.

    Args:
        animal: One of `ANIMALS`.
        split: `"train"` (about 680 silhouettes), `"validation"` (120) or `"test"` (200).

    Returns:
        Read-only array (silhouettes, 28, 28): opacity, 0 to 255.

    Raises:
        DataError: Unknown animal or split; the package is missing or not as expected.
    """
    if animal not in ANIMALS:
        raise DataError(f"animals: no animal {animal!r}; expected one of {', '.join(ANIMALS)}")
    if split not in SPLITS:
        raise DataError(f"animals: no split {split!r}; expected one of {', '.join(SPLITS)}")
    images, labels = _package_arrays()
    own = images[labels == ANIMALS.index(animal)]
    chosen = own[split_of(own, ANIMALS.index(animal)) == SPLITS.index(split)]
    chosen.flags.writeable = False
    return chosen


def split_of(images: NDArray[np.uint8], salt: int = 0) -> NDArray[np.int64]:
    """Assign silhouettes to splits, group by group.

    Args:
        images: Silhouettes of one animal (silhouettes, height, width), 0 to 255.
        salt: Another shuffle for each animal.

    Returns:
        Index into `SPLITS` of each silhouette (silhouettes,).
    """
    groups = near_identical(images)
    order = np.random.default_rng([_SPLIT_SEED, salt]).permutation(len(groups))
    ends = np.cumsum([_SHARES[split] for split in SPLITS]) * len(images)
    result = np.empty(len(images), dtype=np.int64)
    placed = 0
    for index in order:
        members = groups[index]
        result[members] = min(int(np.searchsorted(ends, placed, side="right")), len(SPLITS) - 1)
        placed += len(members)
    return result


def near_identical(images: NDArray[np.uint8]) -> list[list[int]]:
    """Group silhouettes that are the same, or nearly, up to a flip and a shift.

    Two silhouettes are joined if the Jaccard index |A ∩ B| / |A ∪ B| of their centred shapes, or of one
    and the mirrored other, is at least `NEAR`; groups are the connected components. All arithmetic is on
    whole numbers, so the groups are the same on every machine.

    Args:
        images: Silhouettes (silhouettes, height, width), 0 to 255.

    Returns:
        Sorted lists of indices, sorted by their first.
    """
    shapes = images > 127
    centred, mirrored = _centred(shapes), _centred(shapes[:, :, ::-1])
    graph = networkx.Graph()
    graph.add_nodes_from(range(len(images)))
    area = centred.sum(axis=1)
    for other in (centred, mirrored):
        shared = centred @ other.T  # at most 784: exact in float32
        union = area[:, None] + other.sum(axis=1)[None] - shared
        first, second = np.nonzero(np.triu(shared * 100 >= round(NEAR * 100) * union, k=1))
        graph.add_edges_from(zip(first.tolist(), second.tolist(), strict=True))
    return sorted(sorted(group) for group in networkx.connected_components(graph))


def _centred(shapes: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Move each shape's bounding box to the middle; flatten to rows of 0 and 1."""
    count, height, width = shapes.shape
    row = np.arange(height)[None, :] + _to_middle(np.any(shapes, axis=2))[:, None]
    column = np.arange(width)[None, :] + _to_middle(np.any(shapes, axis=1))[:, None]
    moved = shapes[np.arange(count)[:, None, None], row[:, :, None] % height, column[:, None, :] % width]
    return moved.reshape(count, -1).astype(np.float32)


def _to_middle(occupied: NDArray[np.bool_]) -> NDArray[np.int64]:
    length = occupied.shape[1]
    first = occupied.argmax(axis=1)
    last = length - 1 - occupied[:, ::-1].argmax(axis=1)
    return (first + last + 1 - length) // 2


@lru_cache(maxsize=1)
def _package_arrays() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    total = PER_ANIMAL * len(ANIMALS)
    images = read_array(_package_file(_IMAGES_FILE), (total, SIDE, SIDE), "u1")
    labels = read_array(_package_file(_LABELS_FILE), (total,), "i8")
    if not np.array_equal(np.bincount(labels.clip(-1) + 1), [0] + [PER_ANIMAL] * len(ANIMALS)):
        raise DataError(
            f"{_PACKAGE}: the labels are not {PER_ANIMAL} of each of 0 to {len(ANIMALS) - 1}; "
            "install the package again: pip install --force-reinstall animal-shape-mnist"
        )
    return images, labels


def _package_file(name: str) -> Path:
    try:
        files = metadata.distribution(_PACKAGE).files or []
    except metadata.PackageNotFoundError:
        raise DataError(
            f"animals: the package {_PACKAGE} is not installed; the silhouettes come from it; "
            "run: pip install 'legonet[demo]'"
        ) from None
    for file in files:
        if file.name == name:
            return Path(str(file.locate()))
    raise DataError(
        f"{_PACKAGE}: no file {name} in the installed package; expected version 0.39 or a compatible one; "
        "run: pip install --upgrade 'legonet[demo]'"
    )


def read_array(path: Path, shape: tuple[int, ...], dtype: Literal["u1", "i8"]) -> NDArray[Any]:
    """Read one array from a gzip file that holds a pickled NumPy array.

    No callable of the pickle is run: an unpickler gets stand-ins for the three names that a pickled
    array refers to, and anything else is refused. Reading stops at the size that the array can have.

    Args:
        path: The file.
        shape: The shape that the array must have.
        dtype: `"u1"` (bytes) or `"i8"` (64-bit integers, little-endian).

    Returns:
        Read-only array.

    Raises:
        DataError: The file cannot be read, is too big, or is anything but such an array.
    """
    expected = f"expected a pickled array of shape {shape} and type {dtype}"
    remedy = "install the package again: pip install --force-reinstall animal-shape-mnist"
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    try:
        with gzip.open(path) as file:
            data = file.read(size + _OVERHEAD)
            too_long = bool(file.read(1))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); expected a gzip file; {remedy}") from error
    if too_long:
        raise DataError(f"{path}: holds more than {size + _OVERHEAD} bytes; {expected}; {remedy}")
    try:
        found = _ArrayUnpickler(io.BytesIO(data)).load()
    except Exception as error:  # a damaged pickle raises nearly anything
        raise DataError(f"{path}: not a plain array ({error}); {expected}; {remedy}") from error
    if not (
        isinstance(found, _PickledArray)
        and found.shape == shape
        and found.dtype in (f"<{dtype}", f"|{dtype}")
        and isinstance(found.raw, bytes)
        and len(found.raw) == size
    ):
        raise DataError(f"{path}: holds something else; {expected}; {remedy}")
    return np.frombuffer(found.raw, dtype=f"<{dtype}").reshape(shape)


class _PickledArray:
    """Takes the state of a pickled array, and does nothing with it."""

    shape: Any = None
    dtype: Any = None
    raw: Any = None

    def __setstate__(self, state: Any) -> None:
        _, self.shape, dtype, fortran, self.raw = state
        if fortran is not False:
            raise pickle.UnpicklingError("the array is not in C order")
        self.dtype = dtype.name if isinstance(dtype, _PickledType) else None


class _PickledType:
    """Takes the name and byte order of a pickled dtype, and does nothing with it."""

    def __init__(self, name: str, *_: Any) -> None:
        self.kind = name
        self.order = "|"

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]

    @property
    def name(self) -> str:
        return f"{self.order}{self.kind}"


def _reconstruct(*_: Any) -> _PickledArray:
    return _PickledArray()


class _ArrayUnpickler(pickle.Unpickler):
    _NAMES: dict[tuple[str, str], Any] = {  # noqa: RUF012
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): _PickledArray,
        ("numpy", "dtype"): _PickledType,
    }

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return self._NAMES[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"it refers to {module_name}.{global_name}") from None
