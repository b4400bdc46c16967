from __future__ import annotations

import copy

import pytest
import torch

from legonet.blocks.adapter import Convolution, convolutions, set_identity
from legonet.distill.fitting import matching
from legonet.distill.fitting.context import Context
from legonet.distill.fitting.matching import match_outputs


@pytest.fixture
def offset(context: Context) -> Context:
    """The right adapter, but for its bias."""
    with torch.no_grad():
        (conv,) = convolutions(context.adapter)
        set_identity(conv)
        conv.weight.copy_(conv.weight[[1, 3, 0, 2]])
        bias(conv).fill_(-0.1)
    return context


def bias(conv: Convolution) -> torch.Tensor:
    assert conv.bias is not None
    return conv.bias


def features(count: int = 80) -> torch.Tensor:
    return torch.rand(count, 4, 8, 8, generator=torch.Generator().manual_seed(1))


def test_it_finds_the_offset(offset: Context) -> None:
    untouched = match_outputs(offset, features(), 0)
    matched = match_outputs(offset, features(), 150)
    assert matched < 0.3 * untouched
    assert float(bias(convolutions(offset.adapter)[0]).abs().mean()) < 0.08
    assert not any(parameter.requires_grad for parameter in offset.adapter.parameters())


def test_it_never_ends_worse_than_it_began(offset: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "LEARNING_RATE", 50.0)
    before = copy.deepcopy(offset.adapter.state_dict())
    untouched = match_outputs(offset, features(), 0)
    assert match_outputs(offset, features(), 5) == untouched
    assert all(torch.equal(tensor, before[name]) for name, tensor in offset.adapter.state_dict().items())


def test_a_single_feature_is_enough(offset: Context) -> None:
    assert match_outputs(offset, features(1), 20) >= 0
