from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from legonet.data.leaves import leaves_images
from legonet.distill.fitting import bridge
from legonet.distill.fitting.bridge import learn_bridge, solve_bridge
from legonet.distill.fitting.context import Edge, features_of, outputs_of
from legonet.ir.interpreter import GraphModule
from tests.distill.conftest import category_module, chain, layers_of

SHAPES = ((4, 8, 8), (4, 8, 8))


def images(count: int, seed: int) -> torch.Tensor:
    return leaves_images(count, (3, 16, 16), torch.Generator().manual_seed(seed))


def features(edge: Edge, own: GraphModule, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    shown = images(count, seed)
    return features_of(edge.category_module, shown), features_of(own, shown)


def missed(edge: Edge, found: GraphModule, own: GraphModule) -> float:
    """How far g_T is from what f' shows it, in its spread, on images that nobody has seen."""
    unseen, wanted = features(edge, own, 200, 5)
    wanted = outputs_of(edge.teacher_module, wanted)
    got = outputs_of(nn.Sequential(found, edge.teacher_module), unseen)
    return float((got - wanted).square().mean().sqrt() / wanted.std())


def learn(
    edge: Edge,
    found: GraphModule,
    seen: tuple[torch.Tensor, torch.Tensor],
    held_out: tuple[torch.Tensor, torch.Tensor],
    steps: int,
) -> None:
    generator = torch.Generator().manual_seed(0)
    learn_bridge(edge, (found, edge.teacher_module), seen, held_out, steps, generator)


def test_what_a_convolution_says_is_solved(lively_edge: Edge) -> None:
    torch.manual_seed(3)
    own = chain(*layers_of(lively_edge.category_module), nn.Conv2d(4, 4, 3, padding=1))
    found = solve_bridge(*features(lively_edge, own, 100, 1), SHAPES)
    assert list(found.state_dict()) == ["bridge.weight", "bridge.bias"]  # no ReLU where there are signs
    unseen, wanted = features(lively_edge, own, 50, 2)
    assert float((outputs_of(found, unseen) - wanted).norm() / wanted.norm()) < 0.02  # but for the ridge


def test_it_learns_what_the_task_module_asks_for(lively_edge: Edge) -> None:
    own = category_module(seed=6)
    seen, held_out = features(lively_edge, own, 400, 1), features(lively_edge, own, 80, 2)
    found = solve_bridge(*seen, SHAPES)
    before = missed(lively_edge, found, own)
    learn(lively_edge, found, seen, held_out, 200)
    assert missed(lively_edge, found, own) < 0.7 * before


def test_units_teach_more_than_the_output(lively_edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of few images."""
    own, errors = category_module(seed=6), {}
    seen, held_out = features(lively_edge, own, 24, 1), features(lively_edge, own, 24, 2)
    for weight in (0.0, bridge.UNITS):
        monkeypatch.setattr(bridge, "UNITS", weight)
        found = solve_bridge(*features(lively_edge, own, 200, 3), SHAPES)
        learn(lively_edge, found, seen, held_out, 200)
        errors[weight] = missed(lively_edge, found, own)
    assert errors[bridge.UNITS] < errors[0.0]


def test_what_is_worse_on_images_that_are_held_out_is_undone(
    lively_edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = category_module(seed=6)
    seen = features(lively_edge, own, 80, 1)
    found = solve_bridge(*seen, SHAPES)
    before = {name: each.clone() for name, each in found.state_dict().items()}
    monkeypatch.setattr(bridge, "LEARNING_RATE", 100.0)
    learn(lively_edge, found, seen, features(lively_edge, own, 40, 2), 3)
    assert all(torch.equal(each, before[name]) for name, each in found.state_dict().items())


def test_a_task_module_without_rectifiers(lively_edge: Edge) -> None:
    own, linear = category_module(seed=6), chain(nn.Flatten(), nn.Linear(4 * 8 * 8, 1))
    edge = replace(lively_edge, teacher_module=linear)
    seen = features(edge, own, 200, 1)
    found = solve_bridge(*seen, SHAPES)
    before = missed(edge, found, own)
    learn(edge, found, seen, features(edge, own, 40, 2), 100)
    assert missed(edge, found, own) < before


def test_large_modules_take_a_batch_in_parts(lively_edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    own, found = category_module(seed=6), []
    seen, held_out = features(lively_edge, own, 100, 1), features(lively_edge, own, 40, 2)
    for kept in (2**30, 60_000):
        monkeypatch.setattr("legonet.distill.memory.KEPT", kept)
        learned = solve_bridge(*seen, SHAPES)
        learn(lively_edge, learned, seen, held_out, 5)
        found.append(learned.state_dict())
    whole, parts = found
    for name, each in whole.items():
        torch.testing.assert_close(parts[name], each)
