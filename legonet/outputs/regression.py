"""Numbers that are compared by their distance: what all kinds of that sort have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from legonet.graph.output import Output, Shape
from legonet.outputs.results import Numbers

if TYPE_CHECKING:
    from torch import Tensor


class Regression(Output):
    """Numbers, with labels of the same shape, compared by their distance; no kind by itself.

    A kind of this sort adds its name, `shape`, `channels`, `words` and `legend`.
    """

    fractions: ClassVar[bool] = False

    def label_shape(self, image: Shape) -> Shape:
        """Return the output's own shape."""
        return self.shape(image)

    def largest_label(self) -> None:
        """Return that labels are any finite numbers."""
        return

    def annotation(self) -> None:
        """Return that only labels of its own say what is right."""
        return

    def soft_loss(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Return the mean squared distance: numbers are no scores, which could be softened."""
        import torch.nn.functional as F

        return F.mse_loss(student, teacher)

    def disagreement(self, student: Tensor, teacher: Tensor, scale: Tensor) -> Tensor:
        """Return the smooth L1 distance in units of the teacher's spread."""
        from legonet.outputs.losses import mismatch

        return mismatch(student, teacher, scale)

    def task_loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the mean squared distance to the labels, which have the outputs' shape."""
        import torch.nn.functional as F

        from legonet.outputs.losses import expect_labels

        target = expect_labels(labels, output.shape, output.device)
        return F.mse_loss(output, target.to(output.dtype))

    def measures(self, output: Tensor, labels: Tensor) -> dict[str, float]:
        """Return the root of the mean squared distance, over images and numbers."""
        return {"RMSE": float((output - labels).square().mean().sqrt())}

    def read(self, output: Tensor, category: str) -> Numbers:
        """Return the numbers by name."""
        return Numbers(dict(zip(self.channels(category), map(float, output.flatten()), strict=True)))
