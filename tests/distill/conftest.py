from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from legonet.blocks.adapter import build_adapter, convolutions
from legonet.blocks.build import build_layers, lowered
from legonet.distill.fitting.context import Context, Edge
from legonet.graph.schema import Adapter
from legonet.ir.interpreter import GraphModule
from legonet.outputs.binary import BinaryOutput


def chain(*layers: nn.Module) -> GraphModule:
    """A chain of layers as a stored module: frozen, in evaluation mode."""
    return lowered(nn.Sequential(*layers))


def layers_of(module: GraphModule) -> nn.Sequential:
    """A chain's layers as modules of torch, with the same weights."""
    assert module.graph.notation is not None
    made = build_layers(module.graph.notation)
    made.load_state_dict(module.state_dict())
    return made


def enliven(module: GraphModule, generator: torch.Generator) -> GraphModule:
    """Weights with which answers differ from image to image, as a trained network's do."""
    for name, tensor in module.named_parameters():
        if name.endswith("weight"):
            nn.init.kaiming_normal_(tensor, nonlinearity="relu", generator=generator)
        else:
            nn.init.zeros_(tensor)
    return module


def task_module(seed: int = 0) -> GraphModule:
    """Convolutions, pooling and linear layers for features (4, 8, 8)."""
    torch.manual_seed(seed)
    return chain(
        nn.Conv2d(4, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32, 16),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(16, 1),
    )


def category_module(seed: int = 1) -> GraphModule:
    """Features (4, 8, 8) of images (3, 16, 16)."""
    torch.manual_seed(seed)
    return chain(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))


@pytest.fixture
def edge() -> Edge:
    """An adapter that reorders the channels is all that is missing: g_T is g_S with reordered inputs."""
    g = task_module()
    order = torch.tensor([2, 0, 3, 1])
    g_teacher = copy.deepcopy(g)
    with torch.no_grad():
        mine, theirs = convolutions(g)[0], convolutions(g_teacher)[0]
        theirs.weight.copy_(mine.weight[:, order])
    return Edge(
        path="cat:classify",
        category_module=category_module(),
        task_module=g,
        teacher_module=g_teacher,
        source=(4, 8, 8),
        target=(4, 8, 8),
        meaning=BinaryOutput(kind="binary"),
    )


@pytest.fixture
def lively_edge(edge: Edge) -> Edge:
    """Answers differ from image to image, as a trained network's do."""
    generator = torch.Generator().manual_seed(2)
    for module in (edge.category_module, edge.task_module):
        enliven(module, generator)
    edge.teacher_module.load_state_dict(edge.task_module.state_dict())
    mine, theirs = convolutions(edge.task_module)[0], convolutions(edge.teacher_module)[0]
    with torch.no_grad():
        theirs.weight.copy_(mine.weight[:, torch.tensor([2, 0, 3, 1])])
    return edge


@pytest.fixture
def context(edge: Edge) -> Context:
    """A fit without images, about to begin: a 1x1 adapter in torch's random start."""
    torch.manual_seed(0)
    adapter = build_adapter(Adapter(kernel=1, rescale=False), edge.source, edge.target)
    return Context(
        edge=edge,
        category_module=edge.category_module,
        adapter=adapter.requires_grad_(False),
        student=edge.task_module,
        teacher=edge.teacher_module,
        images=None,
        features=None,
        labels=None,
        generator=torch.Generator().manual_seed(0),
        device="cpu",
    )
