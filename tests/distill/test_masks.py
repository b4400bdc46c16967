"""Masks of single features keep which units are active together; masks by chance do not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from legonet.distill.alignment import align
from legonet.distill.fitting.context import Edge
from legonet.distill.masks import Chances, Seen
from legonet.distill.pullback import Pullback
from tests.distill.conftest import chain


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_seen_masks_are_those_of_one_feature(lively_edge: Edge) -> None:
    module, features = lively_edge.teacher_module, torch.randn(300, 4, 8, 8, generator=generator())
    pull = Pullback(module, (4, 8, 8))
    seen = Seen.of(module, features)
    drawn = seen.draw(5, pull.relu_shapes, generator())
    assert [tuple(each.shape[1:]) for each in drawn] == pull.relu_shapes
    whole = torch.cat([each.flatten(1) for each in seen.active], 1).float()
    for mask in torch.cat([each.flatten(1) for each in drawn], 1):
        assert (whole == mask).all(1).any()
    chance = Chances([each.float().mean(0) for each in seen.active]).draw(5, pull.relu_shapes, generator())
    for mask in torch.cat([each.flatten(1) for each in chance], 1):
        assert not (whole == mask).all(1).any()


def test_of_many_features_as_many_masks_are_kept_as_memory_allows(
    lively_edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = torch.randn(40, *lively_edge.source).relu()
    whole = Seen.of(lively_edge.teacher_module, features)
    monkeypatch.setattr("legonet.distill.masks.FEATURES", 8)
    monkeypatch.setattr("legonet.distill.masks.MEMORY", sum(each[:12].nbytes for each in whole.active))
    few = Seen.of(lively_edge.teacher_module, features)
    for kept, known in zip(few.active, whole.active, strict=True):
        assert torch.equal(kept, known[:16])


def test_with_the_masks_of_a_feature_the_pullback_is_the_jacobian_there(lively_edge: Edge) -> None:
    """But for the poolings, which are means in a pullback: here a chain without any."""
    module = chain(nn.Conv2d(4, 6, 3), nn.ReLU(), nn.Conv2d(6, 2, 6), nn.Flatten()).double()
    x = torch.randn(1, 4, 8, 8, generator=generator(), dtype=torch.float64).requires_grad_()
    gradient = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    (wanted,) = torch.autograd.grad(module(x), x, gradient)
    pull = Pullback(module, (4, 8, 8))
    masks = [each.double() for each in Seen.of(module, x.detach()).draw(1, pull.relu_shapes, generator())]
    torch.testing.assert_close(pull(gradient, masks), wanted)


def test_they_follow_units_that_are_reordered(lively_edge: Edge) -> None:
    edge, features = lively_edge, torch.randn(20, 4, 8, 8, generator=generator())
    units = torch.tensor([4, 2, 0, 5, 1, 3])
    module = edge.teacher_module
    upper = module.tensor("3.weight")
    with torch.no_grad():
        for tensor in (module.tensor("0.weight"), module.tensor("0.bias")):
            tensor.copy_(tensor[units].clone())
        upper.copy_(upper[:, units].clone())
    alignment = align(module, edge.task_module, edge.source)
    assert alignment is not None
    moved = Seen.of(module, features).reordered(alignment)
    wanted = Seen.of(alignment.module, features)
    assert all(torch.equal(*pair) for pair in zip(moved.active, wanted.active, strict=True))
    assert Chances(0.5).reordered(alignment) == Chances(0.5)
