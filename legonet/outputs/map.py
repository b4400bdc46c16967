"""Dense numbers over the image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from legonet.graph.fields import Array, Label, Size
from legonet.graph.output import Shape, in_words
from legonet.graph.result import Result
from legonet.outputs.regression import Regression
from legonet.outputs.results import COLOURS, STRENGTH

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


@dataclass(frozen=True)
class Map(Result):
    """What a map task says of an image.

    Attributes:
        values: The maps, in the photo's own pixels: float32 (channels, height, width).
        names: What each map is called.
        unit: The unit of all numbers, if it is known.
    """

    values: Tensor = field(repr=False)
    names: tuple[str, ...]
    unit: str | None = None

    def data(self) -> dict[str, Any]:
        """Return each map's least, mean and largest number."""
        found = {
            name: {
                "least": round(float(each.min()), 4),
                "mean": round(float(each.mean()), 4),
                "most": round(float(each.max()), 4),
            }
            for name, each in zip(self.names, self.values, strict=True)
        }
        return {"maps": found} | ({} if self.unit is None else {"unit": self.unit})

    def text(self) -> str:
        """Return each map's mean, and from where to where it goes."""
        unit = "" if self.unit is None else f" {self.unit}"
        return "  ".join(
            f"{name} {each['mean']:.3f}{unit} ({each['least']:.3f} to {each['most']:.3f})"
            for name, each in self.data()["maps"].items()
        )

    def picture(self) -> Image:
        """Draw the maps side by side in grey, each from its least number (black) to its largest (white)."""
        import torch
        from PIL import Image

        low, high = (each(self.values, dim=(1, 2), keepdim=True) for each in (torch.amin, torch.amax))
        grey = (self.values - low) / (high - low).clamp_min(1e-12) * 255
        return Image.fromarray(torch.cat(list(grey.round().byte().cpu()), 1).numpy())

    def overlay(self, photo: Image) -> Image:
        """Draw each map in a colour over the image, from its least number (nothing) to its largest."""
        import numpy as np
        from PIL import Image

        pixels = np.asarray(photo.convert("RGB")).astype(np.float32)
        for index, values in enumerate(self.values):
            share = (values - values.min()) / (values.max() - values.min()).clamp_min(1e-12)
            drawn = Image.fromarray((share * 255).round().byte().cpu().numpy()).resize(photo.size)
            strength = STRENGTH * np.asarray(drawn).astype(np.float32)[..., None] / 255
            pixels += strength * (np.asarray(COLOURS[index % len(COLOURS)], np.float32) - pixels)
        return Image.fromarray(pixels.round().astype(np.uint8))


class MapOutput(Regression):
    """Numbers for each place of the image, such as depth or normals (channels, height, width)."""

    kind: Literal["map"]
    names: Annotated[tuple[Label, ...], Field(min_length=1), Array] = Field(
        description="what the numbers of each map mean"
    )
    unit: Label | None = Field(default=None, description="of all numbers, such as m")
    size: Annotated[tuple[Size, Size], Array] | None = Field(
        default=None, description="height and width of the maps that the teachers give; default: the image's"
    )
    drawn: ClassVar[bool] = True

    @property
    def over_image(self) -> bool:
        """Return that maps are over the image."""
        return True

    def shape(self, image: Shape) -> Shape:
        """Return the shape of one map per name."""
        return (len(self.names), *(self.size or image[1:]))

    def label_shape(self, image: Shape) -> Shape:
        """Return the shape of one map per name, in the image's pixels."""
        return (len(self.names), *image[1:])

    def channels(self, category: str) -> tuple[str, ...]:
        """Return the maps' names."""
        return in_words(self.names, category)

    def words(self) -> str:
        """Return what stands in a diagram."""
        return "map" if len(self.names) == 1 else f"{len(self.names)} maps"

    def legend(self) -> str:
        """Return how to read the maps."""
        unit = "" if self.unit is None else f", in {self.unit}"
        return f"one map of numbers per name{unit}"

    def task_loss(self, output: Tensor, labels: Tensor) -> Tensor:
        """Return the mean squared distance to maps (batch, names, height, width) of any height and width."""
        from legonet.outputs.losses import at_size, expect_labels

        target = expect_labels(labels, (*output.shape[:2], *labels.shape[-2:]), output.device)
        return (at_size(output, target) - target.to(output.dtype)).square().mean()

    def measures(self, output: Tensor, labels: Tensor) -> dict[str, float]:
        """Return the root of the mean squared distance and the mean distance, over images and places."""
        from legonet.outputs.losses import at_size

        apart = at_size(output, labels) - labels
        return {"RMSE": float(apart.square().mean().sqrt()), "MAE": float(apart.abs().mean())}

    def read(self, output: Tensor, category: str) -> Map:  # type: ignore[override]
        """Return the maps by name."""
        return Map(output, self.channels(category), self.unit)

    def key_text(self) -> str:
        """Return the kind: an adapter does not depend on names and units, which are words."""
        return self.kind
