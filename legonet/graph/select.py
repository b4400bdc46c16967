"""Chooses parts of a graph by name: paths, applications, who gives a module, how an edge is fitted."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from legonet.errors import SelectError
from legonet.graph.lock import Lock
from legonet.graph.output import Output
from legonet.graph.schema import Adapter, Graph
from legonet.graph.suggest import did_you_mean, listed


@dataclass(frozen=True)
class Givers:
    """Which teacher gives each module; None for a module that no teacher gives yet."""

    categories: dict[str, str | None]
    tasks: dict[str, str | None]


@dataclass(frozen=True)
class Connection:
    """A connection from a category module to a task module.

    Attributes:
        category: The category's name.
        task: The task's name.
        teacher: The teacher of this category and task; None for an open edge, which `adapters` names
            but no teacher shows how to fit.
        native: This teacher gives both modules, so they fit without an adapter.
    """

    category: str
    task: str
    teacher: str | None
    native: bool

    @property
    def path(self) -> str:
        """The path's name, `category:task`."""
        return f"{self.category}:{self.task}"


def split_path(path: str) -> tuple[str, str]:
    """Category and task of a path.

    Args:
        path: Such as "cat:classify".

    Raises:
        SelectError: It is not of this form.
    """
    category, colon, task = path.partition(":")
    if not (category and colon and task) or ":" in task:
        raise SelectError(f"'{path}': not a path; expected category:task; write such as cat:classify")
    return category, task


def givers(graph: Graph) -> Givers:
    """The teacher that gives each module: the one it names, else the first that arrives, or the task's best.

    Args:
        graph: A graph, valid or not; names of teachers that do not exist are returned as they are. Where a
            task's choice depends on what has been built, take `settled` first.
    """
    first_of_category, first_of_task = dict[str, str](), dict[str, str]()
    for name, teacher in reversed(graph.teachers.items()):
        first_of_category[teacher.category] = first_of_task[teacher.task] = name
    best = {name: best_teacher(graph, name) for name, part in graph.tasks.items() if part.choose == "best"}
    first_of_task |= {task: name for task, name in best.items() if name is not None}
    return Givers(
        {name: part.teacher or first_of_category.get(name) for name, part in graph.categories.items()},
        {name: part.teacher or first_of_task.get(name) for name, part in graph.tasks.items()},
    )


def best_teacher(graph: Graph, task: str) -> str | None:
    """The teacher of a task whose recorded quality is best; of equals, the first. None without a teacher."""
    able = {
        name: -math.inf if each.quality is None else each.quality
        for name, each in graph.teachers.items()
        if each.task == task
    }
    return max(able, key=able.__getitem__, default=None)


def settled(graph: Graph, lock: Lock, task_modules: Mapping[str, str]) -> Graph:
    """The graph as it stands on what has been built: a task that chooses the best teacher keeps its choice.

    A better teacher that arrives later changes nothing until the graph file names it.

    Args:
        graph: As written.
        lock: What has been built.
        task_modules: Content hash of g_T by teacher; a teacher or a task that was renamed is found by it.

    Returns:
        A graph in which every task whose module is built names the teacher that gave it.
    """
    kept = {}
    gone = {built.module: built for name, built in lock.tasks.items() if name not in graph.tasks}
    for name, part in graph.tasks.items():
        if part.choose != "best" or part.teacher is not None:
            continue
        able = [each for each, teacher in graph.teachers.items() if teacher.task == name]
        built = lock.tasks.get(name)
        if built is None:  # unless it was renamed
            built = next((gone[module] for each in able if (module := task_modules.get(each)) in gone), None)
        if built is None:
            continue
        same = [each for each in able if task_modules.get(each) == built.module]
        giver = built.teacher if built.teacher in able else next(iter(same), None)
        if giver is not None:
            kept[name] = part.model_copy(update={"teacher": giver})
    return graph.model_copy(update={"tasks": {**graph.tasks, **kept}}) if kept else graph


def giver(graph: Graph, *, category: str | None = None, task: str | None = None) -> str | None:
    """The teacher that gives one module. For many modules, `givers` is faster.

    Args:
        graph: The graph.
        category: The category module's name, or
        task: The task module's name; exactly one of the two.

    Returns:
        The teacher's name, or None when no teacher gives it.

    Raises:
        SelectError: No such category or task.
    """
    if (category is None) == (task is None):
        raise TypeError("giver() takes either a category or a task")
    if category is not None:
        _known("category", category, graph)
        return givers(graph).categories[category]
    _known("task", str(task), graph)
    return givers(graph).tasks[str(task)]


