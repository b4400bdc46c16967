"""Graphs, locks and plans to draw."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from legonet.graph.lock import Lock, LockedAdapter, LockedModule, LockedTeacher
from legonet.graph.schema import Graph

ANIMALS = ("dog", "cat", "cow", "horse", "sheep")
OUTPUTS: tuple[dict[str, Any], ...] = (
    {"kind": "binary"},
    {"kind": "mask"},
    {"kind": "vector", "names": ["x", "y"]},
)


@dataclass(frozen=True)
class PlannedEdge:
    path: str
    action: str
    reason: str = ""


def sha(text: str) -> str:
    return (text.encode().hex() * 64)[:64]


def _make_graph(
    categories: Iterable[str] = ANIMALS,
    tasks: Iterable[str] = ("classify",),
    teachers: Iterable[tuple[str, str]] | None = None,
    labels: dict[str, str] | None = None,
    **more: Any,
) -> Graph:
    categories, tasks = list(categories), list(tasks)
    if teachers is None:
        teachers = [(category, task) for task in tasks for category in categories]
    data = {
        "legonet": 1,
        "name": "animals",
        "input": {"shape": [3, 32, 32]},
        "categories": {name: {} for name in categories},
        "tasks": {name: {"output": OUTPUTS[index % 3]} for index, name in enumerate(tasks)},
        "teachers": {
            f"{category}-{task}": {
                "category": category,
                "task": task,
                "model": "vgg-slim",
                "weights": f"{category}.safetensors",
                "cut": "pool1",
            }
            for category, task in teachers
        },
        **more,
    }
    graph = Graph.model_validate(data)
    if not labels:
        return graph
    # Without validation: a diagram must stand any label, even one that no graph file may hold.
    named = {
        name: category.model_copy(update={"label": labels.get(name)})
        for name, category in graph.categories.items()
    }
    return graph.model_copy(update={"categories": named})


def _make_lock(
    adapters: Iterable[str] = (),
    modules: dict[str, tuple[str, str]] | None = None,
    weak: Iterable[str] = (),
) -> Lock:
    """Locked adapters, some of them weak; `modules` maps a teacher to the names of its f and g_T."""
    given = modules or {}
    return Lock(
        adapters={
            path: LockedAdapter(
                key=sha(path),
                inputs={"seed": "0"},
                adapter=sha(path[::-1]),
                method="back-distillation",
                seed=0,
                quality={"residual": 0.125, "agreement": 0.8 if path in weak else 0.97},
            )
            for path in adapters
        },
        teachers={
            name: LockedTeacher(source=sha(name), category_module=sha(f), task_module=sha(g))
            for name, (f, g) in given.items()
        },
        categories={
            name.split("-")[0]: LockedModule(teacher=name, module=sha(f))
            for name, (f, _) in reversed(given.items())
        },
        tasks={
            name.split("-")[1]: LockedModule(teacher=name, module=sha(g))
            for name, (_, g) in reversed(given.items())
        },
    )


@pytest.fixture(scope="session")
def make_graph() -> Callable[..., Graph]:
    return _make_graph


@pytest.fixture(scope="session")
def make_lock() -> Callable[..., Lock]:
    return _make_lock


@pytest.fixture(scope="session")
def make_plan() -> Callable[..., list[PlannedEdge]]:
    return lambda **actions: [
        PlannedEdge(path.replace("__", ":"), action, f"why {action}") for path, action in actions.items()
    ]


@pytest.fixture
def no_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Graphviz."""
    monkeypatch.setenv("PATH", "")
