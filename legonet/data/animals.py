"""Images of animals, composed from silhouettes: sets for one category, and the base's set.

A silhouette with a texture of its own is put, flipped and shifted at random, on a textured background.
The colours of both are random and either may be the brighter one, so that no pixel and no colour tells the
category; its outline does. A plain background has two textures too, which meet along a smooth random line,
so that contrast alone tells no animal.

Sets are drawn anew from a seed whenever they are asked for (1,600 images of 32x32 in about a fifth of a
second) and nothing is kept on disk; same arguments, same machine, same bytes.

    from legonet.data import animals
    train = animals.single_category("cat", "train")      # 800 cats, 800 others
    test = animals.single_category("cat", "test")        # other silhouettes
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from legonet.data.silhouettes import ANIMALS, SIDE, SPLITS, Split, silhouettes
from legonet.data.textures import Floats, TextureStyle, interpolation, smooth_regions, textures
from legonet.errors import DataError

CATEGORIES = ("cat", "cow", "dog", "horse", "sheep")
OTHERS = ("bear", "bird", "elephant", "giraffe", "zebra")
SIDES = ("up", "left", "down", "right")
"""Where an animal's back points, as `turned` labels it: each is a quarter turn after the last."""
COUNTS = {"train": 1600, "validation": 400, "test": 1000}
"""Images of a set, unless asked otherwise."""

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
"""What the animals' networks subtract from an image's channels, and then divide them by."""

STYLE = TextureStyle(patches=0.08, patch_grid=5, grating=0.12, cycles=(2.0, 6.0), slope=0.3)
CONTRAST = (0.5, 0.9)  # least and greatest distance of the two base colours
SHIFT = 3 / 32  # greatest shift, as a part of the image's side
REGION_GRID = 3  # a plain background's two textures meet along a border this fine
NOISE = 0.03  # standard deviation of the noise of each pixel
_SIZES = (8, 1024)


class Images(NamedTuple):
    """A set of images.

    Attributes:
        images: float32 (images, 3, height, width) in [0, 1].
        labels: int64 (images,); see the function that made the set.
        masks: bool (images, 1, height, width): where the labelled animal is; empty for a background
            and, in a single-category set, for another animal.
    """

    images: Tensor
    labels: Tensor
    masks: Tensor


def single_category(
    category: str, split: Split = "train", seed: int = 0, size: int = 32, count: int | None = None
) -> Images:
    """A balanced set for one category: half show it, half do not.

    The negatives are half plain backgrounds and half other animals (`OTHERS`, equally many of each), and
    they are the same images for every category. Positives and negatives alternate, so that
    every even number of first images is balanced too.

    Args:
        category: One of `CATEGORIES`.
        split: Which silhouettes are used: `"train"`, `"validation"` or `"test"`; no silhouette is in two.
        seed: Of the composition (textures, flips, shifts), not of the split.
        size: Height and width in pixels, 8 to 1,024.
        count: Number of images; default: 1,600, 400 or 1,000, by the split. Beyond what there is of
            silhouettes, each is drawn several times, always composed anew.

    Returns:
        The images; labels 1 (shows the category) and 0.

    Raises:
        DataError: An argument is out of range, or the silhouettes' package is missing or damaged.
    """
    if category not in CATEGORIES:
        raise DataError(
            f"animals: no category {category!r}; expected one of {', '.join(CATEGORIES)}; give a folder of "
            "your own images instead: --data FOLDER"
        )
    count = _check(split, seed, size, count)
    positive, negative = (count + 1) // 2, count // 2
    kinds = np.full(positive, ANIMALS.index(category))
    shown = _compose(generator(seed, split, category), kinds, split, size)
    rng = generator(seed, split, None)
    others = _compose(rng, _cycle(rng, (*OTHERS, *[None] * len(OTHERS)), negative), split, size)
    images = np.empty((count, 3, size, size), np.float32)
    masks = np.zeros((count, 1, size, size), np.bool_)
    images[0::2], images[1::2] = shown[0], others[0]
    masks[0::2] = shown[1]
    labels = torch.arange(1, count + 1) % 2
    return Images(torch.from_numpy(images), labels, torch.from_numpy(masks))


def base(split: Split = "train", seed: int = 0, size: int = 32, count: int | None = None) -> Images:
    """The set on which the base of all teachers is trained: the five animals that are no category.

    Args:
        split: Which silhouettes are used.
        seed: Of the composition.
        size: Height and width in pixels, 8 to 1,024.
        count: Number of images; default: 1,600, 400 or 1,000, by the split.

    Returns:
        The images, equally many of each label; labels 0 to 4 as in `OTHERS`, and 5: a plain background.

    Raises:
        DataError: An argument is out of range, or the silhouettes' package is missing or damaged.
    """
    count = _check(split, seed, size, count)
    rng = generator(seed, split, "base")
    kinds = _cycle(rng, (*OTHERS, None), count)
    images, masks = _compose(rng, kinds, split, size)
    to_label = {ANIMALS.index(name): label for label, name in enumerate(OTHERS)} | {-1: len(OTHERS)}
    labels = torch.tensor([to_label[kind] for kind in kinds.tolist()])
    return Images(torch.from_numpy(images), labels, torch.from_numpy(masks))


