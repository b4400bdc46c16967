"""Recurrent layers: one call whose gradients, shapes and operations are those of its steps."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from legonet.distill.pullback import Pullback
from legonet.errors import BlockError
from legonet.ir import sizes
from legonet.ir.flops import FlopCounter
from legonet.ir.graph import INPUT, ModelGraph, Operation, TensorSpec
from legonet.ir.interpreter import build_graph
from legonet.ir.recurrence import as_one_call, at_once
from legonet.ops.call import Call, Data, Extent
from legonet.ops.pullbacks import transposed
from legonet.ops.table import ROWS
from legonet.teachers.tracing.evaluation import evaluating
from legonet.teachers.tracing.export import export

STEPS, ROWS_, SIZE, HIDDEN = 5, 3, 4, 6
LAYERS: dict[str, Callable[..., nn.RNNBase]] = {
    "lstm.input": nn.LSTM,
    "gru.input": nn.GRU,
    "rnn_tanh.input": nn.RNN,
    "rnn_relu.input": lambda *sizes, **given: nn.RNN(*sizes, nonlinearity="relu", **given),
}
CELLS: dict[str, Callable[..., nn.RNNCellBase]] = {
    "lstm_cell": nn.LSTMCell,
    "gru_cell": nn.GRUCell,
    "rnn_tanh_cell": nn.RNNCell,
    "rnn_relu_cell": lambda *sizes, **given: nn.RNNCell(*sizes, nonlinearity="relu", **given),
}


def call_of(name: str, arguments: list[object]) -> Call:
    packet, _, form = name.partition(".")
    return Call(name, name, getattr(getattr(torch.ops.aten, packet), form or "default"), arguments)


def nominal(shape: tuple[int, ...], known: str) -> Data:
    """A feature whose nominal value is zero, the same for all rows, or of its own for each."""
    like, axis = torch.empty(0, dtype=torch.float64), 1 if len(shape) == 3 else 0
    if known == "zero":
        return Data(shape, like)
    value = torch.randn(shape, dtype=torch.float64)
    if known == "shared":
        value = value.narrow(axis, 0, 1).expand(shape)
    return Data(shape, like, value)


def expect_transposed(call: Call) -> None:
    """Its own pullback gives what automatic differentiation does, for every result, alone and together."""
    row = ROWS[call.operation]
    assert row.pull is not None
    assert row.nominal is not None
    wanted = call.at([each.value() for each in call.data])
    wanted = [wanted] if isinstance(wanted, Tensor) else list(wanted)
    found = row.nominal(call)
    for one, other in zip([found] if isinstance(found, Tensor) else found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    gradients = {number: torch.randn_like(each) for number, each in enumerate(wanted)}
    some = [{number: each} for number, each in gradients.items()] + [gradients]
    for each in some if len(wanted) > 1 else [gradients[0]]:
        for one, other in zip(row.pull(call, each), transposed(call, each), strict=True):
            assert one is not None
            assert other is not None
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("known", ["zero", "shared", "own"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer(name: str, known: str) -> None:
    torch.manual_seed(0)
    for layers, both, batch_first, bias in product([1, 2], *[[False, True]] * 3):
        expect_layer(name, known, layers, bool(both), bool(batch_first), bool(bias))


def expect_layer(name: str, known: str, layers: int, both: bool, batch_first: bool, bias: bool) -> None:
    layer = LAYERS[name](SIZE, HIDDEN, num_layers=layers, bidirectional=both, bias=bias).double()
    weights = [each.detach() for each in layer.parameters()]
    states = [
        nominal((layers * (1 + both), ROWS_, HIDDEN), known) for _ in range(1 + name.startswith("lstm"))
    ]
    features = nominal((STEPS, ROWS_, SIZE), known)
    if batch_first:
        turned = None if features.nominal is None else features.nominal.transpose(0, 1)
        features = Data((ROWS_, STEPS, SIZE), features.like, turned)
    begin = states if len(states) > 1 else states[0]
    arguments = [features, begin, weights, bias, layers, 0.0, False, both, batch_first]
    expect_transposed(call_of(name, arguments))
    known_states = [each.value() for each in states]
    arguments[1] = known_states if len(states) > 1 else known_states[0]
    expect_transposed(call_of(name, arguments))


@pytest.mark.parametrize("known", ["zero", "shared", "own"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_a_cell(name: str, bias: bool, known: str) -> None:
    torch.manual_seed(0)
    weights = [each.detach() for each in CELLS[name](SIZE, HIDDEN, bias=bias).double().parameters()]
    states = [nominal((ROWS_, HIDDEN), known) for _ in range(1 + name.startswith("lstm"))]
    begin = states if len(states) > 1 else states[0]
    expect_transposed(call_of(name, [nominal((ROWS_, SIZE), known), begin, *weights]))
    extents = [Extent(tuple(each.shape)) for each in weights]
    row, given = ROWS[name], [Extent((ROWS_, HIDDEN)) for _ in states]
    call = call_of(name, [Extent((ROWS_, SIZE)), given if len(given) > 1 else given[0], *extents])
    assert row.shape is not None
    assert row.flops is not None
    assert row.shape(call) == ([(ROWS_, HIDDEN)] * 2 if len(given) > 1 else (ROWS_, HIDDEN))
    assert row.flops(call, (ROWS_, HIDDEN)) == 2 * ROWS_ * sum(each.numel() for each in weights[:2])


def test_projections_are_left_to_automatic_differentiation() -> None:
    torch.manual_seed(0)
    layer = nn.LSTM(SIZE, HIDDEN, proj_size=2).double()
    weights = [each.detach() for each in layer.parameters()]
    states = [nominal((1, ROWS_, size), "zero") for size in (2, HIDDEN)]
    features = nominal((STEPS, ROWS_, SIZE), "zero")
    expect_transposed(call_of("lstm.input", [features, states, weights, True, 1, 0.0, False, False, False]))


def test_gradients_of_weights_that_are_learned() -> None:
    torch.manual_seed(0)
    layer = nn.GRU(SIZE, HIDDEN).double()
    weights = list(layer.parameters())
    arguments = [nominal((STEPS, ROWS_, SIZE), "zero"), torch.zeros(1, ROWS_, HIDDEN).double()]
    call = call_of("gru.input", [*arguments, weights, True, 1, 0.0, False, False, False])
    pull = ROWS["gru.input"].pull
    assert pull is not None
    (found,) = pull(call, {0: torch.randn(STEPS, ROWS_, HIDDEN).double()})
    assert found is not None
    assert found.requires_grad


class Lines(nn.Module):
    """Reads an image column by column."""

    def __init__(self, kind: str, width: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU())
        self.rnn = LAYERS[kind](3 * width, HIDDEN, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(2 * HIDDEN, 2)

    def forward(self, x: Tensor) -> Tensor:
        columns, _ = self.rnn(self.stem(x).permute(0, 3, 1, 2).flatten(2))
        return self.head(columns[:, -1])


@pytest.mark.parametrize("kind", LAYERS)
def test_one_call_from_a_model_to_its_pullback(kind: str) -> None:
    torch.manual_seed(0)
    model = Lines(kind, 4).eval()
    found = export(model, (1, 4, 7))
    (step,) = [step for step in found.graph.steps.values() if step.function in LAYERS]
    assert step.function == kind
    module = build_graph(found.graph)
    module.load_state_dict({**model.state_dict(), **found.constants})
    images = torch.randn(3, 1, 4, 7)
    with torch.no_grad(), evaluating(model):
        assert torch.equal(module(images), model(images))
    assert Pullback(module, (1, 4, 7))(torch.randn(2, 2)).shape == (2, 1, 4, 7)


def steps_taken(frames: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Calls of torch while a model is taken in, sized and prepared for pullbacks, but for those of steps."""
    count = 0

    class Counter(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            nonlocal count
            count += 1
            return func(*args, **(kwargs or {}))

    def no_steps(*_: object) -> None:
        raise AssertionError("the steps are computed one by one")

    monkeypatch.setattr("torch._decomp.decompositions._rnn_helper", no_steps)
    found = export(Lines("lstm.input", 4).eval(), (1, 4, frames))
    with Counter():
        sizes.size_of(found.graph, (1, 4, frames))
        build_graph(found.graph, "meta")(torch.empty(2, 1, 4, frames, device="meta"))
    return count


def test_work_does_not_grow_with_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    assert steps_taken(8, monkeypatch) == steps_taken(80, monkeypatch)


@pytest.mark.parametrize(
    ("layers", "both", "batch_first"),
    [(1, False, False), (1, False, True), (2, True, False), (2, True, True)],
)
@pytest.mark.parametrize("name", LAYERS)
def test_shapes_and_operations(name: str, layers: int, both: bool, batch_first: bool) -> None:
    layer = LAYERS[name](SIZE, HIDDEN, num_layers=layers, bidirectional=both, batch_first=batch_first)
    weights = [each.detach() for each in layer.parameters()]
    axes = (ROWS_, STEPS) if batch_first else (STEPS, ROWS_)
    states = [torch.zeros(layers * (1 + both), ROWS_, HIDDEN) for _ in range(1 + name.startswith("lstm"))]
    given = [states if len(states) > 1 else states[0], weights, True, layers, 0.0, False, both, batch_first]
    features = torch.randn(*axes, SIZE)
    with torch.no_grad():
        wanted = call_of(name, []).function(features, *given)
    unrolled = cast("Any", (features.to("meta"), *on_meta(given)))
    with FlopCounter() as counted, torch.no_grad():
        call_of(name, []).function(*unrolled)
    with FlopCounter() as at_once_counted:
        found = at_once(*unrolled)
    assert [each.shape for each in found] == [each.shape for each in wanted]
    assert [each.stride() for each in found[:1]] == [each.stride() for each in wanted[:1]]
    assert at_once_counted.total == counted.total
    tensors = {f"w{number}": each for number, each in enumerate(weights)}
    if batch_first:
        size = sizes.size_of(one_call(name, tensors, len(states), given), (STEPS, SIZE))
        assert size.gives == wanted[0].shape[1:]
        assert size.operations * ROWS_ == counted.total


def on_meta(value: object) -> Any:
    if isinstance(value, list):
        return [on_meta(each) for each in value]
    return value.to("meta") if isinstance(value, Tensor) else value


def one_call(name: str, weights: dict[str, Tensor], states: int, given: list[object]) -> ModelGraph:
    """A model of one recurrent layer that begins with zeros."""
    layers = len(weights) // 4
    zeros = Operation("zeros", "zeros", ([layers, {"batch": 1}, HIDDEN],), {})
    begin = {"ref": "zeros"} if states == 1 else [{"ref": "zeros"}] * 2
    tensors = [{"tensor": each} for each in weights]
    layer = Operation("rnn", name, ({"ref": INPUT}, begin, tensors, *given[2:]), {})
    first = Operation("first", "getitem", ({"ref": "rnn"}, 0), {})
    specs = {each: TensorSpec(tuple(tensor.shape)) for each, tensor in weights.items()}
    return ModelGraph({each.name: each for each in (zeros, layer, first)}, "first", specs)


def test_what_does_not_fit_is_refused_in_words() -> None:
    graph = export(Lines("lstm.input", 4).eval(), (1, 4, 7)).graph
    with pytest.raises(BlockError, match="12 numbers for each step"):
        sizes.size_of(graph, (1, 5, 7))


def test_torch_is_left_as_it_was() -> None:
    lstm = torch.ops.aten.lstm.input
    before = dict(lstm.py_kernels)
    with pytest.raises(ZeroDivisionError), as_one_call():
        raise ZeroDivisionError
    assert lstm.py_kernels == before
