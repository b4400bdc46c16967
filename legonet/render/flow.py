"""A layout in columns: category modules, adapters (one row per pair), task modules; teachers outside."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from legonet.render.boxes import (
    CAPTION,
    MAX_MODULE,
    NAME,
    SMALL,
    TAG,
    Box,
    Curve,
    Layout,
    Line,
    bend,
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
from legonet.render.text import fit
from legonet.render.view import MEANING, EdgeView, ModuleView, View

_GAP = 44.0
_TEACHER_GAP = 30.0
_GROUP_GAP = 12.0
_MODULE_HEIGHT = 38.0
_ADAPTER_HEIGHT = 20.0
_ROW = 30.0
_OPEN_ROW = 16.0
_TASK_GAP = 14.0
_TAG_HEIGHT = 18.0
MAX_PORTS = 300.0


@dataclass(frozen=True, slots=True)
class _Column:
    x: float
    width: float

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class _Columns:
    category: _Column
    adapter: _Column
    figure: float
    task: _Column
    tag: float


@dataclass(frozen=True, slots=True)
class _Rows:
    """Heights: of each path, of each category's middle, and of the lowest point."""

    path: dict[str, float]
    category: dict[str, float]
    bottom: float


def lay_out(view: View, hidden: int = 0) -> Layout:
    """Place a view in columns; `hidden` open pairs were left out of it and are counted in the note."""
    layout = Layout()
    columns = _columns(view)
    rows = _rows(view)
    for module in view.categories:
        at = (columns.category.x, rows.category[module.name])
        size = (columns.category.width, _MODULE_HEIGHT)
        layout.boxes.append(module_box("category", module, at, size, _module_lines(module)))
    tasks = _tasks(layout, view, columns, rows.bottom)
    _edges(layout, view, columns, rows, tasks)
    bottom = _teachers(layout, view, columns, rows, tasks)
    _headings(layout, view, columns)
    if len(view.states() - {"open"}) > 1:
        add_legend(layout, view, columns.category.left, brick=False)
        bottom = layout.bounds[1]
    said = figures_note(view)
    if not view.categories and not view.tasks:
        said.append(f"{view.name} has no modules yet")
    if "open" in view.states():
        said.append(f"dotted: {MEANING['open']}")
    if hidden:
        said.append(f"{hidden} pairs are not connected yet and not drawn")
    note_box(layout, said, bottom)
    return layout


def _module_lines(module: ModuleView) -> tuple[Line, ...]:
    caption = module.caption
    if module.label != module.name:
        caption = f"{module.name} · {caption}" if caption else module.name
    name = Line(fit(module.label, MAX_MODULE, NAME, bold=True), NAME, bold=True)
    return (name, Line(fit(caption, MAX_MODULE, CAPTION), CAPTION, "soft")) if caption else (name,)


def _adapter_lines(view: View, edge: EdgeView) -> tuple[Line, ...]:
    lines = [Line(edge.caption or "adapter", TAG)]
    lines += [Line(fit(each, MAX_PORTS, SMALL), SMALL, "soft") for each in edge.ports]
    if edge.teacher is not None:
        teacher = view.teacher(edge.teacher)
        if not (teacher.gave_category or teacher.gave_task):
            taught = f"taught by {teacher.number} · {teacher.name}"
            lines.append(Line(fit(taught, MAX_MODULE, SMALL), SMALL, "soft"))
    return tuple(lines)


def _label(edge: EdgeView) -> tuple[Line, ...]:
    """What stands on the line behind the adapter: what is planned, or else what was measured."""
    if edge.state in ("planned", "refit", "removed"):
        return (Line(WORD[edge.state], TAG, "soft"),)
    if edge.state == "weak":
        figure = Line(f"{WORD['weak']} {edge.figure}".strip(), TAG)
    elif not edge.figure or edge.state == "open":
        return ()
    else:
        figure = Line(edge.figure, TAG)
    return (
        (figure, Line(f"\N{NO-BREAK SPACE}({edge.reference})", 8.0, "soft")) if edge.reference else (figure,)
    )


def _widest(lines: list[Line], least: float, padding: float) -> float:
    return max([least, *(line.width + padding for line in lines)])


