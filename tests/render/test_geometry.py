"""No text touches another, and every teacher is there, in pictures of all sizes."""

from __future__ import annotations

from itertools import combinations
from typing import Any, NamedTuple

import pytest

from legonet.graph.lock import Lock
from legonet.render import draw
from legonet.render.boxes import Layout
from legonet.render.layout import TABLE_FROM, lay_out
from legonet.render.view import View, make_view

ACTIONS = ("keep", "add", "refit", "keep", "remove", "keep")
NAMES = ("classify", "segment", "a-task-of-a-longer-name-than-most", "猫を数える")


class Edge(NamedTuple):
    path: str
    action: str
    reason: str = ""


def picture(make_graph: Any, categories: int, tasks: int, missing: frozenset[str] = frozenset()) -> View:
    """A network in every state, with long names and letters that are wide."""
    names = [
        ("動物" if i % 7 == 3 else "category-of-a-long-name" if i % 5 == 2 else "c") + str(i)
        for i in range(categories)
    ]
    graph = make_graph(names, NAMES[:tasks])
    kept = {
        name: each for name, each in graph.teachers.items() if f"{each.category}:{each.task}" not in missing
    }
    graph = graph.model_copy(update={"teachers": kept})
    plan, figures, adapters = [], {}, {}
    for number, each in enumerate(kept.values()):
        path = f"{each.category}:{each.task}"
        action = "native" if each.category == names[0] else ACTIONS[number % len(ACTIONS)]
        plan.append(Edge(path, action))
        figures[path] = {"error": number % 30 / 100, "teacher": 0.01}
        if action in ("keep", "remove"):
            methods = ("auto", "back-distillation", "a-method-of-ones-own-with-a-long-name")
            sha = "a" * 64
            adapters[path] = {
                "key": sha,
                "inputs": {},
                "adapter": sha,
                "method": methods[number % 3],
                "seed": 0,
            }
    return make_view(graph, Lock.model_validate({"adapters": adapters}), plan, figures)


Rectangle = tuple[float, float, float, float]


def texts(layout: Layout) -> list[tuple[str, Rectangle]]:
    """Where each line of text is: left, bottom, right, top."""
    found = []
    for box in layout.boxes:
        heights = [line.size * 1.15 for line in box.lines]
        top = box.y + sum(heights) / 2
        for line, height in zip(box.lines, heights, strict=True):
            if line.text.strip():
                found.append((line.text, (box.x - line.width / 2, top - height, box.x + line.width / 2, top)))
            top -= height
    for curve in layout.curves:
        wide, (x, y) = sum(line.width for line in curve.label), curve.label_at
        if wide:
            size = max(line.size for line in curve.label)
            text = "".join(line.text for line in curve.label)
            found.append((text, (x - wide / 2, y - size / 2, x + wide / 2, y + size / 2)))
    return found


def meet(a: Rectangle, b: Rectangle) -> bool:
    room = 0.5
    return a[0] < b[2] - room and b[0] < a[2] - room and a[1] < b[3] - room and b[1] < a[3] - room


SIZES = [(1, 1), (5, 2), (12, 2), (12, 3), (60, 2), (9, 4)]


@pytest.mark.parametrize(("categories", "tasks"), SIZES)
@pytest.mark.parametrize("missing", [frozenset(), frozenset({"c1:classify", "c1:segment", "c4:classify"})])
def test_no_text_touches_another(
    make_graph: Any, categories: int, tasks: int, missing: frozenset[str]
) -> None:
    layout = lay_out(picture(make_graph, categories, tasks, missing))
    touching = [(a[0], b[0]) for a, b in combinations(texts(layout), 2) if meet(a[1], b[1])]
    assert touching == []
    for box in layout.boxes:
        assert all(line.width <= box.width for line in box.lines), box.id
        assert sum(line.size * 1.15 for line in box.lines) <= box.height + 2, box.id
    solid = [box for box in layout.boxes if box.kind not in ("heading", "note")]
    edges = [(b.x - b.width / 2, b.y - b.height / 2, b.x + b.width / 2, b.y + b.height / 2) for b in solid]
    assert not [pair for pair in combinations(edges, 2) if meet(*pair)]


@pytest.mark.parametrize(("categories", "tasks"), SIZES)
def test_every_teacher_is_there(make_graph: Any, categories: int, tasks: int) -> None:
    view = picture(make_graph, categories, tasks)
    layout = lay_out(view)
    said = " ".join(text.replace("\N{NO-BREAK SPACE}", " ") for text, _ in texts(layout))
    for teacher in view.teachers:
        tagged = any(box.id.startswith(f"teacher:{teacher.name}") for box in layout.boxes)
        assert (
            tagged or f"by {teacher.number} · " in said or f"{teacher.number} {teacher.name[:3]}" in said
        ), teacher


