"""Operations as layers of torch.nn, such as a convolution with its own weights. Importing it needs no torch.

A row's `layer` makes of a call the expression that constructs the layer, or None where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from legonet.ops.call import Shape
from legonet.ops.spelling import Given

if TYPE_CHECKING:
    from torch import Tensor

_REQUIRED = object()


class Code(str):
    """Python code in place of a value, written as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True)
class Argument:
    """One argument.

    Attributes:
        name: The parameter's name, which is written where there is a default.
        value: A pair of equal numbers is one number, as people write it.
        default: The value for which nothing is written.
        named: It is written with its name, although there is no default.
    """

    name: str
    value: Any
    default: Any = _REQUIRED
    named: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it is a whole number, or several."""
        several = self.value if isinstance(self.value, tuple) else (self.value,)
        return bool(several) and all(type(each) is int for each in several)

    @property
    def has_name(self) -> bool:
        """Whether it is written with its name."""
        return self.named or self.default is not _REQUIRED


@dataclass(frozen=True)
class Make:
    """A call of a class or function."""

    what: str
    arguments: tuple[Argument | Make, ...] = ()


@dataclass(frozen=True)
class Layer:
    """An operation as a layer.

    Attributes:
        make: How it is made.
        tensors: The model's tensors by their names in the layer.
        owner: The module of the model that has the tensors; None for a layer without any.
    """

    make: Make
    tensors: dict[str, str] = field(default_factory=dict)
    owner: str | None = None


@dataclass(frozen=True)
class LayerCall:
    """A call of an operation, as the makers of layers see it.

    Attributes:
        arguments: The operation's arguments by name.
        in_place: It overwrites its first argument.
        state: The model's tensors.
        shapes: The shapes of the results that are tensors, the batch included.
    """

    arguments: Given
    in_place: bool
    state: Mapping[str, Tensor]
    shapes: Mapping[str, Shape]

    def tensor(self, name: str) -> str | None:
        """The model's tensor that is an argument."""
        value = self.arguments.get(name)
        return value["tensor"] if isinstance(value, Mapping) and "tensor" in value else None

    def tensors(self, *names: str) -> dict[str, str] | None:
        """Tensors by the names that ATen and the layer both give them; None: one is not the model's."""
        found = {name: tensor for name in names if (tensor := self.tensor(name)) is not None}
        others = (self.arguments.get(name) for name in names if name not in found)
        return found if all(each is None for each in others) else None

    def axes(self, name: str) -> int:
        """How many axes the features have, the batch included; 0: not known."""
        value = self.arguments.get(name)
        known = isinstance(value, Mapping) and "ref" in value
        return len(self.shapes.get(value["ref"], ())) if known else 0

    def option(self, name: str, default: Any) -> Argument:
        """An option of the layer that ATen calls the same."""
        value = simple(self.arguments.get(name, default))
        return Argument(name, default if value == () else value, default)


Maker = Callable[[LayerCall], "Layer | None"]


def simple(value: Any) -> Any:
    """A value as people write it: a list as a tuple, equal numbers as one."""
    if not isinstance(value, list | tuple):
        return value
    return value[0] if value and all(each == value[0] for each in value) else tuple(value)


def plain(kind: str, **options: Any) -> Maker:
    """A layer without tensors whose options ATen calls the same; a value is the default, `...` none."""

    def make(call: LayerCall) -> Layer | None:
        if not call.arguments.positional.keys() - {"self", "input"} <= options.keys():
            return None
        arguments = []
        for name, default in options.items():
            value = simple(call.arguments.get(name, default))
            value = default if value == () else value
            if value is ... or isinstance(value, Mapping):
                return None
            arguments.append(Argument(name, value) if default is ... else Argument(name, value, default))
        return Layer(Make(kind, tuple(arguments)))

    return make


def activation(kind: str, **options: Any) -> Maker:
    """An activation, which may overwrite what it takes."""
    without = plain(kind, **options)

    def make(call: LayerCall) -> Layer | None:
        layer = without(call)
        if layer is None or not call.in_place:
            return layer
        return Layer(Make(kind, (*layer.make.arguments, Argument("inplace", True, False))))

    return make
