"""Photos and their labels as category modules and fits take them. Needs torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from legonet.blocks.photo import Resize, scales_of, sizes_of
from legonet.compile.normalise import normalisation
from legonet.compile.photos import ending_of, resize_of
from legonet.graph.output import Output
from legonet.graph.schema import Input


def prepared(photos: Tensor, image: Input) -> Tensor:
    """Photos (batch, channels, height, width) in [0, 1] as a category module takes them."""
    return normalisation(image)(resize_of(image)(photos))


def prepared_labels(labels: Tensor, meaning: Output, photos: Tensor, image: Input) -> Tensor:
    """Labels of photos as labels of their images: maps are resized with the photos."""
    if photos.shape[2:] == image.shape[1:] or not (meaning.places or meaning.over_image):
        return labels
    if meaning.places == "shares":
        return _places(labels, photos, image)
    if meaning.places == "pixels":
        height, width = sizes_of(photos)
        corners = labels[..., :4].unflatten(-1, (2, 2)) / torch.cat([width, height])
        size = torch.tensor([image.shape[2], image.shape[1]])
        found = _places(corners, photos, image) * size
        return torch.cat([found.flatten(-2), labels[..., 4:]], -1)
    maps = labels.flatten(1, -3) if labels.ndim > 3 else labels[:, None]
    whole = not labels.is_floating_point()
    kernel = "nearest" if whole else "bilinear"
    resize = Resize((maps.shape[1], *image.shape[1:]), image.resize, kernel, None)
    found = resize(maps.double() if whole else maps).to(labels.dtype)
    return found.reshape(*labels.shape[:-2], *image.shape[1:])


def _places(labels: Tensor, photos: Tensor, image: Input) -> Tensor:
    """Places on photos, as shares of their sides, on the images that are made of them."""
    height, width = sizes_of(photos)
    down, across = scales_of(height, width, image.shape[1:], image.resize)
    photo, scale = torch.cat([width, height]), torch.cat([across, down])
    size = torch.tensor([image.shape[2], image.shape[1]])
    return ((labels - 0.5) * photo / scale + size / 2) / size


class Whole(nn.Sequential):
    """A model that takes photos of any size: what normalises images, and the model's parts.

    Args:
        image: The images that it takes.
        meaning: What its outputs mean.
        parts: What leads normalised images to the output.
    """

    def __init__(self, image: Input, meaning: Output, *parts: nn.Module) -> None:
        super().__init__(normalisation(image), *parts)
        # No parts of the chain; they have no weights.
        self._around = resize_of(image), ending_of(meaning, image)

    def forward(self, photos: Tensor) -> Tensor:
        """The output; maps and boxes are in the photos' own pixels."""
        resize, ending = self._around
        output = super().forward(resize(photos))
        return output if ending is None else ending(output, photos)
