"""Checks of values against each other, within one file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, TypeGuard

from legonet.graph.reading.findings import Finding
from legonet.graph.reading.parsed import MOST_PROBLEMS
from legonet.graph.reading.positions import KeyPath, show

CATEGORY_PLACEHOLDER = "{category}"
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


def semantic_problems(data: Any) -> list[Finding]:
    """Values that have the right form but do not fit each other.

    Args:
        data: A graph's plain data, which may be broken anywhere; what is broken is passed over.

    Returns:
        The problems: mean and std against the channels, unknown placeholders in labels, adapters whose
        channels disagree about a module that they share.
    """
    if not isinstance(data, dict):
        return []
    found = chain(_normalisation(data), _labels(data), _channels(data))
    return list(islice(found, MOST_PROBLEMS))


def _normalisation(data: dict[str, Any]) -> Iterator[Finding]:
    yield from _channel_numbers(("input",), data.get("input"))
    for name, category in _entries(data, "categories"):
        if isinstance(category, dict):
            yield from _channel_numbers(("categories", name, "input"), category.get("input"))


def _channel_numbers(key: KeyPath, part: Any) -> Iterator[Finding]:
    shape = part.get("shape") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not _numbers(shape, 3):
        return
    channels = int(shape[0])
    for name in ("mean", "std"):
        values = part.get(name)
        if isinstance(values, list | tuple) and values and len(values) != channels:
            yield Finding(
                (*key, name),
                f"found {len(values)} value{'' if len(values) == 1 else 's'}",
                f"expected {channels}, one for each channel of {'.'.join(map(str, key))}.shape",
                "correct one of the two",
            )


def _labels(data: dict[str, Any]) -> Iterator[Finding]:
    for name, task in _entries(data, "tasks"):
        output = task.get("output") if isinstance(task, dict) else None
        if not isinstance(output, dict):
            continue
        key = ("tasks", name, "output")
        labels = output.get("labels")
        yield from _placeholders((*key, "labels"), labels)
        for category, own in _entries(output, "labels_of"):
            yield from _placeholders((*key, "labels_of", category), own)
            if _is_list(own) and _is_list(labels) and len(own) != len(labels):
                yield Finding(
                    (*key, "labels_of", category),
                    f"found {len(own)} labels",
                    f"expected {len(labels)}, as many as `labels`, since all teachers of a task share its "
                    "module, whatever their classes are called",
                    f"give {category}'s teacher a task of its own, which shares the category's module",
                )


def _placeholders(key: KeyPath, labels: Any) -> Iterator[Finding]:
    for index, label in enumerate(labels) if _is_list(labels) else ():
        for placeholder in _PLACEHOLDER.findall(label) if isinstance(label, str) else ():
            if placeholder != CATEGORY_PLACEHOLDER:
                yield Finding(
                    (*key, index),
                    f"found {show(placeholder)}",
                    f"expected {CATEGORY_PLACEHOLDER}, which stands for the category's label",
                    "correct or remove it",
                )


def _is_list(value: Any) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    return isinstance(value, list | tuple)


def _channels(data: dict[str, Any]) -> Iterator[Finding]:
    """All adapters that leave a category module, or enter a task module, see the same channels."""
    seen: dict[tuple[str, str], tuple[int, str]] = {}
    for path, adapter in _entries(data, "adapters"):
        channels = adapter.get("channels") if isinstance(adapter, dict) else None
        if not _numbers(channels, 2) or path.count(":") != 1:
            continue
        category, task = path.split(":")
        for index, (what, name) in enumerate((("category", category), ("task", task))):
            count = int(channels[index])
            known, first = seen.setdefault((what, name), (count, path))
            if known != count:
                why = f"since both join the module of {what} '{name}'"
                yield Finding(
                    ("adapters", path, "channels", index),
                    f"found {count}",
                    f"expected {known}, as in adapters.{first}, {why}",
                    "correct one of the two",
                )


def _entries(data: dict[str, Any], section: str) -> list[tuple[str, Any]]:
    part = data.get(section)
    return (
        [(key, value) for key, value in part.items() if isinstance(key, str)]
        if isinstance(part, dict)
        else []
    )


def _numbers(value: Any, length: int) -> TypeGuard[list[float]]:
    return (
        isinstance(value, list | tuple)
        and len(value) == length
        and all(type(part) in (int, float) and part >= 1 and part == int(part) for part in value)
    )
