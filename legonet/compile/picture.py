"""A picture of a program: its calls in columns, from the images to the paths. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from legonet.compile.program import Call, Program
from legonet.render.boxes import CAPTION, NAME, Box, Curve, Kind, Layout, Line, bend, straight
from legonet.render.layout import Drawing
from legonet.render.text import fit

WIDTH, HEIGHT, GAP_X, GAP_Y = 170.0, 40.0, 60.0, 14.0
LOW, LANE = 18.0, 4.0
"""Heights of a path's name, and of a line that passes by the boxes of a column."""

SWEEPS = 3
KINDS: dict[str, Kind] = {
    "categories": "category",
    "stems": "category",
    "adapters": "adapter",
    "tasks": "task",
}


@dataclass
class _Column:
    """What stands above each other: boxes, and lanes of lines that pass by; from the top."""

    ids: list[str]
    left: float = 0.0
    width: float = 0.0


def picture(program: Program, name: str) -> Drawing:
    """Draw a program: one box per call, lines from what it reads.

    Args:
        program: The program that runs.
        name: The network's name.
    """
    boxes = {box.id: box for box in _boxes(program)}
    depth = _depths(program)
    lines = [_lane(tail, head, depth) for tail, head in _edges(program)]
    columns = _ordered(list(boxes), lines, depth)
    _spread(columns, boxes)
    heights: dict[str, float] = {}
    for column in columns:
        tall = [_height(boxes.get(each)) + GAP_Y for each in column.ids]
        top = sum(tall) / 2
        for each, height in zip(column.ids, tall, strict=True):
            heights[each] = top - height / 2
            top -= height
    layout = Layout()
    for number, column in enumerate(columns):
        for each in column.ids:
            if each in boxes:
                x = columns[number].left + column.width / 2
                layout.boxes.append(replace(boxes[each], x=x, y=heights[each]))
    placed = {box.id: box for box in layout.boxes}
    for line in lines:
        tail, *lanes, head = line
        points = [(placed[tail].x + placed[tail].width / 2, placed[tail].y)]
        for number, lane in enumerate(lanes, depth[tail] + 1):
            left, right = columns[number].left, columns[number].left + columns[number].width
            points += [*bend(points[-1], (left, heights[lane]))[1:]]
            points += [*straight(points[-1], (right, heights[lane]))[1:]]
        end = placed[head].x - placed[head].width / 2, placed[head].y
        points += bend(points[-1], end)[1:]
        layout.curves.append(Curve(tail, head, tuple(points), "through", arrow=True))
    return Drawing(name, layout)


def _height(box: Box | None) -> float:
    return LANE if box is None else box.height


def _spread(columns: list[_Column], boxes: dict[str, Box]) -> None:
    """Put the columns beside each other, each as wide as its boxes."""
    left = 0.0
    for column in columns:
        column.left, column.width = left, max(boxes[each].width for each in column.ids if each in boxes)
        left += column.width + GAP_X


def _depths(program: Program) -> dict[str, int]:
    """The number of each box's column: images, calls, and the paths in the last."""
    depth: dict[str, int] = {}
    for call in program.calls:
        depth[call.name] = 1 + max(depth.setdefault(ref.call, 0) for ref in call.reads)
    last = max(depth.values()) + 1
    return depth | {f"path {path}": last for path in program.outputs}


def _lane(tail: str, head: str, depth: dict[str, int]) -> list[str]:
    """A line's way: its tail, a lane in each column that it passes, its head."""
    between = range(depth[tail] + 1, depth[head])
    return [tail, *(f"{tail} > {head} at {number}" for number in between), head]


def _ordered(boxes: list[str], lines: list[list[str]], depth: dict[str, int]) -> list[_Column]:
    """Boxes and lanes by column, in an order in which few lines cross.

    Each is brought to the mean place of what it is joined to in the column before, then in the column after,
    and again.
    """
    columns: list[_Column] = [_Column([]) for _ in range(max(depth.values()) + 1)]
    for box in boxes:
        columns[depth[box]].ids.append(box)
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for line in lines:
        for number, lane in enumerate(line[1:-1], depth[line[0]] + 1):
            columns[number].ids.append(lane)
        for tail, head in pairwise(line):
            before.setdefault(head, []).append(tail)
            after.setdefault(tail, []).append(head)
    for number in range(SWEEPS):
        joined = after if number % 2 else before
        rows: dict[str, int] = {}
        for column in reversed(columns) if number % 2 else columns:
            mean = {
                each: sum(rows[other] for other in joined[each]) / len(joined[each])
                for each in column.ids
                if each in joined
            }
            column.ids.sort(key=lambda each: mean.get(each, 0.0))
            rows |= {each: row for row, each in enumerate(column.ids)}
    return columns


def _boxes(program: Program) -> list[Box]:
    """Images, calls and paths, not placed yet."""
    sources = dict.fromkeys(ref.call for call in program.calls for ref in call.reads)
    calls = {call.name: call for call in program.calls}
    boxes = [_label(name, name, "identity") for name in sources if name not in calls]
    for call in program.calls:
        kind = KINDS.get(program.bricks[call.bricks[0]].kind, "identity")
        lines = _lines(program, call)
        wide = WIDTH if kind != "identity" else max(line.width for line in lines) + 12
        state = "built" if kind == "adapter" else None
        tip = ", ".join(dict.fromkeys(call.bricks))
        boxes.append(Box(call.name, kind, 0.0, 0.0, wide, HEIGHT, lines, state, tip))
    return boxes + [_label(f"path {path}", path, "note") for path in _by_call(program)]


def _label(box: str, text: str, kind: Kind) -> Box:
    line = Line(text, NAME)
    return Box(box, kind, 0.0, 0.0, line.width + 12, LOW, (line,))


def _by_call(program: Program) -> list[str]:
    """The paths, those of one call together."""
    order = {call.name: number for number, call in enumerate(program.calls)}
    return sorted(program.outputs, key=lambda path: order[program.outputs[path].call])


def _lines(program: Program, call: Call) -> tuple[Line, ...]:
    first = program.bricks[call.bricks[0]]
    names = " + ".join(dict.fromkeys(program.bricks[name].name or "normalise" for name in call.bricks))
    said = first.kind if first.kind == "stems" else ""
    if call.is_group:
        said = f"{len(call.bricks)} side by side"
    elif call.is_batch:
        said = f"{len(call.reads)} as one batch"
    steps = f"{len(first.steps)} layers" if len(first.steps) > 1 else "1 layer"
    caption = " · ".join(part for part in (said, steps) if part)
    return (
        Line(fit(names, WIDTH - 12, NAME, bold=True), NAME, bold=True),
        Line(fit(caption, WIDTH - 12, CAPTION), CAPTION, "soft"),
    )


def _edges(program: Program) -> list[tuple[str, str]]:
    found = {(ref.call, call.name): None for call in program.calls for ref in call.reads}
    found |= {(ref.call, f"path {path}"): None for path, ref in program.outputs.items()}
    return list(found)
