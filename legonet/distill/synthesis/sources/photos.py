"""Features of crops of photos in the public domain, which are part of the package."""

from __future__ import annotations

import torch
from torch import Tensor

from legonet.data.crops import crop_images, public_photos
from legonet.distill.fitting.context import Edge
from legonet.distill.synthesis.sources.images import features_of_images


def photos(edge: Edge, count: int, generator: torch.Generator, device: torch.device | str) -> Tensor | None:
    """Features of crops; None where f's input is not known."""
    if edge.input is None:
        return None
    images = crop_images(count, edge.input.shape, public_photos(), generator)
    return features_of_images(edge, images, device)
