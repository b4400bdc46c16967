"""The nominal point: what operations give where no image has a say.

Features are 0 and their squares 1 on average, as normalisation makes them; what is computed from them
follows. So a sigmoid gate stands at 1/2, attention looks everywhere alike, and a product of features and a
gate is the features by half. A nominal value of None is zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

NOT_AT_ZERO = frozenset(["log", "reciprocal", "rsqrt", "sqrt"])
"""Operations that have no derivative at 0: they are taken at 1."""


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
        arguments, keywords = filled((list(self.arguments), dict(self.keywords)), remaining)
        return self.function(*arguments, **keywords)

    def argument(self, position: int, default: Any = None, name: str = "") -> Any:
        """An argument by its position, or by its name."""
        if position < len(self.arguments):
            return self.arguments[position]
        return self.keywords.get(name, default)


def zero(call: Call) -> None:
    """Zero, whatever is given."""
    return


def affine(call: Call) -> Any:
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


def product(call: Call) -> Any:
    """A product of nominal values; zero if one of them is."""
    if any(each.nominal is None for each in call.data):
        return None
    return computed(call)


def computed(call: Call) -> Any:
    """The operation itself, at the nominal values."""
    default = 1.0 if call.operation in NOT_AT_ZERO else 0.0
    with torch.no_grad():
        return call.at([each.value(default) for each in call.data])


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
    result = computed(call)
    return (
        torch.ones_like(result) if isinstance(result, Tensor) else [torch.ones_like(each) for each in result]
    )


def squared(call: Call) -> Any:
    """The mean of a square is 1; of what has a nominal value, its own power."""
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


def _data(value: Any) -> list[Data]:
    if isinstance(value, Data):
        return [value]
    if isinstance(value, Mapping):
        return [found for each in value.values() for found in _data(each)]
    return [found for each in value for found in _data(each)] if isinstance(value, list | tuple) else []


def filled(value: Any, values: Any) -> Any:
    """Arguments with these values in place of their data."""
    if isinstance(value, Data):
        return next(values)
    if isinstance(value, Mapping):
        return {key: filled(each, values) for key, each in value.items()}
    return [filled(each, values) for each in value] if isinstance(value, list | tuple) else value
