"""The shape of a chain by arithmetic is the one that torch finds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legonet.blocks.build import output_shape
from legonet.blocks.schema import layers_from_data
from legonet.blocks.shapes import chain_shape
from legonet.errors import BlockError

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
        expected = output_shape(layers, shape)
    except BlockError:
        return  # torch refuses it, and so does a check of the graph
    assert chain_shape(layers, shape) == expected


@pytest.mark.parametrize("shape", [(6,), (5, 6)])
def test_linear_layers_change_the_last_axis(shape: tuple[int, ...]) -> None:
    layers = layers_from_data({"linear": {"type": "linear", "in": 6, "out": 4}, "relu": {"type": "relu"}})
    assert chain_shape(layers, shape) == output_shape(layers, shape) == (*shape[:-1], 4)
