"""What outputs of legonet's own kinds say. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from legonet.graph.output import Result

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Score(Result):
    """Of a binary task: the label that the score's sign chooses."""

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
    """Of a mask task.

    Attributes:
        label: what the category is called.
        mask: int64 (height, width): the index of a label, or of one label 1 on its pixels.
        share: of the pixels that are not 0.
        labels: how many values the mask may have.
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
    """Of a vector task: numbers by name."""

    values: dict[str, float]

    def data(self) -> dict[str, Any]:
        """Return the numbers by name."""
        return {"values": {name: round(value, 4) for name, value in self.values.items()}}

    def text(self) -> str:
        """Return the numbers, each after its name."""
        return "  ".join(f"{name} {round(value, 4):+.3f}" for name, value in self.values.items())
