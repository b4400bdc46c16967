"""How units pass each operation: from the labels of what it takes to those of what it gives.

Labels pass through reshapes, splits and the like by these very operations. One that is not listed keeps all
units that meet in it in their places, which is always right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from legonet.distill.alignment.units import INVARIANT, Labels, Parameter, Units, Weight, labelled, varies
from legonet.ops.call import Call

Rule = Callable[[Units, Call], Any]


def each(units: Units, call: Call) -> Any:
    """Each number by itself."""
    given = call.arguments[0]
    return Labels(_given(units, call), given.repeated if isinstance(given, Labels) else frozenset())


def combined(units: Units, call: Call) -> Any:
    """Several tensors, number by number."""
    whole = [labels for labels in map(units.labels, call.arguments) if labels is not None]
    plain = [value.plain if isinstance(value, Labels) else units.labels(value) for value in call.arguments]
    made, *others = [labels for labels in plain if labels is not None]
    for other in others:
        made = units.coupled(made, other)
    return Labels(made.expand(torch.broadcast_shapes(*(each.shape for each in whole))))


def moved(units: Units, call: Call) -> Any:
    """Numbers are moved: so are their labels."""

    def numbers(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [numbers(each) for each in value]
        if isinstance(value, Labels):
            return value.units.double().contiguous()
        if isinstance(value, Parameter):
            moves = value.moves
            return units.elements(value.name, value.value.shape).double() if moves else value.value
        return value

    result = call.function(*numbers(call.arguments), **{k: numbers(v) for k, v in call.keywords.items()})
    return Labels(result.long()) if isinstance(result, Tensor) else [Labels(part.long()) for part in result]


def expanded(units: Units, call: Call) -> Any:
    """Numbers are repeated along axes of size 1."""
    made = moved(units, call).units
    given = _given(units, call)
    given = given[(None,) * (made.ndim - given.ndim)]
    return Labels(made, frozenset(axis for axis in range(made.ndim) if given.shape[axis] < made.shape[axis]))


def looked_up(units: Units, call: Call) -> Any:
    """Numbers are chosen by indices, which must not depend on the image."""
    rest = (call.arguments[1:], list(call.keywords.values()))
    return unknown(units, call) if list(labelled(rest)) else moved(units, call)


def resampled(units: Units, call: Call) -> Any:
    """Positions of a map are mixed; channels stay apart."""
    labels = _given(units, call)
    labels = units.along(labels, range(2, labels.ndim))
    return _like(call, lambda shape: labels.expand(*shape))


def padded(units: Units, call: Call) -> Any:
    """Positions are added round a map; what is added to channels is no unit's."""
    labels = _given(units, call)
    added = call.argument(1, name="pad")
    axes = [labels.ndim - 1 - place // 2 for place, size in enumerate(added) if size]
    if any(varies(labels, axis) for axis in axes):
        zeros = call.operation == "constant_pad_nd" and not call.argument(2, 0, "value")
        return moved(units, call) if zeros else unknown(units, call)
    for axis in axes:
        labels = labels.narrow(axis, 0, 1)
    return _like(call, lambda shape: labels.expand(*shape))


def linear(units: Units, call: Call) -> Any:
    """New units on the last axis. Where that axis is one of positions, they are mixed, and units stay."""
    labels, weight, bias = _given(units, call), call.arguments[1], call.argument(2, None, "bias")
    if not isinstance(weight, Parameter) or not isinstance(bias, Parameter | None):
        return unknown(units, call)
    outputs, leading = len(weight.value), range(labels.ndim - 1)
    if not varies(labels, -1) and any(varies(labels, axis) for axis in leading):
        for parameter in (weight, bias):
            if parameter is not None:
                units.freeze(parameter.name)
        return Labels(labels[..., :1].expand(*labels.shape[:-1], outputs))
    made = units.fresh(outputs)
    units.weigh(Weight(weight.name, made, units.along(labels, leading).flatten()))
    units.vector(bias, made)
    return Labels(made.expand(*labels.shape[:-1], outputs))


def convolution(units: Units, call: Call) -> Any:
    """New channels; those of a group are a block together with the channels that they are made of."""
    weight, bias = call.arguments[1], call.argument(2, None, "bias")
    if not isinstance(weight, Parameter) or not isinstance(bias, Parameter | None):
        return unknown(units, call)
    transposed = call.operation.startswith("conv_transpose")
    groups = call.argument(6, 1, "groups")
    labels = _given(units, call)
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
        units.weigh(Weight(weight.name, made.flatten(), taken.flatten(), groups, transposed))
    units.vector(bias, made)
    shaped = made.reshape(1, -1, *[1] * (labels.ndim - 2))
    return _like(call, lambda shape: shaped.expand(*shape))


def batch_norm(units: Units, call: Call) -> Any:
    """Numbers of each channel."""
    labels = _given(units, call)
    channels = units.along(labels, (0, *range(2, labels.ndim)))
    for place in (1, 2, 3, 4):
        units.vector(call.argument(place), channels, recorded=place > 2)
    return Labels(channels.expand(*labels.shape))


def layer_norm(units: Units, call: Call) -> Any:
    """The last axes together, with numbers of each of their places."""
    labels = _given(units, call)
    last = labels.ndim - len(call.argument(1, name="normalized_shape"))
    if any(isinstance(value, Parameter) for value in call.arguments):
        places = units.along(labels, range(last))
        for place in (2, 3):
            units.vector(call.argument(place), places)
        labels = places.expand(*labels.shape)
    units.fibres(labels, range(last, labels.ndim))
    return Labels(labels)


def group_norm(units: Units, call: Call) -> Any:
    """Channels of a group together, with numbers of each channel."""
    labels = _given(units, call)
    channels = units.along(labels, (0, *range(2, labels.ndim)))
    for place in (2, 3):
        units.vector(call.argument(place), channels)
    units.fibres(channels.reshape(call.argument(1), -1), [1])
    return Labels(channels.expand(*labels.shape))


def prelu(units: Units, call: Call) -> Any:
    """A slope for each channel, or one for all."""
    labels, slope = _given(units, call), call.arguments[1]
    if not isinstance(slope, Parameter):
        return unknown(units, call)
    if slope.value.numel() == 1:
        return Labels(labels)
    channels = units.along(labels, (0, *range(2, labels.ndim)))
    units.vector(slope, channels)
    return Labels(channels.expand(*labels.shape))


def softmax(units: Units, call: Call) -> Any:
    """Numbers along an axis are divided by their sum."""
    labels = _given(units, call)
    units.fibres(labels, [call.argument(1, -1, "dim")])
    return Labels(labels)


def reduced(units: Units, call: Call) -> Any:
    """One number of those along some axes."""
    labels = _given(units, call)
    place, kept = _REDUCED.get(call.operation, (1, 2))
    axes = call.argument(place, None, "dim")
    axes = range(labels.ndim) if axes is None or axes == [] else [axes] if isinstance(axes, int) else axes
    made = units.fibres(labels, axes)
    if not call.argument(kept, False, "keepdim"):
        made = made.squeeze(tuple(axis % labels.ndim for axis in axes))
    return _like(call, lambda shape: made.expand(*shape))


def glu(units: Units, call: Call) -> Any:
    """One half times the other."""
    first, second = _given(units, call).chunk(2, call.argument(1, -1, "dim"))
    return Labels(units.coupled(first, second))


def matmul(units: Units, call: Call) -> Any:
    """A product of features with features."""
    first, second = (units.labels(value) for value in call.arguments[:2])
    if first is None or second is None or min(first.ndim, second.ndim) < 2:
        return unknown(units, call)
    return Labels(_product(units, first, second))


def attention(units: Units, call: Call) -> Any:
    """Attention: heads are blocks, of queries and keys together and of values."""
    query, key, value = (units.labels(value) for value in call.arguments[:3])
    assert query is not None  # noqa: S101 - it depends on the image
    assert key is not None  # noqa: S101
    assert value is not None  # noqa: S101
    scores = _product(units, query, key.transpose(-1, -2))
    mask = units.labels(call.argument(3, None, "attn_mask"))
    scores = scores if mask is None else units.coupled(scores, mask)
    units.fibres(scores, [-1])
    return Labels(_product(units, scores, value))


def unknown(units: Units, call: Call) -> Any:
    """Whatever it does: all keep their places."""
    for value in labelled((call.arguments, list(call.keywords.values()))):
        if isinstance(value, Parameter):
            units.freeze(value.name)
        else:
            units.pin(value.units)
    return _like(call, lambda shape: torch.zeros(shape, dtype=torch.long))


def _product(units: Units, first: Tensor, second: Tensor) -> Tensor:
    """Units are contracted, which leaves their block; or else positions are, which leaves units."""
    rows, columns = first.shape[-2], second.shape[-1]
    if varies(first, -1) or varies(second, -2):
        taken = units.along(first, [-2])[..., 0, :]
        units.equal(taken, units.along(second, [-1])[..., 0])
        blocks = units.fibres(torch.broadcast_tensors(taken, second[..., 0])[0], [-1])[..., None]
        return blocks.expand(*blocks.shape[:-2], rows, columns)
    made = units.coupled(first[..., :1], second[..., :1, :])
    return made.expand(*made.shape[:-2], rows, columns)


def _given(units: Units, call: Call) -> Tensor:
    """The labels of the first argument."""
    labels = units.labels(call.arguments[0])
    return torch.tensor(INVARIANT) if labels is None else labels


def _like(call: Call, made: Callable[[torch.Size], Tensor]) -> Any:
    """Labels for each result of a call, by its shape."""

    def meta(value: Any) -> Any:
        match value:
            case Labels(units):
                return torch.empty(units.shape, device="meta")
            case Parameter(_, tensor) | (Tensor() as tensor):
                return tensor.to("meta", torch.float32 if tensor.is_floating_point() else tensor.dtype)
            case list() | tuple():
                return [meta(part) for part in value]
        return value

    result = call.function(*meta(call.arguments), **{key: meta(each) for key, each in call.keywords.items()})
    if isinstance(result, Tensor):
        return Labels(made(result.shape))
    return [Labels(made(part.shape)) for part in result]


_REDUCED = {
    "linalg_vector_norm": (2, 3),
    "norm.ScalarOpt_dim": (2, 3),
    "std.correction": (1, 3),
    "std.dim": (1, 3),
    "var.correction": (1, 3),
    "var.dim": (1, 3),
}
"""Where reductions have their axes, and whether these are kept, if not second and third."""

_NAMES: dict[Rule, str] = {
    each: """
        abs celu clamp clamp_max clamp_min clone contiguous cos dropout elu erf exp feature_dropout gelu
        hardsigmoid hardswish hardtanh identity leaky_relu log log1p log_sigmoid mish neg pow.Scalar
        pow.Tensor_Scalar reciprocal relu relu6 rsqrt selu sigmoid silu sin softplus sqrt square tanh
        to.dtype type_as
    """,
    combined: """
        add.Scalar add.Tensor addcdiv addcmul div.Scalar div.Tensor divide.Tensor lerp.Scalar lerp.Tensor
        masked_fill.Scalar masked_fill.Tensor maximum minimum mul.Scalar mul.Tensor multiply.Tensor
        pow.Tensor_Tensor rsub.Scalar rsub.Tensor sub.Scalar sub.Tensor subtract.Tensor true_divide.Tensor
        where.ScalarOther where.ScalarSelf where.self
    """,
    moved: """
        cat channel_shuffle chunk concat flatten.using_ints flip getitem
        movedim.int movedim.intlist moveaxis.int narrow numpy_T permute pixel_shuffle pixel_unshuffle repeat
        repeat_interleave.self_int reshape reshape_as roll select.int select_scatter slice.Tensor
        slice_scatter split.Tensor split.sizes split_with_sizes squeeze squeeze.dim squeeze.dims stack
        swapaxes swapdims t tensor_split.indices tensor_split.sections tile transpose.int unbind.int
        unflatten.int unfold unsqueeze view view_as
    """,
    expanded: "broadcast_to expand expand_as",
    looked_up: "embedding gather index.Tensor index_select",
    resampled: """
        adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d avg_pool1d avg_pool2d
        avg_pool3d max_pool1d max_pool2d max_pool3d upsample_bicubic2d.vec upsample_bilinear2d.vec
        upsample_nearest2d.vec _upsample_bicubic2d_aa.vec _upsample_bilinear2d_aa.vec
    """,
    padded: "constant_pad_nd pad reflection_pad2d replication_pad2d",
    linear: "linear",
    convolution: """
        conv1d conv1d.padding conv2d conv2d.padding conv3d conv_transpose1d conv_transpose2d.input
        conv_transpose3d.input
    """,
    batch_norm: "batch_norm instance_norm",
    layer_norm: "layer_norm rms_norm",
    group_norm: "group_norm",
    prelu: "prelu",
    softmax: "log_softmax.int softmax.int",
    reduced: """
        amax amin linalg_vector_norm max.dim mean mean.dim norm.ScalarOpt_dim std.correction std.dim sum
        sum.dim_IntList var.correction var.dim
    """,
    glu: "glu",
    matmul: "bmm matmul",
    attention: "scaled_dot_product_attention",
}
UNIT_RULES: dict[str, Rule] = {name: rule for rule, names in _NAMES.items() for name in names.split()}
