"""A vector whose direction says what is alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from legonet.graph.fields import LARGEST, Positive, Size
from legonet.graph.output import Output, Shape
from legonet.graph.result import Result

if TYPE_CHECKING:
    from torch import Tensor

TEMPERATURE = 0.1  # of the loss to labels


@dataclass(frozen=True)
class Embedding(Result):
    """What an embedding task says of an image.

    Attributes:
        vector: The embedding, of length 1: float32 (size).
        category: What people call the category.
    """

    vector: Tensor = field(repr=False)
    category: str

    def similarity(self, other: Embedding) -> float:
        """Return the cosine of the angle to another one, from -1 to 1: alike."""
        return float(self.vector @ other.vector)

    def data(self) -> dict[str, Any]:
        """Return the vector."""
        return {"embedding": [round(value, 4) for value in self.vector.tolist()]}

    def text(self) -> str:
        """Return the first few numbers."""
        first = ", ".join(f"{value:+.3f}" for value in self.vector[:4].tolist())
        return f"[{first}{', …' if len(self.vector) > 4 else ''}] ({len(self.vector)} numbers)"


class EmbeddingOutput(Output):
    """A vector that is compared by its direction: images of one thing have a small angle between them."""

    kind: Literal["embedding"]
    size: Size = Field(description="how many numbers it has")
    top: Positive = Field(
        default=5, description="`retrieval@k` looks whether one of so many nearest images shows the same"
    )
    hub_task: ClassVar[str] = "image-feature-extraction"

    def shape(self, image: Shape) -> Shape:
        """Return the shape of the vector."""
        return (self.size,)

    def label_shape(self, image: Shape) -> Shape:
        """Return the shape of one number: images that show the same thing have the same one."""
        return ()

    def largest_label(self) -> int:
        """Return the largest number of a thing."""
        return LARGEST

    def annotation(self) -> None:
        """Return that only labels of its own say what is the same."""
        return

    def channels(self, category: str) -> tuple[str, ...]:
        """Return one name for all numbers."""
        return (f"embedding of {category}",)

    def words(self) -> str:
        """Return what stands in a diagram."""
        return f"embedding of {self.size}"

    def legend(self) -> str:
        """Return how to read the vector."""
        return "a vector, of which the direction counts: the more alike, the larger the cosine"

    def soft_loss(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Return 1 less the cosine of the angle between both, the mean over the batch."""
        import torch.nn.functional as F

        return (1 - F.cosine_similarity(student, teacher, 1)).mean()

    def disagreement(self, student: Tensor, teacher: Tensor, scale: Tensor) -> Tensor:
        """Return the same: a direction has no unit."""
        return self.soft_loss(student, teacher, 1.0)

    def agreement(self, student: Tensor, teacher: Tensor, scale: Tensor) -> Tensor:
        """Give the cosine of the angle between both; 0 where they point apart."""
        import torch.nn.functional as F

        return F.cosine_similarity(student, teacher, dim=1).clamp(0, 1)

    def task_loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the supervised contrastive loss: images of one number should be nearest to each other.

        Labels (batch,) are whole numbers. 0 where no two images have the same.

        Source: Khosla et al., arXiv:2004.11362, equation (2).
        """
        import torch
        import torch.nn.functional as F

        from legonet.outputs.losses import expect_labels

        target = expect_labels(labels, output.shape[:1], output.device)
        unit = F.normalize(output, dim=1)
        itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
        alike = (unit @ unit.T / TEMPERATURE).masked_fill(itself, -torch.inf)
        same = (target[:, None] == target[None]) & ~itself
        chances = alike.log_softmax(1).masked_fill(~same, 0.0)
        counted = same.sum(1)
        losses = -chances.sum(1) / counted.clamp_min(1)
        return losses.sum() / (counted > 0).sum().clamp_min(1)

    def measures(self, output: Tensor, labels: Tensor) -> dict[str, float]:
        """Return how often the nearest image, and one of the `top` nearest, shows the same.

        Each image is looked for among the others; one that nothing else is the same as is left out.
        """
        import torch
        import torch.nn.functional as F

        unit = F.normalize(output, dim=1)
        itself = torch.eye(len(unit), dtype=torch.bool)
        near = (unit @ unit.T).masked_fill(itself, -torch.inf).argsort(dim=1, descending=True, stable=True)
        same = labels[near[:, : len(unit) - 1]] == labels[:, None]
        asked = same.any(1)
        found = {}
        for count in dict.fromkeys((1, self.top)):
            right = same[asked, :count].any(1)
            found[f"retrieval@{count}"] = float(right.float().mean()) if len(right) else 0.0
        return found

    def read(self, output: Tensor, category: str) -> Embedding:
        """Return the vector, of length 1."""
        import torch.nn.functional as F

        return Embedding(F.normalize(output, dim=0), category)

    def key_text(self) -> str:
        """Return the kind: an adapter does not depend on how retrieval is measured."""
        return self.kind
