"""Scenes of two or three animals, with the boxes of one kind: composed as `legonet.data.animals` are.

from legonet.data.scenes import scenes
test = scenes("cat", "test", count=100)      # cats and other animals, and where the cats are
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from legonet.data.animals import CATEGORIES, NOISE, OTHERS, STYLE, colours, draw, generator, place
from legonet.data.silhouettes import ANIMALS, Split
from legonet.data.textures import Floats, textures
from legonet.errors import DataError

Numbers = NDArray[np.int64]

SIZE = 64
CELLS = 2  # across and down; each holds one animal at most
SIZES = (24, 28, 32)  # pixels of an animal's square
OBJECTS = CELLS**2  # rows of an image's labels
COUNTS = {"train": 800, "validation": 200, "test": 400}


class Scenes(NamedTuple):
    """A set of scenes.

    Attributes:
        images: float32 (images, 3, 64, 64) in [0, 1].
        labels: float32 (images, 4, 5): left, top, right, bottom in pixels and the label; -1 in other rows.
    """

    images: Tensor
    labels: Tensor


def scenes(category: str, split: Split = "train", seed: int = 0, count: int | None = None) -> Scenes:
    """Compose scenes for a detector of one animal, or for the base.

    About half of the animals are of the category, the others are none of the five.

    Args:
        category: One of `CATEGORIES`, whose animals have label 0; or `base`: the five animals that are no
            category, labels as in `OTHERS`.
        split: Which silhouettes are used.
        seed: Of the composition.
        count: Number of images; default: 800, 200 or 400, by the split.

    Raises:
        DataError: No such category, or the silhouettes' package is missing or damaged.
    """
    if category not in (*CATEGORIES, "base"):
        raise DataError(f"scenes: no category {category!r}; expected one of {', '.join(CATEGORIES)}, or base")
    count = COUNTS[split] if count is None else count
    rng = generator(seed, split, category, part_of=2)
    kinds, wanted = _kinds(rng, category, count)
    behind, _ = colours(rng, count)
    images = textures(rng, behind, SIZE, STYLE)
    labels = np.full((count, OBJECTS, 5), -1, np.float32)
    for cell in range(CELLS**2):
        opacity = _opacity(rng, kinds[:, cell], cell, split)
        _, before = colours(rng, count)
        images += opacity * (textures(rng, before, SIZE, STYLE) - images)
        for image in np.flatnonzero(wanted[:, cell] >= 0):
            rows, columns = (np.flatnonzero((opacity[image, 0] >= 0.5).any(axis)) for axis in (1, 0))
            corners = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
            labels[image, cell] = (*corners, wanted[image, cell])
    images += np.float32(NOISE) * rng.standard_normal(images.shape, dtype=np.float32)
    return Scenes(torch.from_numpy(np.clip(images, 0, 1, out=images)), torch.from_numpy(labels))


def _kinds(rng: np.random.Generator, category: str, count: int) -> tuple[Numbers, Numbers]:
    """For each image and cell an animal (index into ANIMALS, or -1), and its label (or -1)."""
    others = np.array([ANIMALS.index(name) for name in OTHERS])
    chosen = rng.integers(len(OTHERS), size=(count, CELLS**2))
    kinds = others[chosen]
    labels = chosen if category == "base" else np.full_like(chosen, -1)
    if category != "base":
        own = rng.random(kinds.shape) < 0.5
        kinds[own], labels[own] = ANIMALS.index(category), 0
    held = rng.permuted(np.tile(np.arange(CELLS**2), (count, 1)), axis=1) < rng.integers(2, 4, (count, 1))
    return np.where(held, kinds, -1), np.where(held, labels, -1)


def _opacity(rng: np.random.Generator, kinds: Numbers, cell: int, split: Split) -> Floats:
    """The animals of one cell over whole scenes, (images, 1, SIZE, SIZE); empty cells show nothing."""
    side = SIZE // CELLS
    found = np.zeros((len(kinds), 1, SIZE, SIZE), np.float32)
    sizes = rng.integers(len(SIZES), size=len(kinds))
    for number, size in enumerate(SIZES):
        which = np.flatnonzero((sizes == number) & (kinds >= 0))
        shapes = place(rng, draw(rng, kinds[which], split), size)
        free = rng.integers(0, side - size + 1, (len(which), 2))
        for image, shape, (down, across) in zip(which, shapes, free, strict=True):
            top, left = down + cell // CELLS * side, across + cell % CELLS * side
            found[image, :, top : top + size, left : left + size] = shape
    return found
