"""Images in folders, one folder for each category, with masks beside them.

root/cat/0001.png
root/cat/0001.mask.png      white where the cat is; only needed for masks
root/dog/0001.jpg
"""

from __future__ import annotations

from pathlib import Path

from torch.utils.data import Dataset

from legonet.data.pictures import check_shape, image_size, read_image, read_mask
from legonet.data.walk import EXTENSIONS, MASK
from legonet.errors import DataError
from legonet.graph.schema import Input


class FolderImages(Dataset):
    """Images by category folder, as pairs (image, label), or triples with a mask.

    An image is float32 (channels, height, width) in [0, 1]; a label is an int; a mask is bool
    (1, height, width), empty for a negative image of a single-category set. Files are read when an item is
    asked for, so a damaged one is reported then.

    Attributes:
        root: The folder.
        names: The categories' folders, sorted.
        labels: One label per image; an index into `names`, or 1 (positive) and 0.
        files: One file per image, in the order of the labels.
    """

    def __init__(
        self,
        root: str | Path,
        shape: tuple[int, int, int] | Input = (3, 32, 32),
        *,
        positive: str | None = None,
        masks: bool = False,
    ) -> None:
        """List the images.

        Args:
            root: A folder with one folder for each category.
            shape: Channels (1 or 3), height and width to which images are brought, all of an image being
                shown; or an image of a graph, which says how.
            positive: Make it a set for this one category: label 1 for its images, 0 for all others.
            masks: Give triples (image, label, mask). Every image needs a mask beside it, but for the
                negative ones of a single-category set.

        Raises:
            DataError: A folder is missing or empty, or a mask is.
        """
        self.root = Path(root)
        self.image = shape if isinstance(shape, Input) else Input(shape=check_shape(shape))
        self.shape = check_shape(self.image.shape)
        self.masks = masks
        if not self.root.is_dir():
            raise DataError(
                f"{self.root}: no such folder; expected one that holds a folder of images for each category; "
                "check the path"
            )
        folders = sorted(
            entry for entry in self.root.iterdir() if entry.is_dir() and not entry.name.startswith(".")
        )
        if not folders:
            raise DataError(
                f"{self.root}: holds no folders; expected one for each category, such as cat/; make them"
            )
        self.names = tuple(folder.name for folder in folders)
        if positive is not None and positive not in self.names:
            raise DataError(
                f"{self.root}: found folders {', '.join(self.names)}; expected one for each category; "
                f"add {positive}"
            )
        self.positive = positive
        self.files: list[Path] = []
        self.labels: list[int] = []
        for index, folder in enumerate(folders):
            found = _images(folder)
            label = index if positive is None else int(folder.name == positive)
            if masks and _has_mask(positive, label):
                _check_masks(found)
            self.files += found
            self.labels += [label] * len(found)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple:
        """Read one item.

        Args:
            index: From 0 up to the number of images, or counted from the end if negative.

        Returns:
            (image, label), or (image, label, mask).

        Raises:
            DataError: The image or its mask is damaged, or they differ in size.
        """
        file, label = self.files[index], self.labels[index]
        image = read_image(file, self.image)
        if not self.masks:
            return image, label
        if not _has_mask(self.positive, label):
            return image, label, image.new_zeros((1, *self.shape[1:])).bool()
        return image, label, read_mask(_mask_of(file), self.shape[1:], image_size(file), self.image.resize)


def _has_mask(positive: str | None, label: int) -> bool:
    return positive is None or label == 1


def _images(folder: Path) -> list[Path]:
    pictures = sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in EXTENSIONS and file.is_file() and not file.name.startswith(".")
    )
    images = [file for file in pictures if not file.stem.endswith(MASK)]
    if not images:
        raise DataError(
            f"{folder}: holds no image; expected files ending in {', '.join(EXTENSIONS)}; put some there"
        )
    known = {_mask_of(file) for file in images}
    for file in pictures:
        if file.stem.endswith(MASK) and file not in known:
            raise DataError(
                f"{file}: a mask without an image; expected {file.stem.removesuffix(MASK)}"
                f"{EXTENSIONS[0]} or the like beside it, and a mask to end in {MASK}.png"
            )
    return images


def _mask_of(image: Path) -> Path:
    return image.with_name(f"{image.stem}{MASK}.png")


def _check_masks(images: list[Path]) -> None:
    lacking = [image for image in images if not _mask_of(image).is_file()]
    if lacking:
        more = f" (and {len(lacking) - 1} more in that folder)" if len(lacking) > 1 else ""
        raise DataError(f"{lacking[0]}: has no mask{more}; expected {_mask_of(lacking[0]).name} beside it")
