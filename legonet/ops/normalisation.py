"""Normalisation: batch norm with recorded statistics is linear; the others divide by a deviation of 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from legonet.ops import nominal
from legonet.ops.call import Arguments, Call, Gradient, Shape
from legonet.ops.layers import Argument, Layer, LayerCall, Make
from legonet.ops.pullbacks import EXACT, PAPER, replaced, transposed
from legonet.ops.row import Row
from legonet.ops.shapes import expect_channels, extents, show_shape
from legonet.ops.spelling import Given, Spell, Write

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.ops.labels import Units


def _batch_norm(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """Scale by gamma / sqrt(variance + eps): with recorded statistics, one number per channel."""
    import torch

    weight, variance = call.argument(1, None, "weight"), call.argument(4, None, "running_var")
    if variance is None or call.argument(5, False, "training") or isinstance(gradient, Mapping):
        return transposed(call, gradient)
    scale = torch.rsqrt(variance + call.argument(7, 1e-5, "eps"))
    scale = scale if weight is None else scale * weight
    return [gradient * scale.view(-1, *[1] * (gradient.ndim - 2))]


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

    return replaced(call, function, gradient)


def _by_channels(call: Call) -> Shape:
    """Of batch and instance norm: one number of each tensor for each channel."""
    data, *vectors = (each.shape for each in extents(call.arguments))
    for vector in vectors:
        expect_channels(data[1], vector[0])
    return data


def _by_last_axes(call: Call) -> Shape:
    last, (data, *weights) = tuple(call.arguments[1]), (each.shape for each in extents(call.arguments))
    if data[-len(last) :] != last or any(weight != last for weight in weights):
        raise ValueError(f"its last axes, or the weights, are not {show_shape(last)}")
    return data


def _by_groups(call: Call) -> Shape:
    data, groups = call.arguments[0].shape, call.argument(1, 1, "num_groups")
    if data[1] % groups:
        raise ValueError(f"{groups} groups do not divide {data[1]} channels")
    return _by_channels(call)


def _in_training(call: Arguments) -> bool:
    """Whether it takes the statistics of the batch, which come from all of its images."""
    return bool(call.argument(5, False, "training"))


def _channel_units(units: Units, call: Call) -> Any:
    """Of batch and instance norm: numbers of each channel."""
    labels = units.given(call)
    channels = units.along(labels, (0, *range(2, labels.ndim)))
    for place in (1, 2, 3, 4):
        units.vector(call.argument(place), channels, recorded=place > 2)
    return channels.expand(*labels.shape)


def _last_units(units: Units, call: Call) -> Any:
    """The last axes together, with numbers of each of their places."""
    labels = units.given(call)
    last = labels.ndim - len(call.argument(1, name="normalized_shape"))
    if any(each is not None and units.owns(each) for each in call.arguments[2:]):
        places = units.along(labels, range(last))
        for place in (2, 3):
            units.vector(call.argument(place), places)
        labels = places.expand(*labels.shape)
    units.fibres(labels, range(last, labels.ndim))
    return labels


def _group_units(units: Units, call: Call) -> Any:
    """Channels of a group together, with numbers of each channel."""
    labels = units.given(call)
    channels = units.along(labels, (0, *range(2, labels.ndim)))
    for place in (2, 3):
        units.vector(call.argument(place), channels)
    units.fibres(channels.reshape(call.argument(1), -1), [1])
    return channels.expand(*labels.shape)


def _spell_batch_norm(arguments: Given, write: Write) -> str:
    order = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum")
    values = [write(arguments.get(name)) for name in order]
    return f"F.batch_norm({', '.join(values)}, eps={write(arguments['eps'])})"


def _spell(name: str, size: str) -> Spell:
    def write_norm(arguments: Given, write: Write) -> str:
        has_weight = size == "normalized_shape" and arguments.get("weight") is not None
        shape = f"{write(arguments['weight'])}.shape" if has_weight else write(arguments[size])
        values = [write(arguments["input"]), shape]
        values += [
            f"{each}={write(arguments[each])}"
            for each in ("weight", "bias", "eps")
            if arguments.get(each) is not None
        ]
        return f"F.{name}({', '.join(values)})"

    return write_norm


def _batch_norm_layer(call: LayerCall) -> Layer | None:
    tensors = call.tensors("weight", "bias", "running_mean", "running_var")
    kind = {2: "1d", 3: "1d", 4: "2d", 5: "3d"}.get(call.axes("input"))
    affine = tensors is not None and "weight" in tensors
    if not tensors or kind is None or call.arguments["training"] or "running_mean" not in tensors:
        return None
    if affine != ("bias" in tensors):
        return None
    channels = Argument("channels", len(call.state[tensors["running_mean"]]))
    options = (Argument("eps", call.arguments["eps"], 1e-5), Argument("affine", affine, True))
    return Layer(Make(f"nn.BatchNorm{kind}", (channels, *options)), tensors)


def _layer_norm_layer(call: LayerCall) -> Layer | None:
    tensors = call.tensors("weight", "bias")
    if tensors is None or tensors.keys() == {"bias"}:
        return None
    shape = call.arguments["normalized_shape"]
    options = (
        Argument("eps", call.arguments.get("eps", 1e-5), 1e-5),
        Argument("elementwise_affine", bool(tensors), True),
        Argument("bias", not tensors or "bias" in tensors, True),
    )
    size = Argument("features", shape[0] if len(shape) == 1 else tuple(shape))
    return Layer(Make("nn.LayerNorm", (size, *options)), tensors)


def _group_norm_layer(call: LayerCall) -> Layer | None:
    tensors = call.tensors("weight", "bias")
    if tensors is None or len(tensors) == 1:
        return None
    channels = (
        len(call.state[tensors["weight"]]) if tensors else call.shapes[call.arguments["input"]["ref"]][1]
    )
    options = (
        Argument("eps", call.arguments.get("eps", 1e-5), 1e-5),
        Argument("affine", bool(tensors), True),
    )
    sizes = (Argument("num_groups", call.arguments["num_groups"]), Argument("channels", channels))
    return Layer(Make("nn.GroupNorm", (*sizes, *options)), tensors)


ROWS = (
    Row(
        "batch_norm",
        _batch_norm,
        nominal.affine,
        f"{EXACT}; {PAPER}",
        shape=_by_channels,
        linear=True,
        per_channel=True,
        fresh=True,
        mixes=_in_training,
        vectors=(1, 2, 3, 4),
        units=_channel_units,
        python=_spell_batch_norm,
        layer=_batch_norm_layer,
    ),
    Row(
        "layer_norm",
        _layer_norm,
        nominal.zero,
        "Ba et al., arXiv:1607.06450, deviation 1",
        shape=_by_last_axes,
        units=_last_units,
        python=_spell("layer_norm", "normalized_shape"),
        layer=_layer_norm_layer,
    ),
    Row(
        "group_norm",
        _group_norm,
        nominal.zero,
        "Wu and He, arXiv:1803.08494, deviation 1",
        shape=_by_groups,
        units=_group_units,
        python=_spell("group_norm", "num_groups"),
        layer=_group_norm_layer,
    ),
    Row(
        "instance_norm",
        _instance_norm,
        nominal.zero,
        "Ulyanov et al., arXiv:1607.08022, deviation 1",
        shape=_by_channels,
        per_channel=True,
        vectors=(1, 2, 3, 4),
        units=_channel_units,
    ),
    Row(
        "rms_norm",
        _rms_norm,
        nominal.zero,
        "Zhang and Sennrich, arXiv:1910.07467, root mean square 1",
        shape=_by_last_axes,
        units=_last_units,
    ),
)
