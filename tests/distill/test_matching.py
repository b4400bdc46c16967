from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from legonet.blocks.adapter import build_adapter, convolutions, set_identity
from legonet.distill import matching
from legonet.distill.context import Context, Edge
from legonet.distill.matching import match_outputs
from legonet.graph.schema import Adapter


def context(edge: Edge) -> Context:
    """The right adapter, but for its bias."""
    adapter = build_adapter(Adapter(kernel=1, rescale=False), edge.source, edge.target)
    with torch.no_grad():
        (conv,) = convolutions(adapter)
        set_identity(conv)
        conv.weight.copy_(conv.weight[[1, 3, 0, 2]])
        bias(conv).fill_(-0.1)
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


def bias(conv: nn.Conv2d) -> torch.Tensor:
    assert conv.bias is not None
    return conv.bias


def features(count: int = 80) -> torch.Tensor:
    return torch.rand(count, 4, 8, 8, generator=torch.Generator().manual_seed(1))


def test_it_finds_the_offset(edge: Edge) -> None:
    start = context(edge)
    untouched = match_outputs(start, features(), 0)
    matched = match_outputs(start, features(), 150)
    assert matched < 0.3 * untouched
    assert float(bias(convolutions(start.adapter)[0]).abs().mean()) < 0.08
    assert not any(parameter.requires_grad for parameter in start.adapter.parameters())


def test_it_never_ends_worse_than_it_began(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "LEARNING_RATE", 50.0)
    start = context(edge)
    before = copy.deepcopy(start.adapter.state_dict())
    untouched = match_outputs(start, features(), 0)
    assert match_outputs(start, features(), 5) == untouched
    assert all(torch.equal(tensor, before[name]) for name, tensor in start.adapter.state_dict().items())


def test_a_single_feature_is_enough(edge: Edge) -> None:
    assert match_outputs(context(edge), features(1), 20) >= 0
