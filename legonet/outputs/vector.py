"""A vector of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from legonet.graph.fields import Array, Label
from legonet.graph.output import Output, Shape, in_words
from legonet.outputs.results import Numbers

if TYPE_CHECKING:
    from torch import Tensor


class VectorOutput(Output, frozen=True):
    """A vector of numbers, such as a pose."""

    kind: Literal["vector"]
    names: Annotated[tuple[Label, ...], Field(min_length=1), Array] = Field(
        description="what each number means"
    )
    guessed_from: ClassVar[str] = "a vector (size)"

    def shape(self, image: Shape) -> Shape:
        """Return the shape of one number per name."""
        return (len(self.names),)

    def label_shape(self, image: Shape) -> Shape:
        """Return the shape of one number per name."""
        return (len(self.names),)

    def largest_label(self) -> None:
        """Return that labels are any finite numbers."""
        return

    def annotation(self) -> None:
        """Return that only labels of its own say what is right."""
        return

    def channels(self, category: str) -> tuple[str, ...]:
        """Return the numbers' names."""
        return in_words(self.names, category)

    def words(self) -> str:
        """Return what stands in a diagram."""
        return "1 number" if len(self.names) == 1 else f"{len(self.names)} numbers"

    def legend(self) -> str:
        """Return how to read the vector."""
        return "one number per name"

    def soft_loss(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Return the mean squared distance: numbers are no scores, which could be softened."""
        import torch.nn.functional as F

        return F.mse_loss(student, teacher)

    def disagreement(self, student: Tensor, teacher: Tensor, scale: Tensor) -> Tensor:
        """Return the smooth L1 distance in units of the teacher's spread."""
        from legonet.outputs.losses import mismatch

        return mismatch(student, teacher, scale)

    def task_loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the mean squared distance to labels (batch, size)."""
        import torch.nn.functional as F

        from legonet.outputs.losses import expect_labels

        target = expect_labels(labels, output.shape, output.device)
        return F.mse_loss(output, target.to(output.dtype))

    def measures(self, output: Tensor, labels: Tensor) -> dict[str, float]:
        """Return the root of the mean squared distance, over images and numbers."""
        return {"RMSE": float((output - labels).square().mean().sqrt())}

    def read(self, output: Tensor, category: str) -> Numbers:
        """Return the numbers by name."""
        return Numbers(dict(zip(self.channels(category), map(float, output), strict=True)))

    @classmethod
    def guess(cls, shape: Shape, image: Shape) -> dict[str, Any] | None:
        """Take several numbers for a vector."""
        if len(shape) != 1:
            return None
        return {"kind": "vector", "names": [f"value {index}" for index in range(shape[0])]}

    def key_text(self) -> str:
        """Return the kind: an adapter does not depend on names."""
        return self.kind
