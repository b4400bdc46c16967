"""Several labels per image, each by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from legonet.graph.fields import Array, Label
from legonet.graph.output import Shape, in_words
from legonet.graph.result import Result
from legonet.outputs.signs import Signs

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Labels(Result):
    """What a task of several labels says of an image.

    Attributes:
        probabilities: Of each label by name, each by itself.
    """

    probabilities: Mapping[str, float]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that hold: those more likely than not."""
        return tuple(name for name, chance in self.probabilities.items() if chance > 0.5)

    def data(self) -> dict[str, Any]:
        """Return the labels that hold, and the probabilities of all."""
        named = {name: round(chance, 4) for name, chance in self.probabilities.items()}
        return {"labels": list(self.labels), "probabilities": named}

    def text(self) -> str:
        """Return the labels that hold, each with its probability."""
        held = (f"{name} {round(self.probabilities[name], 4):.1%}" for name in self.labels)
        return "  ".join(held) or "no label"


class MultilabelOutput(Signs):
    """One score per label, each by itself: positive says that the label holds."""

    kind: Literal["multilabel"]
    labels: Annotated[tuple[Label, ...], Field(min_length=1), Array] = Field(
        description="the labels, in the order of the scores"
    )
    hub_task: ClassVar[str] = "image-classification"

    @property
    def by_sign(self) -> bool:
        """Return that each label has a score of its own."""
        return True

    def shape(self, image: Shape) -> Shape:
        """Return the shape of one score per label."""
        return (len(self.labels),)

    def label_shape(self, image: Shape) -> Shape:
        """Return the shape of 0 or 1 for each label."""
        return (len(self.labels),)

    def largest_label(self) -> int:
        """Return 1: a label holds, or not."""
        return 1

    def annotation(self) -> None:
        """Return that only labels of its own say what is right."""
        return

    def channels(self, category: str) -> tuple[str, ...]:
        """Return the labels."""
        return in_words(self.labels, category)

    def words(self) -> str:
        """Return what stands in a diagram."""
        return "1 label" if len(self.labels) == 1 else f"{len(self.labels)} labels"

    def legend(self) -> str:
        """Return how to read the scores."""
        return "one score per label, each by itself, positive where the label holds"

    def task_loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the mean binary cross-entropy of scores (batch, labels) in nats; labels are 0 and 1."""
        import torch.nn.functional as F

        from legonet.outputs.losses import expect_labels

        target = expect_labels(labels, output.shape, output.device)
        return F.binary_cross_entropy_with_logits(output, target.to(output.dtype))

    def measures(self, output: Tensor, labels: Tensor) -> dict[str, float]:
        """Return the fraction of labels that are wrong, of images with all right, and the mean F1 of labels.

        A label that holds for no image and is found on none has no F1, and is left out of the mean.
        """
        found, holds = output > 0, labels.bool()
        both = (found & holds).sum(0)
        either = found.sum(0) + holds.sum(0)
        scored = 2 * both[either > 0] / either[either > 0]
        return {
            "error": float((found != holds).float().mean()),
            "all right": float((found == holds).all(1).float().mean()),
            "F1": float(scored.mean()) if len(scored) else 1.0,
        }

    def read(self, output: Tensor, category: str) -> Labels:
        """Return each label's probability."""
        chances = output.float().sigmoid().tolist()
        return Labels(dict(zip(self.channels(category), chances, strict=True)))

    def key_text(self) -> str:
        """Return the kind: an adapter does not depend on labels, which are words."""
        return self.kind
