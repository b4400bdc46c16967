"""A picture of a program: its calls in columns, from the images to the paths. Needs no torch."""

from __future__ import annotations

from legonet.compile.program import Call, Program
from legonet.render.boxes import CAPTION, NAME, Box, Curve, Kind, Layout, Line, bend
from legonet.render.layout import Drawing
from legonet.render.text import fit

WIDTH, HEIGHT, GAP_X, GAP_Y = 170.0, 40.0, 60.0, 14.0
KINDS: dict[str, Kind] = {
    "categories": "category",
    "stems": "category",
    "adapters": "adapter",
    "tasks": "task",
}


def picture(program: Program, name: str) -> Drawing:
    """Draw a program: one box per call, lines from what it reads.

    Args:
        program: what runs.
        name: of the network.
    """
    columns = _columns(program)
    layout = Layout()
    places: dict[str, tuple[float, float]] = {}
    widths: dict[str, float] = {}
    tallest = max(map(len, columns))
    for number, column in enumerate(columns):
        for row, (box_id, kind, lines) in enumerate(column):
            x = number * (WIDTH + GAP_X)
            y = (HEIGHT + GAP_Y) * (tallest / 2 - len(column) / 2 + len(column) - row)
            places[box_id] = x, y
            width = WIDTH if kind in KINDS.values() else max(line.width for line in lines) + 12
            widths[box_id] = width
            state = "built" if kind == "adapter" else None
            layout.boxes.append(Box(box_id, kind, x, y, width, HEIGHT, lines, state))
    for tail, head in _edges(program):
        (left, low), (right, high) = places[tail], places[head]
        points = bend((left + widths[tail] / 2, low), (right - widths[head] / 2, high))
        layout.curves.append(Curve(tail, head, points, "through", arrow=True))
    return Drawing(name, layout)


def _columns(program: Program) -> list[list[tuple[str, Kind, tuple[Line, ...]]]]:
    """Boxes by depth: images, calls, paths."""
    depth: dict[str, int] = {}
    sources: dict[str, None] = {}
    for call in program.calls:
        for ref in call.reads:
            if ref.call not in depth:
                depth[ref.call] = 0
                sources[ref.call] = None
        depth[call.name] = 1 + max(depth[ref.call] for ref in call.reads)
    columns: list[list[tuple[str, Kind, tuple[Line, ...]]]] = [[] for _ in range(max(depth.values()) + 2)]
    columns[0] = [(name, "identity", (Line(name, NAME),)) for name in sources]
    for call in program.calls:
        kind = KINDS.get(program.bricks[call.bricks[0]].kind, "identity")
        columns[depth[call.name]].append((call.name, kind, _lines(program, call)))
    columns[-1] = [(f"path {path}", "note", (Line(path, NAME),)) for path in _by_call(program)]
    return columns


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
