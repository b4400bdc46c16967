"""The optimiser of all descents."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
import torch
from torch import nn

from legonet.distill.fitting import optimise
from legonet.distill.fitting.adam import Adam


def descended(make: Callable[..., torch.optim.Adam]) -> nn.Module:
    module, images = nn.Linear(5, 4), torch.linspace(-1, 2, 35).view(7, 5)
    with torch.no_grad():
        module.weight.copy_(torch.linspace(-1, 1, 20).view(4, 5))
        module.bias.zero_()
    optimiser = make(module.parameters(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad(set_to_none=True)
        module(images).square().mean().backward()
        optimiser.step()
        optimiser.load_state_dict(optimiser.state_dict())
    return module


def test_it_goes_where_torchs_goes() -> None:
    ours, theirs = descended(Adam), descended(torch.optim.Adam)
    assert all(map(torch.equal, ours.parameters(), theirs.parameters()))


def test_torchs_compiler_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its import takes about as long as that of torch."""
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # cannot be imported
    descended(Adam)
    module, images = nn.Linear(5, 4), torch.randn(7, 5)
    losses = optimise.optimise(module, lambda: module(images).square().mean(), 20, 0.1, decay=True)
    assert losses[-1] < losses[0]
