"""Arithmetic, smooth functions, comparisons: each element by itself, with broadcasting."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from legonet.ops import alignment, nominal
from legonet.ops.call import Call, Gradient, Shape
from legonet.ops.layers import Layer, LayerCall, Make, activation, plain
from legonet.ops.pullbacks import (
    EXACT,
    POINT,
    divided,
    multiplied,
    passed,
    transposed,
    transposed_at_one,
)
from legonet.ops.row import Row, rows
from legonet.ops.shapes import axis, broadcast_shape, same_shape
from legonet.ops.spelling import FUNCTIONAL, METHOD, TORCH, Given, Write

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.ops.labels import Units


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


def _halves_units(units: Units, call: Call) -> Any:
    """One half times the other."""
    first, second = units.given(call).chunk(2, call.argument(1, -1, "dim"))
    return units.coupled(first, second)


def _spell_power(arguments: Given, write: Write) -> str:
    return f"{write(arguments['self'])} ** {write(arguments['exponent'])}"


def _spell_norm(arguments: Given, write: Write) -> str:
    (_, data), *others = [*arguments.positional.items(), *arguments.keywords.items()]
    options = [f"{name}={write(value)}" for name, value in others]
    return f"torch.linalg.vector_norm({', '.join([write(data), *options])})"


def _rescale(call: LayerCall) -> Layer | None:
    """The layer of legonet that multiplies by one recorded number."""
    beta = call.tensor("other")
    if beta is None or beta.rpartition(".")[2] != "beta" or call.state[beta].ndim:
        return None
    return Layer(Make("Rescale"), {"beta": beta})


_RULE = f"product rule: {POINT}"
_COMBINED: dict[str, Any] = {"shape": broadcast_shape, "units": alignment.combined}
_SUM: dict[str, Any] = {
    **_COMBINED,
    "pull": transposed,
    "nominal": nominal.summed,
    "source": EXACT,
    "linear": True,
    "per_channel": True,
    "fresh": True,
}
_PRODUCT: dict[str, Any] = {
    **_COMBINED,
    "pull": multiplied,
    "nominal": nominal.product,
    "source": _RULE,
    "per_channel": True,
    "python": "*",
}
_QUOTIENT: dict[str, Any] = {"pull": divided, "nominal": nominal.quotient, "source": _RULE}
_AFFINE: dict[str, Any] = {"pull": transposed, "nominal": nominal.affine}
_CHOSEN: dict[str, Any] = {**_COMBINED, **_AFFINE, "source": EXACT, "linear": True}
_EACH: dict[str, Any] = {"shape": same_shape, "per_channel": True, "units": alignment.each}
_SMOOTH: dict[str, Any] = {**_EACH, "pull": transposed, "nominal": nominal.computed, "source": POINT}
_AT_ONE: dict[str, Any] = {**_SMOOTH, "pull": transposed_at_one, "nominal": nominal.computed_at_one}
_POWER: dict[str, Any] = {
    "pull": transposed,
    "nominal": nominal.computed,
    "source": POINT,
    "shape": broadcast_shape,
}
_SQUARE: dict[str, Any] = {
    **_EACH,
    "pull": transposed,
    "nominal": nominal.squared,
    "source": f"{POINT}; squares are 1",
}
_NOTHING: dict[str, Any] = {
    **_EACH,
    "pull": passed,
    "nominal": nominal.affine,
    "source": "nothing, outside training",
    "linear": True,
    "moves": True,
    "copies": True,
    "inert": True,
}
_SIZE: dict[str, Any] = {
    "pull": transposed,
    "nominal": nominal.ones,
    "source": f"{POINT}; features have size 1",
}
_SHRUNK: dict[str, Any] = {
    **_EACH,
    "pull": passed,
    "nominal": nominal.affine,
    "source": "what passes; the rest of features is small",
}
_TYPED: dict[str, Any] = {
    **_AFFINE,
    "source": EXACT,
    "shape": same_shape,
    "linear": True,
    "units": alignment.each,
    "python": METHOD,
}

ROWS = (
    *rows("add.Scalar add.Tensor", **_SUM, python="+"),
    *rows("sub.Scalar sub.Tensor subtract.Tensor", **_SUM, python="-"),
    Row("rsub.Scalar", **_SUM, python=TORCH),
    Row("rsub.Tensor", **_SUM),
    Row("mul.Tensor", **_PRODUCT, layer=_rescale),
    *rows("mul.Scalar multiply.Tensor", **_PRODUCT),
    *rows(
        "div.Scalar div.Tensor divide.Tensor true_divide.Tensor",
        **_COMBINED,
        **_QUOTIENT,
        per_channel=True,
        fresh=True,
        python="/",
    ),
    Row("addcmul", **_COMBINED, **_AFFINE, source=_RULE, python=TORCH),
    Row("lerp.Tensor", **_COMBINED, **_AFFINE, source=_RULE),
    Row("addcdiv", **_COMBINED, **_QUOTIENT),
    Row("dropout", **_NOTHING, layer=lambda call: Layer(Make("nn.Dropout"))),
    Row("feature_dropout", **_NOTHING, layer=lambda call: Layer(Make("nn.Dropout2d"))),
    Row("identity", **_NOTHING, layer=lambda call: Layer(Make("nn.Identity"))),
    Row("hardsigmoid", **_SMOOTH, in_place=True, python=FUNCTIONAL, layer=activation("nn.Hardsigmoid")),
    Row("sigmoid", **_SMOOTH, in_place=True, python=TORCH, layer=plain("nn.Sigmoid")),
    Row("tanh", **_SMOOTH, python=TORCH, layer=plain("nn.Tanh")),
    Row("log_sigmoid", **_SMOOTH),
    *rows(
        "asinh atan clamp_max cos cosh erf erfc exp exp2 expm1 log1p sin sinh tan",
        **_SMOOTH,
        python=TORCH,
    ),
    *rows("digamma lgamma log log10 log2 reciprocal rsqrt sqrt", **_AT_ONE, python=TORCH),
    *rows("atan2 hypot", **{**_AT_ONE, **_COMBINED, "per_channel": False}, python=TORCH),
    Row("logaddexp", **{**_SMOOTH, **_COMBINED, "per_channel": False}, python=TORCH),
    Row("pow.Scalar", **_POWER, units=alignment.combined),
    Row("pow.Tensor_Tensor", **_POWER, units=alignment.combined, python=_spell_power),
    Row("glu", transposed, nominal.computed, POINT, _halved, units=_halves_units, python=FUNCTIONAL),
    Row("square", **_SQUARE, python=TORCH),
    Row("pow.Tensor_Scalar", **_SQUARE, python=_spell_power),
    *rows(
        "maximum minimum", **_COMBINED, pull=_shared, nominal=nominal.affine, source="the mean", python=TORCH
    ),
    Row("abs", **_SIZE, **_EACH, python=TORCH),
    *rows(
        "std_mean.correction std_mean.dim var_mean.correction var_mean.dim",
        **{**_SIZE, "nominal": _sized},
    ),
    *rows("linalg_matrix_norm linalg_matrix_norm.str_ord linalg_norm", **_SIZE),
    Row("linalg_vector_norm", **_SIZE, units=partial(alignment.reduced, place=2, kept=3), python=_spell_norm),
    Row("norm.ScalarOpt_dim", **_SIZE, units=partial(alignment.reduced, place=2, kept=3)),
    *rows(
        "std.correction std.dim var.correction var.dim",
        **_SIZE,
        units=partial(alignment.reduced, place=1, kept=3),
    ),
    *rows("hardshrink softshrink", **_SHRUNK),
    Row("nan_to_num", **_EACH, **_AFFINE, source="finite numbers stay"),
    Row("neg", **_EACH, **_AFFINE, source=EXACT, linear=True, python=TORCH),
    *rows("masked_fill.Scalar masked_fill.Tensor", **_CHOSEN, python=METHOD),
    *rows("where.ScalarOther where.ScalarSelf where.self", **_CHOSEN, python=TORCH),
    Row("lerp.Scalar", **_CHOSEN),
    *rows("to.dtype type_as", **_TYPED),
    *rows("ceil frac isfinite isinf isnan trunc", shape=same_shape, python=TORCH),
    Row("heaviside", shape=same_shape),
    *rows("eq.Scalar eq.Tensor", shape=broadcast_shape, python="=="),
    *rows("ne.Scalar ne.Tensor", shape=broadcast_shape, python="!="),
    *rows("ge.Scalar ge.Tensor", shape=broadcast_shape, python=">="),
    *rows("gt.Scalar gt.Tensor", shape=broadcast_shape, python=">"),
    *rows("le.Scalar le.Tensor", shape=broadcast_shape, python="<="),
    *rows("lt.Scalar lt.Tensor", shape=broadcast_shape, python="<"),
    Row("bitwise_and.Tensor", shape=broadcast_shape, python="&"),
    Row("bitwise_or.Tensor", shape=broadcast_shape, python="|"),
    Row("bitwise_xor.Tensor", shape=broadcast_shape, python=TORCH),
    *rows(
        "bitwise_not floor logical_and logical_not logical_or logical_xor round sign",
        shape=broadcast_shape,
        python=TORCH,
    ),
    *rows(
        "div.Tensor_mode floor_divide fmod.Scalar fmod.Tensor remainder.Scalar remainder.Tensor",
        shape=broadcast_shape,
    ),
)
