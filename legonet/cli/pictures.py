"""What paths draw as PNG files, such as masks, by itself or over the images."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from legonet.cli.images import STANDARD_INPUT
from legonet.errors import DataError

if TYPE_CHECKING:
    from legonet.data.photos import Photo
    from legonet.graph.result import Result


class DrawnFiles:
    """Writes one kind of picture into a folder that mirrors the images', a file for each mask.

    So two images never share a file, and no name has to be remembered. A second run writes the same files.

    Args:
        folder: Made if it is not there.
        kind: `mask`: what a path draws by itself. `overlay`: the image, at its own size, with that over it.
        given: What the command line names; names in the folder begin below what all of it lies in.

    Raises:
        DataError: The folder lies in one of images, so that masks would be taken for images.
    """

    def __init__(self, folder: Path, kind: Literal["mask", "overlay"], given: list[Path]) -> None:
        for each in given:
            if each.is_dir() and folder.resolve().is_relative_to(each.resolve()):
                raise DataError(
                    f"{folder}: lies in {each}, whose images are read; expected a folder outside, so that no "
                    f"{kind} is taken for an image; choose another one"
                )
        self._folder, self.kind, self._base = folder, kind, _common(given)

    def write(self, photo: Photo, path: str, result: Result) -> tuple[str, Path] | None:
        """Write one picture, if there is something to draw.

        Args:
            photo: The image.
            path: `category:task`.
            result: What the path says of it.

        Returns:
            The kind and the file: `IMAGE.CATEGORY.TASK.png`.

        Raises:
            DataError: Another image may have the same file.
            StoreError: It cannot be written.
        """
        from legonet.store.plain_files import write_file

        image = photo.picture()
        drawn = result.alone(image.size) if self.kind == "mask" else result.overlay(image)
        if drawn is None:
            return None
        mirrored = self._mirrored(Path(photo.name))
        target = self._folder / mirrored.with_name(f"{mirrored.name}.{path.replace(':', '.')}.png")
        buffer = io.BytesIO()
        drawn.save(buffer, "PNG")
        write_file(target, buffer.getvalue())
        return self.kind, target

    def _mirrored(self, image: Path) -> Path:
        """The image below the base; of one elsewhere, which only standard input names, its whole path."""
        absolute = _absolute(image)
        if absolute.is_relative_to(self._base):
            return absolute.relative_to(self._base)
        whole = absolute.relative_to(absolute.anchor)
        if (self._base / whole).exists():
            raise DataError(
                f"{image}: its {self.kind} would overwrite that of {self._base / whole}; expected images "
                "whose paths differ; predict this folder in a run of its own"
            )
        return whole


def drawn_files(masks: Path | None, overlays: Path | None, given: list[Path]) -> list[DrawnFiles]:
    """What writes the pictures that are asked for.

    Raises:
        DataError: Both go to one folder, or one to a folder of images.
    """
    if masks and overlays and masks.resolve() == overlays.resolve():
        raise DataError(
            f"{masks}: found one folder for masks and overlays, which have the same names; expected two; "
            "choose another one for either"
        )
    return [
        *([DrawnFiles(masks, "mask", given)] if masks else []),
        *([DrawnFiles(overlays, "overlay", given)] if overlays else []),
    ]


def _common(given: list[Path]) -> Path:
    """The innermost folder that all lie in; names on standard input are taken to be below this one."""
    folders = [
        Path.cwd() if each == STANDARD_INPUT else each if each.is_dir() else each.parent for each in given
    ]
    try:
        return Path(os.path.commonpath([_absolute(each) for each in folders]))
    except ValueError:  # they are on several drives
        return Path.cwd()


def _absolute(path: Path) -> Path:
    """From the root, without `..`; links stay, since two links to one file are two images."""
    return Path(os.path.normpath(path.absolute()))
