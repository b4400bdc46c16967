"""Reads YAML 1.2 into plain data and positions, whatever is in it. The only user of ruamel.yaml.

The data is composed here from the parser's events, not by a constructor: nothing of the file is ever
executed, aliases are counted before they expand, and every key and value keeps its line and column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from legonet.errors import GraphError
from legonet.graph.parsed import (
    DEEPEST,
    MOST_ALIASED,
    MOST_NODES,
    MOST_PROBLEMS,
    Parsed,
    bad_number,
    duplicate,
    too_deep,
    too_many,
)
from legonet.graph.positions import Place, Positions, printable, shorten
from legonet.graph.problems import Problem
from legonet.graph.quick_yaml import quick
from legonet.graph.scalars import BadNumberError, plain
from legonet.graph.syntax import syntax_message

_TAGS = "tag:yaml.org,2002:"
_LONGEST_TAG = 1000
_LONG_TAG = re.compile(rf"!\S{{{_LONGEST_TAG}}}")


def compose(text: str, source: str) -> Parsed:
    """Plain data of a YAML file, with positions and the problems that do not stop the reading.

    Args:
        text: the file's text, as `legonet.graph.source.decode` returns it.
        source: the file's name for messages.

    Returns:
        Data of dicts with text keys, lists, str, int, finite float, bool and None. Of a duplicate key
        the first value counts; a bad number counts as None, a key that is no text as its text.

    Raises:
        GraphError: it is not YAML, or deeper or larger than any graph file.
    """
    if found := quick(text):
        return Parsed(found[0], Positions(found[1], text), source)
    if long_tag := _LONG_TAG.search(text):  # the parser's time grows with the square of a tag's length
        before = text[: long_tag.start()]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise GraphError(
            f"{source}:{line}:{column}: a tag of more than {_LONGEST_TAG} characters; "
            "expected a plain value; remove the tag"
        )
    return _Composer(text, source).document()


class _Composer:
    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Any, Place, int]] = {}
        self.open_anchors: set[str] = set()
        self.path: list[str | int] = []
        self.depth = 0
        self.nodes = 0
        self.aliased = 0
        self.events = self._events()

    def _events(self) -> Iterator[Event]:
        """The parser's events, with its errors in our words."""
        last: Event | None = None
        try:
            for event in YAML(typ="safe", pure=True).parse(self.text):
                last = event
                yield event
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            opened = error.context_mark.line + 1 if error.context_mark else line
            message = syntax_message(error.problem or "", error.context or "", opened)
            raise GraphError(f"{self.source}:{line}:{column}: {message}") from None
        except (YAMLError, ValueError, OverflowError, AttributeError, IndexError, AssertionError) as error:
            # The parser itself stumbled, such as over the escape \U00110000.
            line = last.end_mark.line + 1 if last else 1
            raise GraphError(
                f"{self.source}:{line}:1: not valid YAML in or after this line; expected YAML 1.2; "
                "look for a wrong escape or directive"
            ) from error

    def document(self) -> Parsed:
        data: Any = None
        root = Place(1, 1, 0, 0)
        seen = False
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                version = getattr(event, "version", None)
                if version and tuple(version) != (1, 2):
                    self._problem(
                        event,
                        "%YAML " + ".".join(map(str, version)) + "; expected YAML 1.2; remove that line",
                    )
                if seen:
                    self._problem(event, "a second document; expected one in a file; split the file")
                    break
                seen = True
                data, root = self._node(next(self.events))
            elif isinstance(event, StreamEndEvent):
                break
        return Parsed(data, Positions(root, self.text), self.source, self.problems)

    def _problem(self, event: Event, message: str, key: tuple[str | int, ...] = ()) -> None:
        mark = event.start_mark
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(key, message, position=(mark.line + 1, mark.column + 1)))

    def _node(self, event: Event) -> tuple[Any, Place]:
        mark, anchor = event.start_mark, getattr(event, "anchor", None)
        if isinstance(event, AliasEvent):
            return self._alias(event)
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise too_many(self.source, mark.line + 1, mark.column + 1)
        self._refuse_tag(event)
        if isinstance(event, ScalarEvent):
            place = Place(mark.line + 1, mark.column + 1, mark.index, event.end_mark.index)
            value = self._scalar(event)
            if anchor:
                self.anchors[anchor] = (value, place, 1)
            return value, place
        if self.depth >= DEEPEST:
            raise too_deep(self.source, mark.line + 1, mark.column + 1)
        before = self.nodes + self.aliased
        place = Place(
            mark.line + 1, mark.column + 1, mark.index, mark.index, not getattr(event, "flow_style", False)
        )
        if anchor:
            self.open_anchors.add(anchor)
        self.depth += 1
        value = self._mapping(place) if isinstance(event, MappingStartEvent) else self._sequence(place)
        self.depth -= 1
        if anchor:
            self.open_anchors.discard(anchor)
            self.anchors[anchor] = (value, place, self.nodes + self.aliased - before + 1)
        return value, place

    def _mapping(self, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        keys: dict[str, tuple[int, int]] = {}
        items: dict[Any, Place] = {}
        place.keys, place.items = keys, items
        for event in self.events:
            if isinstance(event, MappingEndEvent):
                place.end = event.end_mark.index if not place.block else max(self._ends(items), place.end)
                break
            key = self._key(event)
            mark = event.start_mark
            if key is None:
                self._node(next(self.events))
                continue
            if key in result:
                message = duplicate(key, keys[key][0])
                self._problem(event, message, (*self.path, key))
            self.path.append(key)
            value, value_place = self._node(next(self.events))
            self.path.pop()
            if value is None and value_place.start == value_place.end:
                # A missing value's mark is that of the next token, lines below: stay at the key.
                end = event.end_mark
                value_place = Place(mark.line + 1, mark.column + 1, end.index, end.index)
            if key not in result:
                result[key] = value
                keys[key] = (mark.line + 1, mark.column + 1)
                items[key] = value_place
            place.end = max(place.end, event.end_mark.index)
        return result

    def _sequence(self, place: Place) -> list[Any]:
        result: list[Any] = []
        items: dict[Any, Place] = {}
        place.items = items
        for event in self.events:
            if isinstance(event, SequenceEndEvent):
                place.end = event.end_mark.index if not place.block else max(self._ends(items), place.end)
                break
            self.path.append(len(result))
            value, items[len(result)] = self._node(event)
            self.path.pop()
            result.append(value)
        return result

    @staticmethod
    def _ends(items: dict[Any, Place]) -> int:
        return next(reversed(items.values())).end if items else 0

    def _key(self, event: Event) -> str | None:
        """A key's text; None for a key that has none, whose entry is left out."""
        if not isinstance(event, ScalarEvent):
            found = "an alias" if isinstance(event, AliasEvent) else "a mapping or list"
            self._problem(event, f"{found} as a key; expected text; write the key out", tuple(self.path))
            value, _ = self._node(event)
            return value if isinstance(value, str) else None
        self.nodes += 1
        self._refuse_tag(event)
        value = self._scalar(event)
        if event.anchor:
            mark = event.start_mark
            place = Place(mark.line + 1, mark.column + 1, mark.index, event.end_mark.index)
            self.anchors[event.anchor] = (value, place, 1)
        if isinstance(value, str):
            return value
        found = shorten(printable(event.value)) or "nothing"
        self._problem(event, f"found {found} as a key; expected text; put it in quotes", tuple(self.path))
        return str(event.value)

    def _scalar(self, event: ScalarEvent) -> Any:
        value = event.value
        if not event.implicit[0]:
            if event.style == '"' and not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
                message = "half of a surrogate pair; expected text; write the character itself"
                self._problem(event, message, tuple(self.path))
                return value.encode("utf-8", "replace").decode()
            return value
        try:
            return plain(value)
        except BadNumberError:
            self._problem(event, bad_number(shorten(value)), tuple(self.path))
            return None

    def _alias(self, event: AliasEvent) -> tuple[Any, Place]:
        mark = event.start_mark
        if event.anchor not in self.anchors or event.anchor in self.open_anchors:
            found = "inside itself" if event.anchor in self.open_anchors else "without its anchor"
            name = shorten(printable(event.anchor))
            message = f"alias *{name} {found}; expected &{name} before it; write the value out"
            self._problem(event, message, tuple(self.path))
            return None, Place(mark.line + 1, mark.column + 1, mark.index, event.end_mark.index)
        value, target, size = self.anchors[event.anchor]
        self.aliased += size
        if self.aliased > MOST_ALIASED:
            where = f"{self.source}:{mark.line + 1}:{mark.column + 1}"
            raise GraphError(
                f"{where}: aliases expand to more than {MOST_ALIASED:,} values; expected fewer; "
                "write the values out"
            )
        place = Place(mark.line + 1, mark.column + 1, mark.index, event.end_mark.index)
        place.keys, place.items = target.keys, target.items
        return value, place

    def _refuse_tag(self, event: Event) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None:
            shown = "!!" + tag.removeprefix(_TAGS) if tag.startswith(_TAGS) else str(tag)
            message = f"tag {shorten(printable(shown))}; expected a plain value; remove the tag"
            self._problem(event, message, tuple(self.path))
