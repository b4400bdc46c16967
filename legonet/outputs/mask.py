"""Scores per pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from legonet.graph.fields import Array, Label, Size
from legonet.graph.output import Output, Shape, in_words
from legonet.outputs.results import Mask

if TYPE_CHECKING:
    from torch import Tensor


class MaskOutput(Output):
    """Per-pixel scores (labels, height, width); one label: the score of that label's pixels."""

    kind: Literal["mask"]
    labels: Annotated[tuple[Label, ...], Field(min_length=1), Array] = Field(
        default=("{category}",), description="one label per output channel"
    )
    size: Annotated[tuple[Size, Size], Array] | None = Field(
        default=None, description="height and width of the maps that the teachers give; default: the image's"
    )
    drawn: ClassVar[bool] = True
    hub_task: ClassVar[str] = "image-segmentation"
    guessed_from: ClassVar[str] = "maps of the image's size (labels, {height}, {width})"

    @property
    def by_sign(self) -> bool:
        """Return that it is one score a pixel, unless labels compete."""
        return len(self.labels) == 1

    def shape(self, image: Shape) -> Shape:
        """Return the shape of one map per label, of the image's size or one of its own."""
        return (len(self.labels), *(self.size or image[1:]))

    @property
    def over_image(self) -> bool:
        """Return that masks are over the image."""
        return True

    def label_shape(self, image: Shape) -> Shape:
        """Return (height, width): a label's index for each pixel, or of one label 1 on its pixels."""
        return image[1:]

    def largest_label(self) -> int:
        """Return the last label's index, or 1 where there is one label."""
        return max(1, len(self.labels) - 1)

    def annotation(self) -> Literal["mask"]:
        """Return that labels are masks."""
        return "mask"

    def channels(self, category: str) -> tuple[str, ...]:
        """Return the maps' labels."""
        return in_words(self.labels, category)

    def words(self) -> str:
        """Return what stands in a diagram."""
        return "mask" if len(self.labels) == 1 else f"mask of {len(self.labels)} labels"

    def legend(self) -> str:
        """Return how to read the maps."""
        return "one map per label; of one label, positive on its pixels"

    def soft_loss(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Compare softened probabilities of each pixel; see `legonet.outputs.losses`."""
        from legonet.outputs.losses import sigmoid_divergence, softmax_divergence

        divergence = sigmoid_divergence if student.shape[1] == 1 else softmax_divergence
        return divergence(student, teacher, temperature)

    def disagreement(self, student: Tensor, teacher: Tensor, scale: Tensor) -> Tensor:
        """Compare each pixel's decision.

        Scores are divided by a quarter of their standard deviation before they become probabilities.
        """
        from legonet.outputs.losses import SHARPNESS

        return self.soft_loss(SHARPNESS * student / scale, SHARPNESS * teacher / scale, 1.0)

    def agreement(self, student: Tensor, teacher: Tensor, scale: Tensor) -> Tensor:
        """Give the part of the pixels that have the same label."""
        from legonet.outputs.losses import same_sides

        if student.shape[1] == 1:
            return same_sides(student, teacher)
        return (student.argmax(1) == teacher.argmax(1)).flatten(1).float().mean(1)

    def task_loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of maps (batch, labels, height, width) in nats.

        Labels (batch, height, width) are label indices, or 0 and 1 where the task has one label. Maps of a
        size of their own are brought to the labels'.
        """
        import torch.nn.functional as F

        from legonet.outputs.losses import at_size, expect_labels

        if self.size is not None and labels.ndim == 3:
            output = at_size(output, labels)
        target = expect_labels(labels, (output.shape[0], *output.shape[2:]), output.device)
        if output.shape[1] > 1:
            return F.cross_entropy(output, target.long())
        score = output.squeeze(1)
        return F.binary_cross_entropy_with_logits(score, target.to(score.dtype))

    def measures(self, output: Tensor, labels: Tensor) -> dict[str, float]:
        """Return the fraction of pixels that are right, and the intersection over union of label 1."""
        from legonet.outputs.losses import at_size

        output = at_size(output, labels)
        found = output.argmax(1) if output.shape[1] > 1 else (output[:, 0] > 0).long()
        union = ((found == 1) | (labels == 1)).sum().clamp_min(1)
        return {
            "pixel accuracy": float((found == labels).float().mean()),
            "IoU": float(((found == 1) & (labels == 1)).sum() / union),
        }

    def read(self, output: Tensor, category: str) -> Mask:
        """Return each pixel's most likely label."""
        mask = output.argmax(0) if len(output) > 1 else (output[0] > 0).long()
        return Mask(category, mask, float((mask > 0).float().mean()), max(2, len(output)))

    @classmethod
    def guess(cls, shape: Shape, image: Shape) -> dict[str, Any] | None:
        """Take maps of the image's size for masks."""
        if len(shape) != 3 or tuple(shape[1:]) != tuple(image[1:]):
            return None
        labels = ["{category}"] if shape[0] == 1 else [f"label {index}" for index in range(shape[0])]
        return {"kind": "mask", "labels": ["other", "{category}"] if shape[0] == 2 else labels}

    def key_text(self) -> str:
        """Return the kind: an adapter does not depend on labels, which are words."""
        return self.kind
