"""The state of the draft, as the page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from legonet.blocks.files import list_blocks
from legonet.errors import Problem
from legonet.graph.editing.dump import graph_data
from legonet.graph.json_schema import model_schema
from legonet.graph.method import METHODS
from legonet.graph.schema import Adapter
from legonet.graph.select import givers
from legonet.plan.plan import PlannedEdge
from legonet.render import flow
from legonet.render.view import FITTED, STATE_OF_ACTION, EdgeView, View, make_view
from legonet.studio.draft import Snapshot
from legonet.studio.drafted import Drafted
from legonet.studio.models.base import Cost, ProblemData
from legonet.studio.models.graph import Brick, Edge, Measuring, Place, State, TaskBrick, TeacherBrick

Figures = Mapping[str, Mapping[str, object]]


def state_of(
    path: Path,
    snapshot: Snapshot,
    drafted: Drafted,
    figures: Figures,
    measuring: Measuring,
    *,
    changed_outside: bool,
    read_only: bool,
) -> State:
    """What the page shows.

    Args:
        path: The graph file.
        snapshot: The draft.
        drafted: What is known of its network.
        figures: What was measured, by path: the row of `legonet evaluate --json`.
        measuring: How far that is.
        changed_outside: The file is not what it was.
        read_only: Nothing may be changed.
    """
    graph = drafted.graph
    view = make_view(graph, drafted.lock, drafted.plan)
    edges = _edges(view, drafted, figures)
    return State(
        file=str(path),
        name=graph.name,
        revision=snapshot.revision,
        etag=snapshot.etag,
        can_undo=snapshot.can_undo,
        can_redo=snapshot.can_redo,
        dirty=snapshot.dirty,
        changed_outside=changed_outside,
        read_only=read_only,
        graph=graph_data(graph),
        categories=_categories(view, drafted),
        tasks=_tasks(view, drafted),
        teachers=_teachers(view, drafted),
        edges=edges,
        applications={name: tuple(paths) for name, paths in graph.applications.items()},
        layout=_layout(view, {each.path for each in edges}),
        blocks=tuple(list_blocks(drafted.project.workspace.block_folders))
        if drafted.project.workspace
        else (),
        methods={name: dict(model_schema(kind)) for name, kind in zip(METHODS.names(), METHODS, strict=True)},
        measuring=measuring,
        problems=shown_problems(drafted.problems),
    )


def shown_problems(problems: tuple[Problem, ...]) -> tuple[ProblemData, ...]:
    """Problems as answers hold them."""
    return tuple(ProblemData(text=each.text, **asdict(each)) for each in problems)


def _categories(view: View, drafted: Drafted) -> tuple[Brick, ...]:
    given = givers(drafted.graph if drafted.planned is None else drafted.planned.graph).categories
    return tuple(
        Brick(
            name=each.name,
            label=each.label,
            port=drafted.gives.get(each.name),
            teacher=given.get(each.name),
            caption=each.caption,
            built=each.sha256 is not None,
        )
        for each in view.categories
        if not each.ghost
    )


def _tasks(view: View, drafted: Drafted) -> tuple[TaskBrick, ...]:
    given = givers(drafted.graph if drafted.planned is None else drafted.planned.graph).tasks
    found = []
    for each in view.tasks:
        if each.ghost:
            continue
        task = drafted.graph.tasks[each.name]
        output = graph_data(task.output) | {"kind": task.output.kind}
        labels = output.get("labels", getattr(task.output, "labels", None))
        found.append(
            TaskBrick(
                name=each.name,
                port=drafted.takes.get(each.name),
                teacher=given.get(each.name),
                caption=each.caption,
                built=each.sha256 is not None,
                kind=task.output.kind,
                labels=tuple(map(str, labels or ())),
                output=output,
                adapter=_settings(task.adapter),
            )
        )
    return tuple(found)


def _teachers(view: View, drafted: Drafted) -> tuple[TeacherBrick, ...]:
    found = []
    for each in view.teachers:
        entry = drafted.graph.teachers[each.name]
        found.append(
            TeacherBrick(
                number=each.number,
                name=each.name,
                category=each.category,
                task=each.task,
                model=entry.model,
                weights=entry.weights,
                cut=entry.cut,
                quality=entry.quality,
                caption=each.caption,
                gave_category=each.gave_category,
                gave_task=each.gave_task,
            )
        )
    return tuple(found)


def _settings(adapter: Adapter) -> dict[str, object]:
    return adapter.model_dump(mode="json")


def _edges(view: View, drafted: Drafted, figures: Figures) -> tuple[Edge, ...]:
    graph, planned = drafted.graph, drafted.by_path
    taught = {f"{each.category}:{each.task}" for each in graph.teachers.values()}
    keys = {key for path in planned if (key := _key(drafted, path)) is not None}
    notes = drafted.project.journal.notes_of(keys)
    return tuple(
        _edge(each, planned.get(each.path), drafted, notes, figures, each.path in taught)
        for each in view.edges
        if each.path in taught or each.path in graph.adapters or _is_removed(planned.get(each.path))
    )


def _is_removed(planned: PlannedEdge | None) -> bool:
    return planned is not None and planned.action == "remove"


def _key(drafted: Drafted, path: str) -> str | None:
    locked = drafted.lock.adapters.get(path)
    return None if locked is None else locked.key


def _edge(
    view: EdgeView,
    planned: PlannedEdge | None,
    drafted: Drafted,
    notes: Mapping[str, tuple[str, ...]],
    figures: Figures,
    taught: bool,
) -> Edge:
    graph, path = drafted.graph, view.path
    own = graph.adapters.get(path)
    spec = own or (graph.tasks[view.task].adapter if view.task in graph.tasks else None)
    if view.state == "removed" and planned is not None and planned.action != "remove":
        # The path stands twice: its old adapter goes, and it is there.
        state = STATE_OF_ACTION[planned.action]
        view = replace(view, state=state, reason="; ".join(dict.fromkeys((planned.reason, view.reason))))
    locked = drafted.lock.adapters.get(path)
    quality = dict(locked.quality) if locked is not None and view.state in FITTED else {}
    agreement = quality.get("agreement")
    figure = figures.get(path, {}) if view.state in {*FITTED, "native"} else {}
    joined = drafted.ports.get(path)
    cost = None if planned is None or planned.cost is None else Cost(**planned.cost._asdict())
    return Edge(
        path=path,
        category=view.category,
        task=view.task,
        connected=taught or own is not None,
        state=view.state,
        reason=view.reason,
        teacher=None if planned is None else planned.teacher,
        method=view.method,
        adapter=None if spec is None or view.state == "native" else _settings(spec),
        own=own is not None,
        layers=() if joined is None else joined.layers,
        notes=(*_weakness(drafted, path), *notes.get(_key(drafted, path) or "", ()))
        if view.state in FITTED
        else (),
        weak=view.state == "weak",
        agreement=agreement,
        agreement_from=quality.get("agreement from"),
        agreement_to=quality.get("agreement to"),
        measure=str(figure.get("measure", "")),
        error=_number(figure.get("transplanted")),
        teacher_error=_number(figure.get("teacher")),
        unadapted_error=_number(figure.get("unadapted")),
        quality=quality,
        cost=cost,
    )


def _weakness(drafted: Drafted, path: str) -> tuple[str, ...]:
    """What is said of a weak path, and what would help."""
    known = () if drafted.plan is None else drafted.plan.weak
    return tuple(str(each) for each in known if each.path == path)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _layout(view: View, paths: set[str]) -> dict[str, Place]:
    """Where legonet's own diagrams have the bricks, whose y points upwards; each connected path has one."""
    connected = [each for each in view.edges if each.path in paths]
    bricks = (replace(each, state="planned") if each.state == "open" else each for each in connected)
    drawn = replace(view, edges=tuple(bricks))
    found = {}
    for box in flow.lay_out(drawn).boxes:
        if box.kind in ("category", "task", "adapter", "identity") and not box.id.startswith("legend:"):
            place = Place(x=box.x, y=-box.y, width=box.width, height=box.height)
            found[box.id.removeprefix("adapter:")] = place
    return found
