"""PASCAL VOC's segmentation sets, as single-category sets, for those who have them on disk.

Nothing is ever downloaded: `root` is the folder that holds `VOCdevkit/VOC2012`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision.datasets import VOCSegmentation

from legonet.data.pictures import check_shape, open_picture, read_image
from legonet.errors import DataError, first_line
from legonet.graph.schema import Input

CATEGORIES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train"),
    "tvmonitor",
)
"""In the order of VOC's indices, from 1."""

VocSplit = Literal["train", "val", "trainval"]
_SPLITS = ("train", "val", "trainval")
_YEARS = ("2007", "2008", "2009", "2010", "2011", "2012")


class VocImages(Dataset):
    """A single-category set of VOC, as triples (image, label, mask).

    Positives are the images with at least one pixel of the category; as many negatives are drawn from the
    others (all of them, if there are fewer). An image is float32 (channels, height, width) in [0, 1]; a
    label is 1 or 0; a mask is bool (1, height, width), and VOC's void pixels at the objects' borders are
    not in it.

    Attributes:
        files: The images, positives and negatives in the order of VOC's list.
        labels: 1 or 0 for each.
    """

    def __init__(
        self,
        root: str | Path,
        category: str,
        split: VocSplit = "train",
        *,
        year: str = "2012",
        shape: tuple[int, int, int] = (3, 224, 224),
        seed: int = 0,
    ) -> None:
        """List the images; every mask of the split is looked at once.

        Args:
            root: The folder that holds `VOCdevkit`.
            category: One of `CATEGORIES`.
            split: `"train"`, `"val"` or `"trainval"`.
            year: 2007 to 2012.
            shape: Channels (1 or 3), height and width to which images are brought.
            seed: Of the draw of negatives.

        Raises:
            DataError: An argument is out of range, VOC is not there, or no image shows the category.
        """
        if category not in CATEGORIES:
            raise DataError(
                f"VOC: no category {category!r}; expected one of {', '.join(CATEGORIES)}; choose one"
            )
        if split not in _SPLITS:
            raise DataError(f"VOC: no split {split!r}; expected one of {', '.join(_SPLITS)}; choose one")
        if year not in _YEARS:
            raise DataError(f"VOC: no year {year!r}; expected one of {', '.join(_YEARS)}; choose one")
        if seed < 0:
            raise DataError(f"VOC: found the seed {seed}; expected 0 or more; choose another")
        self.shape = check_shape(shape)
        self.index = CATEGORIES.index(category) + 1
        images, masks = _listed(Path(root), year, split)
        shows = np.array([bool((_indices(mask) == self.index).any()) for mask in masks], dtype=np.bool_)
        positives, others = np.flatnonzero(shows), np.flatnonzero(~shows)
        if not len(positives):
            raise DataError(
                f"{root}: no image of VOC{year} {split} shows a {category}; expected at least one; choose "
                "another"
            )
        rng = np.random.default_rng(seed)
        negatives = rng.choice(others, size=min(len(positives), len(others)), replace=False)
        chosen = np.sort(np.concatenate([positives, negatives])).tolist()
        self.files = [images[item] for item in chosen]
        self.labels = [int(shows[item]) for item in chosen]
        self._masks = [masks[item] for item in chosen]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple:
        """Read one item.

        Args:
            index: From 0 up to the number of images, or counted from the end if negative.

        Returns:
            (image, label, mask).

        Raises:
            DataError: The image or its mask is damaged.
        """
        image = read_image(self.files[index], Input(shape=self.shape, resize="squash"))
        shown = Image.fromarray((_indices(self._masks[index]) == self.index).astype(np.uint8))
        resized = shown.resize((self.shape[2], self.shape[1]), Image.Resampling.NEAREST)
        return image, self.labels[index], torch.from_numpy(np.array(resized, dtype=np.bool_))[None]


def _listed(root: Path, year: str, split: VocSplit) -> tuple[list[Path], list[Path]]:
    try:
        listed = VOCSegmentation(str(root), year=year, image_set=split, download=False)
    except (RuntimeError, OSError) as error:
        where = root / "VOCdevkit" / f"VOC{year}"
        raise DataError(
            f"{where}: VOC's segmentation set is not there, or incomplete ({first_line(error)}); expected "
            f"ImageSets/Segmentation/{split}.txt, JPEGImages/ and SegmentationClass/; "
            "get it from host.robots.ox.ac.uk/pascal/VOC and unpack it there; legonet never downloads it"
        ) from error
    return [Path(file) for file in listed.images], [Path(file) for file in listed.masks]


def _indices(mask: Path) -> np.ndarray:
    """The category index of each pixel (height, width); 0 is background, 255 void."""
    picture = open_picture(mask, upright=False)
    if picture.mode not in ("P", "L"):
        raise DataError(f"{mask}: has mode {picture.mode}; expected VOC's palette of category indices")
    return np.array(picture)
