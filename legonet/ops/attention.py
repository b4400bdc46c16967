"""Attention and softmax."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from legonet.ops import nominal
from legonet.ops.call import Call, Shape
from legonet.ops.layers import Argument, Layer, LayerCall, Make, Maker
from legonet.ops.pullbacks import POINT, transposed
from legonet.ops.row import Row
from legonet.ops.shapes import along_axis, show_shape
from legonet.ops.spelling import FUNCTIONAL, Given, Spell, Write

if TYPE_CHECKING:
    from legonet.ops.labels import Units


def _attended(call: Call) -> Shape | None:
    """One token of values for each query; heads that are shared are left to torch."""
    query, key, value = (each.shape for each in call.arguments[:3])
    if query[:-2] != key[:-2]:
        return None
    if query[-1] != key[-1] or key[:-1] != value[:-1]:
        raise ValueError(
            f"queries {show_shape(query)}, keys {show_shape(key)} and values {show_shape(value)} do not fit"
        )
    return (*query[:-1], value[-1])


def _attention_flops(call: Call, shape: Shape) -> int:
    """Of queries with keys, and of what they give with values."""
    query, key = call.arguments[0].shape, call.arguments[1].shape
    return 2 * prod(query[:-1]) * key[-2] * (query[-1] + shape[-1])


def _attention_units(units: Units, call: Call) -> Any:
    """Heads are blocks, of queries and keys together and of values."""
    query, key, value = (units.labels(value) for value in call.arguments[:3])
    assert query is not None  # noqa: S101 - it depends on the image
    assert key is not None  # noqa: S101
    assert value is not None  # noqa: S101
    scores = units.product(query, key.transpose(-1, -2))
    mask = units.labels(call.argument(3, None, "attn_mask"))
    scores = scores if mask is None else units.coupled(scores, mask)
    units.fibres(scores, [-1])
    return units.product(scores, value)


def _softmax_units(units: Units, call: Call) -> Any:
    """Numbers along an axis are divided by their sum."""
    labels = units.given(call)
    units.fibres(labels, [call.argument(1, -1, "dim")])
    return labels


def _spell_softmax(name: str) -> Spell:
    def write_softmax(arguments: Given, write: Write) -> str:
        kind = arguments.get("dtype")
        more = "" if kind is None else f", dtype={write(kind)}"
        return f"F.{name}({write(arguments['self'])}, {write(arguments['dim'])}{more})"

    return write_softmax


def _softmax_layer(kind: str) -> Maker:
    def make(call: LayerCall) -> Layer | None:
        if call.arguments.get("dtype") is not None:
            return None
        return Layer(Make(kind, (Argument("dim", call.arguments["dim"], None),)))

    return make


def _softmax(name: str, function: str, layer: str) -> Row:
    return Row(
        name,
        transposed,
        nominal.computed,
        POINT,
        shape=along_axis,
        units=_softmax_units,
        python=_spell_softmax(function),
        layer=_softmax_layer(layer),
    )


ROWS = (
    Row(
        "scaled_dot_product_attention",
        transposed,
        nominal.zero,
        f"{POINT}: attention to all alike; Vaswani et al., arXiv:1706.03762",
        shape=_attended,
        flops=_attention_flops,
        units=_attention_units,
        python=FUNCTIONAL,
    ),
    _softmax("softmax.int", "softmax", "nn.Softmax"),
    _softmax("log_softmax.int", "log_softmax", "nn.LogSoftmax"),
)
