"""Features of crops of the user's own photos, of anything at all."""

from __future__ import annotations

import torch
from torch import Tensor

from legonet.data.crops import crop_images
from legonet.distill.fitting.context import Edge
from legonet.distill.synthesis.sources.images import features_of_images


def proxies(edge: Edge, count: int, generator: torch.Generator, device: torch.device | str) -> Tensor | None:
    """Features of crops; None where f's input is not known, or the graph file names no `proxies`."""
    if edge.input is None or not edge.proxies:
        return None
    return features_of_images(edge, crop_images(count, edge.input.shape, edge.proxies, generator), device)
