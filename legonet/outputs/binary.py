"""One score per image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from legonet.graph.fields import Array, Label
from legonet.graph.output import Shape, in_words
from legonet.outputs.results import Score
from legonet.outputs.signs import Signs

if TYPE_CHECKING:
    from torch import Tensor


class BinaryOutput(Signs):
    """One score per image: positive says that the image shows the category."""

    kind: Literal["binary"]
    labels: Annotated[tuple[Label, Label], Array] = Field(
        default=("other", "{category}"),
        description="labels of a negative and a positive score; {category} is the category's label",
    )
    guessed_from: ClassVar[str] = "a score (1)"
    hub_task: ClassVar[str] = "image-classification"

    @property
    def by_sign(self) -> bool:
        """Return that it is one score."""
        return True

    def shape(self, image: Shape) -> Shape:
        """Return the shape of one score."""
        return (1,)

    def label_shape(self, image: Shape) -> Shape:
        """Return the shape of one number."""
        return ()

    def largest_label(self) -> int:
        """Return 1: an image shows the category, or not."""
        return 1

    def annotation(self) -> Literal["category"]:
        """Return that labels say whether an image shows the category."""
        return "category"

    def channels(self, category: str) -> tuple[str, ...]:
        """Return the labels of a negative and a positive score."""
        return in_words(self.labels, category)

    def words(self) -> str:
        """Return what stands in a diagram."""
        return "score"

    def legend(self) -> str:
        """Return how to read a score."""
        return "one score per image, positive for the second label"

    def one_sided(self, quantiles: Sequence[Sequence[float]]) -> str | None:
        """Say whether all scores but a few were positive, or none."""
        most = [value for row in quantiles for value in row[3:-3]]  # but the outer two in a hundred
        if not most:
            return None
        return "positive" if min(most) > 0 else "negative" if max(most) <= 0 else None

    def task_loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the binary cross-entropy of scores (batch, 1) in nats; labels are (batch,)."""
        import torch.nn.functional as F

        from legonet.outputs.losses import expect_labels

        score = output.squeeze(1)
        target = expect_labels(labels, score.shape, output.device)
        return F.binary_cross_entropy_with_logits(score, target.to(score.dtype))

    def measures(self, output: Tensor, labels: Tensor) -> dict[str, float]:
        """Return the fraction of images that are on the wrong side."""
        return {"error": float(((output[:, 0] > 0).long() != labels).float().mean())}

    def read(self, output: Tensor, category: str) -> Score:
        """Return the label that the score's sign chooses."""
        score = float(output[0])
        return Score(self.channels(category)[int(score > 0)], score)

    @classmethod
    def guess(cls, shape: Shape, image: Shape) -> dict[str, Any] | None:
        """Take one number for a score."""
        return {"kind": "binary"} if shape == (1,) else None

    def key_text(self) -> str:
        """Return the kind: an adapter does not depend on labels, which are words."""
        return self.kind
