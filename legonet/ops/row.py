"""What is known of one operation. Importing it needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from legonet.ops.call import Arguments, Call, Gradient, Shape
from legonet.ops.layers import Maker
from legonet.ops.spelling import Spell

if TYPE_CHECKING:
    from torch import Tensor

    from legonet.ops.labels import Units

Pull = Callable[[Call, Gradient], Sequence["Tensor | None"]]
Nominal = Callable[[Call], Any]
Rule = Callable[["Units", Call], Any]


def never(call: Arguments) -> bool:
    """Say no of every call."""
    return False


@dataclass(frozen=True)
class Weights:
    """How an operation takes its weight, which is its second argument; its third is the bias.

    Attributes:
        transposed: The weight's second axis is that of the outputs, of each group, and its first that of the
            inputs; otherwise the other way round.
        axis: The axis of the result that the outputs are on.
        groups: The position of the number of groups, if there can be several.
        options: Names and defaults of all arguments from the bias on, where the channels of several members
            may stand side by side as groups.
    """

    transposed: bool = False
    axis: int = 1
    groups: int | None = None
    options: tuple[tuple[str, Any], ...] = ()

    def groups_of(self, call: Arguments) -> int:
        """The number of groups of a call."""
        return 1 if self.groups is None else call.argument(self.groups, 1, "groups")

    def channels(self, call: Arguments, shape: Shape) -> tuple[int, int]:
        """How many channels a call takes and gives, by the shape of its weight."""
        first, second = shape[0], shape[1] * self.groups_of(call)
        return (first, second) if self.transposed else (second, first)


@dataclass(frozen=True)
class Row:
    """One operation: how it is differentiated, what it gives and costs, what passes may do, how it is spelt.

    Functions of a row that compute with tensors import torch when they are called, so that a table of rows
    costs nothing.

    Attributes:
        name: The name of the operation in ATen, such as `conv2d` or `add.Tensor`, without the `.default` of a
            function's only form.
        pull: The pullback: a call and the gradient of its result give the gradients of its data, in order;
            None is zero. Without one, nothing can be fitted through the operation.
        nominal: The nominal value of the result, from those of the call's data (`legonet.ops.nominal`).
        source: Where the pullback is from: author, arXiv id, equation.
        shape: The shape of the result, batch included, by arithmetic, or a list of them where there are
            several results; it raises ValueError where arguments do not fit. Without one, and where it gives
            None, torch's meta device tells.
        flops: Floating-point operations of a call for the shape of its (first) result, two for each
            multiplication with its addition, by arithmetic; counts only where `shape` is there too.
        linear: The result is affine in the data.
        per_channel: Each channel (axis 1) of the result depends on the same channel of the data alone, so
            that modules of one architecture may run side by side.
        fresh: The result is a new tensor whose values no gradient needs, so that it may be overwritten.
        in_place: It has a form that overwrites its first argument, of the same name with `_`.
        moves: It only moves or repeats numbers, and computes none.
        copies: It gives the very numbers that it takes, each in its place.
        inert: It gives what it takes, outside training: passes leave it out.
        placed: It takes no tensor, so that it has to be given a device.
        rectifies: Whether it lets a unit pass where that is positive and stops it elsewhere, as ReLU does,
            when it is called with these arguments.
        mixes: Whether it mixes the images of a batch, when it is called with these arguments.
        window: Kernel, stride and padding, each (height, width), of a pooling called with these arguments.
        weights: How it takes its weight, if it is linear in the data and in a weight.
        vectors: Positions of the tensors that have one number for each channel of the data.
        any_layout: Of an operation that depends on the order of its argument in memory: one that gives the
            same in any order, or empty where there is none, so that the argument is put in order first.
        units: How hidden units pass it (`legonet.ops.alignment`); without, those that it takes keep their
            places, which is always right.
        python: How source code writes it (`legonet.ops.spelling`); without, as a call of `torch.ops.aten`.
        layer: The layer of torch.nn that computes it (`legonet.ops.layers`), where there is one.
    """

    name: str
    pull: Pull | None = None
    nominal: Nominal | None = None
    source: str = ""
    shape: Callable[[Call], Shape | list[Shape] | None] | None = None
    flops: Callable[[Call, Shape], int] | None = None
    linear: bool = False
    per_channel: bool = False
    fresh: bool = False
    in_place: bool = False
    moves: bool = False
    copies: bool = False
    inert: bool = False
    placed: bool = False
    rectifies: Callable[[Arguments], bool] = never
    mixes: Callable[[Arguments], bool] = never
    window: Callable[[Arguments], tuple[tuple[int, int], ...]] | None = None
    weights: Weights | None = None
    vectors: tuple[int, ...] = ()
    any_layout: str | None = None
    units: Rule | None = None
    python: str | Spell = ""
    layer: Maker | None = None


def rows(names: str | Iterable[str], **known: Any) -> list[Row]:
    """Rows of operations of which the same is known.

    Args:
        names: Separated by spaces.
        known: Fields of `Row`.
    """
    each = names.split() if isinstance(names, str) else names
    return [Row(name, **known) for name in each]
