"""Convolutions and transposed convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

from legonet.ops import nominal
from legonet.ops.call import Call, Data, Extent, Gradient, Shape
from legonet.ops.layers import Argument, Layer, LayerCall, Make, Maker, simple
from legonet.ops.pullbacks import EXACT, PAPER, transposed
from legonet.ops.row import Row, Weights
from legonet.ops.shapes import expect_channels, expect_rank
from legonet.ops.spelling import FUNCTIONAL

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.ops.labels import Units


def windows(size: int, kernel: int, stride: int, padding: int, dilation: int, ceil: bool = False) -> int:
    """How many windows there are along an axis; none begins beyond the image and its left padding.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
    """
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (room + (stride - 1 if ceil else 0)) // stride + 1
    return count - 1 if ceil and (count - 1) * stride >= size + padding else count


def convolved(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """W^T G: the transposed convolution, padded to the input's size where the stride left rows over."""
    import torch.nn.functional as F

    data, weight = call.arguments[0], call.argument(1)
    if isinstance(gradient, Mapping) or isinstance(weight, Data) or not isinstance(data, Data):
        return transposed(call, gradient)
    if isinstance(call.argument(4, 0, "padding"), str) or len(data.shape) != 4:
        return transposed(call, gradient)
    if "options" not in call.known:
        call.known["options"] = _left_over(call, data.shape, weight.shape, gradient.shape)
    return [F.conv_transpose2d(gradient, weight, None, *call.known["options"])]


def _left_over(call: Call, below: Shape, weight: Shape, above: Shape) -> tuple[Any, ...]:
    """Options of the transposed convolution: stride, padding, what is left over, groups, dilation."""
    stride, padding = call.pair(3, 1, "stride"), call.pair(4, 0, "padding")
    dilation = call.pair(5, 1, "dilation")
    left_over = [
        size - ((out - 1) * step - 2 * zeros + wide * (kernel - 1) + 1)
        for size, out, step, zeros, wide, kernel in zip(
            below[2:], above[2:], stride, padding, dilation, weight[2:], strict=True
        )
    ]
    return stride, padding, left_over, call.argument(6, 1, "groups"), dilation


def _expect_fit(call: Call, groups: int, takes: int, gives: int) -> None:
    """Refuse maps of other channels than the weights take, and weights that groups do not divide."""
    data, bias = call.arguments[0].shape, call.argument(2, None, "bias")
    expect_rank(data, 4)
    expect_channels(data[1], takes)
    if takes % groups or gives % groups:
        raise ValueError(f"{groups} groups do not divide {takes} channels in and {gives} out")
    if isinstance(bias, Extent) and bias.shape != (gives,):
        raise ValueError(f"{gives} channels have {bias.shape[0]} offsets")


def _convolved_shape(call: Call, padding: tuple[int, int]) -> Shape:
    data, weight = call.arguments[0].shape, call.arguments[1].shape
    groups = call.argument(6, 1, "groups")
    _expect_fit(call, groups, weight[1] * groups, weight[0])
    options = zip(
        data[2:],
        weight[2:],
        call.pair(3, 1, "stride"),
        padding,
        call.pair(5, 1, "dilation"),
        strict=True,
    )
    return (data[0], weight[0], *(windows(*each) for each in options))


def _shape(call: Call) -> Shape:
    return _convolved_shape(call, call.pair(4, 0, "padding"))


def _worded_shape(call: Call) -> Shape:
    """Where padding is a word: `valid` is none, `same` leaves the size."""
    found = _convolved_shape(call, (0, 0))
    if call.argument(4, "valid", "padding") == "valid":
        return found
    if call.pair(3, 1, "stride") != (1, 1):
        raise ValueError("padding 'same' goes with stride 1 alone")
    return (*found[:2], *call.arguments[0].shape[2:])


def _flops(call: Call, shape: Shape) -> int:
    return 2 * prod(shape) * prod(call.arguments[1].shape[1:])


def _transposed_shape(call: Call) -> Shape:
    data, weight = call.arguments[0].shape, call.arguments[1].shape
    stride, padding = call.pair(3, 1, "stride"), call.pair(4, 0, "padding")
    extra, dilation = call.pair(5, 0, "output_padding"), call.pair(7, 1, "dilation")
    groups = call.argument(6, 1, "groups")
    _expect_fit(call, groups, weight[0], weight[1] * groups)
    if any(each >= max(limits) for each, *limits in zip(extra, stride, dilation, strict=True)):
        raise ValueError(f"output padding {extra} is not below stride {stride} or dilation {dilation}")
    sizes = [
        (size - 1) * stride[axis]
        - 2 * padding[axis]
        + dilation[axis] * (weight[2 + axis] - 1)
        + extra[axis]
        + 1
        for axis, size in enumerate(data[2:])
    ]
    return (data[0], weight[1] * groups, *sizes)


