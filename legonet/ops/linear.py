"""Matrix products: linear layers, and products of features with features."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from legonet.ops import alignment, nominal
from legonet.ops.call import Call, Data, Extent, Gradient, Shape
from legonet.ops.layers import Argument, Layer, LayerCall, Make
from legonet.ops.pullbacks import EXACT, PAPER, POINT, multiplied, replaced, transposed
from legonet.ops.row import Row, Weights, rows
from legonet.ops.shapes import broadcast, expect_rank, show_shape
from legonet.ops.spelling import FUNCTIONAL, TORCH, Given, Write

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.ops.labels import Units


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


def _linear_units(units: Units, call: Call) -> Any:
    """New units on the last axis. Where that axis is one of positions, they are mixed, and units stay."""
    from legonet.ops.labels import varies

    labels, weight, bias = units.given(call), call.arguments[1], call.argument(2, None, "bias")
    if not units.owns(weight, bias):
        return units.unknown(call)
    outputs, leading = len(weight.value), range(labels.ndim - 1)
    if not varies(labels, -1) and any(varies(labels, axis) for axis in leading):
        for parameter in (weight, bias):
            if parameter is not None:
                units.freeze(parameter.name)
        return labels[..., :1].expand(*labels.shape[:-1], outputs)
    made = units.fresh(outputs)
    units.matrix(weight, made, units.along(labels, leading).flatten())
    units.vector(bias, made)
    return made.expand(*labels.shape[:-1], outputs)


def _product_units(units: Units, call: Call) -> Any:
    """A product of features with features."""
    first, second = (units.labels(value) for value in call.arguments[:2])
    if first is None or second is None or min(first.ndim, second.ndim) < 2:
        return units.unknown(call)
    return units.product(first, second)


def _layer(call: LayerCall) -> Layer | None:
    tensors = call.tensors("weight", "bias")
    if not tensors or "weight" not in tensors or call.state[tensors["weight"]].ndim != 2:
        return None
    outs, ins = call.state[tensors["weight"]].shape
    arguments = (Argument("in_features", ins), Argument("out_features", outs))
    return Layer(Make("nn.Linear", (*arguments, Argument("bias", "bias" in tensors, True))), tensors)


def _embedding(arguments: Given, write: Write) -> str | None:
    if len(arguments.positional) > 2 or arguments.keywords:
        return None
    return f"F.embedding({write(arguments['indices'])}, {write(arguments['weight'])})"


_PRODUCT: dict[str, Any] = {
    "pull": multiplied,
    "nominal": nominal.product,
    "source": f"product rule: {POINT}",
}
_MATRICES = {**_PRODUCT, "flops": _product_flops}

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
        weights=Weights(axis=-1),
        units=_linear_units,
        python=FUNCTIONAL,
        layer=_layer,
    ),
    Row("addmm", transposed, nominal.affine, EXACT, linear=True, fresh=True, python=TORCH),
    Row("bmm", **_MATRICES, shape=_same_rank_product_shape, units=_product_units, python=TORCH),
    Row("mm", **_MATRICES, shape=_same_rank_product_shape, python=TORCH),
    Row("matmul", **_MATRICES, shape=_product_shape, units=_product_units, python="@"),
    *rows("bilinear dot einsum inner mv outer", **_PRODUCT, python=TORCH),
    *rows("cross linalg_cross tensordot", **_PRODUCT),
    Row("cosine_similarity", _cosine, nominal.zero, f"product rule: {POINT}; features have size 1"),
    *rows("cdist pairwise_distance", pull=transposed, nominal=nominal.computed, source=POINT),
    Row("baddbmm", transposed, nominal.affine, f"product rule: {POINT}", python=TORCH),
    Row("embedding", units=alignment.looked_up, python=_embedding),
)
