"""legonet, by its defaults."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.peers.setting import ORDER, Setting
from legonet.data import animals
from legonet.run.options import RunOptions

TASK = "classify"


def transplanted(setting: Setting) -> nn.Module:
    """Without an image."""
    return _transplanted(setting, 0)


def transplanted_with_images(setting: Setting) -> nn.Module:
    """With unlabelled images of each category."""
    return _transplanted(setting, 100)


def _transplanted(setting: Setting, images: int) -> nn.Module:
    network = setting.network()
    for category in ORDER[1:]:
        network.connect(category, TASK, seed=setting.seed)
    paths = [f"{category}:{TASK}" for category in ORDER[1:]]
    samples = {
        path: (animals.single_category(path.split(":")[0], seed=setting.seed).images[:images], None)
        for path in (paths if images else ())
    }
    network.transplant(samples or None, progress=None, options=RunOptions(only=tuple(paths)))
    return _Columns(network.compile(*(f"{category}:{TASK}" for category in ORDER)))


class _Columns(nn.Module):
    """A compiled network's outputs, side by side."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        found = self.network(images)
        return torch.cat([found[f"{category}:{TASK}"] for category in ORDER], 1)
