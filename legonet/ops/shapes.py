"""Shapes of results by arithmetic, where families share it; arguments that do not fit raise ValueError.

A rule takes a call whose tensors are `Extent`s and gives the shape of its result, a list of shapes where
there are several results, or None where arithmetic does not tell. Importing this needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from math import prod
from typing import Any

from legonet.ops.call import Call, Extent, Shape


def show(shape: Sequence[int]) -> str:
    """Write a shape as in messages; the batch comes first."""
    return f"({', '.join(map(str, shape))})"


def axis(index: int, rank: int) -> int:
    """An axis counted from the front.

    Raises:
        ValueError: There is no such axis.
    """
    if not -rank <= index < rank:
        raise ValueError(f"it has {rank} axes and no axis {index}")
    return index % rank


def axes(given: int | Sequence[int] | None, rank: int) -> list[int]:
    """Axes counted from the front; none given are all."""
    if given is None or given == []:
        return list(range(rank))
    found = [axis(each, rank) for each in ([given] if isinstance(given, int) else given)]
    if len(set(found)) < len(found):
        raise ValueError(f"axes {list(found)} name one twice")
    return found


def expect_rank(shape: Shape, *ranks: int) -> None:
    """Refuse what has another number of axes.

    Raises:
        ValueError: It has.
    """
    if len(shape) not in ranks:
        raise ValueError(f"{show(shape)} has {len(shape)} axes; expected {' or '.join(map(str, ranks))}")


def expect_channels(found: int, expected: int) -> None:
    """Refuse features with another number of channels than the weights take.

    Raises:
        ValueError: They have.
    """
    if found != expected:
        raise ValueError(f"it has {found} channels where the weights take {expected}")


def broadcast(*shapes: Shape) -> Shape:
    """The shape that tensors of these shapes have together.

    Raises:
        ValueError: They have none: sizes of an axis differ, and none is 1.
    """
    found = []
    for sizes in zip_longest(*(shape[::-1] for shape in shapes), fillvalue=1):
        several = set(sizes) - {1}
        if len(several) > 1:
            raise ValueError(f"{' and '.join(map(show, shapes))} do not broadcast")
        found.append(several.pop() if several else 1)
    return tuple(found[::-1])


def extents(value: Any) -> Iterator[Extent]:
    """The tensors among arguments."""
    if isinstance(value, Extent):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from extents(each)


def same_shape(call: Call) -> Shape:
    """The shape of the first argument."""
    return call.arguments[0].shape


def broadcast_shape(call: Call) -> Shape:
    """The shape that all tensors among the arguments have together."""
    return broadcast(*(each.shape for each in extents(call.arguments)))


def along_axis(call: Call) -> Shape:
    """The shape of the first argument, of which the second names an axis."""
    data = call.arguments[0].shape
    axis(call.argument(1, 0, "dim"), len(data))
    return data


def reduced(call: Call) -> Shape:
    """Without some axes, or with a size of 1 there: of means, sums and maxima."""
    data = call.arguments[0].shape
    gone = axes(call.argument(1, None, "dim"), len(data))
    if call.argument(2, False, "keepdim"):
        return tuple(1 if place in gone else size for place, size in enumerate(data))
    return tuple(size for place, size in enumerate(data) if place not in gone)


def scalar(call: Call) -> Shape:
    """One number."""
    return ()


def inferred(sizes: Sequence[int], count: int) -> Shape:
    """Sizes of which one may be -1, for so many numbers.

    Raises:
        ValueError: They are of another number.
    """
    known = prod(size for size in sizes if size != -1)
    free = sizes.count(-1)
    fits = known == count if not free else free == 1 and known > 0 and count % known == 0
    if not fits:
        raise ValueError(f"its {count} numbers do not fit {show(sizes)}")
    return tuple(count // known if size == -1 else size for size in sizes)
