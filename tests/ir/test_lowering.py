"""A lowered layer is the layer: its bits, its shapes and costs, its names, its bytes in a blob."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from legonet.blocks.build import build_layers, lowered
from legonet.errors import BlockError
from legonet.ir.flops import FlopCounter
from legonet.ir.graph import INPUT, graph_from_data
from legonet.ir.interpreter import build_graph, result_shapes
from legonet.ir.lowering import lower, lower_layer
from legonet.ir.modules import load_module, write_module
from legonet.ir.notation import BatchNorm, Conv, ConvTranspose, Layer, Linear, layer
from legonet.ir.sizes import shapes_of, size_of
from legonet.store.modules import dump_module, parse_module
from tests.ir.test_notation import CHAINS, LAYERS

Shape = tuple[int, ...]


@st.composite
def layers_with_inputs(draw: st.DrawFn) -> tuple[Layer, Shape]:
    """A layer and the shape of an input that it takes, unless it is too small for a window."""
    made = draw(LAYERS)
    channels = {Conv: "in_channels", ConvTranspose: "in_channels", BatchNorm: "channels"}.get(type(made))
    first = getattr(made, channels) if channels else draw(st.integers(1, 4))
    last = made.in_features if isinstance(made, Linear) else draw(st.integers(1, 12))
    return made, (first, draw(st.integers(1, 12)), last)


def varied(made: Layer) -> nn.Sequential:
    """Every number of it, recorded statistics too, is something else than at the start."""
    module = build_layers({"in.side": made}).eval()
    generator = torch.Generator().manual_seed(0)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return module


@given(layers_with_inputs())
def test_it_computes_the_same_bits(drawn: tuple[Layer, Shape]) -> None:
    made, shape = drawn
    module, images = varied(made), torch.randn(2, *shape, generator=torch.Generator().manual_seed(1))
    try:
        with torch.no_grad():
            expected = module(images)
    except RuntimeError:  # a window larger than the image
        with pytest.raises(BlockError, match=r"^layers\.in\.side: .* cannot take its input of shape "):
            shapes_of(lower({"in.side": made}), shape)
        return
    assume(expected.numel())
    found = lowered(module)
    assert torch.equal(found(images), expected)
    assert not any(tensor.requires_grad for tensor in found.parameters())
    assert list(found.state_dict()) == list(module.state_dict())


@given(layers_with_inputs())
def test_shapes_and_costs_by_arithmetic_are_torchs(drawn: tuple[Layer, Shape]) -> None:
    made, shape = drawn
    graph = lower({"in.side": made})
    try:
        found = shapes_of(graph, shape)
    except BlockError:
        try:
            empty = result_shapes(graph, shape, "layers")["in.side"]
        except (BlockError, RuntimeError):
            return
        assert 0 in empty  # torch gives a map without pixels, which is refused here
        return
    assert found == result_shapes(graph, shape, "layers")
    with torch.no_grad(), FlopCounter() as counter:
        build_graph(graph, "meta")(torch.empty((1, *shape), device="meta"))
    assert size_of(graph, shape)[:2] == (counter.total, found["in.side"])


@given(LAYERS)
def test_blobs_keep_the_notation_and_their_bytes(made: Layer) -> None:
    module = varied(made)
    blob = write_module("task-module", lowered(module))
    loaded = load_module(blob)
    assert loaded.graph.notation == {"in.side": made}
    assert write_module("task-module", loaded) == blob
    parsed = parse_module(blob)
    assert parsed.layers == {"in.side": made.data()}
    assert dump_module("task-module", parsed.layers, parsed.tensors) == blob


@given(CHAINS)
def test_each_layer_is_an_operation_under_its_name(chain: dict[str, Layer]) -> None:
    chain = {f"{name}_": made for name, made in chain.items()}  # torch uses names such as `pop` itself
    graph = lower(chain)
    assert list(graph.steps) == list(chain)
    assert graph.output == list(chain)[-1]
    assert list(graph.tensors) == list(build_layers(chain, "meta").state_dict())
    takes = [next(iter(step.references())) for step in graph.steps.values()]
    assert takes == [INPUT, *list(chain)[:-1]]
    plain = graph.without_notation()
    assert graph_from_data(plain.data()) == plain
    assert plain.steps == graph.steps


def test_every_layer_type_is_lowered() -> None:
    kinds = {get_args(model.model_fields["type"].annotation)[0] for model in get_args(get_args(Layer)[0])}
    needs = {"conv": {"in": 1, "out": 1, "kernel": 1}, "linear": {"in": 1, "out": 1}, "upsample": {"size": 1}}
    needs |= {
        "conv-transpose": needs["conv"],
        "batch-norm": {"channels": 1},
        "adaptive-avg-pool": {"size": 1},
    }
    needs |= {"max-pool": {"kernel": 1}, "avg-pool": {"kernel": 1}}
    for kind in kinds:
        made = layer({"type": kind, **needs.get(kind, {})})
        assert lower_layer(made).function, kind


def test_nothing_gives_its_input() -> None:
    images = torch.randn(2, 3)
    assert build_graph(lower({}))(images) is images


def test_names_that_cannot_nest() -> None:
    relu = layer({"type": "relu"})
    with pytest.raises(
        BlockError, match=r"^block b\.a\.c: 'a' is a layer itself; rename the layer or move it$"
    ):
        lower({"a": relu, "a.c": relu}, where="block b")
