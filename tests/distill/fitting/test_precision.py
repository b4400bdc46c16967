from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn

import legonet.distill.fitting.precision as precision
import legonet.distill.fitting.refinement as refinement
from legonet.distill.fitting.context import Edge
from legonet.distill.fitting.fit import fit
from legonet.distill.fitting.precision import has_bfloat16, in_sixteen_bits
from legonet.graph.schema import Adapter
from legonet.methods.auto import Auto
from tests.distill.conftest import enliven, task_module
from tests.distill.fitting.test_fit import with_statistics

FEATURES = torch.randn(8, 12, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the processor multiplies in bfloat16."""
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)


@pytest.mark.usefixtures("native")
def test_products_have_sixteen_bits_and_weights_have_not() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 3))
    path = in_sixteen_bits(module, FEATURES, 1.0)
    found, exact = path(FEATURES), module(FEATURES)
    assert found.dtype == torch.float32
    assert not torch.equal(found, exact)
    torch.testing.assert_close(found, exact, rtol=0.02, atol=0.02)
    for parameter in module.parameters():
        parameter.grad = None
    found.sum().backward()
    assert {parameter.grad.dtype for parameter in module.parameters() if parameter.grad is not None} == {
        torch.float32
    }


def test_no_processor_imitates_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False}, raising=False)
    module = nn.Linear(12, 3)
    assert in_sixteen_bits(module, FEATURES, 1.0) is module
    assert not has_bfloat16(torch.device("meta"))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    assert has_bfloat16(torch.device("cpu"))


class _Cancelling(nn.Module):
    """What is left of two large numbers has no bits in bfloat16."""

    def forward(self, features: Tensor) -> Tensor:
        return (features @ torch.eye(12) + 1000) @ torch.eye(12) - 1000


class _Unlike(nn.Module):
    """What is written into a tensor must have its numbers of bits."""

    def forward(self, features: Tensor) -> Tensor:
        rows = torch.arange(len(features))
        return torch.zeros(len(features), 12).index_put((rows,), features @ torch.eye(12))


class _Undifferentiable(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        return (features @ torch.eye(12)).detach()


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("kind", [_Cancelling, _Unlike, _Undifferentiable])
def test_what_does_not_bear_them_is_computed_as_it_is(kind: type[nn.Module]) -> None:
    module = kind()
    assert in_sixteen_bits(module, FEATURES, 1.0) is module


@pytest.mark.usefixtures("native")
def test_a_fit_of_large_modules_is_as_good(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(2)
    own, other = (enliven(task_module(), generator) for _ in range(2))
    stranger = dataclasses.replace(edge, task_module=other, teacher_module=own)
    edge, method = with_statistics(stranger), Auto(name="auto", steps=40, imagined=60)
    before = fit(edge, Adapter(kernel=1, method=method))
    monkeypatch.setattr(refinement, "is_large", lambda step: True)
    after = fit(edge, Adapter(kernel=1, method=method))
    start = before.quality["disagreement at the start"]
    assert after.quality["disagreement at the start"] == start  # what is judged has all its bits
    assert after.quality["disagreement"] != before.quality["disagreement"]
    assert start > after.quality["disagreement"]
    assert after.quality["disagreement"] < 1.1 * before.quality["disagreement"]
