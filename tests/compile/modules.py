"""Random networks of small modules, for tests that must hold for any."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from legonet.blocks.rescale import Rescale
from legonet.compile.network import Normalise, Path

SHAPE = (3, 6, 6)


class Branching(nn.Module):
    """A module that is no chain of layers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        return features + self.conv(features)


@dataclass(frozen=True)
class Parts:
    """What a network is joined from."""

    paths: tuple[Path, ...]
    input: nn.Module
    categories: dict[str, nn.Module]
    adapters: dict[str, nn.Module]
    tasks: dict[str, nn.Module]

    def naive(self, images: Tensor) -> dict[str, Tensor]:
        """The paths' outputs, each composed by hand."""
        outputs = {}
        for path in self.paths:
            value = self.categories[path.category](self.input(images))
            value = value if path.native else self.adapters[path.name](value)
            outputs[path.name] = self.tasks[path.task](value)
        return outputs


def _norm(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels)
    nn.init.uniform_(norm.weight, 0.5, 2)
    nn.init.normal_(norm.bias)
    norm.running_mean = torch.randn(channels)
    norm.running_var = torch.rand(channels) + 0.5
    return norm


def _category(kind: str, width: int) -> nn.Module:
    """A category module from images to 4 x 3 x 3 features."""
    if kind == "opaque":
        return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), Branching(4), nn.MaxPool2d(2))
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1, bias=kind != "norm")]
    if kind == "norm":
        layers.append(_norm(width))
    layers += [nn.ReLU(), nn.Dropout(), nn.Conv2d(width, 4, 3, padding=1), nn.MaxPool2d(2)]
    if kind == "deep":
        layers += [nn.Identity(), nn.ConvTranspose2d(4, 4, 3, padding=1), _norm(4), nn.ReLU()]
    return nn.Sequential(*layers)


def _adapter(kernel: int, activation: bool, depth: int) -> nn.Module:
    layers: list[nn.Module] = [Rescale(float(torch.rand(()) + 0.5))]
    for _ in range(depth):
        layers.append(nn.Conv2d(4, 4, kernel, padding=kernel // 2))
        if activation:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def _task(kind: str) -> nn.Module:
    if kind == "vector":
        return nn.Sequential(nn.Dropout(), nn.Flatten(), nn.Linear(36, 5), nn.ReLU(), nn.Linear(5, 2))
    if kind == "point":
        return nn.Sequential(nn.Conv2d(4, 3, 1), nn.ReLU(), nn.Conv2d(3, 1, 3, padding=1))
    if kind == "valid":
        return nn.Sequential(nn.Conv2d(4, 3, 3), nn.Flatten(), nn.Linear(3, 1))
    return nn.Sequential(nn.Conv2d(4, 1, 1), nn.Upsample(scale_factor=2, mode="nearest"))


@st.composite
def parts(draw: st.DrawFn) -> Parts:
    """A network's parts: category modules may be copies, or differ in their last convolution only."""
    torch.manual_seed(draw(st.integers(0, 99)))
    categories: dict[str, nn.Module] = {}
    for number in range(draw(st.integers(1, 4))):
        origin = draw(st.sampled_from(["new", "copy", "tuned"])) if categories else "new"
        if origin == "new":
            module = _category(
                draw(st.sampled_from(["plain", "norm", "deep", "opaque"])), draw(st.sampled_from([4, 8, 36]))
            )
        else:
            module = copy.deepcopy(draw(st.sampled_from(list(categories.values()))))
            if origin == "tuned":
                last = [each for each in module.modules() if isinstance(each, nn.Conv2d)][-1]
                nn.init.normal_(last.weight, std=0.3)
        categories[f"c{number}"] = module
    tasks = {
        f"t{number}": _task(draw(st.sampled_from(["vector", "point", "valid", "map"])))
        for number in range(draw(st.integers(1, 3)))
    }
    every = [(category, task) for category in categories for task in tasks]
    chosen = draw(st.lists(st.sampled_from(every), min_size=1, max_size=6, unique=True))
    kernel, activation = draw(st.sampled_from([1, 3])), draw(st.booleans())
    paths = tuple(Path(*pair, native=draw(st.integers(0, 3)) == 0) for pair in chosen)
    adapters = {
        path.name: _adapter(kernel, activation, draw(st.integers(1, 2))) for path in paths if not path.native
    }
    used = {path.category for path in paths}, {path.task for path in paths}
    stage = draw(st.sampled_from([nn.Identity(), Normalise((0.5,) * 3, (0.25,) * 3)]))
    made = Parts(
        paths,
        stage,
        {name: module for name, module in categories.items() if name in used[0]},
        adapters,
        {name: module for name, module in tasks.items() if name in used[1]},
    )
    for module in (*made.categories.values(), *adapters.values(), *made.tasks.values()):
        module.eval().requires_grad_(False)
    return made
