"""What a compiled network says of itself."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from legonet.blocks.build import lowered
from legonet.blocks.rescale import Rescale
from legonet.compile.assemble import join
from legonet.compile.network import CompiledNetwork, CompiledPath
from legonet.compile.options import CompileOptions
from legonet.errors import DataError
from legonet.ir.interpreter import GraphModule, build_graph
from legonet.ir.lowering import lower
from tests.compile.modules import residual


def app(passes: str = "all", category: GraphModule | None = None) -> CompiledNetwork:
    torch.manual_seed(0)
    categories = {
        name: category or lowered(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())) for name in "ab"
    }
    adapters = {"b:t": lowered(nn.Sequential(Rescale(0.5), nn.Conv2d(4, 4, 1), nn.ReLU()))}
    norm = nn.BatchNorm2d(2)
    for tensor in norm.state_dict().values():
        if tensor.ndim:  # equal tensors would count once
            tensor.uniform_(0.5, 1)
    tasks = {"t": lowered(nn.Sequential(nn.Dropout(), nn.Conv2d(4, 2, 1, bias=False), norm))}
    paths = (CompiledPath("a", "t", native=True), CompiledPath("b", "t", native=False))
    return join(paths, build_graph(lower({})), categories, adapters, tasks, CompileOptions(passes))


def test_costs_after_each_pass() -> None:
    costs = app().explain((3, 8, 8)).costs
    plain = costs["none"]
    assert next(iter(costs)) == "none"
    assert (plain.calls, plain.layers) == (5, 13)
    pixels, f, h, g = 64, 2 * 27 * 4 + 4, 4 + 2 * 16 + 4, 2 * 8 + 2
    assert plain.operations == pixels * (2 * f + h + 2 * g)
    assert plain.weights == 2 * 112 + (1 + 20) + (8 + 8)
    assert costs["drop"].layers == plain.layers - 2
    last = list(costs.values())[-1]
    assert (last.calls, last.layers) == (3, 5)
    assert last.operations == pixels * (2 * (f + g) + h - 4 - 2 * 2)
    assert last.weights == 2 * 112 + 20 + 10


def test_lines() -> None:
    text = str(app().explain((3, 8, 8)))
    assert "categories.a, categories.b: side by side in one call (0 to 1)" in text
    assert "tasks.t: 2 values as one batch (1)" in text
    assert "adapters.b:t: 1 holds the re-scaling adapters.b:t.0, in a copy of its own" in text
    assert "tasks.t: 1 holds the batch norm tasks.t.2, in a copy of its own" in text
    shared = lowered(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1)))
    lines = app("share", shared).explain((3, 8, 8)).data()["lines"]
    assert lines[:2] == ["categories.a, categories.b are equal", "categories.a: once, read by 2 calls (0)"]


def test_modules_that_branch_are_counted_too() -> None:
    cost = app("none", residual(4, "plain")).explain((3, 6, 6)).costs["none"]
    # A convolution, batch norm, ReLU, a convolution, a sum, and pooling to a quarter.
    category = 36 * (2 * 27 * 4 + 4 + 4 + 2 * 16 + 4) + 9 * 4
    assert cost.operations == 2 * category + 9 * ((4 + 2 * 16 + 4) + 2 * 18)
    assert cost.weights == (108 + 16 + 20) + (1 + 20) + (8 + 8)


def test_without_a_shape() -> None:
    with pytest.raises(DataError, match="input_shape: not given"):
        app().explain()
