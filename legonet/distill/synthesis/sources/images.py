"""The features of images that show anything, as if the teacher's owner had taken them."""

from __future__ import annotations

import torch
from torch import Tensor

from legonet.distill.fitting.context import Edge, features_of, frozen
from legonet.distill.synthesis.from_statistics import recoloured


def features_of_images(edge: Edge, images: Tensor, device: torch.device | str) -> Tensor:
    """Give f(I) of images in [0, 1], recoloured where the teacher has statistics.

    Args:
        edge: Its input is known.
        images: (batch, channels, height, width).
        device: Where f computes.
    """
    given = edge.input
    if given is None:
        raise ValueError("the edge's input is not known")
    channels = given.shape[0]
    mean, std = (
        torch.tensor(each or (usual,) * channels).view(-1, 1, 1)
        for each, usual in ((given.mean, 0.0), (given.std, 1.0))
    )
    features = features_of(frozen(edge.category_module, device), ((images - mean) / std).to(device))
    return features if edge.statistics is None else recoloured(features, edge.statistics).to(device)
