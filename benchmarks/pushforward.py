"""The surrogate network of a pullback, computed upwards: the reference that a pullback is held against.

A pullback is the transpose of a linear map J. Here J itself is applied, from the input to the output, by
other means: the surrogates' own formulas, and forward-mode derivatives for everything else. So for any x and
G

    ⟨G, J x⟩ = ⟨Jᵀ G, x⟩

holds if, and in general only if, all rules and the way they are joined are right.

Source: the dot-product test of adjoints, Claerbout, Earth Soundings Analysis, 1992, chapter 5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor
from torch.autograd.functional import jvp

from legonet.distill.pullback import Pullback
from legonet.ir.cuts import rectifiers
from legonet.ir.graph import INPUT
from legonet.ir.interpreter import GraphModule
from legonet.ops.call import Call


def push_forward(pull: Pullback, module: GraphModule, x: Tensor) -> Tensor:
    """J x.

    Args:
        pull: the pullback; its calls tell shapes and nominal values.
        module: the graph that it was made of.
        x: (draws, *input_shape).

    Returns:
        (draws, *output_shape).
    """
    calls, takes = pull.calls(len(x), x)
    masked, values = set(rectifiers(module.graph)), dict[str, Any]({INPUT: x})
    for name, call in calls.items():
        tangents = [values[source] for source in takes[name]]
        if call.operation == "getitem":
            values[name] = tangents[0][call.arguments[1]]
        else:
            values[name] = _surrogate(call, name in masked)(*tangents)
    return values[module.graph.output]


def _surrogate(call: Call, masked: bool) -> Callable[..., Any]:
    if masked and call.data[0].nominal is None:
        return lambda t: t
    if call.operation.startswith("max_pool2d"):
        kernel, stride, padding = (call.argument(i, d) for i, d in ((1, 1), (2, None), (3, 0)))
        return lambda t: F.avg_pool2d(t, kernel, stride or None, padding, bool(call.argument(5, False)))
    if call.operation == "layer_norm":
        axes = [-1 - axis for axis in range(len(call.argument(1)))]
        weight = call.argument(2)
        return lambda t: (t - t.mean(axes, keepdim=True)) * (1 if weight is None else weight)
    if call.operation == "group_norm":
        groups, weight = call.argument(1), call.argument(2)
        return lambda t: _grouped(t, groups) * (1 if weight is None else weight.view(-1, *[1] * (t.ndim - 2)))
    if call.operation == "rms_norm":
        weight = call.argument(2)
        return lambda t: t if weight is None else t * weight
    if call.operation == "hardsigmoid":  # torch has no second derivative of it
        return lambda t: t / 6
    if call.operation == "scaled_dot_product_attention":
        # A mask that follows the image, as of positions relative to a query, is 0 like the query.
        return lambda q, k, v, *mask: call.at([0 * q, 0 * k, v, *(0 * each for each in mask)])
    if call.operation == "amax":
        return lambda t: t.mean(call.argument(1), keepdim=call.argument(2, False))
    if call.operation == "max.dim":  # its second result, the places, follows no value
        return lambda t: [t.mean(call.argument(1), keepdim=call.argument(2, False))]
    if call.operation == "adaptive_max_pool2d":
        return lambda t: [F.adaptive_avg_pool2d(t, call.argument(1))]
    return lambda *tangents: _derivative(call, tangents)


def _grouped(t: Tensor, groups: int) -> Tensor:
    parts = t.reshape(len(t), groups, -1)
    return (parts - parts.mean(2, keepdim=True)).reshape(t.shape)


def _derivative(call: Call, tangents: tuple[Tensor, ...]) -> Any:
    """The operation's own derivative at the nominal point."""
    points = []
    for index, data in enumerate(call.data):
        divisor = call.operation.startswith("div") and (
            index == 1 or (len(call.data) == 1 and call.arguments[0] is not data)
        )
        points.append(
            data.value(1.0 if divisor or call.operation in ("sqrt", "rsqrt", "log", "reciprocal") else 0.0)
        )

    def function(*values: Tensor) -> Any:
        found = call.at(values)
        return found if isinstance(found, Tensor) else tuple(found)

    return jvp(function, tuple(points), tuple(tangents), strict=False)[1]
