"""How photos of any size become the images that categories see: each resized once where categories agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from legonet.compile.program import IMAGES
from legonet.graph.schema import Input
from legonet.graph.select import split_path

if TYPE_CHECKING:
    from torch import nn

    from legonet.blocks.photo import Resize
    from legonet.graph.output import Output

Frame = tuple[tuple[int, int, int], str, str, tuple[float, ...] | None]


@dataclass(frozen=True)
class Photos:
    """How the photos that a network is given become images.

    Attributes:
        views: By category, the images that it sees and the brick that normalises them.
        inputs: What each of these images is like, by their name.
        stages: What is normalised otherwise than the network's own images, by the brick's name.
        meanings: What outputs mean, by path.
    """

    views: Mapping[str, tuple[str, str]]
    inputs: Mapping[str, Input]
    stages: Mapping[str, Input]
    meanings: Mapping[str, Output]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """(channels, height, width) of the images, by their name."""
        return {name: each.shape for name, each in self.inputs.items()}

    def resizes(self) -> dict[str, Resize]:
        """What makes the images of photos, by their name."""
        return {name: resize_of(each) for name, each in self.inputs.items()}

    def endings(self) -> dict[str, nn.Module]:
        """What brings maps and boxes back to the photos' pixels, by path."""
        made = {path: ending_of(each, self.input_of(path)) for path, each in self.meanings.items()}
        return {path: each for path, each in made.items() if each is not None}

    def input_of(self, path: str) -> Input:
        """The images that a path sees."""
        return self.inputs[self.views[split_path(path)[0]][0]]


def find_photos(
    usual: Input, inputs: Mapping[str, Input], separate_inputs: bool, meanings: Mapping[str, Output]
) -> Photos:
    """Find which categories see the same images.

    Args:
        usual: The network's own image.
        inputs: The images that categories see, by category.
        separate_inputs: Whether each category is given photos of its own.
        meanings: What outputs mean, by path.
    """
    views: dict[str, tuple[str, str]] = {}
    images: dict[str, Input] = {}
    stages: dict[str, Input] = {}
    known: dict[Frame, str] = {}
    for category, each in inputs.items():
        usually = frame_of(each) == frame_of(usual)
        name = IMAGES if usually else f"{IMAGES}:{category}"
        name = f"{IMAGES}.{category}" if separate_inputs else known.setdefault(frame_of(each), name)
        images.setdefault(name, each)
        stage = "input"
        if _normal(each) != _normal(usual):
            same = next((one for one, other in stages.items() if _normal(other) == _normal(each)), category)
            stages.setdefault(same, each)
            stage = f"normalise.{same}"
        views[category] = name, stage
    return Photos(views, images, stages, meanings)


def ending_of(meaning: Output, image: Input) -> nn.Module | None:
    """What outputs go through last, `module(outputs, photos)`; None: through nothing."""
    from legonet.blocks.photo import Restore

    if meaning.over_image:
        return Restore(image.shape[1:], image.resize)
    return meaning.decoder(image)


def frame_of(image: Input) -> Frame:
    """What tells whether two categories see the same pixels."""
    fill = image.mean if image.resize in ("fit", "pad") and any(image.mean or ()) else None
    return image.shape, image.resize, image.interpolation, fill


def _normal(image: Input) -> tuple[object, ...]:
    return image.shape[0], image.mean, image.std


def resize_of(image: Input) -> Resize:
    """What makes an image of a photo; beside the photo it has the mean, which normalises to 0."""
    from legonet.blocks.photo import Resize

    return Resize(*frame_of(image))
