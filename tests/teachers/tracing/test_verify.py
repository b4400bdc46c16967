"""Models that are put together again are compared with those that they were; channels last is rounding."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor, nn

from legonet.errors import TeacherError
from legonet.ir.modules import make_module
from legonet.teachers.from_module import from_module
from legonet.teachers.new_teacher import NewTeacher
from legonet.teachers.tracing.verify import ROUNDING

SHAPE = (3, 16, 16)


class Net(nn.Module):
    def __init__(self, cast: bool = False, noise: float = 0.0) -> None:
        super().__init__()
        self.cast, self.noise = cast, noise
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.block = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.up = nn.ConvTranspose2d(8, 8, 2, 2)
        self.head = nn.Linear(8, 2)

    def forward(self, images: Tensor) -> Tensor:
        x = images.to(memory_format=torch.channels_last) if self.cast else images
        x = self.norm(self.stem(x)).relu()
        x = self.up(x + self.block(x)).mean((2, 3))
        return self.head(x + (self.noise * random.random() if self.noise else 0.0))


def last(module: nn.Module) -> nn.Module:
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def together(module: nn.Module) -> nn.Module:
    source, _ = from_module(NewTeacher("net", module, "cat", "classify", "relu"), SHAPE)
    halves = source.parts()
    return nn.Sequential(*(make_module(half.graph, half.tensors) for half in (halves.below, halves.above)))


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("cast", [False, True])
def test_channels_last(cast: bool, weights: bool) -> None:
    torch.manual_seed(0)
    model = Net(cast).eval()
    model = last(model) if weights else model
    again = together(model)
    images = torch.randn(3, *SHAPE)
    with torch.no_grad():
        for given in (images, images.to(memory_format=torch.channels_last)):
            expected = model(given)
            assert (again(given) - expected).abs().max() <= ROUNDING * expected.abs().max()
        plain = Net().eval()  # the same, kept row by row: every bit
        plain.load_state_dict({name: value.contiguous() for name, value in model.state_dict().items()})
        assert torch.equal(again(images), plain(images))


@pytest.mark.parametrize("weights", [False, True])
def test_more_than_rounding_is_refused(weights: bool) -> None:
    random.seed(0)  # else one run in a hundred draws two numbers that are as near as rounding
    model = Net(noise=0.01).eval()
    with pytest.raises(
        TeacherError, match=r"it gives other outputs when it is called again .* leave out what"
    ):
        together(last(model) if weights else model)


class Mixing(nn.Module):
    """Attends along the batch, as one attention pooling of timm does where there is one head."""

    def __init__(self, axis: int, product: bool = False) -> None:
        super().__init__()
        self.stem, self.head, self.axis, self.product = nn.Conv2d(3, 4, 8, 8), nn.Linear(4, 2), axis, product

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu().mean((2, 3))
        if self.product:  # of equal rows here, so that no number shows it
            x = x + (0 * x @ x.transpose(-1, -2)).softmax(-1) @ (0 * x)
        return self.head(x * (1 + x.softmax(self.axis)))


def test_images_of_a_batch_are_on_their_own() -> None:
    torch.manual_seed(0)
    together(Mixing(1))
    norm = nn.BatchNorm2d(4, track_running_stats=False)  # of the batch, in evaluation too
    statistics = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), norm)
    for model, cut in ((Mixing(0), "relu"), (Mixing(1, product=True), "relu"), (statistics, "1")):
        with pytest.raises(TeacherError, match=r"changes with the other images of the batch; .*_stats"):
            from_module(NewTeacher("net", model, "cat", "classify", cut), SHAPE)
