from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from benchmarks.rig import Rig, Split
from legonet.network import Network


class Noise:
    """Images of noise, the positives brighter; pictures of a network for 3x8x8 images."""

    name = "noise"

    def train(self, category: str, mask: bool, seed: int) -> tuple[Tensor, Tensor]:
        return self._drawn(40, seed, mask)

    def held_out(self, category: str, mask: bool, split: Split) -> tuple[Tensor, Tensor]:
        return self._drawn(60, 1000 + len(split), mask)

    def _drawn(self, count: int, seed: int, mask: bool) -> tuple[Tensor, Tensor]:
        images = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        labels = torch.arange(1, count + 1) % 2
        images = images * 0.5 + 0.5 * labels.view(-1, 1, 1, 1)
        return images, (images.mean(1) > 0.6).long() if mask else labels


@pytest.fixture(scope="session")
def rig(make_model: Callable[..., nn.Sequential]) -> Rig:
    """Three categories of random weights; dog's teacher gives the task module of a first task."""
    mean, std = [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]
    images, _ = Noise().train("dog", False, 99)
    ordered = Network("zoo", (3, 8, 8), mean=mean, std=std)
    for seed, category in enumerate(("dog", "cat", "cow")):
        ordered.add_teacher(
            f"{category}-v1", make_model(seed), category=category, task="classify", cut="pool1", images=images
        )
    return Rig(ordered, Noise(), "validation")