def _columns(view: View) -> _Columns:
    category = _widest([line for module in view.categories for line in _module_lines(module)], 84, 20)
    task = _widest([line for module in view.tasks for line in _module_lines(module)], 84, 20)
    fitted = [edge for edge in view.edges if edge.state not in ("open", "native")]
    adapter = _widest([line for edge in fitted for line in _adapter_lines(view, edge)], 52, 14)
    labels = [label for edge in view.edges if (label := _label(edge))]
    figure = max((sum(line.width for line in label) + 16 for label in labels), default=10.0)
    tag = _widest([tag_line(view, teacher.number) for teacher in view.teachers], 40, 14)
    spread = len(view.edges) * _ROW if len(view.tasks) > 1 else 0.0
    reach = min(max(_GAP, 0.25 * spread), 240.0)
    x_adapter = category + _GAP + adapter / 2
    x_task = x_adapter + adapter / 2 + figure + reach + task / 2
    return _Columns(
        _Column(category / 2, category), _Column(x_adapter, adapter), figure, _Column(x_task, task), tag
    )


def _rows(view: View) -> _Rows:
    by_category: dict[str, list[EdgeView]] = defaultdict(list)
    for edge in view.edges:
        by_category[edge.category].append(edge)
    paths: dict[str, float] = {}
    centres: dict[str, float] = {}
    y = 0.0
    for category in view.categories:
        edges = by_category[category.name]
        heights = [_row_height(view, edge) for edge in edges]
        group = max(sum(heights), _MODULE_HEIGHT)
        centres[category.name] = y - group / 2
        top = y - (group - sum(heights)) / 2
        for edge, height in zip(edges, heights, strict=True):
            paths[edge.path] = top - height / 2
            top -= height
        y -= group + _GROUP_GAP
    return _Rows(paths, centres, y + _GROUP_GAP if view.categories else 0.0)


def _row_height(view: View, edge: EdgeView) -> float:
    if edge.state == "open":
        return _OPEN_ROW
    more = 0 if edge.state == "native" else len(_adapter_lines(view, edge)) - 1
    return _ROW + 8 * more


def _tasks(layout: Layout, view: View, columns: _Columns, bottom: float) -> dict[str, tuple[float, float]]:
    """Place the task modules, each as tall as its share of the pairs; returns their centre and height."""
    arriving = Counter(edge.task for edge in view.edges)
    count = len(view.tasks)
    needed = count * _MODULE_HEIGHT + (count - 1) * _TASK_GAP
    span = max(-bottom, needed)
    top = bottom / 2 + span / 2
    placed = {}
    for module in view.tasks:
        share = arriving[module.name] / len(view.edges) if view.edges else 1 / count
        height = _MODULE_HEIGHT + (span - needed) * share
        y = top - height / 2
        top -= height + _TASK_GAP
        placed[module.name] = (y, height)
        size = (columns.task.width, height)
        layout.boxes.append(module_box("task", module, (columns.task.x, y), size, _module_lines(module)))
    return placed


def _edges(
    layout: Layout, view: View, columns: _Columns, rows: _Rows, tasks: dict[str, tuple[float, float]]
) -> None:
    ports = _ports(view, rows, tasks)
    column = columns.adapter
    for edge in sorted(view.edges, key=lambda edge: edge.state != "open"):
        tip = edge_tip(view, edge)
        category, task = f"category:{edge.category}", f"task:{edge.task}"
        y = rows.path[edge.path]
        enter, leave = (column.left, y), (column.right, y)
        turn = (column.right + columns.figure, y)
        arrive = bend((columns.category.right, rows.category[edge.category]), enter)
        depart = bend(turn, (columns.task.left, ports[edge.path]))
        if edge.state == "open":
            points = (*arrive, *straight(enter, turn)[1:], *depart[1:])
            layout.curves.append(Curve(category, task, points, "through", "open", tip=tip))
            continue
        node = f"adapter:{edge.path}"
        if edge.state == "native":
            lines = (Line("identity", TAG, "soft"),)
            half = lines[0].width / 2 + 5
            box = Box(node, "identity", column.x, y, 2 * half, _ADAPTER_HEIGHT, lines, "native", tip)
            arrive = (*arrive, *straight(enter, (column.x - half, y))[1:])
            leave = (column.x + half, y)
        else:
            lines = _adapter_lines(view, edge)
            tall = _ADAPTER_HEIGHT + 9 * (len(lines) - 1)
            box = Box(node, "adapter", column.x, y, column.width, tall, lines, edge.state, tip)
        label = _label(edge)
        layout.boxes.append(box)
        layout.curves.append(Curve(category, node, arrive, "in", edge.state, tip=tip))
        layout.curves.append(
            Curve(
                tail=node,
                head=task,
                points=(*straight(leave, turn), *depart[1:]),
                kind="out",
                state=edge.state,
                arrow=True,
                label=label,
                label_at=(column.right + 7 + sum(line.width for line in label) / 2, y + 7),
                tip=tip,
            )
        )


