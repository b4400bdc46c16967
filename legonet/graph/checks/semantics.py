"""Checks of values against each other, within one file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, TypeGuard

from legonet.graph.reading.findings import Finding
from legonet.graph.reading.parsed import MOST_PROBLEMS
from legonet.graph.reading.positions import show

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
    part = data.get("input")
    shape = part.get("shape") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not _numbers(shape, 3):
        return
    channels = int(shape[0])
    for key in ("mean", "std"):
        values = part.get(key)
        if isinstance(values, list | tuple) and values and len(values) != channels:
            yield Finding(
                ("input", key),
                f"found {len(values)} value{'' if len(values) == 1 else 's'}",
                f"expected {channels}, one for each channel of input.shape",
                "correct one of the two",
            )


def _labels(data: dict[str, Any]) -> Iterator[Finding]:
    for name, task in _entries(data, "tasks"):
        output = task.get("output") if isinstance(task, dict) else None
        labels = output.get("labels") if isinstance(output, dict) else None
        if not isinstance(labels, list | tuple):
            continue
        for index, label in enumerate(labels):
            for placeholder in _PLACEHOLDER.findall(label) if isinstance(label, str) else ():
                if placeholder != CATEGORY_PLACEHOLDER:
                    yield Finding(
                        ("tasks", name, "output", "labels", index),
                        f"found {show(placeholder)}",
                        f"expected {CATEGORY_PLACEHOLDER}, which stands for the category's label",
                        "correct or remove it",
                    )


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
