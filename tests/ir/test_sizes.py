"""The shapes and operations of a chain by arithmetic are those that torch finds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from legonet.blocks.build import build_layers, lowered
from legonet.distill.pullback import Pullback
from legonet.errors import BlockError, DistillError
from legonet.ir.flops import FlopCounter
from legonet.ir.graph import INPUT, ModelGraph, Operation, TensorSpec
from legonet.ir.lowering import lower
from legonet.ir.notation import layers_from_data
from legonet.ir.sizes import output_shape, size_of

PAIRS = st.tuples(st.integers(1, 4), st.integers(1, 4))
PADDING = st.tuples(st.integers(0, 2), st.integers(0, 2))
WINDOW = {"kernel": PAIRS, "stride": PAIRS, "padding": PADDING}


def _of(kind: str, **keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(kind), **keys})


LAYERS = st.one_of(
    _of("conv", **{"in": st.just(2), "out": st.integers(1, 3)}, dilation=PAIRS, **WINDOW),
    _of("conv-transpose", **{"in": st.just(2), "out": st.integers(1, 3)}, dilation=PAIRS, **WINDOW),
    _of("max-pool", dilation=PAIRS, ceil=st.booleans(), **WINDOW),
    _of("avg-pool", ceil=st.booleans(), **WINDOW),
    _of("adaptive-avg-pool", size=PAIRS),
    _of("upsample", size=PAIRS),
    _of("upsample", scale=PAIRS),
    _of("relu"),
    _of("flatten"),
)


@given(LAYERS, st.tuples(st.just(2), st.integers(1, 11), st.integers(1, 11)))
def test_arithmetic_and_torch_agree(data: dict[str, Any], shape: tuple[int, ...]) -> None:
    layers = layers_from_data({"layer": data})
    try:
        expected = output_shape(lower(layers), shape)
    except BlockError:
        return  # torch refuses it, and so does a check of the graph
    assert size_of(lower(layers), shape)[:2] == (counted(build_layers(layers), shape), expected)


def counted(module: nn.Module, shape: tuple[int, ...]) -> int:
    """As torch counts."""
    with torch.no_grad(), FlopCounter() as counter:
        module.eval().to("meta")(torch.empty((1, *shape), device="meta"))
    return counter.total


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("more", [{"type": "conv"}, {"type": "conv-transpose", "stride": 2}])
def test_operations_of_grouped_convolutions(groups: int, more: dict[str, Any]) -> None:
    sizes = {"in": 6, "out": 12, "kernel": [3, 2], "groups": groups}
    layers = layers_from_data({"a": more | sizes, "b": {"type": "relu"}})
    assert size_of(lower(layers), (6, 9, 8)).operations == counted(build_layers(layers), (6, 9, 8))


def test_operations_of_a_graph() -> None:
    arguments = {"ref": INPUT}, {"tensor": "w"}
    graph = ModelGraph(
        {"a": Operation("a", "conv2d", arguments, {})}, "a", {"w": TensorSpec((4, 3, 3, 3), "float32")}
    )
    assert size_of(graph, (3, 8, 8)) == (2 * 6 * 6 * 4 * 27, (4, 6, 6), 1, (), ())


@given(_of("max-pool", **WINDOW) | _of("avg-pool", **WINDOW), st.integers(1, 8), st.integers(1, 8))
def test_windows_that_a_chain_begins_with(data: dict[str, Any], height: int, width: int) -> None:
    layers, shape = layers_from_data({"layer": data}), (2, height, width)
    try:
        expected = Pullback(lowered(build_layers(layers)), shape).window
    except DistillError:
        return
    assert size_of(lower(layers), shape).window == expected


@pytest.mark.parametrize("shape", [(6,), (5, 6)])
def test_linear_layers_change_the_last_axis(shape: tuple[int, ...]) -> None:
    layers = layers_from_data({"linear": {"type": "linear", "in": 6, "out": 4}, "relu": {"type": "relu"}})
    assert output_shape(lower(layers), shape) == (*shape[:-1], 4)
    assert size_of(lower(layers), shape).operations == counted(build_layers(layers), shape)


def test_nothing_is_left_of_an_image() -> None:
    part = Operation("part", "slice.Tensor", ({"ref": INPUT}, 2, 4, 4), {})
    with pytest.raises(BlockError, match=r"it would give .*, which is nothing"):
        output_shape(ModelGraph({"part": part}, "part", {}), (3, 4, 4))