def meaning_of(graph: Graph, path: str) -> Output:
    """What the output of a path means, in its category's own words.

    Args:
        graph: A valid graph.
        path: `category:task`, of categories and tasks that it has.
    """
    category, task = split_path(path)
    return graph.tasks[task].output.of(category)


def image_names(graph: Graph, category: str) -> tuple[str, ...]:
    """What a category's images may be called, the best first: its name, its label, what it is a variant of.

    Raises:
        SelectError: No such category.
    """
    _known("category", category, graph)
    base = category.partition("@")[0]
    also = graph.categories[base].label if base in graph.categories else None
    names = (category, graph.categories[category].label, base, also)
    return tuple(dict.fromkeys(name for name in names if name))


def adapter_spec(graph: Graph, category: str, task: str) -> Adapter:
    """How the adapter of one edge is built: its entry in `adapters`, else the task's `adapter`.

    Raises:
        SelectError: No such category or task.
    """
    _known("category", category, graph)
    _known("task", task, graph)
    return graph.adapters.get(f"{category}:{task}") or graph.tasks[task].adapter


def find_edge(graph: Graph, path: str) -> Connection:
    """The edge of a path.

    Args:
        graph: A valid graph.
        path: `category:task`, not an application.

    Raises:
        SelectError: It is no path, or not one of this graph.
    """
    known = _teachers(graph)
    category, task = split_path(_path(path, known, graph))
    teacher, given = known[path], givers(graph)
    native = given.categories[category] == teacher == given.tasks[task]
    return Connection(category, task, teacher, teacher is not None and native)


def select_paths(graph: Graph, names: Iterable[str] = ()) -> list[str]:
    """The paths that applications and paths name.

    Args:
        graph: A valid graph.
        names: Applications' names and paths; none at all means every path that has a teacher.

    Returns:
        Paths, each once, in the order of their first mention.

    Raises:
        SelectError: A name that does not exist, or a path that no teacher connects.
    """
    known = _teachers(graph)
    chosen: dict[str, None] = {}
    names = list(names)
    for name in names:
        if name in graph.applications:
            for path in graph.applications[name]:
                chosen[_path(path, known, graph)] = None
        elif ":" in name:
            chosen[_path(name, known, graph)] = None
        else:
            everything = [*graph.applications, *known]
            there = (
                f"applications are {listed(list(graph.applications))}" if graph.applications else "none exist"
            )
            raise SelectError(
                f"{graph.name}: no application '{name}'; {there}; name one of them or a path "
                f"category:task.{did_you_mean(name, everything)}"
            )
    if not names:
        chosen = {path: None for path, teacher in known.items() if teacher is not None}
        if not chosen:
            raise SelectError(f"{graph.name}: no path; expected at least one teacher; add a teacher")
    return list(chosen)


def _teachers(graph: Graph) -> dict[str, str | None]:
    """The teacher of each path in order of arrival, then None for the open ones that `adapters` names."""
    found: dict[str, str | None] = {}
    for name, teacher in graph.teachers.items():
        found.setdefault(f"{teacher.category}:{teacher.task}", name)
    return found | {path: None for path in graph.adapters if path not in found}


def _path(path: str, known: Collection[str], graph: Graph) -> str:
    category, task = split_path(path)
    _known("category", category, graph, path)
    _known("task", task, graph, path)
    if path not in known:
        others = [each for each in known if split_path(each)[0] == category]
        there = f"'{category}' has {listed(others)}" if others else f"'{category}' has no teacher"
        raise SelectError(
            f"{graph.name}: {path}: no teacher of category '{category}' and task '{task}'; {there}; "
            "add a teacher of both, or write the path under `adapters` to fit it from labelled samples"
        )
    return path


def _known(what: str, name: str, graph: Graph, path: str = "") -> None:
    names = graph.categories if what == "category" else graph.tasks
    if name not in names:
        plural = "categories" if what == "category" else "tasks"
        there = f"{plural} are {listed(list(names))}" if names else f"there are no {plural} yet"
        raise SelectError(
            f"{graph.name}: {path + ': ' if path else ''}no {what} '{name}'; {there}; "
            f"name one that exists.{did_you_mean(name, names)}"
        )
