"""Checks that the names in a graph refer to something that exists and fits."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from legonet.graph.checks.outline import Outline
from legonet.graph.reading.findings import Finding
from legonet.graph.reading.parsed import MOST_PROBLEMS
from legonet.graph.reading.positions import KeyPath
from legonet.graph.suggest import listed


def reference_problems(outline: Outline) -> list[Finding]:
    """References of a graph that lead nowhere or contradict each other.

    Args:
        outline: The graph's names; what is broken in it is passed over.

    Returns:
        The problems, section by section, as many as are worth knowing.
    """
    return list(islice(_References(outline).problems(), MOST_PROBLEMS))


class _References:
    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self.pairs = outline.pairs()
        self.category_givers = outline.category_givers()
        self.task_givers = outline.task_givers()
        # A misspelt category or task may be the one that is missed elsewhere: conclude nothing from it.
        self.conclusive = outline.complete and all(
            links.category in (outline.categories or ()) and links.task in (outline.tasks or ())
            for links in (outline.teachers or {}).values()
        )

    def problems(self) -> Iterator[Finding]:
        yield from self._named("categories", "category")
        yield from self._named("tasks", "task")
        for task, category in self.outline.labelled:
            key = ("tasks", task, "output", "labels_of", category)
            yield from self._exists(key, "category", category, "key")
        yield from self._teachers()
        for path in self.outline.adapters:
            yield from self._adapter(path)
        for name, paths in self.outline.applications.items():
            yield from self._application(name, paths)

    def _named(self, section: str, what: str) -> Iterator[Finding]:
        """The teacher that a category or a task names gives a module of that category or task."""
        teachers = self.outline.teachers
        entries: dict[str, str | None] | None = getattr(self.outline, section)
        if teachers is None or not entries:
            return
        able: dict[str, list[str]] = {}
        for name, links in teachers.items():
            able.setdefault(getattr(links, what) or "", []).append(name)
        for name, teacher in entries.items():
            if teacher is None:
                continue
            key = (section, name, "teacher")
            if teacher not in teachers:
                yield _missing(key, "teacher", teacher, teachers)
                continue
            actual = getattr(teachers[teacher], what)
            if actual is not None and actual != name:
                fitting = listed(able[name], " or ") if name in able else f"a teacher of {what} '{name}'"
                found = f"teacher '{teacher}' is of {what} '{actual}'"
                yield Finding(key, found, f"expected {fitting}", "name another")

    def _teachers(self) -> Iterator[Finding]:
        for name, links in (self.outline.teachers or {}).items():
            if links.category is not None:
                yield from self._exists(("teachers", name, "category"), "category", links.category)
            if links.task is not None:
                yield from self._exists(("teachers", name, "task"), "task", links.task)
            if links.category is None or links.task is None:
                continue
            first = self.pairs[links.category, links.task]
            if first != name:
                yield Finding(
                    ("teachers", name),
                    f"category '{links.category}' and task '{links.task}' already have the teacher '{first}'",
                    "expected one teacher for a path",
                    "remove one of them",
                    at="key",
                )

    def _exists(self, key: KeyPath, what: str, name: str, at: Any = "value") -> Iterator[Finding]:
        known = self.outline.categories if what == "category" else self.outline.tasks
        if known is not None and name not in known:
            yield _missing(key, what, name, known, at)

    def _adapter(self, path: str) -> Iterator[Finding]:
        category, task = path.split(":")
        key = ("adapters", path)
        unknown = [
            *self._exists(key, "category", category, "key"),
            *self._exists(key, "task", task, "key"),
        ]
        yield from unknown
        if unknown or not self.conclusive:
            return
        yield from self._without_giver(key, category, task, "key")
        teacher = self.pairs.get((category, task))
        givers = {self.category_givers.get(category), self.task_givers.get(task)}
        if teacher is not None and givers == {teacher} and task not in self.outline.undecided:
            yield Finding(
                key,
                f"teacher '{teacher}' gives both modules of this path, so it needs no adapter",
                "expected a path that joins modules of two teachers",
                "remove this entry",
                at="key",
            )

    def _without_giver(self, key: KeyPath, category: str, task: str, at: Any) -> Iterator[Finding]:
        """No teacher gives the category's or the task's module."""
        for what, name, given in (
            ("category", category, self.category_givers),
            ("task", task, self.task_givers),
        ):
            if name not in given:
                yield Finding(
                    key,
                    f"no teacher gives the module of {what} '{name}'",
                    f"expected a teacher with '{what}: {name}'",
                    "add one, or remove this path",
                    at=at,
                )

    def _application(self, name: str, paths: list[tuple[int, str]]) -> Iterator[Finding]:
        seen: dict[str, int] = {}
        for index, path in paths:
            key = ("applications", name, index)
            if path in seen:
                yield Finding(key, f"found '{path}' twice", "expected each path once", "remove one")
                continue
            seen[path] = index
            category, task = path.split(":")
            unknown = [*self._exists(key, "category", category), *self._exists(key, "task", task)]
            yield from unknown
            if unknown or not self.conclusive:
                continue
            without = list(self._without_giver(key, category, task, "value"))
            yield from without
            if not without and (category, task) not in self.pairs and path not in self.outline.adapters:
                there = [f"{c}:{t}" for c, t in self.pairs if c == category]
                yield Finding(
                    key,
                    f"no teacher connects category '{category}' to task '{task}'",
                    f"teachers of '{category}' are for {listed(there) or 'nothing'}",
                    "add a teacher, or remove this path",
                )


def _missing(key: KeyPath, what: str, name: str, known: Collection[str], at: Any = "value") -> Finding:
    plural = "categories" if what == "category" else what + "s"
    found, there = f"no {what} '{name}'", f"{plural} are {listed(known)}."
    if not known:
        return Finding(key, found, f"there are no {plural}", f"add it under '{plural}'.", at=at)
    return Finding(key, found, there, at=at, known=known, word=name)
