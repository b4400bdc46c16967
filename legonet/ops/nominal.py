"""The nominal point: what operations give where no image has a say.

Features are 0 and their squares 1 on average, as normalisation makes them; what is computed from them
follows. So a sigmoid gate stands at 1/2, attention looks everywhere alike, and a product of features and a
gate is the features by half. A nominal value of None is zero. Importing this needs no torch.
"""

from __future__ import annotations

from typing import Any

from legonet.ops.call import Call, Data


def zero(call: Call) -> None:
    """Zero, whatever is given."""
    return


def affine(call: Call) -> Any:
    """L(n): what an affine operation makes of nominal values, without its bias."""
    import torch

    data = call.data
    if all(each.nominal is None for each in data):
        return None
    with torch.no_grad():
        given = call.at([each.value() for each in data])
        zero = call.at([torch.zeros_like(each.value()) for each in data])
    return _minus(given, zero)


def _minus(a: Any, b: Any) -> Any:
    import torch

    if isinstance(a, torch.Tensor):
        return a - b if a.is_floating_point() else None
    return [_minus(x, y) for x, y in zip(a, b, strict=True)]


def product(call: Call) -> Any:
    """A product of nominal values; zero if one of them is."""
    if any(each.nominal is None for each in call.data):
        return None
    return computed(call)


def computed(call: Call, default: float = 0.0) -> Any:
    """The operation itself, at the nominal values, or the default where there are none."""
    import torch

    with torch.no_grad():
        return call.at([each.value(default) for each in call.data])


def computed_at_one(call: Call) -> Any:
    """The operation itself, at the nominal values, or 1 where there are none."""
    return computed(call, 1.0)


def summed(call: Call) -> Any:
    """A sum; numbers count, biases do not."""
    others = [each for each in call.arguments[:2] if not isinstance(each, Data)]
    return (
        computed(call) if others and all(isinstance(each, int | float) for each in others) else affine(call)
    )


def quotient(call: Call) -> Any:
    """A quotient of nominal values, by 1 where the divisor has none; zero if the dividend is."""
    if isinstance(call.arguments[0], Data) and call.arguments[0].nominal is None:
        return None
    return computed(with_ones(call))


def ones(call: Call) -> Any:
    """What measures the size of features: 1."""
    import torch

    result = computed(call)
    return (
        torch.ones_like(result)
        if isinstance(result, torch.Tensor)
        else [torch.ones_like(each) for each in result]
    )


def squared(call: Call) -> Any:
    """The mean of a square is 1; of what has a nominal value, its own power."""
    import torch

    (data, *_) = call.data
    power = call.argument(1, 2, "exponent")
    if data.nominal is None and isinstance(power, int | float) and power % 2 == 0 and power:
        return torch.ones_like(data.value())
    return computed(call)


def with_ones(call: Call) -> Call:
    """The call with a divisor of 1 where it has no nominal value."""
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
