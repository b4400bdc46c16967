"""What an output says, in the words of its task. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from legonet.compile.card import OutputCard


@dataclass(frozen=True)
class Score:
    """What an output of a binary task says of an image.

    Attributes:
        label: The label that the score's sign chooses.
        score: The score; positive for the second label.
    """

    label: str
    score: float


@dataclass(frozen=True)
class Mask:
    """What an output of a mask task says of an image.

    Attributes:
        label: What the category is called.
        mask: int64 (height, width): the index of a label; of a single label, 1 on its pixels.
        share: The share of the pixels that are not 0.
        labels: How many values the mask may have.
    """

    label: str
    mask: Tensor
    share: float
    labels: int


@dataclass(frozen=True)
class Numbers:
    """What an output of a vector task says of an image.

    Attributes:
        values: The numbers by name.
    """

    values: dict[str, float]


Result = Score | Mask | Numbers


def read_output(card: OutputCard, output: Tensor) -> Result:
    """What the output of one image says.

    Args:
        card: of the path.
        output: a score (1), maps (labels, height, width) or a vector (size).
    """
    if card.kind == "binary":
        score = float(output[0])
        return Score(card.labels[int(score > 0)], score)
    if card.kind == "mask":
        mask = output.argmax(0) if len(output) > 1 else (output[0] > 0).long()
        return Mask(card.category, mask, float((mask > 0).float().mean()), max(2, len(output)))
    return Numbers(dict(zip(card.labels, map(float, output), strict=True)))
