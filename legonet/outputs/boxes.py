"""Boxes round objects, as detectors give them before any is suppressed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from legonet.graph.fields import Array, Label, Model, Number, Positive, Size
from legonet.graph.output import Output, Shape, in_words
from legonet.graph.result import Result
from legonet.outputs.results import COLOURS

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from legonet.blocks.boxes import Decode
    from legonet.graph.schema import Input

Side = Annotated[Number, Field(gt=0, le=65_536)]


class Box(NamedTuple):
    """A box, in pixels of the photo, and what is in it."""

    label: str
    score: float
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Boxes(Result):
    """What a detector says of an image.

    Attributes:
        boxes: The likeliest first.
    """

    boxes: tuple[Box, ...]

    def data(self) -> dict[str, Any]:
        """Return the boxes, each with its label, its probability and its corners."""
        boxes = [
            {"label": each.label, "score": round(each.score, 4), "box": [round(side, 2) for side in each[2:]]}
            for each in self.boxes
        ]
        return {"boxes": boxes}

    def text(self) -> str:
        """Return label, probability and corners of each box."""
        said = [
            f"{each.label} {each.score:.1%} ({', '.join(f'{side:.0f}' for side in each[2:])})"
            for each in self.boxes
        ]
        return "  ".join(said) or "nothing"

    def overlay(self, photo: Image) -> Image:
        """Draw the boxes over the image, each label in a colour."""
        from PIL import ImageDraw, ImageFont

        drawn, side = photo.convert("RGB"), min(photo.size)
        brush, width = ImageDraw.Draw(drawn), max(1, round(side / 100))
        font = ImageFont.load_default(max(10, side / 20))
        labels = sorted({each.label for each in self.boxes})
        for each in reversed(self.boxes):  # the likeliest on top
            colour = COLOURS[labels.index(each.label) % len(COLOURS)]
            brush.rectangle(each[2:], outline=colour, width=width)
            if side >= _WRITTEN:
                words = f" {each.label} {each.score:.0%} "
                _, above, _, _ = brush.textbbox((each.left, each.top), words, font, anchor="lb")
                corner = each.left, each.top + max(0.0, -above)  # above the box where there is room
                brush.rectangle(brush.textbbox(corner, words, font, anchor="lb"), fill=colour)
                brush.text(corner, words, "black" if sum(colour) > _BRIGHT else "white", font, anchor="lb")
        return drawn


_BRIGHT = 450  # sum of a colour's parts above which words on it are black
_WRITTEN = 128  # pixels of a photo's shorter side below which no words fit into boxes


class Level(Model):
    """A grid of places that boxes are told for.

    Attributes:
        size: Rows and columns.
        stride: Pixels of the network's image between two places.
        anchors: Width and height of the boxes that are told from, in pixels; one as large as the stride.
    """

    size: Annotated[tuple[Size, Size], Array] = Field(description="rows and columns of places")
    stride: Side = Field(description="pixels between two places")
    anchors: (
        Annotated[tuple[Annotated[tuple[Side, Side], Array], ...], Field(min_length=1, max_length=64), Array]
        | None
    ) = Field(
        default=None,
        description="width and height, in pixels, of the anchors at each place; default: one of the stride",
    )

    @property
    def sizes(self) -> tuple[tuple[float, float], ...]:
        """The anchors."""
        return self.anchors or ((self.stride, self.stride),)


class BoxesOutput(Output):
    """Scores and a box for each place of some grids (numbers, places): scores, four numbers, a quality."""

    kind: Literal["boxes"]
    labels: Annotated[tuple[Label, ...], Field(min_length=1), Array] = Field(
        default=("{category}",), description="what is found, in the order of the scores"
    )
    levels: Annotated[tuple[Level, ...], Field(min_length=1, max_length=32), Array] = Field(
        description="the grids of places, in the order of the outputs: by row, column and anchor"
    )
    offset: Annotated[Number, Field(ge=-1, le=1)] = Field(
        default=0.5, description="where the first place of a grid is, in strides; torchvision's are at 0"
    )
    coding: Literal["sides", "anchors", "cells", "wide-cells"] = Field(
        default="sides",
        description="what the four numbers are. sides: distances of the left, top, right and bottom side "
        "from the place, in anchors; anchors: of the middle, in anchors, and logarithms of width and height; "
        "cells: the middle in its cell by sigmoids, as YOLOv3's; wide-cells: all by sigmoids, as YOLOv5's",
    )
    weights: Annotated[tuple[Side, Side, Side, Side], Array] = Field(
        default=(1.0, 1.0, 1.0, 1.0), description="what the four numbers are divided by"
    )
    scores: Literal["sigmoid", "softmax"] = Field(
        default="sigmoid",
        description="sigmoid: one score for each label; softmax: a first one beside them, of the background",
    )
    quality: Literal["none", "centerness", "objectness"] = Field(
        default="none", description="what the number after the four says, if there is one"
    )
    keep: Annotated[Number, Field(gt=0, le=1)] = Field(
        default=0.3, description="probability from which on a result has a box"
    )
    overlap: Annotated[Number, Field(gt=0, le=1)] = Field(
        default=0.5, description="common part of two boxes above which the likelier one stays"
    )
    most: Positive = Field(default=100, description="boxes of a result, at most")
    objects: Positive = Field(default=20, description="rows of an image's labels")
    drawn: ClassVar[bool] = True
    hub_task: ClassVar[str] = "object-detection"

    @property
    def places_told(self) -> int:
        """How many places there are, anchors counted."""
        return sum(prod(each.size) * len(each.sizes) for each in self.levels)

    @property
    def places(self) -> Literal["pixels"]:
        """Return that labels are corners in the photo's pixels."""
        return "pixels"

    @property
    def _scores(self) -> int:
        return len(self.labels) + (self.scores == "softmax")

    def shape(self, image: Shape) -> Shape:
        """Return the numbers of a place, and how many places there are."""
        return (self._scores + 4 + (self.quality != "none"), self.places_told)

    def label_shape(self, image: Shape) -> Shape:
        """Return the rows of labels: left, top, right, bottom in the photo's pixels, label; -1 for none."""
        return (self.objects, 5)

    def largest_label(self) -> None:
        """Return that labels are any finite numbers."""
        return

    def annotation(self) -> None:
        """Return that only labels of its own say what is right."""
        return

    def channels(self, category: str) -> tuple[str, ...]:
        """Return what is found, by the number that a box has for its label."""
        return in_words(self.labels, category)

    def words(self) -> str:
        """Return what stands in a diagram."""
        return "boxes" if len(self.labels) == 1 else f"boxes of {len(self.labels)} labels"

    def legend(self) -> str:
        """Return how to read the boxes."""
        return (
            "(boxes, 6), the likeliest first: left, top, right, bottom in the photo's pixels, probability, "
            "number of the label; rows of label -1 are none"
        )

    def sharing(self) -> str:
        """Return what detectors of one task have in common."""
        return (
            "detectors of one task have the same grids, anchors and coding, and as many labels; give this "
            "one a task of its own, or name the outputs that are joined: `scores + boxes | permute 0 2 1`"
        )

    def decoder(self, image: Input) -> Decode:
        """Return what makes boxes in the photo's pixels, and leaves the likeliest."""
        return self._decode(image.shape[1:], image.resize)

    def soft_loss(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """Compare softened scores, and boxes where the teacher sees an object."""
        from legonet.outputs.detection import compared

        found = compared(student, teacher, self._decode(), temperature)
        return temperature**2 * found.scores + found.boxes

    def disagreement(self, student: Tensor, teacher: Tensor, scale: Tensor) -> Tensor:
        """Compare which places hold an object, and the boxes of those that do."""
        from legonet.outputs.detection import scaled

        return scaled(student, teacher, scale, self._decode())

    def agreement(self, student: Tensor, teacher: Tensor, scale: Tensor) -> Tensor:
        """Say at which part of the places that hold an object both see the same one."""
        from legonet.outputs.detection import same_boxes

        return same_boxes(student, teacher, self._decode(), float(self.keep))

    def alike(self, found: Tensor, wanted: Tensor, scale: Tensor) -> Tensor:
        """Say which part of the boxes of both results is in both."""
        from legonet.outputs.detection import boxes_alike

        return boxes_alike(found, wanted, float(self.keep))

    def apart(self, found: Tensor, wanted: Tensor) -> float:
        """Say how far the boxes of one thing are apart; infinitely, where one result lacks one."""
        from legonet.outputs.detection import boxes_apart

        return boxes_apart(found, wanted, float(self.overlap))

    def task_loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the losses of scores and boxes; labels (batch, objects, 5) are in the network's pixels."""
        from legonet.outputs.detection import detection_loss

        return detection_loss(output, labels, self._decode())

    def measures(self, output: Tensor, labels: Tensor) -> dict[str, float]:
        """Return the mean average precision of boxes (batch, most, 6).

        Labels that no image has are not counted; without any object there is nothing to measure, which is 0.
        """
        from legonet.outputs.average_precision import average_precisions
        from legonet.outputs.detection import RIGHT

        known = average_precisions(output, labels, len(self.labels))
        values = [each for each in known if each is not None]
        return {f"AP@{RIGHT:g}": sum(values) / len(values) if values else 0.0}

    def read(self, output: Tensor, category: str) -> Boxes:
        """Return those of an image's boxes (most, 6) that are likely enough."""
        names = in_words(self.labels, category)
        rows = output[output[:, 4] > float(self.keep)].tolist()
        return Boxes(tuple(Box(names[int(label)], score, *corners) for *corners, score, label in rows))

    def key_text(self) -> str:
        """Return what the numbers mean: an adapter depends neither on words nor on what a result keeps."""
        words = {"labels", "keep", "overlap", "most", "objects"}
        data = self.model_dump(mode="json", exclude=words) | {"labels": len(self.labels)}
        return json.dumps(data, sort_keys=True, separators=(",", ":"))

    def _decode(self, size: tuple[int, int] = (1, 1), how: str = "fit") -> Decode:
        from legonet.blocks.boxes import Decode

        levels = tuple((*each.size, float(each.stride), each.sizes) for each in self.levels)
        return Decode(
            levels,
            float(self.offset),
            self.coding,
            self.weights,
            self._scores,
            self.scores == "softmax",
            self.quality,
            float(self.overlap),
            self.most,
            size,
            how,
        )
