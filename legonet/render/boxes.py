"""What a layout is made of: boxes with lines of text, and curves between them, in points, y upwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from legonet.render.text import fit, width
from legonet.render.view import FITTED, MEANING, EdgeView, ModuleView, State, View

Kind = Literal["category", "task", "adapter", "identity", "teacher", "heading", "note"]
Point = tuple[float, float]

NAME, CAPTION, TAG, SMALL = 12.0, 8.5, 9.0, 7.5
"""Sizes of type."""

MAX_MODULE, MAX_TAG = 170.0, 120.0
"""Longer names are shortened in the middle."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text in a box."""

    text: str
    size: float
    tone: Literal["ink", "soft", "faint"] = "ink"
    bold: bool = False

    @property
    def width(self) -> float:
        """In points."""
        return width(self.text, self.size, bold=self.bold)


@dataclass(frozen=True, slots=True)
class Box:
    """A node: its centre, its size and its text."""

    id: str
    kind: Kind
    x: float
    y: float
    width: float
    height: float
    lines: tuple[Line, ...] = ()
    state: State | None = None
    tip: str = ""
    brick: bool = False
    """Part of a table, where there is little room: no outline around teachers, state told by the fill."""


@dataclass(frozen=True, slots=True)
class Curve:
    """An edge: a Bezier spline from one box's side to another's, with an optional label."""

    tail: str
    head: str
    points: tuple[Point, ...]
    kind: Literal["in", "out", "through", "gave"]
    state: State | None = None
    arrow: bool = False
    label: tuple[Line, ...] = ()
    label_at: Point = (0.0, 0.0)
    tip: str = ""
    drawn: bool = True


@dataclass(slots=True)
class Layout:
    """All boxes and curves, in the order in which they are drawn."""

    boxes: list[Box] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top of all boxes; zeros if there is none."""
        if not self.boxes:
            return (0.0, 0.0, 0.0, 0.0)
        return (
            min(box.x - box.width / 2 for box in self.boxes),
            min(box.y - box.height / 2 for box in self.boxes),
            max(box.x + box.width / 2 for box in self.boxes),
            max(box.y + box.height / 2 for box in self.boxes),
        )


def straight(start: Point, end: Point) -> tuple[Point, ...]:
    """A line as a Bezier curve."""
    third = ((end[0] - start[0]) / 3, (end[1] - start[1]) / 3)
    return (
        start,
        (start[0] + third[0], start[1] + third[1]),
        (end[0] - third[0], end[1] - third[1]),
        end,
    )


def bend(start: Point, end: Point) -> tuple[Point, ...]:
    """An S that leaves and arrives horizontally."""
    middle = (start[0] + end[0]) / 2
    return (start, (middle, start[1]), (middle, end[1]), end)


def module_box(
    kind: Literal["category", "task"],
    module: ModuleView,
    at: Point,
    size: tuple[float, float],
    lines: tuple[Line, ...],
) -> Box:
    """The box of a category or task module."""
    return Box(
        id=f"{kind}:{module.name}",
        kind=kind,
        x=at[0],
        y=at[1],
        width=size[0],
        height=size[1],
        lines=lines,
        state="removed" if module.ghost else None,
        tip=f"{kind} module {module.label}: {module.caption}",
    )


def tag_line(view: View, number: int, limit: float = MAX_TAG) -> Line:
    """What a teacher's tag says: its number of arrival and its name."""
    return Line(fit(f"{number} · {view.teacher(number).name}", limit, TAG), TAG, "soft")


def teacher_tip(view: View, number: int) -> str:
    """What is said of a teacher where there is room."""
    teacher = view.teacher(number)
    parts = [f"{teacher.category}:{teacher.task}", teacher.caption]
    parts += [f"licence {teacher.licence}"] if teacher.licence else []
    parts += [f"from {teacher.source}"] if teacher.source else []
    return f"teacher {number}, {teacher.name}: {', '.join(parts)}"


def edge_tip(view: View, edge: EdgeView) -> str:
    """What is said of a path where there is room."""
    parts = [part for part in (edge.caption, *edge.ports, edge.reason or MEANING[edge.state]) if part]
    if edge.figure:
        parts.append(edge.figure)
    if edge.teacher is not None:
        parts.append(f"teacher {view.teacher(edge.teacher).name}")
    return f"{edge.path}: {'; '.join(parts)}"


def heading_box(text: str, below: str, at: Point, index: int) -> Box:
    """A column's heading, with a second line or the room of one."""
    lines = (Line(text, 10.0, "soft"), Line(below or "\N{NO-BREAK SPACE}", 8.0, "faint"))
    wide = max(line.width for line in lines) + 8
    return Box(f"heading:{index}", "heading", at[0], at[1], wide, 28, lines)


def note_box(layout: Layout, said: list[str], bottom: float) -> None:
    """Add what the picture does not say by itself below it, if that is anything."""
    if said:
        left, low, right, _ = layout.bounds
        line = Line(" · ".join(said), CAPTION, "faint")
        y = min(bottom, low) - 20
        layout.boxes.append(Box("note", "note", (left + right) / 2, y, line.width + 8, 16, (line,)))


def figures_note(view: View) -> list[str]:
    """How to read the figures, if there are any."""
    shown = [edge for edge in view.edges if edge.figure and edge.state in FITTED | {"native"}]
    errors = [edge.figure.endswith("%") for edge in shown]
    teachers = any(edge.reference for edge in shown)
    if errors and all(errors):
        return ["error of the path (of its teacher)" if teachers else "error of the path"]
    return [
        *(["in percent: error of the path"] if any(errors) else []),
        *(["in brackets: of the path's teacher"] if teachers else []),
    ]
