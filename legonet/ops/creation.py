"""What makes a tensor of its own."""

from __future__ import annotations

from typing import Any

from legonet.ops import nominal
from legonet.ops.call import Call, Shape
from legonet.ops.pullbacks import transposed
from legonet.ops.row import rows
from legonet.ops.shapes import same_shape
from legonet.ops.spelling import TORCH

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
    *rows("full_like ones_like zeros_like", **_FILLED, shape=same_shape, python=TORCH),
    *rows("fill.Scalar fill.Tensor zero", **_FILLED, shape=same_shape),
    *rows("new_full new_ones new_zeros", **_FILLED, shape=_new),
    *rows("full ones zeros", shape=_sized, placed=True, python=TORCH),
    *rows("arange arange.start arange.start_step linspace scalar_tensor", placed=True, python=TORCH),
)
