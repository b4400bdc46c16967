"""What a diagram shows, as plain values: a view of a graph, and of its lock, plan and figures if given.

Every back end (DOT, Mermaid, HTML) draws from a `View` and from nothing else.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol, get_args

from legonet.errors import RenderError
from legonet.graph.address import without_secrets
from legonet.graph.lock import Lock
from legonet.graph.schema import Adapter, Graph, Input
from legonet.graph.select import givers, split_path
from legonet.plan.weak import is_weak
from legonet.render.text import clean

State = Literal["built", "weak", "planned", "refit", "removed", "native", "open"]

STATE_OF_ACTION: dict[str, State] = {
    "add": "planned",
    "keep": "built",
    "refit": "refit",
    "remove": "removed",
    "native": "native",
    "open": "open",
}

STATES: tuple[State, ...] = get_args(State)
FITTED: frozenset[State] = frozenset({"built", "weak"})

MEANING: dict[State, str] = {
    "built": "fitted",
    "weak": "fitted, but weak: under 90 % agreement expected",
    "planned": "to be fitted",
    "refit": "to be fitted again",
    "removed": "to be removed",
    "native": "one teacher gave both modules",
    "open": "not connected yet",
}


class DrawnEdge(Protocol):
    """One line of a plan."""

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def action(self) -> str: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102


class DrawnPlan(Protocol):
    """A plan, as far as a diagram needs it."""

    @property
    def edges(self) -> Iterable[DrawnEdge]: ...  # noqa: D102


Figures = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class ModuleView:
    """A category or a task module; `teacher` is the number of arrival of the teacher that gave it."""

    name: str
    label: str
    caption: str
    teacher: int | None
    sha256: str | None = None
    ghost: bool = False
    """No longer in the graph; drawn because the plan removes an edge of it."""


@dataclass(frozen=True, slots=True)
class TeacherView:
    """A teacher; `number` counts arrivals from 1."""

    number: int
    name: str
    category: str
    task: str
    caption: str
    gave_category: bool
    gave_task: bool
    licence: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class EdgeView:
    """A pair of a category and a task, and what joins them."""

    category: str
    task: str
    state: State
    caption: str
    """Such as `3×3 · closed-form`; empty where there is no adapter."""
    method: str
    reason: str
    teacher: int | None
    """The first teacher of this pair, if one has arrived."""
    figure: str
    """The headline, such as `4.1 %`; empty if nothing was measured."""
    reference: str
    """The teacher's value of the headline."""
    measured: tuple[tuple[str, float], ...]
    """Everything known in numbers: the figures given, then the fit's own."""
    sha256: str | None = None
    key: str | None = None
    ports: tuple[str, ...] = ()
    """The shapes that its adapter joins, and its layers, a line for each; empty if nobody asked for them."""

    @property
    def path(self) -> str:
        """Such as `cat:classify`."""
        return f"{self.category}:{self.task}"


@dataclass(frozen=True, slots=True)
class View:
    """All that a diagram shows."""

    name: str
    input: str
    categories: tuple[ModuleView, ...]
    tasks: tuple[ModuleView, ...]
    teachers: tuple[TeacherView, ...]
    edges: tuple[EdgeView, ...]
    """By category, then by task, each in the order of the graph file."""
    applications: tuple[tuple[str, tuple[str, ...]], ...]

    def teacher(self, number: int) -> TeacherView:
        """The teacher that arrived as this number, from 1."""
        return self.teachers[bisect_left(self.teachers, number, key=lambda teacher: teacher.number)]

    def only(self, paths: Iterable[str]) -> View:
        """The part that shows some paths: their modules, and the teachers of these."""
        chosen = set(paths)
        edges = tuple(edge for edge in self.edges if edge.path in chosen)
        categories, tasks = {edge.category for edge in edges}, {edge.task for edge in edges}
        return replace(
            self,
            categories=tuple(each for each in self.categories if each.name in categories),
            tasks=tuple(each for each in self.tasks if each.name in tasks),
            teachers=tuple(
                replace(
                    each,
                    gave_category=each.gave_category and each.category in categories,
                    gave_task=each.gave_task and each.task in tasks,
                )
                for each in self.teachers
                if f"{each.category}:{each.task}" in chosen
                or (each.gave_category and each.category in categories)
                or (each.gave_task and each.task in tasks)
            ),
            edges=edges,
            applications=tuple(each for each in self.applications if chosen.issuperset(each[1])),
        )

    def states(self) -> frozenset[State]:
        """The states that occur."""
        return frozenset(edge.state for edge in self.edges)


