"""Properties of every layer type: plain data, the model and the module say the same."""

from __future__ import annotations

import contextlib
import json
from typing import Any, get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from legonet.blocks.build import build_layers
from legonet.blocks.registry import KINDS, describe_module, make_layer
from legonet.errors import BlockError
from legonet.ir.lowering import lower
from legonet.ir.notation import Layer, layer, layers_data, layers_from_data, name_conflict
from legonet.ir.sizes import output_shape, tensor_shapes

SMALL = st.integers(1, 4)
PAIRS = st.one_of(SMALL, st.lists(SMALL, min_size=2, max_size=2))
OPTIONAL_ZEROS = st.one_of(st.integers(0, 2), st.lists(st.integers(0, 2), min_size=2, max_size=2))


@st.composite
def _convolutions(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    groups = draw(st.integers(1, 2))
    data = {
        "type": kind,
        "in": groups * draw(SMALL),
        "out": groups * draw(SMALL),
        "kernel": draw(PAIRS),
        "groups": groups,
    }
    optional = {"stride": PAIRS, "padding": OPTIONAL_ZEROS, "dilation": PAIRS, "bias": st.booleans()}
    return data | draw(st.fixed_dictionaries({}, optional=optional))


@st.composite
def _pools(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    data = {"type": kind, "kernel": draw(PAIRS)}
    optional = {"stride": PAIRS, "ceil": st.booleans()}
    if kind == "max-pool":
        optional["dilation"] = PAIRS
    else:
        optional["count-padding"] = st.booleans()
    return data | draw(st.fixed_dictionaries({}, optional=optional))


def _constant(kind: str, **keys: st.SearchStrategy) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(kind)}, optional=keys)


LAYER_DATA: st.SearchStrategy[dict[str, Any]] = st.one_of(
    _convolutions("conv"),
    _convolutions("conv-transpose"),
    st.fixed_dictionaries(
        {"type": st.just("linear"), "in": SMALL, "out": SMALL}, optional={"bias": st.booleans()}
    ),
    _constant("relu"),
    _pools("max-pool"),
    _pools("avg-pool"),
    st.fixed_dictionaries({"type": st.just("adaptive-avg-pool"), "size": PAIRS}),
    _constant("flatten"),
    _constant("dropout", probability=st.floats(0, 1), channels=st.booleans()),
    _constant("identity"),
    st.fixed_dictionaries(
        {"type": st.just("batch-norm"), "channels": SMALL},
        optional={"epsilon": st.floats(1e-9, 1), "affine": st.booleans()},
    ),
    st.fixed_dictionaries(
        {"type": st.just("upsample"), "size": PAIRS}, optional={"mode": st.sampled_from(["nearest"])}
    ),
    st.fixed_dictionaries(
        {"type": st.just("upsample"), "scale": PAIRS}, optional={"mode": st.sampled_from(["bilinear"])}
    ),
    _constant("rescale"),
)


LAYERS = LAYER_DATA.map(layer)
CHAINS = st.dictionaries(st.from_regex(r"[a-z]{1,3}", fullmatch=True), LAYERS, min_size=1, max_size=4)


@given(LAYERS)
def test_plain_data_and_back(made: Layer) -> None:
    data = made.data()
    assert layer(data) == made
    assert layer(json.loads(json.dumps(data))) == made
    assert layer(made.model_dump(by_alias=True)) == made


@given(LAYERS)
def test_plain_data_is_short(made: Layer) -> None:
    """What is default is left out, so that a later version may add keys without changing addresses."""
    for key in set(made.data()) - {"type"}:
        rest = {name: value for name, value in made.data().items() if name != key}
        with contextlib.suppress(ValidationError):
            assert layer(rest) != made


@given(LAYERS)
def test_a_module_is_described_as_the_layer_it_was_made_from(made: Layer) -> None:
    assert describe_module(make_layer(made, "meta")) == made


@given(LAYERS)
def test_tensors_are_those_of_the_state_dict(made: Layer) -> None:
    state = build_layers({"a.b": made}, "meta").state_dict()
    found = tensor_shapes(lower({"a.b": made}))
    assert found == {key: tuple(tensor.shape) for key, tensor in state.items()}
    assert list(found) == list(state)


