"""Features of images of nothing: overlapping leaves."""

from __future__ import annotations

import torch
from torch import Tensor

from legonet.data.leaves import leaves_images
from legonet.distill.fitting.context import Edge
from legonet.distill.synthesis.sources.images import features_of_images


def leaves(edge: Edge, count: int, generator: torch.Generator, device: torch.device | str) -> Tensor | None:
    """Features of leaves; None where f's input is not known."""
    if edge.input is None:
        return None
    return features_of_images(edge, leaves_images(count, edge.input.shape, generator), device)
