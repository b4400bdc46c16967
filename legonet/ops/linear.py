"""Matrix products: linear layers, and products of features with features."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

from legonet.ops import nominal
from legonet.ops.call import Call, Data, Gradient, Shape
from legonet.ops.pullbacks import EXACT, PAPER, POINT, multiplied, transposed
from legonet.ops.row import Row, rows

if TYPE_CHECKING:
    from torch import Tensor


def _linear(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """W^T G."""
    simple = isinstance(call.arguments[0], Data) and len(call.data) == 1
    if not simple or isinstance(gradient, Mapping):
        return transposed(call, gradient)
    return [gradient @ call.arguments[1]]


def _linear_shape(call: Call) -> Shape:
    return (*call.arguments[0].shape[:-1], call.arguments[1].shape[0])


def _linear_flops(call: Call, shape: Shape) -> int:
    return 2 * prod(shape) * call.arguments[1].shape[1]


ROWS = (
    Row(
        "linear",
        _linear,
        nominal.affine,
        f"{EXACT}; {PAPER}",
        shape=_linear_shape,
        flops=_linear_flops,
        linear=True,
        fresh=True,
    ),
    Row("addmm", transposed, nominal.affine, EXACT, linear=True, fresh=True),
    *rows(
        "bilinear bmm dot einsum matmul mm mv outer",
        pull=multiplied,
        nominal=nominal.product,
        source=f"product rule: {POINT}",
    ),
    Row("baddbmm", transposed, nominal.affine, f"product rule: {POINT}"),
    Row("embedding"),
)
