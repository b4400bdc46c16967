"""Arithmetic, smooth functions, comparisons: each element by itself, with broadcasting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from legonet.ops import nominal
from legonet.ops.call import Call, Gradient, Shape
from legonet.ops.pullbacks import EXACT, POINT, divided, multiplied, passed, transposed
from legonet.ops.row import Row, rows
from legonet.ops.shapes import axis, broadcast_shape, same_shape

if TYPE_CHECKING:
    from torch import Tensor


def _shared(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """The greater or lesser of two as their mean."""

    def mean(a: Tensor, b: Tensor) -> Tensor:
        return (a + b) / 2

    return transposed(Call(call.name, call.operation, mean, call.arguments), gradient)


def _sized(call: Call) -> list[Tensor]:
    """A deviation, which is 1, and a mean."""
    import torch

    size, mean = nominal.computed(call)
    return [torch.ones_like(size), mean]


def _halved(call: Call) -> Shape:
    data = call.arguments[0].shape
    place = axis(call.argument(1, -1, "dim"), len(data))
    if data[place] % 2:
        raise ValueError(f"axis {place} of {data[place]} has no halves")
    return (*data[:place], data[place] // 2, *data[place + 1 :])


NOTHING = frozenset(["dropout", "feature_dropout", "identity"])
"""Those that give what they take, outside training."""

_SUMS = "add.Scalar add.Tensor rsub.Scalar rsub.Tensor sub.Scalar sub.Tensor subtract.Tensor"
_SMOOTH = """
    asinh atan clamp_max cos cosh erf erfc exp exp2 expm1 hardsigmoid log log10 log1p log2 log_sigmoid
    reciprocal rsqrt sigmoid sin sinh sqrt tan tanh
"""

ROWS = (
    *rows(
        _SUMS,
        pull=transposed,
        nominal=nominal.summed,
        source=EXACT,
        shape=broadcast_shape,
        linear=True,
        per_channel=True,
        fresh=True,
    ),
    *rows(
        "mul.Scalar mul.Tensor multiply.Tensor",
        pull=multiplied,
        nominal=nominal.product,
        source=f"product rule: {POINT}",
        shape=broadcast_shape,
        per_channel=True,
    ),
    *rows(
        "addcmul lerp.Tensor",
        pull=transposed,
        nominal=nominal.affine,
        source=f"product rule: {POINT}",
        shape=broadcast_shape,
    ),
    *rows(
        "div.Scalar div.Tensor divide.Tensor true_divide.Tensor",
        pull=divided,
        nominal=nominal.quotient,
        source=f"product rule: {POINT}",
        shape=broadcast_shape,
        per_channel=True,
        fresh=True,
    ),
    Row("addcdiv", divided, nominal.quotient, f"product rule: {POINT}", broadcast_shape),
    *rows(
        sorted(NOTHING),
        pull=passed,
        nominal=nominal.affine,
        source="nothing, outside training",
        shape=same_shape,
        linear=True,
        moves=True,
        per_channel=True,
    ),
    *rows(
        _SMOOTH,
        pull=transposed,
        nominal=nominal.computed,
        source=POINT,
        shape=same_shape,
        per_channel=True,
    ),
    *rows(
        "pow.Scalar pow.Tensor_Tensor",
        pull=transposed,
        nominal=nominal.computed,
        source=POINT,
        shape=broadcast_shape,
    ),
    Row("glu", transposed, nominal.computed, POINT, _halved),
    *rows(
        "square pow.Tensor_Scalar",
        pull=transposed,
        nominal=nominal.squared,
        source=f"{POINT}; squares are 1",
        shape=same_shape,
        per_channel=True,
    ),
    *rows("maximum minimum", pull=_shared, nominal=nominal.affine, source="the mean", shape=broadcast_shape),
    *rows(
        "abs",
        pull=transposed,
        nominal=nominal.ones,
        source=f"{POINT}; features have size 1",
        shape=same_shape,
        per_channel=True,
    ),
    *rows(
        "std_mean.correction std_mean.dim var_mean.correction var_mean.dim",
        pull=transposed,
        nominal=_sized,
        source=f"{POINT}; features have size 1",
    ),
    *rows(
        """
        linalg_norm linalg_vector_norm norm.ScalarOpt_dim std.correction std.dim var.correction var.dim
        """,
        pull=transposed,
        nominal=nominal.ones,
        source=f"{POINT}; features have size 1",
    ),
    *rows(
        "hardshrink softshrink",
        pull=passed,
        nominal=nominal.affine,
        source="what passes; the rest of features is small",
        shape=same_shape,
        per_channel=True,
    ),
    Row("nan_to_num", transposed, nominal.affine, "finite numbers stay", same_shape, per_channel=True),
    Row("neg", transposed, nominal.affine, EXACT, same_shape, linear=True, per_channel=True),
    *rows(
        """
        lerp.Scalar masked_fill.Scalar masked_fill.Tensor where.ScalarOther where.ScalarSelf where.self
        """,
        pull=transposed,
        nominal=nominal.affine,
        source=EXACT,
        shape=broadcast_shape,
        linear=True,
    ),
    *rows(
        "to.dtype type_as",
        pull=transposed,
        nominal=nominal.affine,
        source=EXACT,
        shape=same_shape,
        linear=True,
    ),
    *rows(
        """
        ceil frac heaviside isfinite isinf isnan trunc
        """,
        shape=same_shape,
    ),
    *rows(
        """
        bitwise_and.Tensor bitwise_not bitwise_or.Tensor div.Tensor_mode eq.Scalar eq.Tensor floor
        floor_divide fmod.Scalar ge.Scalar ge.Tensor gt.Scalar le.Scalar logical_and logical_not logical_or
        lt.Scalar lt.Tensor ne.Scalar ne.Tensor remainder.Scalar round sign
        """,
        shape=broadcast_shape,
    ),
)
