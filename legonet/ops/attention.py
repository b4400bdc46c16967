"""Attention and softmax."""

from __future__ import annotations

from math import prod

from legonet.ops import nominal
from legonet.ops.call import Call, Shape
from legonet.ops.pullbacks import POINT, transposed
from legonet.ops.row import Row, rows
from legonet.ops.shapes import along_axis, show


def _attended(call: Call) -> Shape | None:
    """One token of values for each query; heads that are shared are left to torch."""
    query, key, value = (each.shape for each in call.arguments[:3])
    if query[:-2] != key[:-2]:
        return None
    if query[-1] != key[-1] or key[:-1] != value[:-1]:
        raise ValueError(f"queries {show(query)}, keys {show(key)} and values {show(value)} do not fit")
    return (*query[:-1], value[-1])


def _attention_flops(call: Call, shape: Shape) -> int:
    """Of queries with keys, and of what they give with values."""
    query, key = call.arguments[0].shape, call.arguments[1].shape
    return 2 * prod(query[:-1]) * key[-2] * (query[-1] + shape[-1])


ROWS = (
    Row(
        "scaled_dot_product_attention",
        transposed,
        nominal.zero,
        f"{POINT}: attention to all alike; Vaswani et al., arXiv:1706.03762",
        shape=_attended,
        flops=_attention_flops,
    ),
    *rows(
        "log_softmax.int softmax.int",
        pull=transposed,
        nominal=nominal.computed,
        source=POINT,
        shape=along_axis,
    ),
)
