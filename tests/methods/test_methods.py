"""What all methods have in common, and those of users."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

import legonet
from legonet.blocks.adapter_layers import adapter_layers
from legonet.distill.fitting.context import Context, Edge
from legonet.distill.fitting.fit import Samples, fit
from legonet.distill.flops.work import Work
from legonet.errors import GraphError
from legonet.graph.method import METHODS, Method
from legonet.graph.schema import Adapter
from legonet.ir.sizes import Size
from legonet.methods import TABLE, register_method
from legonet.run.options import RunOptions


@pytest.fixture(params=TABLE, ids=lambda method: METHODS.name_of(method))
def method(request: pytest.FixtureRequest) -> Method:
    return METHODS.read(METHODS.name_of(request.param))


def test_each_is_one_file_that_its_table_names(method: Method) -> None:
    folder = Path(legonet.__file__).parent / "methods"
    named = {each.stem.replace("_", "-") for each in folder.glob("*.py")} - {"--init--"}
    assert named == set(METHODS.names())
    assert type(method).__module__ == f"legonet.methods.{method.name.replace('-', '_')}"


def test_each_can_be_chosen_by_its_name(method: Method) -> None:
    assert Adapter.model_validate({"method": method.name}).settings == method
    assert Adapter.model_validate({"method": method.model_dump(mode="json")}).settings == method


def test_each_has_a_cost_that_grows_with_the_modules(method: Method) -> None:
    def cost(size: int, maps: int = 1) -> int:
        module = Size(size, (4, 8, 8))
        shape = (4, 8, 8)
        chains = [(adapter_layers(Adapter(), shape, shape), shape)] * maps
        return method.cost(Work(module, module, module, chains, images=10, labelled=True, statistics=True))

    assert 0 < cost(10**6) < cost(10**7)
    assert cost(10**6) < cost(10**6, maps=3) < 3 * cost(10**6)


def test_graphs_and_plans_need_no_torch_for_any() -> None:
    script = "import sys; from legonet.methods import TABLE; assert TABLE and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


class Nothing(Method):
    """Leaves the adapter as it starts."""

    name: Literal["nothing"]
    scale: int = 1

    def cost(self, work: Work) -> int:
        return self.scale * work.h

    def fit(self, context: Context) -> dict[str, float]:
        return {"scale": float(self.scale)}


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Method]]:
    monkeypatch.setattr("legonet.registration._MODULES", {})
    yield register_method(Nothing)
    METHODS.remove("nothing")


def test_a_users_method_is_planned_and_fitted(nothing: type[Method], network: Any, edge: Edge) -> None:
    network.connect("dog", "classify", adapter={"method": {"name": "nothing", "scale": 3}})
    planned = {each.path: each for each in network.plan()}["dog:classify"]
    assert planned.method == "nothing"
    assert planned.cost is not None
    assert planned.cost.operations
    (result,) = network.transplant(options=RunOptions(only=["dog:classify"])).results
    assert result.quality["scale"] == 3.0
    assert result.quality["agreement"] < 0.9  # legonet's own estimate stands beside what the method measured
    fitted = fit(edge, Adapter(method="nothing"), Samples(torch.zeros(1, 3, 16, 16)))
    assert fitted.quality == {"scale": 1.0}


@pytest.mark.parametrize("kind", [Nothing, TABLE[0]])
def test_a_name_is_of_one_class(kind: type[Method], nothing: type[Method]) -> None:
    class Other(kind):
        pass

    name = METHODS.name_of(kind)
    with pytest.raises(GraphError, match=f"the method '{name}' is there already"):
        register_method(Other)


def test_workers_are_told_where_it_comes_from(nothing: type[Method]) -> None:
    from legonet.registration import registered_modules

    assert registered_modules() == (Nothing.__module__,)
