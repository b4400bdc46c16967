"""A picture of the places where a model can be cut: a chain, since a single tensor crosses at each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from legonet.render.boxes import (
    CAPTION,
    NAME,
    SMALL,
    Box,
    Curve,
    Kind,
    Layout,
    Line,
    Point,
    note_box,
    straight,
)
from legonet.render.layout import Drawing
from legonet.render.text import fit

WIDTH, HEIGHT, GAP_X, GAP_Y = 150.0, 50.0, 28.0, 34.0
COLUMNS = 6


@dataclass(frozen=True)
class Place:
    """What ends at a place.

    Attributes:
        name: Of the module or operation that ends there.
        shape: Of the tensor that crosses, such as `112x6x6`.
        below: The share of the multiplications up to here, from 0 to 1.
        weights: How many weights lie between the place before and this one.
        recommended: To cut here.
    """

    name: str
    shape: str
    below: float
    weights: int
    recommended: bool = False


def picture(name: str, input_shape: str, places: Sequence[Place], output: str) -> Drawing:
    """Draw a model as the chain of its places, in rows from left to right.

    Args:
        name: Of the model.
        input_shape: Of one image.
        places: In order.
        output: What is said of the part above the last place.
    """
    layout = Layout()
    boxes = [
        _box(0, "identity", "image", (input_shape,)),
        *[
            _box(
                number,
                "adapter" if place.recommended else "category",
                place.name,
                (place.shape, f"{place.below:.0%} below · {_count(place.weights)} weights here"),
            )
            for number, place in enumerate(places, 1)
        ],
        _box(len(places) + 1, "task", "output", (output,)),
    ]
    layout.boxes += boxes
    for tail, head in pairwise(boxes):
        layout.curves.append(Curve(tail.id, head.id, _way(tail, head), "through", arrow=True))
    note_box(layout, ["each box ends where one tensor crosses", "orange: recommended cuts"], 0.0)
    return Drawing(name, layout)


def _box(number: int, kind: Kind, name: str, captions: Sequence[str]) -> Box:
    row, column = divmod(number, COLUMNS)
    lines = [Line(fit(name, WIDTH - 12, NAME), NAME)]
    for text, size in zip(captions, (CAPTION, SMALL), strict=False):
        lines.append(Line(fit(text, WIDTH - 12, size), size, "soft"))
    state = "built" if kind == "adapter" else None
    at = (column * (WIDTH + GAP_X), -row * (HEIGHT + GAP_Y))
    return Box(f"{number}", kind, *at, WIDTH, HEIGHT, tuple(lines), state, tip=name)


def _way(tail: Box, head: Box) -> tuple[Point, ...]:
    """To the right within a row; from the end of a row to the start of the next one."""
    if head.x > tail.x:
        return straight((tail.x + WIDTH / 2, tail.y), (head.x - WIDTH / 2, head.y))
    middle = (tail.y + head.y) / 2
    start, end = (tail.x, tail.y - HEIGHT / 2), (head.x, head.y + HEIGHT / 2)
    return (start, (start[0], middle - GAP_Y / 2), (end[0], middle + GAP_Y / 2), end)


def _count(number: int) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)
