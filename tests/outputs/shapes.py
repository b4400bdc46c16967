"""Drawn shapes on noise, and detectors of them that are trained in seconds."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from legonet.outputs.boxes import BoxesOutput, Level

SIDE = 32
SHAPES = ("disc", "square", "cross")
KIND = BoxesOutput(kind="boxes", levels=(Level(size=(8, 8), stride=4, anchors=((8, 8),)),), objects=3)


def scenes(shown: str, count: int, seed: int, side: int = SIDE) -> tuple[Tensor, Tensor]:
    """Two shapes on each image: of any kind, every other one of `shown`; and the boxes of that kind.

    Returns:
        Images (count, 3, side, side) in [0, 1], labels (count, objects, 5) in pixels.
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(least: float, most: float, *shape: int) -> Tensor:
        return least + (most - least) * torch.rand(*shape, generator=generator)

    noise = torch.randn(count, 3, side, side, generator=generator)
    images = uniform(0.3, 0.7, count, 3, 1, 1) + 0.05 * noise
    labels = torch.full((count, KIND.objects, 5), -1.0)
    places = torch.arange(side) + 0.5
    for image in range(count):
        for number in range(2):
            other = SHAPES[int(torch.randint(3, (1,), generator=generator))]
            shape = shown if (image + number) % 2 else other
            radius = float(uniform(4, 6.5, 1))
            left = number * side / 2  # each in a half of its own
            x = float(uniform(left + radius, left + side / 2 - radius, 1))
            y = float(uniform(radius, side - radius, 1))
            across, down = (places - x).abs()[None], (places - y).abs()[:, None]
            inside = {
                "disc": across**2 + down**2 < radius**2,
                "square": torch.maximum(across, down) < radius,
                "cross": (torch.maximum(across, down) < radius) & (torch.minimum(across, down) < radius / 3),
            }[shape]
            strength = 0.35 * (1 if float(uniform(0, 1, 1)) < 0.5 else -1)
            images[image] += strength * inside
            if shape == shown:
                labels[image, number] = torch.tensor([x - radius, y - radius, x + radius, y + radius, 0])
    return images.clamp(0, 1), labels


class Detector(nn.Module):
    """A stem, a body, and a head that gives scores and boxes apart, as detectors do."""

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Sequential(OrderedDict(
            conv1=nn.Conv2d(3, 16, 3, 2, 1), relu1=nn.ReLU(),
            conv2=nn.Conv2d(16, 24, 3, 2, 1), relu2=nn.ReLU(),
        ))  # fmt: skip
        self.high = nn.Sequential(OrderedDict(
            conv3=nn.Conv2d(24, 32, 3, padding=1), relu3=nn.ReLU(),
            conv4=nn.Conv2d(32, 32, 3, padding=2, dilation=2), relu4=nn.ReLU()
        ))  # fmt: skip
        self.scores, self.boxes = nn.Conv2d(32, 1, 1), nn.Conv2d(32, 4, 1)
        with torch.no_grad():
            assert self.scores.bias is not None
            self.scores.bias.fill_(-3.0)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        features = self.high(self.low(images))
        found = {"scores": self.scores(features), "boxes": self.boxes(features).exp()}
        return {name: each.flatten(2).transpose(1, 2) for name, each in found.items()}


def raw(model: nn.Module, images: Tensor) -> Tensor:
    found = model(images)
    return torch.cat([found["scores"], found["boxes"]], 2).transpose(1, 2)


def train(model: Detector, shown: str, steps: int, seed: int, rate: float = 4e-3) -> Detector:
    """Train a detector of one shape."""
    images, labels = scenes(shown, 512, seed)
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(model.parameters(), rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    for _ in range(steps):
        chosen = torch.randint(len(images), (16,), generator=generator)
        optimiser.zero_grad()
        KIND.task_loss(raw(model, images[chosen]), labels[chosen]).backward()
        optimiser.step()
        schedule.step()
    return model.eval()
