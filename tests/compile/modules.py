"""Random networks of small modules, for tests that must hold for any."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from legonet.blocks.build import lowered
from legonet.blocks.rescale import Rescale
from legonet.compile.network import CompiledPath
from legonet.compile.normalise import Normalise
from legonet.ir.graph import ModelGraph, Operation, TensorSpec
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.lowering import lower
from legonet.ir.modules import with_tensors

SHAPE = (3, 6, 6)


def residual(channels: int, kind: str) -> GraphModule:
    """A module with a residual connection, views and permutes, or a weight that is used twice."""
    conv: list[Any] = [{"tensor": "conv.weight"}, {"tensor": "conv.bias"}]
    steps = [
        ("first", "conv2d", [{"ref": "input"}, {"tensor": "first.weight"}, None, [1, 1], [1, 1]]),
        ("norm", "batch_norm", [{"ref": "first"}, *_NORM, False, 0.1, 1e-5, True]),
        ("active", "relu", [{"ref": "norm"}]),
        ("conv", "conv2d", [{"ref": "active"}, *conv]),
    ]
    last = "conv"
    if kind == "views":
        steps += [
            ("tokens", "view", [{"ref": "conv"}, [{"batch": 1}, channels, 36]]),
            ("turned", "permute", [{"ref": "tokens"}, [0, 2, 1]]),
            ("back", "permute", [{"ref": "turned"}, [0, 2, 1]]),
            ("map", "reshape", [{"ref": "back"}, [{"batch": 1}, channels, 6, 6]]),
        ]
        last = "map"
    if kind == "twice":
        steps.append(("again", "conv2d", [{"ref": "conv"}, *conv]))
        last = "again"
    steps += [
        ("sum", "add.Tensor", [{"ref": last}, {"ref": "active"}]),
        ("pool", "max_pool2d", [{"ref": "sum"}, [2, 2]]),
    ]
    tensors = {
        "first.weight": TensorSpec((channels, 3, 3, 3)),
        **{f"norm.{name}": TensorSpec((channels,)) for name in ("weight", "bias")},
        **{f"norm.running_{name}": TensorSpec((channels,), buffer=True) for name in ("mean", "var")},
        "conv.weight": TensorSpec((channels, channels, 1, 1)),
        "conv.bias": TensorSpec((channels,)),
    }
    graph = ModelGraph({name: Operation(name, f, tuple(a), {}) for name, f, a in steps}, "pool", tensors)
    random = {
        name: torch.rand(spec.shape) - (0.5 if "var" not in name else -0.5) for name, spec in tensors.items()
    }
    return with_tensors(graph, random)


_NORM: list[Any] = [{"tensor": f"norm.{name}"} for name in ("weight", "bias", "running_mean", "running_var")]


@dataclass(frozen=True)
class Parts:
    """What a network is joined from."""

    paths: tuple[CompiledPath, ...]
    input: GraphModule
    categories: dict[str, GraphModule]
    adapters: dict[str, GraphModule]
    tasks: dict[str, GraphModule]

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


def _category(kind: str, width: int) -> GraphModule:
    """A category module from images to 4 x 3 x 3 features."""
    if kind in ("residual", "views", "twice"):
        return residual(4, kind)
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1, bias=kind != "norm")]
    if kind == "norm":
        layers.append(_norm(width))
    layers += [nn.ReLU(), nn.Dropout(), nn.Conv2d(width, 4, 3, padding=1), nn.MaxPool2d(2)]
    if kind == "deep":
        layers += [nn.Identity(), nn.ConvTranspose2d(4, 4, 3, padding=1), _norm(4), nn.ReLU()]
    return lowered(nn.Sequential(*layers))


def _adapter(kernel: int, activation: bool, depth: int) -> GraphModule:
    layers: list[nn.Module] = [Rescale(float(torch.rand(()) + 0.5))]
    for _ in range(depth):
        layers.append(nn.Conv2d(4, 4, kernel, padding=kernel // 2))
        if activation:
            layers.append(nn.ReLU())
    return lowered(nn.Sequential(*layers))


def _task(kind: str) -> GraphModule:
    if kind == "vector":
        return lowered(
            nn.Sequential(nn.Dropout(), nn.Flatten(), nn.Linear(36, 5), nn.ReLU(), nn.Linear(5, 2))
        )
    if kind == "point":
        return lowered(nn.Sequential(nn.Conv2d(4, 3, 1), nn.ReLU(), nn.Conv2d(3, 1, 3, padding=1)))
    if kind == "valid":
        return lowered(nn.Sequential(nn.Conv2d(4, 3, 3), nn.Flatten(), nn.Linear(3, 1)))
    return lowered(nn.Sequential(nn.Conv2d(4, 1, 1), nn.Upsample(scale_factor=2, mode="nearest")))


@st.composite
def parts(draw: st.DrawFn) -> Parts:
    """A network's parts: category modules may be copies, or differ in their last convolution only."""
    torch.manual_seed(draw(st.integers(0, 99)))
    categories: dict[str, GraphModule] = {}
    for number in range(draw(st.integers(1, 4))):
        origin = draw(st.sampled_from(["new", "copy", "tuned"])) if categories else "new"
        if origin == "new":
            module = _category(
                draw(st.sampled_from(["plain", "norm", "deep", "residual", "views", "twice"])),
                draw(st.sampled_from([4, 8, 36])),
            )
        else:
            module = copy.deepcopy(draw(st.sampled_from(list(categories.values()))))
            if origin == "tuned":
                last = [name for name, spec in module.graph.tensors.items() if len(spec.shape) == 4][-1]
                nn.init.normal_(module.tensor(last), std=0.3)
        categories[f"c{number}"] = module
    tasks = {
        f"t{number}": _task(draw(st.sampled_from(["vector", "point", "valid", "map"])))
        for number in range(draw(st.integers(1, 3)))
    }
    every = [(category, task) for category in categories for task in tasks]
    chosen = draw(st.lists(st.sampled_from(every), min_size=1, max_size=6, unique=True))
    kernel, activation = draw(st.sampled_from([1, 3])), draw(st.booleans())
    paths = tuple(CompiledPath(*pair, native=draw(st.integers(0, 3)) == 0) for pair in chosen)
    adapters = {
        path.name: _adapter(kernel, activation, draw(st.integers(1, 2))) for path in paths if not path.native
    }
    used = {path.category for path in paths}, {path.task for path in paths}
    stage = draw(st.sampled_from([build_graph(lower({})), Normalise((0.5,) * 3, (0.25,) * 3)]))
    return Parts(
        paths,
        stage,
        {name: module for name, module in categories.items() if name in used[0]},
        adapters,
        {name: module for name, module in tasks.items() if name in used[1]},
    )
