"""Normalisation: batch norm with recorded statistics is linear; the others divide by a deviation of 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from legonet.ops import nominal
from legonet.ops.call import Call, Gradient, Shape
from legonet.ops.pullbacks import EXACT, PAPER, replaced, transposed
from legonet.ops.row import Row
from legonet.ops.shapes import expect_channels, extents, show

if TYPE_CHECKING:
    from torch import Tensor


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
        raise ValueError(f"its last axes, or the weights, are not {show(last)}")
    return data


def _by_groups(call: Call) -> Shape:
    data, groups = call.arguments[0].shape, call.argument(1, 1, "num_groups")
    if data[1] % groups:
        raise ValueError(f"{groups} groups do not divide {data[1]} channels")
    return _by_channels(call)


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
    ),
    Row("layer_norm", _layer_norm, nominal.zero, "Ba et al., arXiv:1607.06450, deviation 1", _by_last_axes),
    Row("group_norm", _group_norm, nominal.zero, "Wu and He, arXiv:1803.08494, deviation 1", _by_groups),
    Row(
        "instance_norm",
        _instance_norm,
        nominal.zero,
        "Ulyanov et al., arXiv:1607.08022, deviation 1",
        _by_channels,
        per_channel=True,
    ),
    Row(
        "rms_norm",
        _rms_norm,
        nominal.zero,
        "Zhang and Sennrich, arXiv:1910.07467, root mean square 1",
        _by_last_axes,
    ),
)