def turned(
    category: str, split: Split = "train", seed: int = 0, size: int = 32, count: int | None = None
) -> Images:
    """A set of four classes for one category, or for the base: which way an animal's back points.

    Every image shows the animal; it is turned with its background by 0, 90, 180 or 270 degrees, so that
    nothing but the outline tells by how much.

    Args:
        category: One of `CATEGORIES`; `base`: any of the five animals that are no category.
        split: Which silhouettes are used.
        seed: Of the composition.
        size: Height and width in pixels, 8 to 1,024.
        count: Number of images; default: 1,600, 400 or 1,000, by the split.

    Returns:
        The images, equally many of each class; labels 0 to 3 as in `SIDES`.

    Raises:
        DataError: An argument is out of range, or the silhouettes' package is missing or damaged.
    """
    if category not in (*CATEGORIES, "base"):
        raise DataError(
            f"animals: no category {category!r}; expected one of {', '.join(CATEGORIES)}; choose one"
        )
    count = _check(split, seed, size, count)
    rng = generator(seed, split, category, part_of=1)
    kinds = np.full(count, ANIMALS.index(category)) if category != "base" else _cycle(rng, OTHERS, count)
    images, masks = _compose(rng, kinds, split, size)
    labels = np.arange(count) % len(SIDES)
    for turns in range(1, len(SIDES)):
        which = labels == turns
        images[which] = np.rot90(images[which], turns, axes=(2, 3))
        masks[which] = np.rot90(masks[which], turns, axes=(2, 3))
    return Images(torch.from_numpy(images), torch.from_numpy(labels), torch.from_numpy(masks))


def _check(split: str, seed: int, size: int, count: int | None) -> int:
    if split not in SPLITS:
        raise DataError(f"animals: no split {split!r}; expected one of {', '.join(SPLITS)}; choose one")
    if seed < 0:
        raise DataError(f"animals: found the seed {seed}; expected 0 or more; choose another")
    if not _SIZES[0] <= size <= _SIZES[1]:
        raise DataError(
            f"animals: found the size {size}; expected {_SIZES[0]} to {_SIZES[1]} pixels; choose one"
        )
    if count is not None and count < 1:
        raise DataError(f"animals: found the count {count}; expected 1 or more images; choose another")
    return COUNTS[split] if count is None else count


def generator(seed: int, split: Split, part: str | None, part_of: int = 0) -> np.random.Generator:
    """What draws one set: 0: of categories, 1: of turned animals, 2: of scenes."""
    parts = (None, "base", *CATEGORIES)  # None: the negatives that all categories share
    number = parts.index(part) + len(parts) * part_of
    return np.random.default_rng([seed, SPLITS.index(split), number])


def _cycle(rng: np.random.Generator, names: tuple[str | None, ...], count: int) -> NDArray[np.int64]:
    """Equally many of each name, in random order within each round; -1 for None."""
    codes = np.array([-1 if name is None else ANIMALS.index(name) for name in names])
    rounds = -(-count // len(codes))
    return rng.permuted(np.tile(codes, (rounds, 1)), axis=1).reshape(-1)[:count]


def _compose(
    rng: np.random.Generator, kinds: NDArray[np.int64], split: Split, size: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """Compose one image for each kind (index into ANIMALS, or -1: a plain background).

    Returns:
        Images (images, 3, size, size) in [0, 1] and masks (images, 1, size, size).
    """
    opacity = place(rng, draw(rng, kinds, split), size)
    masks = opacity >= 0.5
    opacity[kinds < 0] = smooth_regions(rng, int((kinds < 0).sum()), size, REGION_GRID)
    behind, before = colours(rng, len(kinds))
    background = textures(rng, behind, size, STYLE)
    animal = textures(rng, before, size, STYLE)
    images = background + opacity * (animal - background)
    images += np.float32(NOISE) * rng.standard_normal(images.shape, dtype=np.float32)
    return np.clip(images, 0, 1, out=images), masks


def draw(rng: np.random.Generator, kinds: NDArray[np.int64], split: Split) -> Floats:
    """One silhouette (28, 28) in [0, 1] for each kind; each is drawn once before any is drawn twice."""
    shapes = np.zeros((len(kinds), SIDE, SIDE), np.float32)
    for kind in np.unique(kinds[kinds >= 0]):
        pool = silhouettes(ANIMALS[kind], split)
        wanted = np.flatnonzero(kinds == kind)
        rounds = -(-len(wanted) // len(pool))
        order = rng.permuted(np.tile(np.arange(len(pool)), (rounds, 1)), axis=1).reshape(-1)
        shapes[wanted] = pool[order[: len(wanted)]]
    shapes /= 255
    return shapes


def place(rng: np.random.Generator, shapes: Floats, size: int) -> Floats:
    """Flip, shift and resample silhouettes: (images, 1, size, size), in the proportion 28 to 32."""
    flipped = rng.random(len(shapes)) < 0.5
    shapes[flipped] = shapes[flipped, :, ::-1]
    shift = rng.uniform(-SHIFT, SHIFT, (len(shapes), 2, 1)).astype(np.float32)
    elements = SIDE * 32 / 28  # of a silhouette's grid, across the image
    spots = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / size - np.float32(0.5)
    at = (spots - shift) * np.float32(elements) + np.float32((SIDE - 1) / 2)
    matrix = interpolation(at, SIDE, width=max(1.0, elements / size))
    return (matrix[:, 0] @ shapes @ matrix[:, 1].transpose(0, 2, 1))[:, None]


def colours(rng: np.random.Generator, count: int) -> tuple[Floats, Floats]:
    """Base colours (count, 3) of background and animal, at a distance within `CONTRAST`, in [0, 1]."""
    middle = rng.uniform(0.3, 0.7, (count, 3))
    direction = rng.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    half = direction * rng.uniform(*CONTRAST, (count, 1)) / 2
    return (middle - half).astype(np.float32), (middle + half).astype(np.float32)