def _ports(view: View, rows: _Rows, tasks: dict[str, tuple[float, float]]) -> dict[str, float]:
    """Where each path enters its task module: straight across if all can, else evenly in the rows' order."""
    by_task: dict[str, list[EdgeView]] = defaultdict(list)
    for edge in view.edges:
        by_task[edge.task].append(edge)
    ports = {}
    for name, edges in by_task.items():
        y, height = tasks[name]
        top = y + height / 2
        straight_across = all(abs(rows.path[edge.path] - y) <= height / 2 - 6 for edge in edges)
        for index, edge in enumerate(sorted(edges, key=lambda edge: -rows.path[edge.path])):
            even = top - (index + 0.5) * height / len(edges)
            ports[edge.path] = rows.path[edge.path] if straight_across else even
    return ports


def _teachers(
    layout: Layout, view: View, columns: _Columns, rows: _Rows, tasks: dict[str, tuple[float, float]]
) -> float:
    """Tags beside the modules that the teachers gave, or below if they gave none; returns the lowest y."""
    x_left = columns.category.left - _TEACHER_GAP - columns.tag / 2
    x_right = columns.task.right + _TEACHER_GAP + columns.tag / 2
    named = {edge.teacher for edge in view.edges if edge.state not in ("native", "open")}
    low = rows.bottom
    for teacher in view.teachers:
        lines = (tag_line(view, teacher.number),)
        tip = teacher_tip(view, teacher.number)
        if teacher.gave_category:
            y = rows.category[teacher.category]
            node = f"teacher:{teacher.name}:category"
            layout.boxes.append(Box(node, "teacher", x_left, y, columns.tag, _TAG_HEIGHT, lines, tip=tip))
            points = straight((x_left + columns.tag / 2, y), (columns.category.left, y))
            head = f"category:{teacher.category}"
            layout.curves.append(Curve(node, head, points, "gave", arrow=True, tip=tip))
        if teacher.gave_task:
            y = tasks[teacher.task][0]
            node = f"teacher:{teacher.name}:task"
            layout.boxes.append(Box(node, "teacher", x_right, y, columns.tag, _TAG_HEIGHT, lines, tip=tip))
            points = straight((x_right - columns.tag / 2, y), (columns.task.right, y))
            head = f"task:{teacher.task}"
            layout.curves.append(Curve(node, head, points, "gave", arrow=True, tip=tip))
        if not (teacher.gave_category or teacher.gave_task or teacher.number in named):
            low -= 24
            node = f"teacher:{teacher.name}"
            layout.boxes.append(Box(node, "teacher", x_left, low, columns.tag, _TAG_HEIGHT, lines, tip=tip))
    return low


def _headings(layout: Layout, view: View, columns: _Columns) -> None:
    tags = {box.x for box in layout.boxes if box.kind == "teacher"}
    headings = [(x, "teachers", "") for x in tags]
    if view.categories:
        headings.append((columns.category.x, "category modules", f"input {view.input}"))
    if any(box.kind in ("adapter", "identity") for box in layout.boxes):
        headings.append((columns.adapter.x, "adapters", ""))
    if view.tasks:
        headings.append((columns.task.x, "task modules", ""))
    y = layout.bounds[3] + 22
    for index, (x, text, below) in enumerate(sorted(headings)):
        layout.boxes.append(heading_box(text, below, (x, y), index))