def make_view(
    graph: Graph,
    lock: Lock | None = None,
    plan: DrawnPlan | Iterable[DrawnEdge] | None = None,
    figures: Figures | None = None,
    ports: Mapping[str, tuple[str, ...]] | None = None,
) -> View:
    """Work out what a diagram of a graph shows; pure and deterministic.

    Args:
        graph: The network.
        lock: What has been built; without it nothing counts as built.
        plan: What would be built; without it the state of an edge comes from graph and lock alone.
        figures: Measured values by path, such as `{"cat:classify": {"error": 0.041, "teacher": 0.017}}`,
            rates from 0 to 1.
        ports: What is said of the shapes that an adapter joins and of its layers, by path.

    Returns:
        The view.

    Raises:
        RenderError: The plan holds an action that no diagram knows, or a path that is none.
    """
    lock = lock or Lock()
    numbers = {name: number for number, name in enumerate(graph.teachers, start=1)}
    given = givers(graph)
    planned = _planned(plan)
    categories = [
        ModuleView(
            name=name,
            label=clean(category.label or name),
            caption=_origin(graph, given.categories[name], category.input),
            teacher=numbers.get(given.categories[name] or ""),
            sha256=lock.categories[name].module if name in lock.categories else None,
        )
        for name, category in graph.categories.items()
    ]
    tasks = [
        ModuleView(
            name=name,
            label=name,
            caption=clean(task.output.words()),
            teacher=numbers.get(given.tasks[name] or ""),
            sha256=lock.tasks[name].module if name in lock.tasks else None,
        )
        for name, task in graph.tasks.items()
    ]
    for path in planned:
        category, task = split_path(path)
        if category not in {module.name for module in categories}:
            categories.append(ModuleView(category, category, "no longer in the graph", None, ghost=True))
        if task not in {module.name for module in tasks}:
            tasks.append(ModuleView(task, task, "no longer in the graph", None, ghost=True))
    taught: dict[str, str] = {}
    for name, teacher in graph.teachers.items():
        taught.setdefault(f"{teacher.category}:{teacher.task}", name)
    edges = []
    for category in categories:
        for task in tasks:
            path = f"{category.name}:{task.name}"
            teacher = taught.get(path)
            if path in planned:
                state, reason = planned[path]
            elif category.ghost or task.ghost:
                continue
            else:
                native = category.teacher is not None and category.teacher == task.teacher
                state, reason = _state(category.name, task.name, teacher, native, lock), ""
            number = numbers[teacher] if teacher else None
            figure = (figures or {}).get(path, {})
            edge = _edge(graph, lock, path, state, reason, number, figure)
            edges.append(replace(edge, ports=tuple(map(clean, (ports or {}).get(path, ())))))
    return View(
        name=graph.name,
        input=_sizes(graph.input),
        categories=tuple(categories),
        tasks=tuple(tasks),
        teachers=tuple(
            TeacherView(
                number=numbers[name],
                name=name,
                category=teacher.category,
                task=teacher.task,
                caption=clean(f"{teacher.model}, cut after {teacher.cut}"),
                gave_category=given.categories.get(teacher.category) == name,
                gave_task=given.tasks.get(teacher.task) == name,
                licence=clean(teacher.licence or ""),
                source=clean(without_secrets(teacher.source or "")),
            )
            for name, teacher in graph.teachers.items()
        ),
        edges=tuple(edges),
        applications=tuple((name, tuple(paths)) for name, paths in graph.applications.items()),
    )


