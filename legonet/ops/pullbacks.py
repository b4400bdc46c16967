"""Ways down that several families share: how a gradient passes through an operation at its nominal point.

What is linear in the features has its exact transpose; what is not is linearised (`legonet.ops.nominal`), and
what is not smooth has a surrogate of its own in its family's file. Importing this needs no torch.

Source: Zhang et al., arXiv:1804.10272, equation (4b) and appendix; the nominal point is legonet's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from legonet.ops.call import NOT_AT_ZERO, Call, Data, Gradient, filled
from legonet.ops.nominal import with_ones

if TYPE_CHECKING:
    from torch import Tensor

PAPER = "arXiv:1804.10272, equation (4b)"
EXACT = "linear: its transposed Jacobian"
POINT = "its derivative at the nominal point"


def transposed(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """J^T G by automatic differentiation at the nominal point; what is linear has one J everywhere."""
    import torch

    data = call.data
    default = 1.0 if call.operation in NOT_AT_ZERO else 0.0
    learned = learns(call, gradient)
    with torch.enable_grad():
        points = [each.value(default).detach() for each in data]
        smooth = [each for each in points if each.is_floating_point() or each.is_complex()]
        for each in smooth:
            each.requires_grad_()
        result = call.at(points)
        pairs = (
            [(result, gradient)]
            if isinstance(gradient, torch.Tensor)
            else [(result[i], g) for i, g in gradient.items()]
        )
        pairs = [(each, g) for each, g in pairs if each.requires_grad]
        if not pairs or not smooth:
            return [None] * len(data)
        found = torch.autograd.grad(
            [each for each, _ in pairs],
            smooth,
            [g for _, g in pairs],
            create_graph=learned,
            allow_unused=True,
        )
    by_place = dict(zip(map(id, smooth), found, strict=True))
    return [by_place.get(id(each)) for each in points]


def learns(call: Call, gradient: Gradient) -> bool:
    """Whether the gradient, or a tensor that the call takes, is itself to be differentiated."""
    return any(each.requires_grad for each in _tensors((gradient, call.arguments, call.keywords)))


def _tensors(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)
    elif hasattr(value, "requires_grad"):
        yield value


def reshaped(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """The same numbers in the shape that the operation was given."""
    (data,) = call.data
    return [_tensor(gradient).reshape(data.shape)]


def passed(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """G itself."""
    return [_tensor(gradient)]


def multiplied(call: Call, gradient: Gradient) -> list[Tensor | None]:
    """The product rule at the nominal point: nothing passes to a factor where the other one is zero."""
    data = call.data
    if len(data) == 1 and call.operation == "mul.Tensor":
        (other,) = [each for each in call.arguments if not isinstance(each, Data)]
        if getattr(other, "ndim", 0) == 0:
            return [_tensor(gradient) * other]
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


def replaced(call: Call, function: Callable[..., Any], gradient: Gradient) -> list[Tensor | None]:
    """The transposed Jacobian of a surrogate of the call's first argument that depends on the features."""
    return transposed(Call(call.name, call.operation, function, [call.data[0]]), gradient)


def first(gradient: Gradient) -> Tensor:
    """The gradient of the first result, of an operation that gives several."""
    return gradient[0] if isinstance(gradient, Mapping) else gradient


def _tensor(gradient: Gradient) -> Tensor:
    assert not isinstance(gradient, Mapping)  # noqa: S101 - these operations give one tensor
    return gradient
