"""Turns images in [0, 1] into what category modules take."""

from __future__ import annotations

import torch
from torch import Tensor

from legonet.graph.schema import Input
from legonet.ir.graph import INPUT, ModelGraph, Operation, TensorSpec
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.lowering import lower


class Normalise(GraphModule):
    """(image - mean) / std, per channel.

    Args:
        mean: One number per channel, in units of an image in [0, 1].
        std: One number per channel, greater than 0, likewise.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        spec = TensorSpec((len(mean), 1, 1), buffer=True)
        steps = {
            "centred": Operation("centred", "sub.Tensor", ({"ref": INPUT}, {"tensor": "mean"}), {}),
            "scaled": Operation("scaled", "div.Tensor", ({"ref": "centred"}, {"tensor": "std"}), {}),
        }
        super().__init__(ModelGraph(steps, "scaled", {"mean": spec, "std": spec}))
        self.mean.copy_(torch.tensor(mean).view(-1, 1, 1))
        self.std.copy_(torch.tensor(std).view(-1, 1, 1))
        self.eval()


def normalisation(meaning: Input) -> GraphModule:
    """The module that turns images in [0, 1] into what category modules take; it may have no operation."""
    if meaning.mean is None and meaning.std is None:
        return build_graph(lower({}))
    channels = meaning.shape[0]
    return Normalise(meaning.mean or (0.0,) * channels, meaning.std or (1.0,) * channels)
