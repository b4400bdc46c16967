"""Rectifiers let a unit pass where it is active and stop it where it is not; pullbacks have masks there."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

from legonet.ops import alignment, nominal
from legonet.ops.call import Arguments, Call, Data, Gradient, Shape
from legonet.ops.layers import Argument, Layer, LayerCall, Make, activation, plain
from legonet.ops.pullbacks import PAPER, transposed
from legonet.ops.row import Pull, Row
from legonet.ops.shapes import expect_channels, same_shape
from legonet.ops.spelling import FUNCTIONAL, TORCH, Given, Write

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.ops.labels import Units


Slopes = Callable[[Call, Data], tuple[Any, float]]
"""Of a unit that is not active, and of one that is."""


def _rectified(slopes: Slopes) -> Pull:
    """(lower + (upper - lower) m) G; upper is the slope of an active unit, lower of another."""

    def pull(call: Call, gradient: Gradient) -> list[Tensor | None]:
        import torch

        (data,) = call.data
        if data.nominal is not None:
            return transposed(call, gradient)
        assert isinstance(gradient, torch.Tensor)  # noqa: S101 - a rectifier gives one tensor
        lower, upper = slopes(call, data)
        if call.mask is None:
            return [gradient if isinstance(upper, float) and upper == 1.0 else gradient * upper]
        mask = call.mask
        if len(mask) != data.shape[0] and mask.numel() == gradient.numel():  # one draw may be several rows
            mask = mask.reshape(-1, *data.shape[1:])
        if isinstance(lower, float) and (lower, upper) == (0.0, 1.0):
            return [gradient * mask]
        return [gradient * (lower + (upper - lower) * mask)]

    return pull


def _leaky(call: Call, data: Data) -> tuple[Any, float]:
    return call.argument(1, 0.01, "negative_slope"), 1.0


def _mean_leak(call: Call, data: Data) -> tuple[Any, float]:
    return (call.argument(1, 1 / 8, "lower") + call.argument(2, 1 / 3, "upper")) / 2, 1.0


def _learned(call: Call, data: Data) -> tuple[Any, float]:
    weight = call.arguments[1]
    return (weight.view(-1, *[1] * (len(data.shape) - 2)) if weight.numel() > 1 else weight), 1.0


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


def _prelu_units(units: Units, call: Call) -> Any:
    """A slope for each channel, or one for all."""
    labels, slope = units.given(call), call.arguments[1]
    if not units.owns(slope):
        return units.unknown(call)
    if slope.value.numel() == 1:
        return labels
    channels = units.along(labels, (0, *range(2, labels.ndim)))
    units.vector(slope, channels)
    return channels.expand(*labels.shape)


def _elu(arguments: Given, write: Write) -> str | None:
    values = list(arguments.positional.values())
    return f"F.elu({', '.join(map(write, values))})" if len(values) <= 2 else None


def _gelu_layer(call: LayerCall) -> Layer:
    approximate = call.arguments.get("approximate", "none")
    return Layer(Make("nn.GELU", (Argument("approximate", approximate, "none"),)))


def _hardtanh_layer(call: LayerCall) -> Layer | None:
    if (call.arguments.get("min_val"), call.arguments.get("max_val")) != (0, 6):
        return activation("nn.Hardtanh", min_val=-1, max_val=1)(call)
    return Layer(Make("nn.ReLU6", (Argument("inplace", call.in_place, False),)))


_RELU: dict[str, Any] = {
    "pull": _rectified(lambda call, data: (0.0, 1.0)),
    "nominal": nominal.affine,
    "source": f"a mask, as a ReLU's; {PAPER}",
    "shape": same_shape,
    "per_channel": True,
    "rectifies": _always,
    "units": alignment.each,
    "python": FUNCTIONAL,
}
_IN_PLACE = {**_RELU, "in_place": True}
_LEAKY = {**_IN_PLACE, "pull": _rectified(_leaky)}
_MEAN_LEAK = {**_RELU, "pull": _rectified(_mean_leak), "python": ""}
_SELU = {**_IN_PLACE, "pull": _rectified(lambda call, data: (0.0, 1.0507009873554805))}
_LEARNED = {**_RELU, "pull": _rectified(_learned), "shape": _prelu_shape, "units": _prelu_units}
_CLAMPS = {**_RELU, "rectifies": _from_zero, "python": TORCH}

ROWS = (
    Row("relu", **_IN_PLACE, layer=activation("nn.ReLU")),
    Row("relu6", **_RELU, layer=activation("nn.ReLU6")),
    Row("celu", **_IN_PLACE, layer=activation("nn.CELU", alpha=1)),
    Row("elu", **{**_IN_PLACE, "python": _elu}, layer=activation("nn.ELU", alpha=1)),
    Row("gelu", **_RELU, layer=_gelu_layer),
    Row("hardswish", **_IN_PLACE, layer=activation("nn.Hardswish")),
    Row("leaky_relu", **_LEAKY, layer=activation("nn.LeakyReLU", negative_slope=0.01)),
    Row("mish", **_RELU, layer=activation("nn.Mish")),
    Row("selu", **_SELU, layer=activation("nn.SELU")),
    Row("silu", **_IN_PLACE, layer=activation("nn.SiLU")),
    Row("softplus", **_RELU, layer=plain("nn.Softplus", beta=1, threshold=20)),
    Row("rrelu", **_MEAN_LEAK),
    Row("prelu", **_LEARNED, vectors=(1,)),
    Row("threshold", **{**_RELU, "rectifies": _stops_below_zero, "python": ""}),
    Row("clamp", **_CLAMPS),
    Row("clamp_min", **_CLAMPS),
    Row("hardtanh", **{**_IN_PLACE, "rectifies": _from_zero}, layer=_hardtanh_layer),
)
