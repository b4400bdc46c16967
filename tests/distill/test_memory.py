from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from legonet.blocks.build import lowered
from legonet.distill import memory
from legonet.distill.fitting.context import outputs_of
from legonet.distill.memory import in_parts, kept_together, together


def test_large_inputs_go_through_in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "TOGETHER", 40)
    inputs, seen = torch.arange(24.0).view(8, 3), list[int]()

    class Watched(nn.Module):
        def forward(self, part: Tensor) -> Tensor:
            seen.append(len(part))
            return part + 1

    torch.testing.assert_close(outputs_of(Watched(), inputs), inputs + 1)
    assert seen == [3, 3, 2]  # of 12 bytes each
    assert together(inputs, 2) == 2
    assert together(torch.zeros(5, 100), 4) == 1


def test_how_many_are_kept_follows_from_all_results(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = lowered(nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU())).graph
    monkeypatch.setattr(memory, "KEPT", 3 * 4 * (16 + 32 + 32))  # its input, and two results
    assert kept_together((chain, (1, 4, 4))) == 3
    assert kept_together((chain, (1, 4, 4)), (chain, (1, 4, 4))) == 1
    assert kept_together((chain, (1, 400, 400))) == 1


def test_parts_have_the_same_gradients_and_keep_less() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 1, 3)).double()
    features = torch.randn(7, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    found = []
    for most in (7, 2):
        calls = list[int]()

        def path(part: Tensor, seen: list[int] = calls) -> Tensor:
            seen.append(len(part))
            return module(part)

        output = in_parts(path, features, most)
        gradients = torch.autograd.grad(output.square().mean(), [features, *module.parameters()])
        found.append((output, *gradients))
        assert calls == ([7] if most == 7 else [2, 2, 1, 2, 1, 2, 2])  # all but the last are computed again
    for whole, parts in zip(*found, strict=True):
        torch.testing.assert_close(parts, whole)
