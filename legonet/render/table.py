"""A layout as a table, for networks whose lines would hide one another.

A row per category, a column per task; an adapter is the brick where they cross, which says what is or becomes
of it, how it is fitted, and who taught it. Edges are in the DOT text but not drawn.
"""

from __future__ import annotations

from legonet.render.boxes import (
    SMALL,
    TAG,
    Box,
    Curve,
    Layout,
    Line,
    edge_tip,
    figures_note,
    heading_box,
    module_box,
    note_box,
    straight,
    tag_line,
    teacher_tip,
)
from legonet.render.legend import WORD, add_legend
from legonet.render.text import fit, width
from legonet.render.view import FITTED, MEANING, EdgeView, ModuleView, View

_MAX_CATEGORY, _MAX_CELL = 140.0, 150.0
_ROW, _TALL, _ROW_GAP = 26.0, 34.0, 3.0
_COLUMN_GAP = 4.0
_GAP = 12.0
_TEACHER_GAP = 22.0
_TAG_HEIGHT = 14.0
_PADDING = 10.0


def lay_out(view: View) -> Layout:
    """Place a view as a table."""
    layout = Layout()
    wide = max([80.0, *(_line(module, _MAX_CATEGORY).width + 14 for module in view.categories)])
    shown = [edge for edge in view.edges if edge.state != "open"]
    tall = any(width(_below(view, edge), SMALL) > _MAX_CELL for edge in shown)
    cells, row = {edge.path: _cell(view, edge, tall) for edge in shown}, _TALL if tall else _ROW
    column = max(
        [
            34.0,
            *(_line(module, _MAX_CELL).width + _PADDING for module in view.tasks),
            *(line.width + _PADDING for lines in cells.values() for line in lines),
        ]
    )
    rows = {m.name: -(row + _ROW_GAP) * i - row / 2 for i, m in enumerate(view.categories)}
    columns = {
        m.name: wide + _GAP + column / 2 + (column + _COLUMN_GAP) * i for i, m in enumerate(view.tasks)
    }
    head = _GAP + 10.0
    for module in view.categories:
        at, size = (wide / 2, rows[module.name]), (wide, row - 4)
        layout.boxes.append(module_box("category", module, at, size, (_line(module, _MAX_CATEGORY),)))
    for module in view.tasks:
        at, size = (columns[module.name], head), (column, 20.0)
        layout.boxes.append(module_box("task", module, at, size, (_line(module, _MAX_CELL),)))
    for edge in shown:
        x, y = columns[edge.task], rows[edge.category]
        tip, node = edge_tip(view, edge), f"adapter:{edge.path}"
        kind = "identity" if edge.state == "native" else "adapter"
        lines = cells[edge.path]
        layout.boxes.append(Box(node, kind, x, y, column, row, lines, edge.state, tip, brick=True))
        ends = (f"category:{edge.category}", node, f"task:{edge.task}")
        entry, leave = straight((wide, y), (x - column / 2, y)), straight((x, y), (x, head - 10))
        layout.curves.append(Curve(ends[0], ends[1], entry, "in", edge.state, tip=tip, drawn=False))
        layout.curves.append(Curve(ends[1], ends[2], leave, "out", edge.state, tip=tip, drawn=False))
    tagged = _givers(layout, view, rows, columns, column, head)
    top = layout.bounds[3] + 22
    headings = [(wide / 2, "category modules", f"input {view.input}")]
    if view.tasks:
        headings.append(((min(columns.values()) + max(columns.values())) / 2, "task modules", ""))
    if tagged is not None:
        headings.insert(0, (tagged, "teachers", ""))
    for index, (x, text, below) in enumerate(headings):
        layout.boxes.append(heading_box(text, below, (x, top), index))
    _others(layout, view)
    add_legend(layout, view, layout.bounds[0], brick=True)
    said = figures_note(view)
    if any(edge.teacher is not None for edge in view.edges):
        said.append("below: the method, and the teacher by its number of arrival")
    if "open" in view.states():
        said.append(f"empty: {MEANING['open']}")
    note_box(layout, said, 0.0)
    return layout


