"""Rectifiers let a unit pass where it is active and stop it where it is not; pullbacks have masks there."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from legonet.ops import nominal
from legonet.ops.call import Arguments, Call, Data, Gradient, Shape
from legonet.ops.pullbacks import PAPER, transposed
from legonet.ops.row import rows
from legonet.ops.shapes import expect_channels, same_shape

if TYPE_CHECKING:
    from torch import Tensor


def _rectified(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """(lower + (upper - lower) m) G; upper is the slope of an active unit, lower of another."""
    import torch

    (data,) = call.data
    if data.nominal is not None:
        return transposed(call, gradient)
    assert isinstance(gradient, torch.Tensor)  # noqa: S101 - a rectifier gives one tensor
    lower, upper = _slopes(call, data)
    if call.mask is None:
        return [gradient if isinstance(upper, float) and upper == 1.0 else gradient * upper]
    mask = call.mask
    if len(mask) != data.shape[0] and mask.numel() == gradient.numel():  # one draw may be several rows
        mask = mask.reshape(-1, *data.shape[1:])
    if isinstance(lower, float) and (lower, upper) == (0.0, 1.0):
        return [gradient * mask]
    return [gradient * (lower + (upper - lower) * mask)]


def _slopes(call: Call, data: Data) -> tuple[Any, float]:
    if call.operation == "leaky_relu":
        return call.argument(1, 0.01, "negative_slope"), 1.0
    if call.operation == "rrelu":
        return (call.argument(1, 1 / 8, "lower") + call.argument(2, 1 / 3, "upper")) / 2, 1.0
    if call.operation == "prelu":
        weight = call.arguments[1]
        return (weight.view(-1, *[1] * (len(data.shape) - 2)) if weight.numel() > 1 else weight), 1.0
    return 0.0, 1.0507009873554805 if call.operation == "selu" else 1.0


def _always(call: Arguments) -> bool:
    return True


def _from_zero(call: Arguments) -> bool:
    """Whether it clips at zero; what clips elsewhere is no rectifier."""
    least = call.argument(1, None, "min")
    return isinstance(least, int | float) and least == 0


def _stops_below_zero(call: Arguments) -> bool:
    """Whether it is a ReLU but for where it begins."""
    return call.argument(2, 0, "value") == 0


def _prelu_shape(call: Call) -> Shape:
    data, slopes = call.arguments[0].shape, prod(call.arguments[1].shape)
    if slopes != 1:
        expect_channels(data[1] if len(data) > 1 else 1, slopes)
    return data


_KNOWN = {
    "pull": _rectified,
    "nominal": nominal.affine,
    "source": f"a mask, as a ReLU's; {PAPER}",
    "shape": same_shape,
    "per_channel": True,
}

ROWS = (
    *rows("relu", rectifies=_always, **_KNOWN),
    *rows(
        "celu elu gelu hardswish leaky_relu mish relu6 selu silu softplus",
        rectifies=_always,
        **_KNOWN,
    ),
    *rows("rrelu", rectifies=_always, **_KNOWN),
    *rows("threshold", rectifies=_stops_below_zero, **_KNOWN),
    *rows("prelu", rectifies=_always, **_KNOWN | {"shape": _prelu_shape}),
    *rows("clamp clamp_min hardtanh", rectifies=_from_zero, **_KNOWN),
)
