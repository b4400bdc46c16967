"""One of several classes per image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from legonet.graph.fields import Array, Label, Name, Positive
from legonet.graph.output import Output, Shape, in_words
from legonet.graph.result import Result

if TYPE_CHECKING:
    from torch import Tensor

Labels = Annotated[tuple[Label, ...], Field(min_length=2), Array]


@dataclass(frozen=True)
class Classes(Result):
    """What a task of several classes says of an image.

    Attributes:
        probabilities: Of each class by name, the most likely first; together 1.
        top: How many of them `data` and `text` name.
    """

    probabilities: Mapping[str, float]
    top: int = 1

    @property
    def label(self) -> str:
        """The most likely class."""
        return next(iter(self.probabilities))

    @property
    def probability(self) -> float:
        """The probability of the most likely class."""
        return self.probabilities[self.label]

    def data(self) -> dict[str, Any]:
        """Return the most likely class, its probability, and those of the first few."""
        named = {name: round(chance, 4) for name, chance in islice(self.probabilities.items(), self.top)}
        return {"label": self.label, "probability": round(self.probability, 4), "probabilities": named}

    def text(self) -> str:
        """Return the first few classes, each with its probability."""
        named = islice(self.probabilities.items(), self.top)
        return "  ".join(f"{name} {round(chance, 4):.1%}" for name, chance in named)


class ClassesOutput(Output):
    """One score per class, of which one is right: the largest says which. Softmax gives probabilities."""

    kind: Literal["classes"]
    labels: Labels = Field(description="the classes, in the order of the scores")
    labels_of: dict[Name, Labels] = Field(
        default={},
        description="the classes of a category whose own are called otherwise; as many as `labels`",
    )
    top: Positive = Field(
        default=3,
        description="how many classes a result names, and may hold the right one in `top-k accuracy`",
    )
    hub_task: ClassVar[str] = "image-classification"

    def of(self, category: str) -> ClassesOutput:
        """Return the meaning with the category's own classes."""
        labels = self.labels_of.get(category) or self.labels_of.get(category.partition("@")[0])
        return self if labels is None else self.model_copy(update={"labels": labels, "labels_of": {}})

    def sharing(self) -> str:
        """Return that the number of classes is shared, and their names need not be."""
        return (
            f"a task module of {len(self.labels)} classes is shared by teachers of as many, whose names may "
            "differ (labels_of); give this one a task of its own, which shares the category's module"
        )

    def shape(self, image: Shape) -> Shape:
        """Return the shape of one score per class."""
        return (len(self.labels),)

    def label_shape(self, image: Shape) -> Shape:
        """Return the shape of one number, the index of the right class."""
        return ()

    def largest_label(self) -> int:
        """Return the index of the last class."""
        return len(self.labels) - 1

    def annotation(self) -> Literal["class"]:
        """Return that labels are classes."""
        return "class"

    def channels(self, category: str) -> tuple[str, ...]:
        """Return the classes."""
        return in_words(self.labels, category)

    def words(self) -> str:
        """Return what stands in a diagram."""
        return f"{len(self.labels)} classes"

    def legend(self) -> str:
        """Return how to read the scores."""
        return "one score per class, the largest is the answer, and softmax makes probabilities of them"

    def soft_loss(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Compare softened probabilities; see `legonet.outputs.losses.softmax_divergence`."""
        from legonet.outputs.losses import softmax_divergence

        return softmax_divergence(student, teacher, temperature)

    def disagreement(self, student: Tensor, teacher: Tensor, scale: Tensor) -> Tensor:
        """Compare which class is chosen, and near a tie how nearly.

        All scores are divided by a quarter of one standard deviation, the mean one of all classes: a scale
        for each class would change which score is the largest.
        """
        from legonet.outputs.losses import SHARPNESS, softmax_divergence

        one = scale.square().mean().sqrt()
        return softmax_divergence(SHARPNESS * student / one, SHARPNESS * teacher / one, 1.0)

    def agreement(self, student: Tensor, teacher: Tensor, scale: Tensor) -> Tensor:
        """Say whether both choose the same class."""
        return (student.argmax(1) == teacher.argmax(1)).float()

    def task_loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of scores (batch, classes) in nats; labels (batch,) are indices."""
        import torch.nn.functional as F

        from legonet.outputs.losses import expect_labels

        return F.cross_entropy(output, expect_labels(labels, output.shape[:1], output.device).long())

    def measures(self, output: Tensor, labels: Tensor) -> dict[str, float]:
        """Return the fraction of images whose class is found, and is among the `top` most likely ones."""
        found = {"accuracy": float((output.argmax(1) == labels).float().mean())}
        if 1 < self.top < len(self.labels):
            among = (output.topk(self.top, 1).indices == labels[:, None]).any(1)
            found[f"top-{self.top} accuracy"] = float(among.float().mean())
        return found

    def confusion(self, output: Tensor, labels: Tensor) -> Tensor:
        """Count images by right class (row) and found one (column)."""
        import torch

        count = len(self.labels)
        return torch.bincount(labels * count + output.argmax(1), minlength=count**2).view(count, count)

    def read(self, output: Tensor, category: str) -> Classes:
        """Return the classes with their probabilities, the most likely first."""
        chances = output.float().softmax(0)
        order = chances.argsort(descending=True, stable=True).tolist()
        names = self.channels(category)
        return Classes({names[index]: float(chances[index]) for index in order}, self.top)

    def key_text(self) -> str:
        """Return the kind: an adapter does not depend on labels, which are words."""
        return self.kind
