"""Where commands take images from: the animals data, or a folder of the user's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from legonet.data import animals
from legonet.data.folder import FolderImages
from legonet.data.silhouettes import Split
from legonet.errors import DataError
from legonet.graph.output import Output
from legonet.graph.schema import Input

Shape = tuple[int, int, int]


class Source(ABC):
    """Images by category, in [0, 1], in the network's input shape."""

    def has(self, category: str) -> bool:
        """Whether there are images of this name; a source that does not know says yes."""
        return True

    def called(self, names: Sequence[str]) -> str:
        """The first of a category's names that there are images of, else the first of all."""
        return next((name for name in names if self.has(name)), names[0])

    @abstractmethod
    def samples(self, category: str, *, mask: bool = False, split: Split = "test") -> tuple[Tensor, Tensor]:
        """Images that show a category and images that do not.

        Args:
            category: Its name.
            mask: Labels are masks.
            split: Of the animals data; a user's folder is taken as it is.

        Returns:
            Images (batch, channels, height, width), and labels: (batch,) of 0 and 1, or masks
            (batch, height, width) of 0 and 1.

        Raises:
            DataError: No such category, or images that cannot be read.
        """

    def classes(
        self, category: str, labels: tuple[str, ...], *, split: Split = "test"
    ) -> tuple[Tensor, Tensor]:
        """Images of a category, each of one of several classes.

        Args:
            category: Its name.
            labels: The classes' names.
            split: Of the animals data; a user's folder is taken as it is.

        Returns:
            Images (batch, channels, height, width), and the index of each one's class, int64 (batch,).

        Raises:
            DataError: No such category or class, or images that cannot be read.
        """
        raise DataError(
            f"{type(self).__name__}: knows no classes; expected a source that does; choose another"
        )

    def labelled(
        self, category: str, meaning: Output, label: str, *, split: Split = "test"
    ) -> tuple[Tensor, Tensor | None]:
        """Images of a category, labelled as the outputs of a task are.

        Args:
            category: Its name.
            meaning: Of the task's output.
            label: What people call the category.
            split: Of the animals data; a user's folder is taken as it is.

        Returns:
            Images, and their labels; None where the source has none for such outputs.

        Raises:
            DataError: As of `samples` and `classes`.
        """
        annotation = meaning.annotation()
        if annotation == "class":
            return self.classes(category, meaning.channels(label), split=split)
        images, labels = self.samples(category, mask=annotation == "mask", split=split)
        return images, None if annotation is None else labels


class Animals(Source):
    """The composed animals."""

    def __init__(self, shape: Shape) -> None:
        if shape[0] != 3 or shape[1] != shape[2]:
            raise DataError(
                f"animals: the network takes images of {shape}; expected three channels and a square; give a "
                "folder of your own images instead: --data FOLDER"
            )
        self.size = shape[1]

    def has(self, category: str) -> bool:
        """Whether it is one of the animals."""
        return category in animals.CATEGORIES

    def samples(self, category: str, *, mask: bool = False, split: Split = "test") -> tuple[Tensor, Tensor]:
        """Draw the category's set of a split."""
        drawn = animals.single_category(category, split, size=self.size)
        return drawn.images, drawn.masks[:, 0].long() if mask else drawn.labels

    def classes(
        self, category: str, labels: tuple[str, ...], *, split: Split = "test"
    ) -> tuple[Tensor, Tensor]:
        """Draw the category's set of turned animals."""
        if labels != animals.SIDES:
            raise DataError(
                f"animals: has no classes {', '.join(labels)}; expected {', '.join(animals.SIDES)}, which "
                "say where an animal's back points; give a folder of images instead"
            )
        drawn = animals.turned(category, split, size=self.size)
        return drawn.images, drawn.labels


class Folder(Source):
    """A folder with one folder of images per category."""

    def __init__(self, root: Path, image: Input) -> None:
        self.root, self.image = root, image

    def has(self, category: str) -> bool:
        """Whether there is a folder of this name."""
        return category not in (".", "..") and "/" not in category and (self.root / category).is_dir()

    def samples(self, category: str, *, mask: bool = False, split: Split = "test") -> tuple[Tensor, Tensor]:
        """Read the category's images, and all others as negatives."""
        images = FolderImages(self.root, self.image, positive=category, masks=mask)
        items = [images[index] for index in range(len(images))]
        labels = [item[2][0].long() if mask else torch.tensor(item[1]) for item in items]
        return torch.stack([item[0] for item in items]), torch.stack(labels)

    def classes(
        self, category: str, labels: tuple[str, ...], *, split: Split = "test"
    ) -> tuple[Tensor, Tensor]:
        """Read the images of CATEGORY/CLASS/, one folder for each class."""
        images = FolderImages(self.root / category, self.image)
        unknown = [name for name in images.names if name not in labels]
        if unknown:
            raise DataError(
                f"{images.root / unknown[0]}: no class of the task; expected folders named as the classes, "
                f"{', '.join(labels)}; rename it, or move it elsewhere"
            )
        read = torch.stack([images[index][0] for index in range(len(images))])
        return read, torch.tensor([labels.index(images.names[label]) for label in images.labels])


def open_source(name: str, shape: Shape | Input) -> Source:
    """Open a source of images.

    Args:
        name: `animals`, or a folder.
        shape: (channels, height, width) that the network takes, or an image of a graph, which says how other
            images become it.

    Raises:
        DataError: There is no such source.
    """
    image = shape if isinstance(shape, Input) else Input(shape=shape)
    return Animals(image.shape) if name == "animals" else Folder(Path(name), image)