@given(CHAINS)
def test_a_chain_as_json_keeps_its_order(chain: dict[str, Layer]) -> None:
    again = layers_from_data(json.loads(lower(chain).json()))
    assert again == chain
    assert list(again) == list(chain)
    assert lower(again).json() == lower(chain).json()
    assert layers_data(again) == layers_data(chain)


@given(LAYERS, st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple))
def test_the_shape_found_is_the_shape_computed(made: Layer, shape: tuple[int, ...]) -> None:
    module = make_layer(made).eval()
    message = None
    try:
        found = output_shape(lower({"a": made}), shape)
    except BlockError as error:
        message = str(error)
    if message is None:
        assert found == tuple(module(torch.zeros(2, *shape)).shape[1:])
    else:
        assert message.startswith("layers.a: ")
        assert f"({', '.join(map(str, shape))})" in message


def test_every_layer_type_has_a_constructor_and_no_other() -> None:
    union = get_args(get_args(Layer)[0])
    assert set(KINDS) == {get_args(model.model_fields["type"].annotation)[0] for model in union}
    schema = TypeAdapter(Layer).json_schema()
    assert set(schema["discriminator"]["mapping"]) == set(KINDS)


def test_a_pool_strides_by_its_kernel() -> None:
    assert layer({"type": "max-pool", "kernel": 2}) == layer(
        {"type": "max-pool", "kernel": [2, 2], "stride": 2}
    )
    assert layer({"type": "max-pool", "kernel": 3, "stride": 2}).data()["stride"] == 2


@pytest.mark.parametrize(
    "data",
    [
        {"type": "conv", "in": 1, "out": 1},
        {"type": "conv", "in": 1, "out": 1, "kernel": 0},
        {"type": "conv", "in": 1, "out": 1, "kernel": [1, 2, 3]},
        {"type": "conv", "in": True, "out": 1, "kernel": 1},
        {"type": "conv", "in": "1", "out": 1, "kernel": 1},
        {"type": "conv", "in_channels": 1, "out": 1, "kernel": 1},
        {"type": "max-pool"},
        {"type": "upsample"},
        {"type": "upsample", "size": 2, "scale": 2},
        {"type": "dropout", "probability": 1.5},
        {"type": "relu", "inplace": True},
        {"type": "gelu"},
        {},
    ],
)
def test_what_is_no_layer(data: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        layer(data)


@pytest.mark.parametrize(
    ("names", "conflict"),
    [
        (["a", "b", "c"], None),
        (["a.0", "a.1", "b.0", "c"], None),
        (["a.b.0", "a.c", "a.d.0", "e"], None),
        (["a.0", "b", "a.1"], ("a.1", "other layers stand between it and the layers of 'a' above")),
        (["a.b.0", "a.c", "a.b.1"], ("a.b.1", "other layers stand between it and the layers of 'a.b' above")),
        (["a", "a.0"], ("a.0", "'a' is a layer itself")),
        (["a.0", "a"], ("a", "there are layers inside 'a' above")),
        (["a.0", "b", "a"], ("a", "there are layers inside 'a' above")),
        (["a.b.0", "a.b"], ("a.b", "there are layers inside 'a.b' above")),
        (["a", "b", "a"], ("a", "a layer above has the same name")),
    ],
)
def test_names_that_nest(names: list[str], conflict: tuple[str, str] | None) -> None:
    assert name_conflict(names) == conflict


PARTS = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map(".".join)


@given(st.lists(PARTS, max_size=6, unique=True))
def test_names_nest_exactly_if_sequentials_can_hold_them_in_order(names: list[str]) -> None:
    chain = {name: layer({"type": "relu"}) for name in names}
    nested = _insert(names)
    assert (name_conflict(names) is None) == (nested == names)
    if nested == names:
        built = build_layers(chain)
        assert [name for name, leaf in built.named_modules() if not list(leaf.children()) and name] == names


def _insert(names: list[str]) -> list[str] | None:
    """Put names into nested dicts and list them again; None where a leaf meets a branch."""
    tree: dict[str, Any] = {}
    for name in names:
        node = tree
        *prefixes, last = name.split(".")
        for prefix in prefixes:
            node = node.setdefault(prefix, {})
            if node is None:
                return None
        if last in node:
            return None
        node[last] = None
    return list(_flat(tree, ""))


def _flat(tree: dict[str, Any], prefix: str) -> list[str]:
    found: list[str] = []
    for name, node in tree.items():
        found += [prefix + name] if node is None else _flat(node, f"{prefix}{name}.")
    return found
