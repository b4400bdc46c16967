"""What outputs of legonet's own kinds say. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from legonet.graph.output import Result

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Score(Result):
    """What a binary task says of an image.

    Attributes:
        label: The label that the score's sign chooses.
        score: The output itself; positive for the second label.
    """

    label: str
    score: float

    def data(self) -> dict[str, Any]:
        """Return label and score."""
        return {"label": self.label, "score": round(self.score, 4)}

    def text(self) -> str:
        """Return label and score."""
        return f"{self.label}  {round(self.score, 4):+.3f}"


@dataclass(frozen=True)
class Mask(Result):
    """What a mask task says of an image.

    Attributes:
        label: The name of the category.
        mask: int64 (height, width): the index of each pixel's label, or with a single label 1 on its pixels.
        share: The part of the pixels that are not 0.
        labels: How many values the mask may have.
    """

    label: str
    mask: Tensor
    share: float
    labels: int

    def data(self) -> dict[str, Any]:
        """Return label and share."""
        return {"label": self.label, "share": round(self.share, 4)}

    def text(self) -> str:
        """Return label and share."""
        return f"{self.label}  {round(self.share, 4):.1%}"


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
