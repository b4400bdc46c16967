from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from torch import nn

from legonet.blocks.adapter import build_adapter
from legonet.data.leaves import leaves_images
from legonet.distill.fitting import output_distillation
from legonet.distill.fitting.context import Context, Edge, features_of
from legonet.distill.fitting.output_distillation import distill_outputs, learn_from_outputs, own_features
from legonet.graph.schema import Adapter, Input
from legonet.ir.interpreter import GraphModule
from legonet.teachers.statistics import record
from tests.distill.conftest import chain, enliven


def lively(module: GraphModule, seed: int) -> GraphModule:
    return enliven(module, torch.Generator().manual_seed(seed))


def pictures(count: int, seed: int) -> torch.Tensor:
    return leaves_images(count, (3, 16, 16), torch.Generator().manual_seed(seed)) - 0.5


def context(edge: Edge, recorded: bool, known: bool, images: int) -> Context:
    """A teacher of another architecture; what is known of it as asked for."""
    layers = nn.Conv2d(4, 8, 3), nn.ReLU(), nn.MaxPool2d(3), nn.Flatten(), nn.Linear(32, 1)
    f, other = lively(copy.deepcopy(edge.category_module), 1), lively(chain(*layers), 2)
    edge = dataclasses.replace(edge, task_module=lively(copy.deepcopy(edge.task_module), 3))
    edge = dataclasses.replace(edge, category_module=f, teacher_module=other)
    if recorded:
        edge = dataclasses.replace(edge, statistics=record(f, other, [pictures(200, 7)], 10**6))
    if known:
        edge = dataclasses.replace(edge, input=Input(shape=(3, 16, 16), mean=(0.5,) * 3, std=(1.0,) * 3))
    given = pictures(images, 8) if images else None
    torch.manual_seed(0)
    adapter = build_adapter(Adapter(kernel=3, depth=2, hidden=32), edge.source, edge.target)
    return Context(
        edge=edge,
        category_module=f,
        adapter=adapter.requires_grad_(False),
        student=edge.task_module,
        teacher=other,
        images=given,
        features=None if given is None else features_of(f, given),
        labels=None,
        imagined=None,
        generator=torch.Generator().manual_seed(0),
        device="cpu",
    )


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_distillation, "IMAGINED", 64)


def agreement(fit: Context) -> float:
    """Correlation of student and teacher on pictures that no fit sees."""
    with torch.no_grad():
        x = fit.category_module(pictures(200, 9))
        outputs = torch.cat([fit.teacher(x), fit.student(fit.adapter(x))], 1)
    return float(torch.corrcoef(outputs.T)[0, 1])


@pytest.mark.parametrize(("recorded", "known", "images"), [(True, True, 0), (False, False, 12)])
def test_it_learns_from_whatever_there_is(edge: Edge, recorded: bool, known: bool, images: int) -> None:
    fit = context(edge, recorded, known, images)
    assert agreement(fit) < 0.4
    assert set(distill_outputs(fit, steps=100)) == {"mismatch"}
    assert agreement(fit) > 0.5


def test_outputs_alone(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = context(edge, True, True, 0)
    monkeypatch.setattr(torch.autograd, "grad", lambda *_, **__: pytest.fail("no gradient of an output"))
    learn_from_outputs(fit, own_features(fit), None, steps=60, gradients=0)
    assert agreement(fit) > 0.5


def test_with_nothing_it_leaves_the_adapter_alone(edge: Edge) -> None:
    fit = context(edge, False, False, 0)
    before = copy.deepcopy(fit.adapter.state_dict())
    assert distill_outputs(fit, steps=5) == {}
    assert all(torch.equal(tensor, before[name]) for name, tensor in fit.adapter.state_dict().items())
