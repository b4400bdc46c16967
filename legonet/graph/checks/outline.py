"""The names in a graph and how they refer to each other, as far as they can be told.

Built from plain data that may be broken elsewhere, so that one report can name a misspelt reference
beside a missing key. What is broken itself is None here, and nothing is concluded from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from legonet.graph.fields import NAME_PATTERN, PATH_PATTERN
from legonet.graph.schema import Graph
from legonet.graph.suggest import closest

_NAME = re.compile(NAME_PATTERN.removesuffix("$") + r"\Z")
_PATH = re.compile(PATH_PATTERN.removesuffix("$") + r"\Z")
_SECTIONS = frozenset(Graph.model_fields)


@dataclass(frozen=True)
class TeacherLinks:
    """What a teacher connects; None for what is broken."""

    category: str | None
    task: str | None


@dataclass(frozen=True)
class Outline:
    """Names and references of a graph.

    Attributes:
        categories: Name to the teacher it names, if any; None when the whole section is broken.
        tasks: Likewise.
        teachers: In order of arrival; None when the whole section is broken.
        adapters: The paths of `adapters` that are written as paths.
        applications: Name to (index, path), the paths that are written as paths.
        complete: Every teacher's category and task are known.
        undecided: Tasks whose module's teacher depends on more than names.
        labelled: (task, category) for each category that a task's output has labels of.
    """

    categories: dict[str, str | None] | None
    tasks: dict[str, str | None] | None
    teachers: dict[str, TeacherLinks] | None
    adapters: list[str]
    applications: dict[str, list[tuple[int, str]]]
    complete: bool
    undecided: frozenset[str] = frozenset()
    labelled: tuple[tuple[str, str], ...] = ()

    def pairs(self) -> dict[tuple[str, str], str]:
        """(category, task) to the first teacher of both."""
        pairs: dict[tuple[str, str], str] = {}
        for name, links in (self.teachers or {}).items():
            if links.category is not None and links.task is not None:
                pairs.setdefault((links.category, links.task), name)
        return pairs

    def category_givers(self) -> dict[str, str]:
        """Category to the teacher that gives its module."""
        arrivals = ((links.category, name) for name, links in (self.teachers or {}).items())
        return _givers(self.categories, arrivals)

    def task_givers(self) -> dict[str, str]:
        """Task to the teacher that gives its module."""
        arrivals = ((links.task, name) for name, links in (self.teachers or {}).items())
        return _givers(self.tasks, arrivals)


def _givers(
    named: dict[str, str | None] | None, arrivals: Iterable[tuple[str | None, str]]
) -> dict[str, str]:
    found = {name: teacher for name, teacher in (named or {}).items() if teacher is not None}
    for name, teacher in arrivals:
        if name is not None:
            found.setdefault(name, teacher)
    return found


def outline_of(graph: Graph) -> Outline:
    """The outline of a graph whose structure is valid."""
    return Outline(
        {name: part.teacher for name, part in graph.categories.items()},
        {name: part.teacher for name, part in graph.tasks.items()},
        {name: TeacherLinks(part.category, part.task) for name, part in graph.teachers.items()},
        list(graph.adapters),
        {name: list(enumerate(paths)) for name, paths in graph.applications.items()},
        True,
        frozenset(name for name, part in graph.tasks.items() if part.choose == "best"),
        tuple(_labelled({name: part.model_dump() for name, part in graph.tasks.items()})),
    )


def outline(data: Any) -> Outline:
    """The outline of plain data, which may be broken anywhere."""
    data = data if isinstance(data, dict) else {}
    sections = {name: _section(data, name) for name in ("categories", "tasks", "teachers")}
    teachers = sections["teachers"]
    links: dict[str, TeacherLinks] | None = None
    if teachers is not None:
        links = {
            name: TeacherLinks(_name(part, "category"), _name(part, "task"))
            for name, part in teachers.items()
        }
    complete = links is not None and all(
        link.category is not None and link.task is not None for link in links.values()
    )
    applications = {
        name: [(i, path) for i, path in enumerate(paths) if isinstance(path, str) and _PATH.match(path)]
        for name, paths in (_section(data, "applications") or {}).items()
        if isinstance(paths, list | tuple)
    }
    return Outline(
        _named_teachers(sections["categories"]),
        _named_teachers(sections["tasks"]),
        links,
        [path for path in _section(data, "adapters") or {} if _PATH.match(path)],
        applications,
        complete,
        frozenset(
            name
            for name, part in (sections["tasks"] or {}).items()
            if isinstance(part, dict) and part.get("choose", "first") != "first"
        ),
        tuple(_labelled(sections["tasks"] or {})),
    )


def _labelled(tasks: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, part in tasks.items():
        output = part.get("output") if isinstance(part, dict) else None
        labels = output.get("labels_of") if isinstance(output, dict) else None
        yield from ((name, category) for category in (labels if isinstance(labels, dict) else {}))


def _section(data: dict[str, Any], name: str) -> dict[str, Any] | None:
    """A section's entries; None when it is broken, or absent while its name may be misspelt."""
    if name not in data:
        strangers = [key for key in data if isinstance(key, str) and key not in _SECTIONS]
        return None if any(closest(key, _SECTIONS) == name for key in strangers[:20]) else {}
    section = data[name]
    if not isinstance(section, dict):
        return None
    return {key: value for key, value in section.items() if isinstance(key, str)}


def _named_teachers(section: dict[str, Any] | None) -> dict[str, str | None] | None:
    return None if section is None else {name: _name(part, "teacher") for name, part in section.items()}


def _name(part: Any, key: str) -> str | None:
    value = part.get(key) if isinstance(part, dict) else None
    return value if isinstance(value, str) and _NAME.match(value) else None
