"""A layout as a table, for networks whose lines would hide one another.

A row per category, a column per task; an adapter is the brick where they cross. Edges are in the DOT text
but not drawn.
"""

from __future__ import annotations

from dataclasses import replace

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
from legonet.render.text import fit, width
from legonet.render.view import MEANING, STATES, ModuleView, State, View

_MAX_CATEGORY, _MAX_TASK = 140.0, 84.0
_ROW, _ROW_GAP = 14.0, 2.0
_COLUMN_GAP = 4.0
_GAP = 12.0
_TEACHER_GAP = 22.0


def lay_out(view: View) -> Layout:
    """Place a view as a table."""
    layout = Layout()
    wide = max([80.0, *(_line(module, _MAX_CATEGORY).width + 14 for module in view.categories)])
    column = max([34.0, *(_line(module, _MAX_TASK).width + 10 for module in view.tasks)])
    rows = {m.name: -(_ROW + _ROW_GAP) * i - _ROW / 2 for i, m in enumerate(view.categories)}
    columns = {
        m.name: wide + _GAP + column / 2 + (column + _COLUMN_GAP) * i for i, m in enumerate(view.tasks)
    }
    head = _GAP + 10.0
    for module in view.categories:
        at, size = (wide / 2, rows[module.name]), (wide, _ROW)
        layout.boxes.append(module_box("category", module, at, size, (_line(module, _MAX_CATEGORY),)))
    for module in view.tasks:
        at, size = (columns[module.name], head), (column, 20.0)
        layout.boxes.append(module_box("task", module, at, size, (_line(module, _MAX_TASK),)))
    for edge in view.edges:
        if edge.state == "open":
            continue
        x, y = columns[edge.task], rows[edge.category]
        tip = edge_tip(view, edge)
        node = f"adapter:{edge.path}"
        layout.boxes.append(_brick(node, x, y, column, edge.state, edge.figure, tip))
        ends = (f"category:{edge.category}", node, f"task:{edge.task}")
        entry, leave = straight((wide, y), (x - column / 2, y)), straight((x, y), (x, head - 10))
        layout.curves.append(Curve(ends[0], ends[1], entry, "in", edge.state, tip=tip, drawn=False))
        layout.curves.append(Curve(ends[1], ends[2], leave, "out", edge.state, tip=tip, drawn=False))
    tagged = _teachers(layout, view, rows, columns, column, head)
    top = layout.bounds[3] + 20
    headings = [(wide / 2, "category modules", f"input {view.input}")]
    if view.tasks:
        headings.append(((min(columns.values()) + max(columns.values())) / 2, "task modules", ""))
    if tagged is not None:
        headings.insert(0, (tagged, "teachers", ""))
    for index, (x, text, below) in enumerate(headings):
        layout.boxes.append(heading_box(text, below, (x, top), index))
    _legend(layout, view, wide + _GAP)
    said = figures_note(replace(view, edges=tuple(replace(edge, reference="") for edge in view.edges)))
    if "open" in view.states():
        said.append(f"empty: {MEANING['open']}")
    note_box(layout, said, 0.0)
    return layout


def _line(module: ModuleView, limit: float) -> Line:
    return Line(fit(module.label, limit, TAG), TAG)


def _brick(node: str, x: float, y: float, wide: float, state: State, figure: str, tip: str) -> Box:
    kind = "identity" if state == "native" else "adapter"
    text = figure if state in ("built", "native") and width(figure, SMALL) <= wide - 4 else ""
    lines = (Line(text, SMALL),) if text else ()
    return Box(node, kind, x, y, wide, _ROW - 2, lines, state, tip, brick=True)


def _teachers(
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
            layout.boxes.append(Box(node, "teacher", x, y, tag, _ROW, lines, tip=tip, brick=True))
            points = straight((x + tag / 2, y), (0.0, y))
            layout.curves.append(
                Curve(node, f"category:{teacher.category}", points, "gave", arrow=True, tip=tip)
            )
        if teacher.gave_task:
            at, y = columns[teacher.task], head + 10 + _TEACHER_GAP + _ROW / 2
            node = f"teacher:{teacher.name}:task"
            line = tag_line(view, teacher.number)
            if line.width > column - 4:
                line = Line(str(teacher.number), TAG, "soft")
            layout.boxes.append(Box(node, "teacher", at, y, column, _ROW, (line,), tip=tip, brick=True))
            points = straight((at, y - _ROW / 2), (at, head + 10))
            layout.curves.append(Curve(node, f"task:{teacher.task}", points, "gave", arrow=True, tip=tip))
    return x if givers else None


def _legend(layout: Layout, view: View, left: float) -> None:
    """A brick of each state that occurs, and what it means."""
    states: list[State] = [state for state in STATES if state in view.states() and state != "open"]
    x, y = left, layout.bounds[1] - 20
    for state in states:
        word = "identity" if state == "native" else MEANING[state]
        line = Line(word, 8.5, "soft")
        layout.boxes.append(_brick(f"legend:{state}", x + 10, y, 20, state, "", MEANING[state]))
        box = Box(f"legend:{state}:text", "note", x + 25 + line.width / 2, y, line.width + 4, 14, (line,))
        layout.boxes.append(box)
        x += 25 + line.width + 22
