"""What rows say of operations is so: shapes, costs, and what is linear, by channel or a tensor of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch

from legonet.errors import BlockError
from legonet.ir import interpreter
from legonet.ir.flops import FlopCounter
from legonet.ir.functions import function_of
from legonet.ir.interpreter import GraphModule, result_shapes
from legonet.ir.sizes import shapes_of, size_of
from legonet.ops import recurrence
from legonet.ops.row import Row
from legonet.ops.table import ROWS, register_operation
from legonet.registration import registered_modules
from tests.ops.calls import BATCH, CALLS, MAP, NOTHING, Arguments, Step, X, model

CREATED: dict[str, Arguments] = {
    **NOTHING,
    "full": [[BATCH, 3], 0.5],
    **{name: [[BATCH, 3]] for name in ("ones", "zeros")},
}
SIZED = CALLS | {name: (arguments, MAP) for name, arguments in CREATED.items()}
SHAPED = [name for name, row in ROWS.items() if row.shape is not None]
FLIPPED = Step("flip", X, [2])


def by_channel(arguments: Arguments) -> Arguments:
    """The same call of features that are not mixed among channels before it."""

    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(each) for each in value]
        return FLIPPED if isinstance(value, Step) and value.function == "flip" else value

    return changed(arguments)


def features(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return torch.rand(3, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) + 0.5


def test_every_row_with_a_shape_is_called() -> None:
    others = {
        "bitwise_and.Tensor",
        "bitwise_not",
        "bitwise_or.Tensor",
        "bitwise_xor.Tensor",
        "div.Tensor_mode",
    }
    others |= {
        "logical_and",
        "logical_not",
        "logical_or",
        "logical_xor",
        "fmod.Tensor",
        "remainder.Tensor",
    }  # as comparisons, of truth values
    others |= {row.name for row in recurrence.ROWS}
    assert set(SHAPED) - others <= set(SIZED)  # recurrent ones are in test_recurrence.py
    assert {name for name, row in ROWS.items() if row.per_channel or row.fresh or row.linear} <= set(CALLS)


@pytest.mark.parametrize("name", sorted(set(SHAPED) & set(SIZED)))
def test_shapes_and_operations_by_arithmetic_are_torchs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments, shape = SIZED[name]
    module = model(name, arguments).float()
    expected = result_shapes(module.graph, shape, "model")
    monkeypatch.delattr(interpreter, "result_shapes")
    assert shapes_of(module.graph, shape) == expected
    with torch.no_grad(), FlopCounter() as counter:
        output = module.to("meta")(torch.empty((1, *shape), device="meta"))
    monkeypatch.delattr("legonet.ir.sizes._measured")
    assert size_of(module.graph, shape)[:2] == (counter.total, tuple(output.shape[1:]))


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.linear])
def test_what_is_linear_is_affine_in_its_data(name: str) -> None:
    arguments, shape = CALLS[name]
    module, one, other = model(name, arguments), features(shape), features(shape, 1)
    zero, found = module(torch.zeros_like(one)), module(one + 2 * other)
    expected = module(one) + 2 * module(other) - 2 * zero
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    assert not torch.equal(found, zero)


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.per_channel])
def test_what_works_by_channel_mixes_none(name: str) -> None:
    arguments, shape = CALLS[name]
    module, given = model(name, by_channel(arguments)), features(shape)
    before = module(given)
    assert before.shape[1] == shape[0]
    for channel in range(shape[0]):
        changed = given.clone()
        changed[:, channel] = -given[:, channel].flip(-1) * 3
        others = [each for each in range(shape[0]) if each != channel]
        assert torch.equal(module(changed)[:, others], before[:, others])


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.fresh])
def test_what_is_fresh_may_be_overwritten(name: str) -> None:
    """Neither what it was computed from nor its gradient notices."""
    arguments, shape = CALLS[name]
    module, given = model(name, arguments), (4 * features(shape)).requires_grad_()
    before, kept = given.detach().clone(), {key: each.clone() for key, each in module.state_dict().items()}
    (expected,) = torch.autograd.grad(module(given).relu().square().sum(), given)
    (found,) = torch.autograd.grad(module(given).relu_().square().sum(), given)
    assert torch.equal(found, expected)
    assert torch.equal(given, before)
    assert all(torch.equal(each, kept[key]) for key, each in module.state_dict().items())
    assert expected.any()


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.moves and row.pull])
def test_what_moves_computes_no_number(name: str) -> None:
    arguments, shape = CALLS[name]
    module, given = model(name, arguments), features(shape)
    known = {0.0, *given.flatten().tolist(), *constants(module)}
    assert set(module(given).flatten().tolist()) <= known


def constants(module: GraphModule) -> list[float]:
    return [number for tensor in module.state_dict().values() for number in tensor.flatten().tolist()]


def test_importing_the_table_needs_no_torch() -> None:
    script = (
        "import sys, legonet.ops.table, legonet.ir.sizes, legonet.ir.cuts; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_every_operation_is_a_function() -> None:
    assert all(callable(function_of(name)) for name in ROWS)


def test_a_row_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROWS, "round", ROWS["round"])  # put back afterwards
    monkeypatch.setattr("legonet.registration._MODULES", {})
    row = Row("round", shape=lambda call: call.arguments[0].shape)
    register_operation(row)
    assert ROWS["round"] is row
    assert registered_modules() == (__name__,)
    with pytest.raises(BlockError, match=r"^operation 'roundd': not known; .* Did you mean 'round'\?$"):
        register_operation(Row("roundd"))
