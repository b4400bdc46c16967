"""An operation as it is called, with what is known of its arguments. Importing it needs no torch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    from torch import Tensor

Shape = tuple[int, ...]
Gradient = Union["Tensor", Mapping[int, "Tensor"]]
"""Of a result; by its place where an operation gives several."""


@dataclass(frozen=True)
class Extent:
    """An argument of which only the shape is known, batch included."""

    shape: Shape


@dataclass(frozen=True)
class Data:
    """An argument that depends on the features: its shape and its nominal value.

    Attributes:
        shape: With the batch.
        like: A tensor of its dtype and device.
        nominal: The nominal value, of this shape; None for zero.
    """

    shape: Shape
    like: Tensor
    nominal: Tensor | None = None

    def value(self, default: float = 0.0) -> Tensor:
        """Its nominal value, or the default everywhere."""
        return self.like.new_full(self.shape, default) if self.nominal is None else self.nominal


class Arguments:
    """What an operation is called with: arguments by position, and keywords."""

    arguments: Any
    keywords: Any

    def argument(self, position: int, default: Any = None, name: str = "") -> Any:
        """An argument by its position, or by its name."""
        if position < len(self.arguments):
            return self.arguments[position]
        return self.keywords.get(name, default)

    def pair(self, position: int, default: int, name: str) -> tuple[int, int]:
        """An argument of height and width; a single number stands for both, an empty list for the default."""
        value = self.argument(position, default, name)
        values = [value] if isinstance(value, int) else list(value) or [default]
        return (values[0], values[-1])


@dataclass(frozen=True)
class Call(Arguments):
    """One call of an operation.

    Attributes:
        name: The name of the call's result in the model.
        operation: The operation's name, such as `conv2d`.
        function: Computes it.
        arguments: Numbers, tensors of the model, and `Data` for what depends on the features; only `Extent`s
            where shapes and costs are wanted.
        keywords: The arguments by name, likewise.
        mask: The mask of a rectifier, zeros and ones that broadcast; None for ones.
        known: What a pullback has worked out of the call, to be used again for the next gradient.
    """

    name: str
    operation: str
    function: Callable[..., Any]
    arguments: Sequence[Any]
    keywords: Mapping[str, Any] = field(default_factory=dict)
    mask: Tensor | None = None
    known: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def data(self) -> tuple[Data, ...]:
        """The arguments that depend on the features, in order."""
        return tuple(_data((self.arguments, self.keywords)))

    def masked(self, mask: Tensor) -> Call:
        """The call with a mask; what is known of its data stays known, unlike with `replace`."""
        made = copy.copy(self)
        object.__setattr__(made, "mask", mask)
        return made

    def at(self, values: Sequence[Any]) -> Any:
        """Compute it with these values for its data."""
        remaining = iter(values)
        arguments, keywords = filled((list(self.arguments), dict(self.keywords)), remaining)
        return self.function(*arguments, **keywords)


def filled(value: Any, values: Iterator[Any]) -> Any:
    """Arguments with these values in place of their data."""
    if isinstance(value, Data):
        return next(values)
    if isinstance(value, Mapping):
        return {key: filled(each, values) for key, each in value.items()}
    return [filled(each, values) for each in value] if isinstance(value, list | tuple) else value


def _data(value: Any) -> Iterator[Data]:
    if isinstance(value, Data):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _data(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _data(each)
