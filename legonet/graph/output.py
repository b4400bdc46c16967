"""What a task's output means: the base of all kinds, and the table that holds them. Needs no torch.

A kind is one class, which says all that legonet has to know of such outputs. It is in the table once
`legonet.outputs` is imported, or once a user registers it by `legonet.register_output`.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from legonet.errors import GraphError
from legonet.graph.fields import Model
from legonet.graph.kinds import Kinds

if TYPE_CHECKING:
    from torch import Tensor, nn

    from legonet.graph.result import Result
    from legonet.graph.schema import Input

Shape = tuple[int, ...]
Maps = tuple[Shape, ...]
"""Shapes (channels, height, width) of the maps that cross at one cut, in their order."""
Annotation = Literal["category", "mask", "class"]

CATEGORY = "{category}"  # stands for the category's label in the names of channels


class Output(Model):
    """The meaning of a task's output; each kind of output is a subclass.

    A kind adds `kind: Literal["its-name"]`, its own settings as pydantic fields, and all members below. Those
    that compute take tensors with the batch first, and import torch when they are called.

    Attributes:
        kind: The name of the kind, as graph files write it.
        fractions: Whether measures are fractions, which are shown in percent.
        drawn: Whether its results have pictures, such as masks.
        guessed_from: What `guess` accepts, for messages; `{height}` and `{width}` are those of the image.
        hub_task: What model hubs call the task, such as `image-segmentation`; empty where they have no name.
    """

    kind: str
    fractions: ClassVar[bool] = True
    drawn: ClassVar[bool] = False
    guessed_from: ClassVar[str] = ""
    hub_task: ClassVar[str] = ""

    @property
    def over_image(self) -> bool:
        """Whether outputs are maps over the image: a compiled network gives them in its photo's pixels."""
        return False

    @property
    def by_sign(self) -> bool:
        """Whether each output decides by its sign alone, so that what is recorded of it says how surely."""
        return False

    @property
    def places(self) -> Literal["shares", "pixels"] | None:
        """What labels are that are places.

        `shares`: (…, 2), x and y as shares of the photo's width and height. `pixels`: (…, 5), the corners of
        a box in the photo's pixels, and its label. None: labels are no places.
        """
        return None

    def decoder(self, image: Input) -> nn.Module | None:
        """Make what a compiled network ends with, `module(outputs, photos)`.

        What it gives is what `measures` and `read` take then; losses take outputs as they are.

        Args:
            image: How photos become what the network sees.

        Returns:
            None where outputs are what they are, or maps, which are brought to the photo's pixels.
        """
        return None

    @abstractmethod
    def shape(self, image: Shape) -> Shape:
        """Say which shape an output has.

        Args:
            image: (channels, height, width) of an image.

        Returns:
            The shape of the image's output, without the batch.
        """

    @abstractmethod
    def label_shape(self, image: Shape) -> Shape:
        """Say which shape a label has.

        Args:
            image: (channels, height, width) of an image.

        Returns:
            The shape of the image's label, without the batch.
        """

    @abstractmethod
    def largest_label(self) -> int | None:
        """Return n if labels are whole numbers from 0 to n, or None if they are finite float32 numbers."""

    @abstractmethod
    def annotation(self) -> Annotation | None:
        """Return which labels of a folder of images serve for this kind.

        Returns:
            `category`: 1 for an image that shows the category, which a positive score says, else 0. `mask`:
            the same for each pixel. `class`: which of `labels` an image of the category is of, as the folders
            inside the category's are called. None: none of them; such outputs need labels of their own.
        """

    @abstractmethod
    def channels(self, category: str) -> tuple[str, ...]:
        """Name the output's numbers or maps.

        Args:
            category: What people call the category.

        Returns:
            A name for each channel.
        """

    @abstractmethod
    def words(self) -> str:
        """Return two or three words that stand in the task's box of a diagram."""

    @abstractmethod
    def legend(self) -> str:
        """Return one sentence, without its full stop, that says how to read such an output."""

    @abstractmethod
    def soft_loss(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Compare softened outputs (Hinton et al., arXiv:1503.02531).

        Args:
            student: The student's outputs.
            teacher: The teacher's, of the same shape.
            temperature: T; scores are divided by it before they become probabilities.

        Returns:
            A scalar; 0 where both agree.
        """

    @abstractmethod
    def disagreement(self, student: Tensor, teacher: Tensor, scale: Tensor) -> Tensor:
        """Compare what outputs decide, in units of the teacher's spread; what is decoded has its own units.

        Args:
            student: The student's outputs.
            teacher: The teacher's, of the same shape.
            scale: The standard deviation of each channel of the teacher's, broadcastable to the outputs.

        Returns:
            A scalar; 0 where both agree.
        """

    def agreement(self, student: Tensor, teacher: Tensor, scale: Tensor) -> Tensor:
        """Say how far each output decides as the teacher's, in [0, 1].

        Kinds that decide between labels say whether they choose the same; of numbers, as here, it is the
        part of them that are less than half of the teacher's standard deviation apart.

        Args:
            student: The student's outputs.
            teacher: The teacher's, of the same shape.
            scale: As for `disagreement`.

        Returns:
            One number for each output, (batch,).
        """
        return ((student - teacher).abs() < scale / 2).flatten(1).float().mean(1)

    def alike(self, found: Tensor, wanted: Tensor, scale: Tensor) -> Tensor:
        """Say how far what a compiled network gives decides as it should, in [0, 1].

        Args:
            found: What it gives, (batch, …), as `read` takes it.
            wanted: What it should give.
            scale: As for `disagreement`.

        Returns:
            One number for each image, (batch,). Default: `agreement`, for kinds without a decoder.
        """
        return self.agreement(found, wanted, scale)

    def apart(self, found: Tensor, wanted: Tensor) -> float:
        """Say how far what a compiled network gives is from what it should give.

        Args:
            found: What it gives, (batch, …), as `read` takes it.
            wanted: What it should give, of the same shape.

        Returns:
            By default the largest difference, as a share of the largest number, or of 1.
        """
        return float((found - wanted).abs().max() / wanted.abs().max().clamp_min(1))

    def one_sided(self, quantiles: Sequence[Sequence[float]]) -> str | None:
        """Say which decision all of a teacher's recorded outputs were, or None if they were several.

        Args:
            quantiles: Of each output over the owner's images, from the least to the greatest.

        Returns:
            A word for the one decision, such as `positive`; None where there were several, or of kinds that
            decide nothing.
        """
        return None

    @abstractmethod
    def task_loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Compute the loss of the task itself, L(y, y*) in equation (3).

        Args:
            output: The outputs.
            labels: Their labels.

        Returns:
            The mean over the batch, a scalar.

        Raises:
            DataError: Labels of another shape; see `legonet.outputs.losses.expect_labels`.
        """

    @abstractmethod
    def measures(self, output: Tensor, labels: Tensor) -> dict[str, float]:
        """Measure outputs on labelled images.

        Args:
            output: The outputs.
            labels: Their labels.

        Returns:
            Values by the names of the measures; the first one leads.
        """

    @abstractmethod
    def read(self, output: Tensor, category: str) -> Result:
        """Read the output of one image.

        Args:
            output: Without the batch.
            category: What people call the category.

        Returns:
            What it says, in the words of its task.
        """

    @classmethod
    def guess(cls, shape: Shape, image: Shape) -> dict[str, Any] | None:
        """Guess the output of a model from its shape.

        Args:
            shape: The shape of the model's output, without the batch.
            image: (channels, height, width) of an image.

        Returns:
            The output as in a graph file; None if such a shape is not of this kind.
        """
        return None

    def of(self, category: str) -> Output:
        """Give the meaning for one category, where categories differ in words.

        Args:
            category: Its name.

        Returns:
            The kind in the category's own words; default: itself.
        """
        return self

    def sharing(self) -> str:
        """Say what teachers of one task module have in common, and what to do with one that has not.

        Returns:
            A part of a sentence, for messages.
        """
        return "choose another model, or give it a task of its own, which shares the category's module"

    def confusion(self, output: Tensor, labels: Tensor) -> Tensor | None:
        """Count labelled images by right channel (row) and found one (column).

        Args:
            output: The outputs.
            labels: Their labels.

        Returns:
            int64 (channels, channels), in the order of `channels`; None where no channel is the answer.
        """
        return None

    def labelled(self, labels: Sequence[str]) -> dict[str, Any]:
        """Give the settings that call the output's values so, as in a graph file.

        Args:
            labels: What the values are called, in their order.

        Returns:
            By default the kind's setting `labels` or `names`, whichever it has.

        Raises:
            GraphError: The kind has no words for its values.
        """
        for key in ("labels", "names"):
            if key in type(self).model_fields:
                return {key: list(labels)}
        raise GraphError(
            f"labels: found {', '.join(labels)}; an output of kind {self.kind} has none; leave labels out"
        )

    def key_text(self) -> str:
        """Return what an adapter depends on: with another text, it is fitted again. Default: all settings."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


OUTPUTS: Kinds[Output] = Kinds("output", "kind", home="legonet.outputs")


def in_words(names: tuple[str, ...], category: str) -> tuple[str, ...]:
    """Put a category's label in its place in the names of channels."""
    return tuple(name.replace(CATEGORY, category) for name in names)
