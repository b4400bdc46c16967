"""The picture of a program: every call is there, and no line runs through a box that it does not join."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from legonet.compile.assemble import join
from legonet.compile.options import CompileOptions
from legonet.compile.picture import picture
from legonet.render.boxes import Box, Curve, Point
from tests.compile.modules import Parts, parts
from tests.compile.test_properties import FEW, some_passes


def along(curve: Curve) -> list[Point]:
    """Points of a spline, some of each of its parts."""
    found: list[Point] = []
    for number in range(0, len(curve.points) - 1, 3):
        a, b, c, d = curve.points[number : number + 4]
        for step in range(21):
            t = step / 20
            weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
            x, y = (
                sum(weight * point[axis] for weight, point in zip(weights, (a, b, c, d), strict=True))
                for axis in (0, 1)
            )
            found.append((x, y))
    return found


def inside(box: Box, point: Point) -> bool:
    return abs(point[0] - box.x) < box.width / 2 and abs(point[1] - box.y) < box.height / 2


@FEW
@given(parts(), some_passes, st.booleans())
def test_lines_pass_by_boxes(made: Parts, passes: str | list[str], separate: bool) -> None:
    app = join(
        made.paths,
        made.input,
        made.categories,
        made.adapters,
        made.tasks,
        CompileOptions(passes, separate_inputs=separate),
    )
    layout = picture(app.program, "zoo").layout
    boxes = {box.id: box for box in layout.boxes}
    assert {call.name for call in app.program.calls} <= set(boxes)
    assert {f"path {path.name}" for path in app.paths} <= set(boxes)
    for left, right in combinations(layout.boxes, 2):
        apart = abs(left.x - right.x) >= (left.width + right.width) / 2
        assert apart or abs(left.y - right.y) >= (left.height + right.height) / 2
    for curve in layout.curves:
        others = [box for name, box in boxes.items() if name not in (curve.tail, curve.head)]
        assert not [box.id for box in others for point in along(curve) if inside(box, point)]
        first, last = boxes[curve.tail], boxes[curve.head]
        assert curve.points[0] == (first.x + first.width / 2, first.y)
        assert curve.points[-1] == (last.x - last.width / 2, last.y)
