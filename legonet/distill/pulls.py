"""How a gradient passes down through an operation at its nominal point.

What is linear in the features has its exact transpose. What is not smooth has a surrogate of its own:

    rectifiers     times a mask m of zeros and ones, or 1: slope = lower + (upper - lower) m
    max pooling    average pooling of the same windows; a maximum of several, their mean
    normalisation  by a deviation of 1, the mean still taken off
    batch norm     with recorded statistics: exact

Source: Zhang et al., arXiv:1804.10272, equation (4b) and appendix, for rectifiers, pooling and convolutions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from legonet.distill.nominal import NOT_AT_ZERO, Call, Data, filled, with_ones
from legonet.errors import DistillError

Gradient = Tensor | Mapping[int, Tensor]


def transposed(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """J^T G by automatic differentiation at the nominal point; what is linear has one J everywhere."""
    data = call.data
    default = 1.0 if call.operation in NOT_AT_ZERO else 0.0
    with torch.enable_grad():
        points = [each.value(default).detach().requires_grad_() for each in data]
        result = call.at(points)
        pairs = (
            [(result, gradient)]
            if isinstance(gradient, Tensor)
            else [(result[i], g) for i, g in gradient.items()]
        )
        pairs = [(each, g) for each, g in pairs if each.requires_grad]
        if not pairs:
            return [None] * len(data)
        found = torch.autograd.grad(
            [each for each, _ in pairs], points, [g for _, g in pairs], allow_unused=True
        )
    return list(found)


def multiplied(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """The product rule at the nominal point: nothing passes to a factor where the other one is zero."""
    data = call.data
    if len(data) == 2 and None in (first := data[0].nominal, second := data[1].nominal):
        passes = [second is not None, first is not None]
        if not any(passes):
            return [None, None]
        kept = data[passes.index(True)]
        fixed = iter([each if each is kept else each.value() for each in data])
        arguments, keywords = filled((list(call.arguments), dict(call.keywords)), fixed)
        (found,) = transposed(Call(call.name, call.operation, call.function, arguments, keywords), gradient)
        return [found if each else None for each in passes]
    return transposed(call, gradient)


def divided(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """A / b at b = 1 where nothing is known of b."""
    return transposed(with_ones(call), gradient)


def convolved(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """W^T G: the transposed convolution, at any stride, dilation, padding and groups."""
    data, weight = call.arguments[0], call.argument(1)
    padding = call.argument(4, [0], "padding")
    if (
        not isinstance(data, Data)
        or isinstance(weight, Data)
        or isinstance(padding, str)
        or len(data.shape) < 4
    ):
        return transposed(call, gradient)
    pairs = [
        _wide(call.argument(*each))
        for each in ((3, [1], "stride"), (4, [0], "padding"), (5, [1], "dilation"))
    ]
    left = data.like.new_empty(1).expand(data.shape)  # only its shape counts
    found = torch.ops.aten.convolution_backward(
        gradient,
        left,
        weight,
        None,
        *pairs,
        False,
        [0, 0],
        call.argument(6, 1, "groups"),
        [True, False, False],
    )
    return [found[0]]


def _wide(value: Any) -> list[int]:
    value = [value] if isinstance(value, int) else list(value)
    return value * 2 if len(value) == 1 else value


def linear(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """W^T G."""
    if isinstance(call.arguments[0], Data) and len(call.data) == 1 and isinstance(gradient, Tensor):
        return [gradient @ call.arguments[1]]
    return transposed(call, gradient)


def rectified(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """(lower + (upper - lower) m) G; upper is the slope of an active unit, lower of another."""
    (data,) = call.data
    if data.nominal is not None:
        return transposed(call, gradient)
    assert isinstance(gradient, Tensor)  # noqa: S101 - a rectifier gives one tensor
    lower, upper = _slopes(call, data)
    if call.mask is None:
        return [gradient if isinstance(upper, float) and upper == 1.0 else gradient * upper]
    mask = call.mask.reshape(-1, *data.shape[1:]) if call.mask.numel() == gradient.numel() else call.mask
    return [gradient * (lower + (upper - lower) * mask)]


def _slopes(call: Call, data: Data) -> tuple[Any, float]:
    if call.operation == "leaky_relu":
        return call.argument(1, 0.01, "negative_slope"), 1.0
    if call.operation == "prelu":
        weight = call.arguments[1]
        return (weight.view(-1, *[1] * (len(data.shape) - 2)) if weight.numel() > 1 else weight), 1.0
    return 0.0, 1.0507009873554805 if call.operation == "selu" else 1.0


def averaged(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """Max pooling as average pooling of the same windows."""
    axes = int(call.operation[8])
    (data,) = call.data
    kernel, stride, padding, dilation = (
        _times(call.argument(position, default, name), axes)
        for position, default, name in (
            (1, 1, "kernel_size"),
            (2, [], "stride"),
            (3, 0, "padding"),
            (4, 1, "dilation"),
        )
    )
    ceil = call.argument(5, False, "ceil_mode")
    if any(each != 1 for each in dilation):
        raise DistillError(
            f"{call.name}: max pooling with dilation has no pullback; expected dilation 1; cut the teacher "
            "above it"
        )
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[axes - 1]
    return transposed(
        _replaced(call, lambda x: pool(x, kernel, stride or kernel, padding, ceil), data), gradient
    )


def _times(value: Any, axes: int) -> list[int]:
    value = [value] if isinstance(value, int) else list(value)
    return value * axes if len(value) == 1 else value


def _replaced(call: Call, function: Callable[[Tensor], Any], data: Data) -> Call:
    return Call(call.name, call.operation, function, [data])


def adaptive(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """Adaptive max pooling as the average pooling of the same windows."""
    (data,) = call.data
    pool = F.adaptive_avg_pool1d if call.operation.endswith("1d") else F.adaptive_avg_pool2d
    return transposed(_replaced(call, lambda x: pool(x, call.argument(1)), data), _first(gradient))


def greatest(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """The maximum along axes as the mean along them."""
    (data,) = call.data
    axes, keep = call.argument(1, [], "dim"), call.argument(2, False, "keepdim")
    axes = [axes] if isinstance(axes, int) else (list(axes) or list(range(len(data.shape))))
    return transposed(_replaced(call, lambda x: x.mean(axes, keepdim=keep), data), _first(gradient))


def _first(gradient: Gradient) -> Tensor:
    return gradient if isinstance(gradient, Tensor) else gradient[0]


def shared(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """The greater or lesser of two as their mean."""
    function: Callable[..., Tensor] = lambda a, b: (a + b) / 2  # noqa: E731
    return transposed(Call(call.name, call.operation, function, call.arguments), gradient)


def layer_norm(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """Gamma (x - mean), over the last axes."""
    axes = [-1 - axis for axis in range(len(call.argument(1)))]
    return _normalised(
        call, lambda x: x - x.mean(axes, keepdim=True), call.argument(2, name="weight"), gradient
    )


def rms_norm(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """Gamma x."""
    return _normalised(call, lambda x: x, call.argument(2, name="weight"), gradient)


def group_norm(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """Gamma (x - mean), over each group of channels."""
    groups = call.argument(1)

    def centre(x: Tensor) -> Tensor:
        parts = x.reshape(len(x), groups, -1)
        return (parts - parts.mean(2, keepdim=True)).reshape(x.shape)

    return _normalised(call, centre, _per_channel(call.argument(2, name="weight"), call), gradient)


def instance_norm(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """Gamma (x - mean), over each channel."""
    weight = _per_channel(call.argument(1, name="weight"), call)
    axes = list(range(2, len(call.data[0].shape)))
    return _normalised(call, lambda x: x - x.mean(axes, keepdim=True), weight, gradient)


def _per_channel(weight: Tensor | None, call: Call) -> Tensor | None:
    return None if weight is None else weight.view(-1, *[1] * (len(call.data[0].shape) - 2))


def _normalised(
    call: Call, centre: Callable[[Tensor], Tensor], weight: Tensor | None, gradient: Gradient
) -> list[Tensor | None]:
    def function(x: Tensor) -> Tensor:
        return centre(x) if weight is None else centre(x) * weight

    return transposed(_replaced(call, function, call.data[0]), gradient)
