"""One rule for each operation: how a gradient passes down through it, whatever the features.

Every operation is linearised at one point that no image has a say in: features are 0 and their squares 1 on
average, as normalisation makes them; what is computed from them follows. So a sigmoid gate stands at 1/2,
attention looks everywhere alike, and a product of features and a gate is the features by half. `nominal`
carries these values up; None is zero. An operation that is linear in the features is not touched by that: its
rule is its exact transpose.

What is not smooth there has a surrogate of its own:

    rectifiers     times a mask m of zeros and ones, or 1: slope = lower + (upper - lower) m
    max pooling    average pooling of the same windows; a maximum of several, their mean
    normalisation  by a deviation of 1, the mean still taken off
    batch norm     with recorded statistics: exact

Source: Zhang et al., arXiv:1804.10272, equation (4b) and appendix, for rectifiers, pooling and convolutions;
the nominal point for all others is legonet's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from legonet.blocks.aten import OPERATIONS
from legonet.errors import DistillError

Gradient = Tensor | Mapping[int, Tensor]


@dataclass(frozen=True)
class Data:
    """An argument that follows the features: known by its shape and its nominal value alone.

    Attributes:
        shape: With the batch.
        like: A tensor of its dtype and device.
        nominal: Of this shape; None for zero.
    """

    shape: tuple[int, ...]
    like: Tensor
    nominal: Tensor | None = None

    def value(self, default: float = 0.0) -> Tensor:
        """Its nominal value, or the default everywhere."""
        return self.like.new_full(self.shape, default) if self.nominal is None else self.nominal


@dataclass(frozen=True)
class Call:
    """An operation as it is called.

    Attributes:
        name: Where it stands in the model.
        operation: Its name, such as `conv2d`.
        function: Computes it.
        arguments: Tensors of the model, numbers; `Data` for what follows the features.
        keywords: Likewise, by name.
        mask: Of a rectifier, zeros and ones that broadcast; None for ones.
    """

    name: str
    operation: str
    function: Callable[..., Any]
    arguments: Sequence[Any]
    keywords: Mapping[str, Any] = field(default_factory=dict)
    mask: Tensor | None = None

    @property
    def data(self) -> list[Data]:
        """The arguments that follow the features, in order."""
        return list(_data((list(self.arguments), dict(self.keywords))))

    def at(self, values: Sequence[Any]) -> Any:
        """Compute it with these values for its data."""
        remaining = iter(values)
        arguments, keywords = _filled((list(self.arguments), dict(self.keywords)), remaining)
        return self.function(*arguments, **keywords)

    def argument(self, position: int, default: Any = None, name: str = "") -> Any:
        """An argument by its position, or by its name."""
        if position < len(self.arguments):
            return self.arguments[position]
        return self.keywords.get(name, default)


Pull = Callable[[Call, Gradient], Sequence[Tensor | None]]
Nominal = Callable[[Call], Any]


@dataclass(frozen=True)
class Rule:
    """How one operation is treated.

    Attributes:
        pull: Takes the call and the gradient of its result to those of its data, in order; None is zero.
        nominal: The result's nominal value, from those of its data; None is zero.
        source: Where the rule is from.
    """

    pull: Pull
    nominal: Nominal
    source: str


def register(operation: str, pull: Pull, *, nominal: Nominal | None = None, source: str = "user's") -> None:
    """Add a rule for an operation, or replace it.

    Args:
        operation: Of `legonet.blocks.aten`, such as `erf`.
        pull: Takes the call and the gradient of its result to the gradients of its data, in order.
        nominal: The result's nominal value; default: zero.
        source: Where the rule is from.

    Raises:
        DistillError: There is no such operation.
    """
    if operation not in OPERATIONS:
        raise DistillError(
            f"operation '{operation}': not known; expected one of legonet.blocks.aten; correct its name"
        )
    RULES[operation] = Rule(pull, nominal or _zero, source)


def transposed(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """J^T G by automatic differentiation at the nominal point; what is linear has one J everywhere."""
    data = call.data
    default = 1.0 if call.operation in _NOT_AT_ZERO else 0.0
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


def _multiplied(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """The product rule at the nominal point: nothing passes to a factor where the other one is zero."""
    data = call.data
    if len(data) == 2 and None in (first := data[0].nominal, second := data[1].nominal):
        passes = [second is not None, first is not None]
        if not any(passes):
            return [None, None]
        kept = data[passes.index(True)]
        fixed = iter([each if each is kept else each.value() for each in data])
        arguments, keywords = _filled((list(call.arguments), dict(call.keywords)), fixed)
        (found,) = transposed(Call(call.name, call.operation, call.function, arguments, keywords), gradient)
        return [found if each else None for each in passes]
    return transposed(call, gradient)


def _divided(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """A / b at b = 1 where nothing is known of b."""
    return transposed(_with_ones(call), gradient)


def _with_ones(call: Call) -> Call:
    below = call.argument(1, name="other")
    if not isinstance(below, Data) or below.nominal is not None:
        return call
    ones = Data(below.shape, below.like, below.value(1.0))
    return Call(
        call.name,
        call.operation,
        call.function,
        [call.arguments[0], ones, *call.arguments[2:]],
        call.keywords,
    )


def _convolved(call: Call, gradient: Gradient) -> list[Tensor | None]:
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


def _linear(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """W^T G."""
    if isinstance(call.arguments[0], Data) and len(call.data) == 1 and isinstance(gradient, Tensor):
        return [gradient @ call.arguments[1]]
    return transposed(call, gradient)


def _rectified(call: Call, gradient: Gradient) -> list[Tensor | None]:
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


def _averaged(call: Call, gradient: Gradient) -> list[Tensor | None]:
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


def _adaptive(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """Adaptive max pooling as the average pooling of the same windows."""
    (data,) = call.data
    pool = F.adaptive_avg_pool1d if call.operation.endswith("1d") else F.adaptive_avg_pool2d
    return transposed(_replaced(call, lambda x: pool(x, call.argument(1)), data), _first(gradient))


def _greatest(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """The maximum along axes as the mean along them."""
    (data,) = call.data
    axes, keep = call.argument(1, [], "dim"), call.argument(2, False, "keepdim")
    axes = [axes] if isinstance(axes, int) else (list(axes) or list(range(len(data.shape))))
    return transposed(_replaced(call, lambda x: x.mean(axes, keepdim=keep), data), _first(gradient))


def _first(gradient: Gradient) -> Tensor:
    return gradient if isinstance(gradient, Tensor) else gradient[0]


def _shared(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """The greater or lesser of two as their mean."""
    function: Callable[..., Tensor] = lambda a, b: (a + b) / 2  # noqa: E731
    return transposed(Call(call.name, call.operation, function, call.arguments), gradient)


def _layer_norm(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """Gamma (x - mean), over the last axes."""
    axes = [-1 - axis for axis in range(len(call.argument(1)))]
    return _normalised(
        call, lambda x: x - x.mean(axes, keepdim=True), call.argument(2, name="weight"), gradient
    )


def _rms_norm(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """Gamma x."""
    return _normalised(call, lambda x: x, call.argument(2, name="weight"), gradient)


def _group_norm(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """Gamma (x - mean), over each group of channels."""
    groups = call.argument(1)

    def centre(x: Tensor) -> Tensor:
        parts = x.reshape(len(x), groups, -1)
        return (parts - parts.mean(2, keepdim=True)).reshape(x.shape)

    return _normalised(call, centre, _per_channel(call.argument(2, name="weight"), call), gradient)


def _instance_norm(call: Call, gradient: Gradient) -> list[Tensor | None]:
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


# Nominal values.


def _zero(call: Call) -> None:
    return None


def _affine(call: Call) -> Any:
    """L(n): what an affine operation makes of nominal values, without its bias."""
    data = call.data
    if all(each.nominal is None for each in data):
        return None
    with torch.no_grad():
        given = call.at([each.value() for each in data])
        zero = call.at([torch.zeros_like(each.value()) for each in data])
    return _minus(given, zero)


def _minus(a: Any, b: Any) -> Any:
    if isinstance(a, Tensor):
        return a - b if a.is_floating_point() else None
    return [_minus(x, y) for x, y in zip(a, b, strict=True)]


def _product(call: Call) -> Any:
    """A product of nominal values; zero if one of them is."""
    if any(each.nominal is None for each in call.data):
        return None
    return _computed(call)


def _computed(call: Call) -> Any:
    """The operation itself, at the nominal values."""
    default = 1.0 if call.operation in _NOT_AT_ZERO else 0.0
    with torch.no_grad():
        return call.at([each.value(default) for each in call.data])


def _summed(call: Call) -> Any:
    """A sum; numbers count, biases do not."""
    others = [each for each in call.arguments[:2] if not isinstance(each, Data)]
    return (
        _computed(call) if others and all(isinstance(each, int | float) for each in others) else _affine(call)
    )


def _quotient(call: Call) -> Any:
    if isinstance(call.arguments[0], Data) and call.arguments[0].nominal is None:
        return None
    return _computed(_with_ones(call))


def _ones(call: Call) -> Any:
    """What measures the size of features: 1."""
    result = _computed(call)
    return (
        torch.ones_like(result) if isinstance(result, Tensor) else [torch.ones_like(each) for each in result]
    )


def _squared(call: Call) -> Any:
    """The mean of a square is 1; of what has a nominal value, its own power."""
    (data, *_) = call.data
    power = call.argument(1, 2, "exponent")
    if data.nominal is None and isinstance(power, int | float) and power % 2 == 0 and power:
        return torch.ones_like(data.value())
    return _computed(call)


def _data(value: Any) -> list[Data]:
    if isinstance(value, Data):
        return [value]
    if isinstance(value, Mapping):
        return [found for each in value.values() for found in _data(each)]
    return [found for each in value for found in _data(each)] if isinstance(value, list | tuple) else []


def _filled(value: Any, values: Any) -> Any:
    if isinstance(value, Data):
        return next(values)
    if isinstance(value, Mapping):
        return {key: _filled(each, values) for key, each in value.items()}
    return [_filled(each, values) for each in value] if isinstance(value, list | tuple) else value


def _words(text: str) -> list[str]:
    return text.split()


_LINEAR = _words(
    """
    adaptive_avg_pool1d adaptive_avg_pool2d avg_pool1d avg_pool2d avg_pool3d addmm batch_norm broadcast_to
    cat channel_shuffle chunk clone col2im concat constant_pad_nd contiguous conv1d conv1d.padding conv3d
    conv_transpose1d conv_transpose2d.input conv_transpose3d.input cumsum expand expand_as fft_irfft2
    fft_rfft2 flatten.using_ints flip gather getitem grid_sampler im2col index.Tensor index_select
    lerp.Scalar masked_fill.Scalar masked_fill.Tensor mean mean.dim movedim.int movedim.intlist moveaxis.int
    narrow neg numpy_T pad permute pixel_shuffle pixel_unshuffle reflection_pad2d repeat
    repeat_interleave.self_int replication_pad2d reshape roll select.int slice.Tensor split.Tensor
    split.sizes split_with_sizes squeeze squeeze.dim squeeze.dims stack sum sum.dim_IntList swapaxes
    swapdims t tensor_split.indices tensor_split.sections tile to.dtype transpose.int tril triu type_as
    unbind.int unflatten.int unfold unsqueeze upsample_bicubic2d.vec upsample_bilinear2d.vec
    upsample_nearest2d.vec _upsample_bicubic2d_aa.vec _upsample_bilinear2d_aa.vec view view_as
    view_as_complex view_as_real where.ScalarOther where.ScalarSelf where.self
    """
)
_SUMS = _words(
    """
    add.Scalar add.Tensor rsub.Scalar rsub.Tensor sub.Scalar sub.Tensor subtract.Tensor
    """
)
_PRODUCTS = _words("bilinear bmm dot einsum matmul mm mul.Scalar mul.Tensor multiply.Tensor mv outer")
_MIXED = ["addcmul", "baddbmm", "lerp.Tensor"]
_QUOTIENTS = _words("addcdiv div.Scalar div.Tensor divide.Tensor true_divide.Tensor")
_SMOOTH = _words(
    """
    clamp_max cos erf exp glu hardsigmoid log log1p log_sigmoid log_softmax.int reciprocal rsqrt sigmoid sin
    softmax.int sqrt tanh pow.Scalar pow.Tensor_Tensor
    """
)
_SIZES = _words(
    """
    abs linalg_norm linalg_vector_norm norm.ScalarOpt_dim std.correction std.dim var.correction var.dim
    """
)
_NOT_AT_ZERO = frozenset(["log", "reciprocal", "rsqrt", "sqrt"])
_MADE = _words("full_like new_full new_ones new_zeros ones_like zeros_like")
_RECTIFIED = _words(
    """
    celu clamp clamp_min elu gelu hardswish hardtanh leaky_relu mish prelu relu relu6 selu silu softplus
    """
)

_PAPER = "arXiv:1804.10272, equation (4b)"
_EXACT = "linear: its transposed Jacobian"
_POINT = "its derivative at the nominal point"

RULES: dict[str, Rule] = {
    **dict.fromkeys(_LINEAR, Rule(transposed, _affine, _EXACT)),
    **dict.fromkeys(_SUMS, Rule(transposed, _summed, _EXACT)),
    **dict.fromkeys(_PRODUCTS, Rule(_multiplied, _product, f"product rule: {_POINT}")),
    **dict.fromkeys(_MIXED, Rule(transposed, _affine, f"product rule: {_POINT}")),
    "scaled_dot_product_attention": Rule(
        transposed, _zero, f"{_POINT}: attention to all alike; Vaswani et al., arXiv:1706.03762"
    ),
    **dict.fromkeys(_QUOTIENTS, Rule(_divided, _quotient, f"product rule: {_POINT}")),
    **dict.fromkeys(_SMOOTH, Rule(transposed, _computed, _POINT)),
    **dict.fromkeys(_SIZES, Rule(transposed, _ones, f"{_POINT}; features have size 1")),
    **dict.fromkeys(_MADE, Rule(transposed, _computed, "follows no value")),
    **dict.fromkeys(("square", "pow.Tensor_Scalar"), Rule(transposed, _squared, f"{_POINT}; squares are 1")),
    **dict.fromkeys(("conv2d", "conv2d.padding"), Rule(_convolved, _affine, f"{_EXACT}; {_PAPER}")),
    "linear": Rule(_linear, _affine, f"{_EXACT}; {_PAPER}"),
    **dict.fromkeys(_RECTIFIED, Rule(_rectified, _affine, f"a mask, as a ReLU's; {_PAPER}")),
    **dict.fromkeys(
        ("max_pool1d", "max_pool2d", "max_pool3d"), Rule(_averaged, _affine, f"average pooling; {_PAPER}")
    ),
    **dict.fromkeys(
        ("adaptive_max_pool1d", "adaptive_max_pool2d"), Rule(_adaptive, _zero, "average pooling")
    ),
    **dict.fromkeys(("amax", "amin", "max.dim"), Rule(_greatest, _affine, "the mean")),
    **dict.fromkeys(("maximum", "minimum"), Rule(_shared, _affine, "the mean")),
    "layer_norm": Rule(_layer_norm, _zero, "Ba et al., arXiv:1607.06450, deviation 1"),
    "group_norm": Rule(_group_norm, _zero, "Wu and He, arXiv:1803.08494, deviation 1"),
    "instance_norm": Rule(_instance_norm, _zero, "Ulyanov et al., arXiv:1607.08022, deviation 1"),
    "rms_norm": Rule(_rms_norm, _zero, "Zhang and Sennrich, arXiv:1910.07467, root mean square 1"),
}
"""By operation; `register` adds to it."""
