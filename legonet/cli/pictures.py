"""Masks as PNG files, by themselves or drawn over their images."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.compile.results import Result

# Colours that people with any colour vision tell apart (Okabe and Ito); the first is label 1's.
COLOURS = ((213, 94, 0), (0, 114, 178), (0, 158, 115), (240, 228, 66), (204, 121, 167), (86, 180, 233))
STRENGTH = 0.5


class MaskFiles:
    """Writes one kind of picture into a folder, a file for each mask.

    Args:
        folder: made if it is not there.
        kind: `mask`: grey, label 0 black and the last white. `overlay`: the image in the network's size, with
            each label but 0 in a colour over it.
    """

    def __init__(self, folder: Path, kind: Literal["mask", "overlay"]) -> None:
        self._folder = folder
        self.kind: Literal["mask", "overlay"] = kind
        self._numbers: dict[str, int] = {}

    def write(self, image: Path, path: str, result: Result, pixels: Tensor) -> Path:
        """Write one picture.

        Args:
            image: the image's file, which the picture is named after. Of images of one name in several
                folders, the later ones' have a number.
            path: `category:task`.
            result: a `Mask`.
            pixels: of the image, (channels, height, width) in [0, 1].

        Returns:
            The file.
        """
        from PIL import Image

        from legonet.compile.results import Mask
        from legonet.store.files import write_file

        assert isinstance(result, Mask)  # noqa: S101 - others have no share
        stem = f"{image.stem}.{path.replace(':', '-')}"
        number = self._numbers[stem] = self._numbers.get(stem, 0) + 1
        target = self._folder / (f"{stem}.png" if number == 1 else f"{stem}-{number}.png")
        draw = _grey if self.kind == "mask" else _over
        buffer = io.BytesIO()
        Image.fromarray(draw(result.mask, result.labels, pixels).numpy()).save(buffer, "PNG")
        write_file(target, buffer.getvalue())
        return target


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
