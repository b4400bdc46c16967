"""What is known of one operation. Importing it needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from legonet.ops.call import Arguments, Call, Gradient, Shape

if TYPE_CHECKING:
    from torch import Tensor

Pull = Callable[[Call, Gradient], Sequence["Tensor | None"]]
Nominal = Callable[[Call], Any]


@dataclass(frozen=True)
class Row:
    """One operation: how it is differentiated, what it gives and costs, and what it leaves apart.

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
        per_channel: Each channel (axis 1) of the result depends on the same channel of the data alone.
        fresh: The result is a new tensor whose values no gradient needs, so that it may be overwritten.
        moves: It only moves or repeats numbers, and computes none.
        rectifies: Whether it lets a unit pass where that is positive and stops it elsewhere, as ReLU does,
            when it is called with these arguments.
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
    moves: bool = False
    rectifies: Callable[[Arguments], bool] | None = None


def rows(names: str | Iterable[str], **known: Any) -> list[Row]:
    """Rows of operations of which the same is known.

    Args:
        names: Separated by spaces.
        known: As of `Row`.
    """
    each = names.split() if isinstance(names, str) else names
    return [Row(name, **known) for name in each]
