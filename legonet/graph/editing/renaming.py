"""A graph in which an entry has another name, and whatever refers to it follows."""

from __future__ import annotations

from typing import Any

from legonet.graph.checks.structure import explain
from legonet.graph.editing.mentions import mentions
from legonet.graph.editing.subject import Subject, Wanted
from legonet.graph.reading.findings import Finding
from legonet.graph.reading.positions import KeyPath
from legonet.graph.schema import Graph

_BESIDE = {"legonet": 1, "name": "graph", "input": {"shape": [1, 1, 1]}}


def renamed(subject: Subject, section: str, name: str, to: str) -> Wanted:
    """The graph in which an entry has another name.

    Args:
        subject: The graph.
        section: The entry's section.
        name: Its name.
        to: Its new name; variants of a category, such as cat@2, follow it.

    Raises:
        GraphError: There is no such entry, or the new name is taken, or none that a graph file could have.
    """
    entry = subject.entry(section, name)
    if to == name:
        return Wanted(subject.data)
    _expect_name(subject, section, to, entry)
    keys: dict[KeyPath, str] = {}
    values: dict[KeyPath, str] = {}
    for old, new in _with_variants(subject, section, name, to).items():
        keys[section, old] = new
        for mention in mentions(subject.data, section, old):
            if mention.at_key:
                keys[mention.key] = _renamed(section, str(mention.key[-1]), new)
            else:
                values[mention.key] = _renamed(section, _value(subject.data, mention.key), new)
    for key, new in keys.items():
        if new in _value(subject.data, key[:-1]):
            advice = "choose another one, or remove that entry first"
            taken = Finding((*key[:-1], new), "exists already", "expected a new name", advice, at="key")
            raise subject.refusal(taken)

    def copied(value: Any, key: KeyPath) -> Any:
        if isinstance(value, dict):
            return {keys.get((*key, name), name): copied(part, (*key, name)) for name, part in value.items()}
        if isinstance(value, list):
            return [copied(part, (*key, index)) for index, part in enumerate(value)]
        return values.get(key, value)

    return Wanted(copied(subject.data, ()), keys)


def _expect_name(subject: Subject, section: str, to: str, entry: Any) -> None:
    problems = explain({**_BESIDE, section: {to: entry}}, Graph)
    if found := [each for each in problems if each.key == (section, to) and each.at == "key"]:
        raise subject.refusal(*found)


def _with_variants(subject: Subject, section: str, name: str, to: str) -> dict[str, str]:
    names = {name: to}
    if section == "categories" and "@" not in name + to:
        for other in subject.section(section):
            base, at, number = other.partition("@")
            if at and base == name:
                names[other] = f"{to}@{number}"
    return names


def _renamed(section: str, text: str, new: str) -> str:
    """A mention with the new name: a name, or the category or the task of a path."""
    category, colon, task = text.partition(":")
    if not colon or section == "adapters":
        return new
    return f"{new}:{task}" if section == "categories" else f"{category}:{new}"


def _value(data: Any, key: KeyPath) -> Any:
    for part in key:
        data = data[part]
    return data
