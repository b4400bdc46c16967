"""Matrix products: linear layers, and products of features with features."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

from legonet.ops import nominal
from legonet.ops.call import Call, Data, Extent, Gradient, Shape
from legonet.ops.pullbacks import EXACT, PAPER, POINT, multiplied, replaced, transposed
from legonet.ops.row import Row, rows
from legonet.ops.shapes import broadcast, expect_rank, show_shape

if TYPE_CHECKING:
    from torch import Tensor


def _linear(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """W^T G."""
    simple = isinstance(call.arguments[0], Data) and len(call.data) == 1
    if not simple or isinstance(gradient, Mapping):
        return transposed(call, gradient)
    return [gradient @ call.arguments[1]]


def _linear_shape(call: Call) -> Shape:
    data, (gives, takes) = call.arguments[0].shape, call.arguments[1].shape
    if data[-1] != takes:
        raise ValueError(f"its last axis has {data[-1]} features where the weights take {takes}")
    bias = call.argument(2, None, "bias")
    if isinstance(bias, Extent) and bias.shape not in ((gives,), (1,)):
        raise ValueError(f"{gives} outputs have offsets {show_shape(bias.shape)}")
    return (*data[:-1], gives)


def _linear_flops(call: Call, shape: Shape) -> int:
    return 2 * prod(shape) * call.arguments[1].shape[1]


def _product_shape(call: Call) -> Shape | None:
    """Of two tensors of matrices; those of vectors are left to torch."""
    one, other = (each.shape for each in call.arguments[:2])
    if len(one) < 2 or len(other) < 2:
        return None
    if one[-1] != other[-2]:
        raise ValueError(f"{show_shape(one)} and {show_shape(other)} have no product")
    return (*broadcast(one[:-2], other[:-2]), one[-2], other[-1])


def _same_rank_product_shape(call: Call) -> Shape | None:
    """Without broadcasting."""
    one, other = (each.shape for each in call.arguments[:2])
    for shape in (one, other):
        expect_rank(shape, 2 if call.operation == "mm" else 3)
    if one[:-2] != other[:-2]:
        raise ValueError(f"{show_shape(one)} and {show_shape(other)} differ before their matrices")
    return _product_shape(call)


def _product_flops(call: Call, shape: Shape) -> int:
    return 2 * prod(shape) * call.arguments[0].shape[-1]


def _cosine(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """The product with the other's direction, where that follows no feature; features have size 1."""
    import torch.nn.functional as F

    axis = call.argument(2, 1, "dim")
    known = [isinstance(each, Data) for each in call.arguments[:2]]
    if all(known):
        return [None, None]
    other = call.arguments[known.index(False)].expand(call.data[0].shape)
    other = F.normalize(other, dim=axis)
    return replaced(call, lambda x: (x * other).sum(axis), gradient)


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
        "bmm mm",
        pull=multiplied,
        nominal=nominal.product,
        source=f"product rule: {POINT}",
        shape=_same_rank_product_shape,
        flops=_product_flops,
    ),
    Row(
        "matmul",
        pull=multiplied,
        nominal=nominal.product,
        source=f"product rule: {POINT}",
        shape=_product_shape,
        flops=_product_flops,
    ),
    *rows(
        "bilinear dot einsum mv outer",
        pull=multiplied,
        nominal=nominal.product,
        source=f"product rule: {POINT}",
    ),
    *rows("inner tensordot", pull=multiplied, nominal=nominal.product, source=f"product rule: {POINT}"),
    *rows("cross linalg_cross", pull=multiplied, nominal=nominal.product, source=f"product rule: {POINT}"),
    Row("cosine_similarity", _cosine, nominal.zero, f"product rule: {POINT}; features have size 1"),
    Row("baddbmm", transposed, nominal.affine, f"product rule: {POINT}"),
    Row("embedding"),
)
