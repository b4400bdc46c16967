"""Images that a user gives for a path, whatever form they come in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from legonet.data.photos import Images
from legonet.data.tensors import check_images
from legonet.errors import DataError, first_line
from legonet.graph.output import Output
from legonet.graph.schema import Graph, Input
from legonet.graph.select import find_edge, split_path
from legonet.graph.suggest import kind_of

GivenSamples = Dataset[Any] | tuple[Images, Tensor | None]
Prepare = Callable[[str, Tensor, Tensor | None], tuple[Tensor, Tensor | None]]


def read_given(graph: Graph, samples: Mapping[str, GivenSamples]) -> dict[str, tuple[Tensor, Tensor | None]]:
    """Images and labels by path, checked.

    Args:
        graph: Tells what images and labels look like.
        samples: Samples by path.

    Raises:
        SelectError: No such path; an application's name is none.
        DataError: Images or labels do not fit.
    """
    read = {}
    for path, given in samples.items():
        category, task = split_path(path)
        find_edge(graph, path)
        read[path] = read_samples(given, path, graph.input_of(category), graph.tasks[task].output)
    return read


def read_samples(
    given: GivenSamples, path: str, image: Input, meaning: Output
) -> tuple[Tensor, Tensor | None]:
    """Images and labels of one path.

    Args:
        given: (images, labels), labels may be None; or a dataset of (image, label) pairs.
        path: The path, for messages.
        image: What the path's category module takes; photos in a tensor may have another size.
        meaning: The meaning of the task's output, which labels have to fit.

    Returns:
        Images (batch, channels, height, width) in [0, 1], float32, and labels or None. Labels are
        int64 where they are whole numbers, such as of scores (batch,) and masks (batch, height, width), else
        float32, such as of vectors (batch, size).

    Raises:
        DataError: Another shape or range, no image, or not as many labels as images.
    """
    where = f"samples['{path}']"
    images, labels = _of_dataset(given, where) if isinstance(given, Dataset) else _of_pair(given, where)
    images = check_images(images, where, image)
    return images, None if labels is None else _labels(
        labels, len(images), tuple(images.shape[1:]), meaning, where
    )


def _of_pair(given: Any, where: str) -> tuple[Any, Any]:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 2:
        raise DataError(
            f"{where}: found {kind_of(given)}; expected (images, labels) or a dataset of such pairs; "
            "give (images, None) for images without labels"
        )
    return given[0], given[1]


def _of_dataset(given: Dataset[Any], where: str) -> tuple[Tensor, Tensor | None]:
    try:
        count = len(given)  # pyright: ignore[reportArgumentType]  # not every dataset has a length
    except TypeError:
        raise DataError(
            f"{where}: found a dataset without a length; expected one that can be indexed; gather its images "
            "first"
        ) from None
    items = [_item(given[index], index, where) for index in range(count)]
    if not items:
        return torch.empty(0, 1, 1, 1), None
    if len({item[0].shape for item in items}) > 1:
        shapes = sorted({tuple(item[0].shape) for item in items})
        raise DataError(
            f"{where}: found images of shapes {shapes[0]} and {shapes[1]}; expected one shape; resize them"
        )
    images = torch.stack([item[0] for item in items])
    labels = [item[1] for item in items]
    if all(label is None for label in labels):
        return images, None
    if any(label is None for label in labels):
        raise DataError(
            f"{where}: found labels for some images only; expected one for each image, or none; complete them"
        )
    try:
        return images, torch.stack([torch.as_tensor(label) for label in labels])
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{where}: labels cannot be joined to one tensor ({first_line(error)}); expected "
            "numbers or tensors of one shape"
        ) from error


def _item(item: Any, index: int, where: str) -> tuple[Tensor, Any]:
    if not isinstance(item, Sequence) or len(item) != 2 or not isinstance(item[0], Tensor):
        raise DataError(
            f"{where}: item {index} is {kind_of(item)}; expected a pair of an image tensor and a "
            "label; give the dataset a transform that makes tensors"
        )
    return item[0], item[1]


def _labels(given: Any, count: int, shape: tuple[int, ...], meaning: Output, where: str) -> Tensor:
    try:
        labels = torch.as_tensor(given).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{where}: found labels as {kind_of(given)}; expected a tensor, or None for images without labels"
        ) from error
    each, most = meaning.label_shape(shape), meaning.largest_label()
    expected = (count, *each)
    if tuple(labels.shape) != expected:
        raise DataError(
            f"{where}: found labels of shape {tuple(labels.shape)} for {count} images; expected {expected}; "
            f"give one label per image{' and pixel' if len(each) > 1 else ''}, or None"
        )
    if most is None:
        labels = labels.float()
        if not bool(labels.isfinite().all()):
            raise DataError(
                f"{where}: found labels that are NaN or infinite; expected numbers; correct or drop them"
            )
        return labels
    whole = labels.long()
    if not bool(((whole >= 0) & (whole <= most) & (whole == labels)).all()):
        raise DataError(
            f"{where}: found labels from {float(labels.min()):.3g} to {float(labels.max()):.3g}; expected "
            f"whole numbers from 0 to {most}; correct them"
        )
    return whole


def fingerprint_samples(samples: tuple[Tensor, Tensor | None]) -> str:
    """The sha256 of images and labels that `read_samples` gave: shapes, dtypes and values."""
    digest = hashlib.sha256()
    for tensor in samples:
        if tensor is None:
            digest.update(b"none")
            continue
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
