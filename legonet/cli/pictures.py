"""Masks as PNG files, by themselves or drawn over their images."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from legonet.cli.images import STANDARD_INPUT
from legonet.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.outputs.results import Mask

# Colours that people with any colour vision tell apart (Okabe and Ito); the first is label 1's.
COLOURS = ((213, 94, 0), (0, 114, 178), (0, 158, 115), (240, 228, 66), (204, 121, 167), (86, 180, 233))
STRENGTH = 0.5


class MaskFiles:
    """Writes one kind of picture into a folder that mirrors the images', a file for each mask.

    So two images never share a file, and no name has to be remembered. A second run writes the same files.

    Args:
        folder: Made if it is not there.
        kind: `mask`: grey, label 0 black and the last white. `overlay`: the image, with
            each label but 0 in a colour over it.
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

    def write(self, image: Path, path: str, mask: Mask, pixels: Tensor) -> Path:
        """Write one picture.

        Args:
            image: The image's file.
            path: `category:task`.
            mask: What the path says of it.
            pixels: Of the image, (channels, height, width) in [0, 1].

        Returns:
            The file: `IMAGE.CATEGORY.TASK.png`.

        Raises:
            DataError: Another image may have the same file.
            StoreError: It cannot be written.
        """
        from PIL import Image

        from legonet.store.plain_files import write_file

        mirrored = self._mirrored(image)
        target = self._folder / mirrored.with_name(f"{mirrored.name}.{path.replace(':', '.')}.png")
        draw = _grey if self.kind == "mask" else _over
        buffer = io.BytesIO()
        Image.fromarray(draw(mask.mask, mask.labels, pixels).numpy()).save(buffer, "PNG")
        write_file(target, buffer.getvalue())
        return target

    def _mirrored(self, image: Path) -> Path:
        """The image below the base; of one elsewhere, which only standard input names, its whole path."""
        absolute = _absolute(image)
        if absolute.is_relative_to(self._base):
            return absolute.relative_to(self._base)
        whole = absolute.relative_to(absolute.anchor)
        if (self._base / whole).exists():
            raise DataError(
                f"{image}: its {self.kind} would have the name of that of {self._base / whole}; expected "
                "images of which none repeats another's whole path; predict them by a run of their own"
            )
        return whole


def mask_files(masks: Path | None, overlays: Path | None, given: list[Path]) -> list[MaskFiles]:
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
        *([MaskFiles(masks, "mask", given)] if masks else []),
        *([MaskFiles(overlays, "overlay", given)] if overlays else []),
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


def _grey(mask: Tensor, labels: int, pixels: Tensor) -> Tensor:
    return (mask * (255 // max(1, labels - 1))).byte()


def _over(mask: Tensor, labels: int, pixels: Tensor) -> Tensor:
    import torch

    image = pixels.expand(3, -1, -1).permute(1, 2, 0) * 255
    if mask.shape != image.shape[:2]:
        scaled = torch.nn.functional.interpolate(mask[None, None].float(), size=image.shape[:2])
        mask = scaled[0, 0].long()
    colours = torch.tensor(COLOURS, dtype=torch.float32)[(mask - 1) % len(COLOURS)]
    mixed = torch.where((mask > 0)[..., None], torch.lerp(image, colours, STRENGTH), image)
    return mixed.round().byte()
