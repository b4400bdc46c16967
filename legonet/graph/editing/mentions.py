"""Where the entries of a graph are named by others. The one list of what refers to what, for every edit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from legonet.graph.checks.outline import outline
from legonet.graph.editing.operations import WORDS
from legonet.graph.reading.positions import KeyPath


@dataclass(frozen=True)
class Mention:
    """A place where an entry is named.

    Attributes:
        key: Of the value that names it; or of what stands under a key that does.
        at_key: The name is the key, or in it.
    """

    key: KeyPath
    at_key: bool = False


def mentions(data: dict[str, Any], section: str, name: str) -> Iterator[Mention]:
    """Where an entry is named, in the order of sections.

    Args:
        data: A graph as plain data; what is broken in it is passed over.
        section: The entry's section.
        name: Its name.
    """
    if section == "teachers":
        yield from _valued(data, "categories", "teacher", name)
        yield from _valued(data, "tasks", "teacher", name)
    elif section == "adapters":
        if name not in _taught(data):
            yield from _in_applications(data, lambda path: path == name)
    elif section in ("categories", "tasks"):
        first = section == "categories"
        yield from _labels(data, name) if first else ()
        yield from _valued(data, "teachers", WORDS[section], name)
        paths = [path for path in entries(data, "adapters") if names_part(path, first, name)]
        yield from (Mention(("adapters", path), True) for path in paths)
        yield from _in_applications(data, lambda path: names_part(path, first, name))


def unconnected(data: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Paths whose modules no teacher gives, or that nothing connects; and adapters within one teacher.

    Yields:
        `("adapters", path)`, or `("applications", name, path)`.
    """
    known = outline(data)
    givers = known.category_givers(), known.task_givers()
    pairs = {f"{category}:{task}": teacher for (category, task), teacher in known.pairs().items()}

    def given(path: str) -> list[str | None]:
        return [each.get(part) for part, each in zip(path.split(":"), givers, strict=True)]

    for path in known.adapters:
        undecided = path.split(":")[1] in known.undecided
        if None in given(path) or (not undecided and set(given(path)) == {pairs.get(path)}):
            yield "adapters", path
    for name, paths in known.applications.items():
        for _, path in paths:
            if None in given(path) or (path not in pairs and path not in known.adapters):
                yield "applications", name, path


def entries(data: dict[str, Any], section: str) -> dict[str, Any]:
    """A section's entries; none of one that is absent or broken."""
    part = data.get(section)
    return part if isinstance(part, dict) else {}


def names_part(path: Any, first: bool, name: str) -> bool:
    """Whether a path's category, or its task, has this name."""
    return isinstance(path, str) and path.count(":") == 1 and path.split(":")[not first] == name


def _taught(data: dict[str, Any]) -> set[str]:
    """The paths that teachers connect."""
    return {f"{category}:{task}" for category, task in outline(data).pairs()}


def _valued(data: dict[str, Any], section: str, key: str, name: str) -> Iterator[Mention]:
    for other, part in entries(data, section).items():
        if isinstance(part, dict) and part.get(key) == name:
            yield Mention((section, other, key))


def _labels(data: dict[str, Any], category: str) -> Iterator[Mention]:
    for task, part in entries(data, "tasks").items():
        output = part.get("output") if isinstance(part, dict) else None
        if isinstance(output, dict) and category in entries(output, "labels_of"):
            yield Mention(("tasks", task, "output", "labels_of", category), True)


def _in_applications(data: dict[str, Any], chosen: Any) -> Iterator[Mention]:
    for name, paths in entries(data, "applications").items():
        for index, path in enumerate(paths if isinstance(paths, list) else ()):
            if chosen(path):
                yield Mention(("applications", name, index))