def _planned(plan: DrawnPlan | Iterable[DrawnEdge] | None) -> dict[str, tuple[State, str]]:
    if plan is None:
        return {}
    edges = plan if isinstance(plan, Iterable) else plan.edges
    found: dict[str, tuple[State, str]] = {}
    for edge in edges:
        if edge.action not in STATE_OF_ACTION:
            raise RenderError(
                f"plan: {clean(edge.path)}: found action {edge.action!r}; "
                f"expected one of {', '.join(STATE_OF_ACTION)}; make the plan again with this legonet"
            )
        state, reason = STATE_OF_ACTION[edge.action], clean(edge.reason)
        before, said = found.get(edge.path, (state, ""))
        # A path can stand twice: as what it is now, and as an adapter that is no longer used.
        if "native" in (before, state):
            state = "native"
        found[edge.path] = (state, "; ".join(part for part in (said, reason) if part))
    return found


def _state(category: str, task: str, teacher: str | None, native: bool, lock: Lock) -> State:
    """What a path is, from graph and lock alone; content hashes decide where the lock has them."""
    own = lock.teachers.get(teacher) if teacher else None
    f, g = lock.categories.get(category), lock.tasks.get(task)
    if own is not None and f is not None and g is not None:
        native = own.category_module == f.module and own.task_module == g.module
    if native:
        return "native"
    if f"{category}:{task}" in lock.adapters:
        return "built"
    return "planned" if teacher else "open"


def _edge(
    graph: Graph,
    lock: Lock,
    path: str,
    state: State,
    reason: str,
    teacher: int | None,
    figures: Mapping[str, float],
) -> EdgeView:
    category, task = split_path(path)
    locked = lock.adapters.get(path)
    if state == "built" and locked is not None and is_weak(locked.quality):
        state = "weak"
    spec = graph.adapters.get(path) or (graph.tasks[task].adapter if task in graph.tasks else None)
    method = caption = ""
    if state not in ("native", "open"):
        if spec is not None:
            method = spec.method if isinstance(spec.method, str) else spec.method.name
        if locked is not None and (state in FITTED or state == "removed"):
            method = locked.method
        caption = " · ".join(part for part in (_stack(spec) if spec else "", method) if part)
    figure, reference = _headline(figures)
    measured = dict(figures)
    for name, value in (locked.quality if locked else {}).items():
        measured.setdefault(name, value)
    return EdgeView(
        category=category,
        task=task,
        state=state,
        caption=clean(caption),
        method=clean(method),
        reason=reason,
        teacher=teacher,
        figure=figure,
        reference=reference,
        measured=tuple((clean(name), float(value)) for name, value in measured.items()),
        sha256=locked.adapter if locked else None,
        key=locked.key if locked else None,
    )


def _stack(adapter: Adapter) -> str:
    times = f"{adapter.depth} × " if adapter.depth > 1 else ""
    return f"{times}{adapter.kernel}×{adapter.kernel}"


def _sizes(image: Input) -> str:
    return " × ".join(str(size) for size in image.shape)


def _origin(graph: Graph, giver: str | None, image: Input | None) -> str:
    """Where a category module comes from, and what it sees if that is not what the others see."""
    if giver is None or giver not in graph.teachers:
        return "no teacher yet"
    teacher, sees = graph.teachers[giver], "" if image is None else f"{_sizes(image)}, "
    return clean(f"{sees}{teacher.model} to {teacher.cut}")


def _headline(figures: Mapping[str, float]) -> tuple[str, str]:
    if "error" in figures:
        return percent(figures["error"]), percent(figures["teacher"]) if "teacher" in figures else ""
    for name, value in figures.items():
        if name != "teacher":
            return f"{clean(name)} {number(value)}", number(
                figures["teacher"]
            ) if "teacher" in figures else ""
    return "", ""


def percent(rate: float) -> str:
    """A rate from 0 to 1 in percent, with one digit: 0.041 is `4.1 %` (a no-break space)."""
    return f"{100 * rate:.1f}\N{NO-BREAK SPACE}%" if math.isfinite(rate) else "–"


def number(value: float) -> str:
    """A number with three significant digits, zeros too: figures of a column have one length."""
    return f"{value:#.3g}".rstrip(".") if math.isfinite(value) else "–"


assert set(STATE_OF_ACTION.values()) | FITTED == set(get_args(State)) == set(MEANING)  # noqa: S101
