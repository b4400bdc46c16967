"""Reads YAML as nearly all graph files have it, thirty times as fast as `legonet.graph.yaml`.

Events come from the parser in C that PyYAML has. That one is of YAML 1.1, but only words differ, which are
given their meaning by `legonet.graph.scalars` here too, and a few characters, which are left to the other
reader, like everything that is rare or wrong. So this one has no messages: it reads the same, or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml

from legonet.graph.parsed import DEEPEST, MOST_NODES
from legonet.graph.positions import Place
from legonet.graph.scalars import BadNumberError, plain

# Tabs and escapes, of which YAML 1.1 knows others, and characters that end its lines or are none of a text.
_DOUBTFUL = re.compile("[\t\\\\\x85\u2028\u2029\ufeff]")


class _LeftError(Exception):
    """This is left to the other reader."""


def quick(text: str) -> tuple[Any, Place] | None:
    """The data of a YAML text and where it stands, as `legonet.graph.yaml.compose` gives them.

    Args:
        text: as `legonet.graph.source.decode` returns it.

    Returns:
        Data of dicts with text keys, lists, str, int, finite float, bool and None, and the outermost value's
        place; None where the other reader is needed, be it for its messages.
    """
    if not yaml.__with_libyaml__ or _DOUBTFUL.search(text):
        return None
    try:
        return _Reader(text).document()
    except (_LeftError, BadNumberError, yaml.YAMLError, ValueError):
        return None


class _Reader:
    def __init__(self, text: str) -> None:
        self._next: Callable[[], Any] = yaml.CSafeLoader(text).get_event
        self._nodes = 0
        self._depth = 0

    def document(self) -> tuple[Any, Place]:
        self._next()
        start = self._next()
        if not isinstance(start, yaml.DocumentStartEvent) or start.version or start.tags:
            raise _LeftError
        found = self._node(self._next())
        end, last = self._next(), self._next()
        if found[0] is None or end.explicit or not isinstance(last, yaml.StreamEndEvent):
            raise _LeftError
        return found

    def _node(self, event: Any) -> tuple[Any, Place]:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise _LeftError
        kind, mark = type(event), event.start_mark
        if kind is yaml.ScalarEvent:
            place = Place(mark.line + 1, mark.column + 1, mark.index, event.end_mark.index)
            return _scalar(event), place
        if kind is yaml.AliasEvent or event.anchor or event.tag or self._depth == DEEPEST:
            raise _LeftError
        place = Place(mark.line + 1, mark.column + 1, mark.index, mark.index, not event.flow_style)
        self._depth += 1
        value = self._mapping(place) if kind is yaml.MappingStartEvent else self._sequence(place)
        self._depth -= 1
        return value, place

    def _mapping(self, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        keys: dict[str, tuple[int, int]] = {}
        items: dict[Any, Place] = {}
        place.keys, place.items = keys, items
        while type(event := self._next()) is not yaml.MappingEndEvent:
            if type(event) is not yaml.ScalarEvent:
                raise _LeftError
            self._nodes += 1
            key, mark, end = _scalar(event), event.start_mark, event.end_mark.index
            if type(key) is not str or key in result:
                raise _LeftError
            value, at = self._node(self._next())
            if value is None and at.start == at.end:  # a missing value's mark is that of the next token
                at = Place(mark.line + 1, mark.column + 1, end, end)
            result[key], items[key] = value, at
            keys[key] = (mark.line + 1, mark.column + 1)
            place.end = max(end, at.end)
        if not place.block:
            place.end = event.end_mark.index
        return result

    def _sequence(self, place: Place) -> list[Any]:
        result: list[Any] = []
        items: dict[Any, Place] = {}
        place.items = items
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            value, at = self._node(event)
            items[len(result)] = at
            result.append(value)
            place.end = at.end
        if not place.block:
            place.end = event.end_mark.index
        return result


def _scalar(event: Any) -> Any:
    if event.anchor or event.tag or event.style in ("|", ">"):
        raise _LeftError
    return plain(event.value) if event.implicit[0] else event.value
