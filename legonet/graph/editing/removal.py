"""A graph without an entry, and without what depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from legonet.graph.editing.mentions import mentions, unconnected
from legonet.graph.editing.operations import WORDS
from legonet.graph.editing.subject import Subject, Wanted
from legonet.graph.reading.findings import Finding
from legonet.graph.reading.positions import KeyPath


def without(subject: Subject, section: str, name: str, references: bool) -> Wanted:
    """The graph without an entry.

    Args:
        subject: The graph.
        section: The entry's section.
        name: Its name.
        references: What depends on it is removed too; otherwise it is refused while something does.

    Raises:
        GraphError: There is no such entry, or something depends on it; all of that is listed.
    """
    subject.entry(section, name)
    gone = _all_that_goes(subject.data, (section, name))
    others = [key for key in gone if key != (section, name)]
    if others and not references:
        found = f"depends on {WORDS[section]} '{name}'"
        advice = "remove this first, or remove what depends on it too"
        expected = "expected nothing that does"
        raise subject.refusal(*(Finding(key, found, expected, advice, at=_at(key)) for key in others))
    return Wanted(_pruned(subject.data, gone))


def _all_that_goes(data: dict[str, Any], first: KeyPath) -> dict[KeyPath, None]:
    """The keys of an entry, of what names it, of what names that, and of what has lost its use then."""
    gone: dict[KeyPath, None] = {}
    before = set(unconnected(data))
    new = [first]
    while new:
        while new:
            key = new.pop()
            if key not in gone:
                gone[key] = None
                new += _naming(data, key) if len(key) == 2 else ()
        left = _pruned(data, gone)
        for section, name, *path in set(unconnected(left)) - before:
            # A path that is left has another index there.
            new.append((section, name, data[section][name].index(path[0])) if path else (section, name))
    return gone


def _naming(data: dict[str, Any], key: KeyPath) -> Iterator[KeyPath]:
    """What goes with an entry: teachers of a category or task, and else the one place that names it."""
    for mention in mentions(data, str(key[0]), str(key[1])):
        yield mention.key[:2] if mention.key[0] == "teachers" else mention.key


def _pruned(data: dict[str, Any], gone: dict[KeyPath, None]) -> dict[str, Any]:
    """The data without keys; an application of which no path is left goes too."""

    def copied(value: Any, key: KeyPath) -> Any:
        if isinstance(value, dict):
            parts = {name: (*key, name) for name in value}
            kept = {name: copied(value[name], part) for name, part in parts.items() if part not in gone}
            if key == ("applications",):
                return {name: paths for name, paths in kept.items() if paths or not value[name]}
            return kept
        if isinstance(value, list):
            return [copied(part, (*key, i)) for i, part in enumerate(value) if (*key, i) not in gone]
        return value

    return copied(data, ())


def _at(key: KeyPath) -> Any:
    return "value" if key[-1] == "teacher" or isinstance(key[-1], int) else "key"