def _transposed_flops(call: Call, shape: Shape) -> int:
    return 2 * prod(call.arguments[0].shape) * prod(call.arguments[1].shape[1:])


def _units(units: Units, call: Call, transposed: bool) -> Any:
    """New channels; those of a group are a block together with the channels that they are made of."""
    weight, bias = call.arguments[1], call.argument(2, None, "bias")
    if not units.owns(weight, bias):
        return units.unknown(call)
    groups, labels = call.argument(6, 1, "groups"), units.given(call)
    taken = units.along(labels, (0, *range(2, labels.ndim))).reshape(groups, -1)
    width = weight.value.shape[1] if transposed else weight.value.shape[0] // groups
    if groups > 1 and taken.shape[1] == width == 1:  # depthwise: each channel stays itself
        made = taken
        units.vector(weight, made)
    else:
        made = units.fresh(groups, width)
        if groups > 1:
            blocks = units.fresh(groups, 1)
            units.within(taken, blocks.expand_as(taken))
            units.within(made, blocks.expand_as(made))
        units.matrix(weight, made.flatten(), taken.flatten(), groups, transposed)
    units.vector(bias, made)
    shaped = made.reshape(1, -1, *[1] * (labels.ndim - 2))
    return units.like(call, lambda shape: shaped.expand(shape))


def _layer(kind: str, weights: Weights) -> Maker:
    def make(call: LayerCall) -> Layer | None:
        tensors = call.tensors("weight", "bias")
        if not tensors or "weight" not in tensors:
            return None
        shape, groups = call.state[tensors["weight"]].shape, call.arguments.get("groups", 1)
        first, second = shape[0], shape[1] * groups
        ins, outs = (first, second) if weights.transposed else (second, first)
        if call.axes("input") != len(shape):
            return None
        arguments = (
            Argument("in_channels", ins),
            Argument("out_channels", outs),
            Argument("kernel_size", simple(tuple(shape[2:]))),
            call.option("stride", 1),
            call.option("padding", 0),
            *([call.option("output_padding", 0)] if weights.transposed else []),
            call.option("dilation", 1),
            Argument("groups", groups, 1),
            Argument("bias", "bias" in tensors, True),
        )
        return Layer(Make(kind, arguments), tensors)

    return make


_ONE, _NONE = [1, 1], [0, 0]
_CONVOLUTION = Weights(groups=6)
_TRANSPOSED = Weights(transposed=True, groups=6)
_MAPS = Weights(
    groups=6,
    options=(("bias", None), ("stride", _ONE), ("padding", _NONE), ("dilation", _ONE), ("groups", 1)),
)
_WORDED = Weights(
    groups=6,
    options=(("bias", None), ("stride", _ONE), ("padding", "valid"), ("dilation", _ONE), ("groups", 1)),
)
_TRANSPOSED_MAPS = Weights(
    transposed=True,
    groups=6,
    options=(
        *(("bias", None), ("stride", _ONE), ("padding", _NONE), ("output_padding", _NONE)),
        *(("groups", 1), ("dilation", _ONE)),
    ),
)


def _row(name: str, layer: str, weights: Weights, **known: Any) -> Row:
    known = {"pull": transposed, "source": EXACT, **known}
    return Row(
        name,
        **known,
        nominal=nominal.affine,
        linear=True,
        fresh=True,
        weights=weights,
        units=partial(_units, transposed=weights.transposed),
        python=FUNCTIONAL,
        layer=_layer(layer, weights),
    )


_PULLED = {"pull": convolved, "source": f"{EXACT}; {PAPER}"}

ROWS = (
    _row("conv2d", "nn.Conv2d", _MAPS, shape=_shape, flops=_flops, **_PULLED),
    _row("conv2d.padding", "nn.Conv2d", _WORDED, shape=_worded_shape, flops=_flops, **_PULLED),
    _row(
        "conv_transpose2d.input",
        "nn.ConvTranspose2d",
        _TRANSPOSED_MAPS,
        shape=_transposed_shape,
        flops=_transposed_flops,
    ),
    _row("conv1d", "nn.Conv1d", _CONVOLUTION),
    _row("conv1d.padding", "nn.Conv1d", _CONVOLUTION),
    _row("conv3d", "nn.Conv3d", _CONVOLUTION),
    _row("conv_transpose1d", "nn.ConvTranspose1d", _TRANSPOSED),
    _row("conv_transpose3d.input", "nn.ConvTranspose3d", _TRANSPOSED),
)