def test_a_teacher_without_an_edge_is_placed_in_a_table(make_graph: Any) -> None:
    graph = make_graph([f"c{i}" for i in range(30)], ["classify"])
    view = make_view(graph, None, [Edge("c7:classify", "open")])
    layout = lay_out(view)
    (tag,) = [box for box in layout.boxes if box.id.startswith("teacher:") and "c7" in box.id]
    assert tag.lines


@pytest.mark.parametrize(("categories", "tasks"), [(TABLE_FROM - 1, 1), (12, 3)])
def test_a_brick_says_state_figure_method_and_teacher(make_graph: Any, categories: int, tasks: int) -> None:
    view = picture(make_graph, categories, tasks)
    layout = lay_out(view)
    bricks = {box.id: box for box in layout.boxes if box.brick and box.kind in ("adapter", "identity")}
    if categories * tasks < TABLE_FROM:
        assert not bricks
        return
    for edge in view.edges:
        first, *rest = [line.text for line in bricks[f"adapter:{edge.path}"].lines]
        words = {
            "built": "fitted",
            "planned": "add",
            "refit": "refit",
            "removed": "remove",
            "native": "identity",
        }
        assert first.startswith(words[edge.state])
        if edge.state in ("built", "native"):
            assert edge.figure in first
        assert not edge.method or rest[0].startswith(edge.method[:4])
        assert str(edge.teacher) in rest[-1]


@pytest.mark.parametrize("categories", [5, 12])
def test_what_a_brick_says_is_not_cut(make_graph: Any, categories: int) -> None:
    """A teacher's name and a method of thirty letters stand whole, each on a line of its own."""
    name = "the-third-of-our-own-experts"
    graph = make_graph([f"c{i}" for i in range(categories)], NAMES[:2])
    teachers = {f"{name}-{i}": each for i, each in enumerate(graph.teachers.values())}
    path = f"c{categories - 1}:segment"
    adapter = {"key": "a" * 64, "inputs": {}, "adapter": "a" * 64, "method": "back-distillation", "seed": 0}
    view = make_view(
        graph.model_copy(update={"teachers": teachers}),
        Lock.model_validate({"adapters": {path: adapter}}),
        [Edge(path, "keep")],
    )
    layout = lay_out(view)
    box = next(each for each in layout.boxes if each.id == f"adapter:{path}")
    said = " ".join(line.text.replace("\N{NO-BREAK SPACE}", " ") for line in box.lines)
    assert "back-distillation" in said
    assert f"{len(teachers)}" in said
    assert f"{name}-{len(teachers) - 1}" in said
    assert "…" not in said


@pytest.mark.parametrize(("categories", "tasks"), [(5, 2), (12, 3)])
def test_a_legend_shows_each_state(make_graph: Any, categories: int, tasks: int) -> None:
    view = picture(make_graph, categories, tasks)
    shown = {box.state for box in lay_out(view).boxes if box.id.startswith("legend:") and box.state}
    assert shown == view.states()


def test_no_two_states_differ_by_colour_alone(make_graph: Any) -> None:
    """Printed in grey, a brick's word, or what is written on the line, tells its state."""
    table, lines = lay_out(picture(make_graph, 12, 3)), lay_out(picture(make_graph, 5, 2))
    for layout in (table, lines):
        said: dict[str, set[str]] = {}
        for curve in layout.curves:
            if curve.kind == "out" and curve.state:
                brick = next(box for box in layout.boxes if box.id == curve.tail)
                first = (brick.lines if brick.brick or curve.state == "native" else curve.label)[0].text
                word = first.split()[0]
                said.setdefault("a figure" if word[0].isdigit() else word, set()).add(curve.state)
        assert all(len(states) == 1 for states in said.values()), said


def test_a_dark_screen_has_colours_of_its_own(make_graph: Any) -> None:
    text = draw(picture(make_graph, 5, 2), "svg")
    head, _, body = text.partition("</style>")
    assert "prefers-color-scheme: dark" in head
    for part in ("fill", "stroke"):
        for colour in {piece.split('"')[0] for piece in body.split(f'{part}="')[1:]} - {
            "none",
            "transparent",
        }:
            assert f'[{part}="{colour.lower()}" i]' in head, colour
