"""Places on the image, each where its heat map is largest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from legonet.graph.fields import Array, Label, Number, Size
from legonet.graph.output import Output, Shape, in_words
from legonet.graph.result import Result
from legonet.outputs.results import COLOURS

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


class Point(NamedTuple):
    """A place on a photo.

    Attributes:
        x: Pixels from the left edge.
        y: Pixels from the upper edge.
        score: What the heat map has there.
    """

    x: float
    y: float
    score: float


@dataclass(frozen=True)
class Keypoints(Result):
    """What a keypoint task says of an image.

    Attributes:
        points: By name, in the photo's own pixels.
    """

    points: Mapping[str, Point]

    def data(self) -> dict[str, Any]:
        """Return the points by name."""
        rounded = {
            name: {key: round(value, 4) for key, value in point._asdict().items()}
            for name, point in self.points.items()
        }
        return {"points": rounded}

    def text(self) -> str:
        """Return the places, each after its name."""
        return "  ".join(f"{name} ({each.x:.1f}, {each.y:.1f})" for name, each in self.points.items())

    def overlay(self, photo: Image) -> Image:
        """Draw the points over the image, each in a colour."""
        from PIL import ImageDraw

        drawn = photo.convert("RGB")
        brush, radius = ImageDraw.Draw(drawn), max(1, min(photo.size) / 60)
        for index, each in enumerate(self.points.values()):
            brush.circle((each.x, each.y), radius, COLOURS[index % len(COLOURS)])
        return drawn


class KeypointsOutput(Output):
    """One heat map per point (points, height, width): the point is where it is largest."""

    kind: Literal["keypoints"]
    names: Annotated[tuple[Label, ...], Field(min_length=1), Array] = Field(
        description="what each point is called"
    )
    size: Annotated[tuple[Size, Size], Array] | None = Field(
        default=None, description="height and width of the heat maps; default: the image's"
    )
    drawn: ClassVar[bool] = True
    hub_task: ClassVar[str] = "keypoint-detection"
    within: Annotated[Number, Field(gt=0, le=1)] = Field(
        default=0.05, description="share of the photo's sides by which a point may be off and is right"
    )

    @property
    def over_image(self) -> bool:
        """Return that heat maps are over the image."""
        return True

    @property
    def places(self) -> Literal["shares"]:
        """Return that labels are shares of the photo's sides."""
        return "shares"

    def shape(self, image: Shape) -> Shape:
        """Return the shape of one heat map per point."""
        return (len(self.names), *(self.size or image[1:]))

    def label_shape(self, image: Shape) -> Shape:
        """Return the shape of x and y for each point, as shares of the photo's width and height."""
        return (len(self.names), 2)

    def largest_label(self) -> None:
        """Return that labels are any finite numbers."""
        return

    def annotation(self) -> None:
        """Return that only labels of its own say what is right."""
        return

    def channels(self, category: str) -> tuple[str, ...]:
        """Return the points' names."""
        return in_words(self.names, category)

    def words(self) -> str:
        """Return what stands in a diagram."""
        return "1 point" if len(self.names) == 1 else f"{len(self.names)} points"

    def legend(self) -> str:
        """Return how to read the heat maps."""
        return "one heat map per point, which is where the map is largest"

    def soft_loss(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Return the mean squared distance of the maps."""
        import torch.nn.functional as F

        return F.mse_loss(student, teacher)

    def disagreement(self, student: Tensor, teacher: Tensor, scale: Tensor) -> Tensor:
        """Return the smooth L1 distance of the maps in units of the teacher's spread."""
        from legonet.outputs.losses import mismatch

        return mismatch(student, teacher, scale)

    def task_loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return how far the maps' centres of mass are from labels (batch, points, 2), smooth L1.

        The masses are a softmax over each map, whose numbers are divided by a quarter of their deviation.

        Source: Sun et al., Integral Human Pose Regression, arXiv:1711.08229.
        """
        import torch
        import torch.nn.functional as F

        from legonet.outputs.losses import SHARPNESS, expect_labels

        target = expect_labels(labels, (*output.shape[:2], 2), output.device).to(output.dtype)
        flat = output.flatten(2)
        mass = (SHARPNESS * flat / flat.std(2, keepdim=True).clamp_min(1e-6)).softmax(2).view_as(output)
        height, width = output.shape[2:]
        rows = (torch.arange(height, device=output.device) + 0.5) / height
        columns = (torch.arange(width, device=output.device) + 0.5) / width
        x, y = (mass.sum(2) * columns).sum(2), (mass.sum(3) * rows).sum(2)
        return F.smooth_l1_loss(torch.stack([x, y], 2), target)

    def measures(self, output: Tensor, labels: Tensor) -> dict[str, float]:
        """Return the fraction of points that are near enough, and how far they are off, as a share of a side.

        Of both sides' shares the larger one counts.
        """
        apart = (_largest(output) - labels).abs().amax(2).clamp_max(1)
        near = (apart <= self.within).float().mean()
        return {f"PCK@{self.within:g}": float(near), "distance": float(apart.mean())}

    def read(self, output: Tensor, category: str) -> Keypoints:
        """Return where each map is largest, in pixels of the map, which are the photo's."""
        height, width = output.shape[1:]
        found = _largest(output[None])[0].tolist()
        scores = output.flatten(1).amax(1).tolist()
        points = {
            name: Point(x * width, y * height, score)
            for name, (x, y), score in zip(self.channels(category), found, scores, strict=True)
        }
        return Keypoints(points)

    def key_text(self) -> str:
        """Return the kind: an adapter does not depend on names, which are words."""
        return self.kind


def _largest(maps: Tensor) -> Tensor:
    """X and y of the largest number of maps (batch, points, height, width), as shares of both sides."""
    import torch

    height, width = maps.shape[2:]
    place = maps.flatten(2).argmax(2)
    return torch.stack([(place % width + 0.5) / width, (place // width + 0.5) / height], 2)
