"""A small compiled network with all that passes make: groups, batches, folded weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import legonet
from legonet.blocks.build import lowered
from legonet.blocks.rescale import Rescale
from legonet.compile.assemble import join
from legonet.compile.network import CompiledNetwork, CompiledPath
from legonet.compile.normalise import Normalise
from legonet.compile.options import CompileOptions
from legonet.compile.signature import OutputSignature, Signature
from legonet.graph.output import Output
from legonet.ir.interpreter import GraphModule
from legonet.outputs.binary import BinaryOutput
from legonet.outputs.mask import MaskOutput


def chain(*layers: nn.Module) -> GraphModule:
    return lowered(nn.Sequential(*layers))


def category() -> GraphModule:
    layers = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    return chain(layers, nn.Conv2d(4, 4, 1))


def make_app(passes: str = "all", names: tuple[str, ...] = ("cat", "dog", "train")) -> CompiledNetwork:
    torch.manual_seed(0)
    categories = {name: category() for name in names}
    tasks = {
        "class": chain(nn.Flatten(), nn.Linear(36, 5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 1)),
        "mark": chain(nn.Conv2d(4, 2, 3, padding=1), nn.Upsample(scale_factor=2, mode="bilinear")),
    }
    paths = tuple(CompiledPath(name, task, native=name == names[0]) for name in names for task in tasks)
    adapters = {
        path.name: chain(Rescale(0.5 + number), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
        for number, path in enumerate(paths)
        if not path.native
    }
    stage = Normalise((0.5,) * 3, (0.25,) * 3)
    app = join(paths, stage, categories, adapters, tasks, CompileOptions(passes), (3, 6, 6))
    kinds: dict[str, Output] = {
        "class": BinaryOutput(kind="binary"),
        "mark": MaskOutput(kind="mask", labels=("other", "{category}")),
    }
    outputs = {path.name: OutputSignature(kinds[path.task], path.category) for path in paths}
    app.signature = Signature("zoo", (3, 6, 6), (0.5,) * 3, (0.25,) * 3, outputs)
    return app


@pytest.fixture(scope="session")
def app() -> CompiledNetwork:
    return make_app()


@pytest.fixture(scope="session")
def make() -> Callable[..., CompiledNetwork]:
    return make_app


@pytest.fixture(scope="module")
def large() -> CompiledNetwork:
    """A network with weights that are worth it, that resizes photos itself, and scores and marks."""
    torch.manual_seed(0)
    network = legonet.Network("zoo", (3, 16, 16), mean=[0.5] * 3, std=[0.25] * 3)
    trunk = [nn.Conv2d(3, 48, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    head = [nn.Conv2d(48, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 3)]
    network.add_teacher("t", nn.Sequential(*trunk, *head), category="cat", task="kind", cut="2")
    marker = [nn.ConvTranspose2d(48, 24, 3, padding=1), nn.Conv2d(24, 2, 1)]
    model = nn.Sequential(nn.Conv2d(3, 48, 3, padding=1), nn.ReLU(), *marker)
    network.add_teacher("m", model, category="dog", task="mark", cut="1")
    return network.compile()
