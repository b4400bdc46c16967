"""What outputs of legonet's own kinds say. Needs no torch until something is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from legonet.graph.result import Result
from legonet.notebook import bar, escape

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

# Colours that people with any colour vision tell apart (Okabe and Ito); the first is label 1's.
COLOURS = ((213, 94, 0), (0, 114, 178), (0, 158, 115), (240, 228, 66), (204, 121, 167), (86, 180, 233))
STRENGTH = 0.5


@dataclass(frozen=True)
class Score(Result):
    """What a binary task says of an image.

    Attributes:
        label: The label that the score's sign chooses.
        score: The output itself; positive for the second label.
    """

    label: str
    score: float

    @property
    def probability(self) -> float:
        """How sure the network is of the label, from 0.5 to 1: the sigmoid of the score's distance from 0."""
        return 1 / (1 + math.exp(-abs(self.score)))

    def data(self) -> dict[str, Any]:
        """Return label, probability and score."""
        figures = {"probability": round(self.probability, 4), "score": round(self.score, 4)}
        return {"label": self.label, **figures}

    def text(self) -> str:
        """Return label and probability."""
        return f"{self.label}  {self.probability:.1%}"

    def html(self) -> str:
        """Return label and probability, with a bar."""
        level = f"{bar(self.probability)} {self.probability:.1%}"
        return f'{escape(self.label)} <span class="level">{level}</span>'


@dataclass(frozen=True)
class Mask(Result):
    """What a mask task says of an image.

    Attributes:
        label: The name of the category.
        mask: The index of each pixel's label, or with a single label 1 on its pixels: int64 (height, width).
        share: The part of the pixels that are not 0.
        labels: How many values the mask may have.
    """

    label: str
    mask: Tensor = field(repr=False)
    share: float
    labels: int

    def data(self) -> dict[str, Any]:
        """Return label and share."""
        return {"label": self.label, "share": round(self.share, 4)}

    def text(self) -> str:
        """Return label and share."""
        return f"{self.label}  {self.share:.1%} of the image"

    def picture(self) -> Image:
        """Draw the mask in the network's size: label 0 black, the last one white."""
        from PIL import Image

        return Image.fromarray((self.mask * (255 // max(1, self.labels - 1))).byte().cpu().numpy())

    def overlay(self, photo: Image) -> Image:
        """Draw each label but 0 in a colour over the image.

        Args:
            photo: The image, which is not changed.

        Returns:
            Another image of the same size, in RGB.
        """
        import numpy as np
        from PIL import Image

        labels = Image.fromarray(self.mask.byte().cpu().numpy())
        found = np.asarray(labels.resize(photo.size, Image.Resampling.NEAREST)).astype(np.int64)
        pixels = np.asarray(photo.convert("RGB")).astype(np.float32)
        colours = np.asarray(COLOURS, dtype=np.float32)[(found - 1) % len(COLOURS)]
        mixed = np.where((found > 0)[..., None], pixels + STRENGTH * (colours - pixels), pixels)
        return Image.fromarray(mixed.round().astype(np.uint8))

    def layer(self, size: tuple[int, int]) -> Image:
        """Draw the labels' colours alone, half transparent.

        Args:
            size: Width and height in pixels.

        Returns:
            An image with a palette, which is quick to make and to write.
        """
        from PIL import Image

        labels = Image.fromarray(self.mask.byte().cpu().numpy()).resize(size, Image.Resampling.NEAREST)
        colours = [COLOURS[index % len(COLOURS)] for index in range(255)]
        labels.putpalette([0, 0, 0, *(value for colour in colours for value in colour)])
        labels.info["transparency"] = bytes([0, *[round(255 * STRENGTH)] * 255])
        return labels


@dataclass(frozen=True)
class Numbers(Result):
    """What a vector task says of an image.

    Attributes:
        values: The numbers, by the names that the graph file gives them.
    """

    values: dict[str, float]

    def data(self) -> dict[str, Any]:
        """Return the numbers by name."""
        return {"values": {name: round(value, 4) for name, value in self.values.items()}}

    def text(self) -> str:
        """Return the numbers, each after its name."""
        return "  ".join(f"{name} {round(value, 4):+.3f}" for name, value in self.values.items())
