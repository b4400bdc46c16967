"""A row that a user registers, that of docs/extending.md, is all that is needed to add an operation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from legonet.compile.export.expressions import expression
from legonet.compile.network import CompiledPath
from legonet.compile.normalise import Normalise
from legonet.compile.options import CompileOptions
from legonet.distill.alignment.permute import Symmetry
from legonet.distill.pullback import Pullback
from legonet.errors import BlockError
from legonet.ir.graph import graph_from_data
from legonet.ir.interpreter import GraphModule
from legonet.ir.modules import with_tensors
from legonet.ir.sizes import size_of
from legonet.ops.row import Row
from legonet.ops.table import ROWS, register_operation
from legonet.teachers.tracing.export import export
from tests.compile.modules import SHAPE, Parts
from tests.compile.test_properties import joined
from tests.test_extending import example


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("legonet.registration._MODULES", {})
    assert "asin" not in ROWS
    exec(example("What is known of an operation"), {"__name__": __name__})  # noqa: S102 - of the docs
    yield
    del ROWS["asin"]


class _Sines(nn.Module):
    def __init__(self, takes: int, gives: int) -> None:
        super().__init__()
        self.below, self.above = nn.Conv2d(takes, 4, 3), nn.Conv2d(4, gives, 1)

    def forward(self, features: Tensor) -> Tensor:
        return self.above(torch.asin(self.below(features) / 10))


def model(seed: int = 0, takes: int = 3, gives: int = 3, side: int = 6) -> GraphModule:
    torch.manual_seed(seed)
    module = _Sines(takes, gives).eval()
    return with_tensors(export(module, (takes, side, side)).graph, module.state_dict())


def test_it_is_read_from_files_and_sized_by_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = model().graph
    assert graph_from_data(graph.data()) == graph
    monkeypatch.delattr("legonet.ir.sizes._measured")
    convolutions, sines = 2 * 16 * (3 * 9 * 4 + 4 * 3), 4 * 16
    assert size_of(graph, SHAPE)[:2] == (convolutions + sines, (3, 4, 4))


def test_gradients_pass_it_as_its_pullback_says() -> None:
    module = model()
    gradient = torch.rand(2, 3, 4, 4)
    above, below = module.tensor("above.weight"), module.tensor("below.weight")
    inner = nn.functional.conv_transpose2d(gradient, above) / 10  # asin'(0) is 1
    wanted = nn.functional.conv_transpose2d(inner, below)
    torch.testing.assert_close(Pullback(module, SHAPE)(gradient), wanted)


def test_units_pass_it() -> None:
    module = model()
    symmetry = Symmetry(module, SHAPE)
    assert [len(group.units) for group in symmetry.groups.roots] == [4]
    moved = symmetry.permuted(symmetry.random(torch.Generator().manual_seed(0))).module
    x = torch.rand(2, *SHAPE)
    assert not torch.equal(moved.tensor("below.weight"), module.tensor("below.weight"))
    torch.testing.assert_close(moved(x), module(x))


def test_passes_group_it_and_let_it_overwrite() -> None:
    categories = {"a": model(0), "b": model(1)}
    tasks = {"t": model(2, 3, 1, 4)}
    paths = tuple(CompiledPath(name, "t", native=True) for name in categories)
    made = Parts(paths, Normalise((0.5,) * 3, (0.25,) * 3), categories, {}, tasks)
    options = CompileOptions(grouping="rule", memory_format="contiguous")
    app = joined(made, options)
    images = torch.rand(3, *SHAPE)
    for name, wanted in made.naive(images).items():
        torch.testing.assert_close(app.by_path(images)[name], wanted, rtol=0, atol=1e-5)
    graphs = [module.graph for module in app.modules() if isinstance(module, GraphModule)]
    steps = [step for graph in graphs for step in graph.steps.values()]
    assert [each.function for each in steps if "asin" in each.function] == ["asin_"] * 2  # a group, a task
    assert {each.argument(6, 1, "groups") for each in steps if each.function == "conv2d"} == {1, 2}


def test_exported_source_spells_it() -> None:
    (step,) = [each for each in model().graph.steps.values() if each.function == "asin"]
    assert expression(step, lambda value: "x") == "torch.asin(x)"


@pytest.mark.parametrize("name", ["asinn", "asin.out", "bernoulli", "relu_", "from_file", "rand"])
def test_what_is_no_function_of_tensors_is_refused(name: str) -> None:
    with pytest.raises(BlockError, match=rf"^operation '{name}': not known; expected one of ATen's"):
        register_operation(Row(name))
    assert name not in ROWS