def _line(module: ModuleView, limit: float) -> Line:
    return Line(fit(module.label, limit, TAG), TAG)


def _cell(view: View, edge: EdgeView, tall: bool) -> tuple[Line, ...]:
    """What a brick says: its state and figure, then the method and the teacher, a line for each if tall."""
    words = [WORD[edge.state]]
    if edge.figure and edge.state in FITTED | {"native"}:
        words.append(edge.figure + (f" ({edge.reference})" if edge.reference else ""))
    lines = [Line(fit(" · ".join(words), _MAX_CELL, TAG), TAG)]
    below = [edge.method, _teacher(view, edge)] if tall else [_below(view, edge)]
    lines += [Line(fit(text, _MAX_CELL, SMALL), SMALL) for text in below if text]
    return tuple(lines)


def _below(view: View, edge: EdgeView) -> str:
    return " · ".join(part for part in (edge.method, _teacher(view, edge)) if part)


def _teacher(view: View, edge: EdgeView) -> str:
    """The teacher by its number, which stays whole where its name is shortened."""
    if edge.teacher is None:
        return ""
    number = f"{edge.teacher}\N{NO-BREAK SPACE}"
    return number + fit(view.teacher(edge.teacher).name, _MAX_CELL - width(number, SMALL), SMALL)


def _givers(
    layout: Layout, view: View, rows: dict[str, float], columns: dict[str, float], column: float, head: float
) -> float | None:
    """Tags left of the categories and above the tasks that the teachers gave; returns the x of the former."""
    givers = [teacher for teacher in view.teachers if teacher.gave_category]
    tag = max([40.0, *(tag_line(view, teacher.number).width + 12 for teacher in givers)])
    x = -_TEACHER_GAP - tag / 2
    for teacher in view.teachers:
        tip = teacher_tip(view, teacher.number)
        if teacher.gave_category:
            y = rows[teacher.category]
            node = f"teacher:{teacher.name}:category"
            lines = (tag_line(view, teacher.number),)
            layout.boxes.append(Box(node, "teacher", x, y, tag, _TAG_HEIGHT, lines, tip=tip, brick=True))
            points = straight((x + tag / 2, y), (0.0, y))
            layout.curves.append(
                Curve(node, f"category:{teacher.category}", points, "gave", arrow=True, tip=tip)
            )
        if teacher.gave_task:
            at, y = columns[teacher.task], head + 10 + _TEACHER_GAP + _TAG_HEIGHT / 2
            node = f"teacher:{teacher.name}:task"
            line = tag_line(view, teacher.number, max(20.0, column - 4))
            layout.boxes.append(
                Box(node, "teacher", at, y, column, _TAG_HEIGHT, (line,), tip=tip, brick=True)
            )
            points = straight((at, y - _TAG_HEIGHT / 2), (at, head + 10))
            layout.curves.append(Curve(node, f"task:{teacher.task}", points, "gave", arrow=True, tip=tip))
    return x if givers else None


def _others(layout: Layout, view: View) -> None:
    """Tags below the table, of teachers that neither gave a module nor stand in a brick."""
    named = {edge.teacher for edge in view.edges if edge.state != "open"}
    left, y, right, _ = layout.bounds
    x = left
    y -= _TAG_HEIGHT / 2 + 8
    for teacher in view.teachers:
        if teacher.gave_category or teacher.gave_task or teacher.number in named:
            continue
        line = tag_line(view, teacher.number)
        wide = line.width + 14
        if x > left and x + wide > right:
            x, y = left, y - _TAG_HEIGHT - 6
        node, tip = f"teacher:{teacher.name}", teacher_tip(view, teacher.number)
        layout.boxes.append(Box(node, "teacher", x + wide / 2, y, wide, _TAG_HEIGHT, (line,), tip=tip))
        x += wide + 8
