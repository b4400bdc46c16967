"""What makes a tensor of its own."""

from __future__ import annotations

from typing import Any

from legonet.ops import nominal
from legonet.ops.call import Call, Shape
from legonet.ops.pullbacks import transposed
from legonet.ops.row import rows
from legonet.ops.shapes import same_shape

PLACED = frozenset(
    ["arange", "arange.start", "arange.start_step", "full", "linspace", "ones", "scalar_tensor", "zeros"]
)
"""Those that take no tensor, so that they have to be given a device."""

SIZED = ("full", "ones", "zeros")
_FILLED: dict[str, Any] = {
    "pull": transposed,
    "nominal": nominal.computed,
    "source": "depends on no value",
}


def _sized(call: Call) -> Shape:
    return tuple(call.arguments[0])


def _new(call: Call) -> Shape:
    return tuple(call.arguments[1])


ROWS = (
    *rows("fill.Scalar fill.Tensor full_like ones_like zero zeros_like", shape=same_shape, **_FILLED),
    *rows("new_full new_ones new_zeros", shape=_new, **_FILLED),
    *rows(SIZED, shape=_sized),
    *rows(sorted(PLACED - set(SIZED))),
)
