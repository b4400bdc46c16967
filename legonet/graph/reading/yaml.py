"""Reads YAML 1.2 into plain data and positions, whatever is in it. The only user of PyYAML.

The data is composed here from a parser's events, not by a constructor: nothing of the file is ever
executed, aliases are counted before they expand, and every key and value keeps its line and column.

PyYAML has two parsers. The one in C is many times as fast; the one in Python says in more words what is
wrong, so that it reads again what the other refuses, but for large files. Both are of YAML 1.1. What YAML 1.2
sees differently is the meaning of words, which `legonet.graph.reading.scalars` gives, and where lines end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from time import process_time
from typing import Any

import yaml

from legonet.errors import GraphError
from legonet.graph.reading.findings import Finding
from legonet.graph.reading.parsed import (
    DEEPEST,
    HALF_SURROGATE,
    MOST_ALIASED,
    MOST_NODES,
    MOST_PROBLEMS,
    MOST_SECONDS,
    TOO_DEEP,
    TOO_MANY,
    TOO_SLOW,
    Parsed,
    Parts,
    bad_number,
    duplicate,
    unread,
)
from legonet.graph.reading.positions import KeyPath, Place, Positions, printable, shorten
from legonet.graph.reading.scalars import BadNumberError, plain
from legonet.graph.reading.syntax import syntax_message

LARGEST_FOR_PYTHON = 2**18  # characters; its parser takes ten seconds for a million
_TAGS = "tag:yaml.org,2002:"
# The parser in C takes tabs between words and drops the tag "!", which the other refuses.
_LEFT_TO_PYTHON = re.compile(r"\t|(?<!\w)!(?!\w)")
# What YAML 1.1 sees as the end of a line, or inside brackets as the end of a word; YAML 1.2 does not.
_PLAIN_NOW = re.compile(r"[\x85\u2028\u2029]|(?<=[^\s,\[\]{}])[?]")


class _PythonParser(yaml.BaseLoader):
    """PyYAML's parser in Python, which takes tabs inside brackets, as JSON may have them."""

    def scan_to_next_token(self) -> None:
        super().scan_to_next_token()
        while self.flow_level and self.peek() == "\t":
            self.forward()
            super().scan_to_next_token()


def compose(text: str, source: str) -> Parsed:
    """Plain data of a YAML file, with positions and the problems that do not stop the reading.

    Args:
        text: The file's text, as `legonet.graph.reading.source.decode` returns it.
        source: The file's name for messages.

    Returns:
        Data of dicts with text keys, lists, str, int, finite float, bool and None. Of a duplicate key
        the first value counts; a bad number counts as None, a key that is no text as its text.

    Raises:
        GraphError: It is not YAML, or deeper or larger than any graph file.
    """
    large = len(text) > LARGEST_FOR_PYTHON
    if yaml.__with_libyaml__ and (large or not _LEFT_TO_PYTHON.search(text)):
        composer = _Composer(yaml.CBaseLoader, text, source)
        try:
            return composer.document()
        except yaml.YAMLError as error:
            if large:
                raise _told(error, source, 1) from error
    composer = _Composer(_PythonParser, text, source)
    try:
        return composer.document()
    except (yaml.YAMLError, ValueError, OverflowError, AttributeError, IndexError, AssertionError) as error:
        raise _told(error, source, composer.parser.line + 1) from error


def _told(error: Exception, source: str, line: int) -> GraphError:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        opened = error.context_mark.line + 1 if error.context_mark else line
        return unread(source, line, column, syntax_message(error.problem or "", error.context or "", opened))
    # The parser itself stumbled, such as over the escape \U00110000.
    found = "not valid YAML in or after this line"
    parts = (found, "expected YAML 1.2", "look for a wrong escape or directive")
    return unread(source, line, 1, parts)


def _stand_ins(text: str) -> dict[str, str]:
    """For each character that only YAML 1.1 takes for a mark, one that the text does not have."""
    free = (chr(code) for code in range(0xF0000, 0xFFFFE) if chr(code) not in text)
    return dict(zip(sorted(set(_PLAIN_NOW.findall(text))), free, strict=False))


class _Composer:
    def __init__(self, parser: Any, text: str, source: str) -> None:
        self.until = process_time() + MOST_SECONDS
        stand_ins = _stand_ins(text)
        self.written = str.maketrans({new: old for old, new in stand_ins.items()})
        self.parser = parser(_PLAIN_NOW.sub(lambda match: stand_ins[match.group()], text))
        self.next: Callable[[], Any] = self.parser.get_event
        self.text = text
        self.source = source
        self.problems: list[Finding] = []
        self.anchors: dict[str, tuple[Any, Place, int]] = {}
        self.open_anchors: set[str] = set()
        self.path: list[str | int] = []
        self.depth = 0
        self.nodes = 0
        self.aliased = 0

    def document(self) -> Parsed:
        data, root = None, Place(1, 1, 0, 0)
        self.next()
        start = self.next()
        if type(start) is yaml.DocumentStartEvent:
            if start.version and tuple(start.version) != (1, 2):
                found = "%YAML " + ".".join(map(str, start.version))
                below = start.end_mark  # of the marker `---`
                where = (below.line + 1, below.column - 2)
                self.problems.append(
                    Finding((), found, "expected YAML 1.2", "remove that line", position=where)
                )
            data, root = self._node(self.next())
            self.next()
            second = self.next()
            if type(second) is not yaml.StreamEndEvent:
                self._problem(second, ("a second document", "expected one in a file", "split the file"), ())
        return Parsed(data, Positions(root, self.text), self.source, self.problems)

    def _problem(self, event: Any, parts: Parts, key: KeyPath | None = None) -> None:
        """Note what is wrong at an event, by default about the value that is being read."""
        mark = event.start_mark
        if len(self.problems) < MOST_PROBLEMS:
            key = tuple(self.path) if key is None else key
            self.problems.append(Finding(key, *parts, position=(mark.line + 1, mark.column + 1)))

    def _node(self, event: Any) -> tuple[Any, Place]:
        kind, mark = type(event), event.start_mark
        if kind is yaml.AliasEvent:
            return self._alias(event)
        self.nodes += 1
        if self.nodes > MOST_NODES or (self.nodes % 1024 == 0 and process_time() > self.until):
            parts = TOO_MANY if self.nodes > MOST_NODES else TOO_SLOW
            raise unread(self.source, mark.line + 1, mark.column + 1, parts)
        if event.tag is not None:
            self._tag(event)
        anchor = event.anchor
        if kind is yaml.ScalarEvent:
            place = _span(event)
            value = self._scalar(event)
            if anchor:
                self.anchors[anchor] = (value, place, 1)
            return value, place
        if self.depth >= DEEPEST:
            raise unread(self.source, mark.line + 1, mark.column + 1, TOO_DEEP)
        before = self.nodes + self.aliased
        place = Place(mark.line + 1, mark.column + 1, mark.index, mark.index, not event.flow_style)
        if anchor:
            self.open_anchors.add(anchor)
        self.depth += 1
        value = self._mapping(place) if kind is yaml.MappingStartEvent else self._sequence(place)
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
        while type(event := self.next()) is not yaml.MappingEndEvent:
            key = self._key(event)
            if key is None:
                self._node(self.next())
                continue
            mark, end = event.start_mark, event.end_mark.index
            if key in result:
                self._problem(event, duplicate(keys[key][0]), (*self.path, key))
            self.path.append(key)
            value, at = self._node(self.next())
            self.path.pop()
            if value is None and at.start == at.end:
                # A missing value's mark is that of the next token, lines below: stay at the key.
                at = Place(mark.line + 1, mark.column + 1, end, end)
            if key not in result:
                result[key], items[key] = value, at
                keys[key] = (mark.line + 1, mark.column + 1)
            place.end = max(place.end, end, at.end)
        if not place.block:
            place.end = event.end_mark.index
        return result

    def _sequence(self, place: Place) -> list[Any]:
        result: list[Any] = []
        items: dict[Any, Place] = {}
        place.items = items
        while type(event := self.next()) is not yaml.SequenceEndEvent:
            self.path.append(len(result))
            value, at = self._node(event)
            self.path.pop()
            items[len(result)] = at
            result.append(value)
            place.end = max(place.end, at.end)
        if not place.block:
            place.end = event.end_mark.index
        return result

    def _key(self, event: Any) -> str | None:
        """A key's text; None for a key that has none, whose entry is left out."""
        if type(event) is not yaml.ScalarEvent:
            found = "an alias" if type(event) is yaml.AliasEvent else "a mapping or list"
            self._problem(event, (f"{found} as a key", "expected text", "write the key out"))
            value, _ = self._node(event)
            return value if isinstance(value, str) else None
        self.nodes += 1
        if event.tag is not None:
            self._tag(event)
        value = self._scalar(event)
        if event.anchor:
            self.anchors[event.anchor] = (value, _span(event), 1)
        if isinstance(value, str):
            return value
        found = shorten(printable(event.value)) or "nothing"
        self._problem(event, (f"found {found} as a key", "expected text", "put it in quotes"))
        return str(event.value)

    def _scalar(self, event: Any) -> Any:
        value = event.value.translate(self.written) if self.written else event.value
        if not event.implicit[0]:
            if event.style == '"' and not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
                self._problem(event, HALF_SURROGATE)
                return value.encode("utf-8", "replace").decode()
            return value
        try:
            return plain(value)
        except BadNumberError:
            self._problem(event, bad_number(shorten(value)))
            return None

    def _alias(self, event: Any) -> tuple[Any, Place]:
        mark = event.start_mark
        if event.anchor not in self.anchors or event.anchor in self.open_anchors:
            found = "inside itself" if event.anchor in self.open_anchors else "without its anchor"
            name = shorten(printable(event.anchor))
            self._problem(
                event, (f"alias *{name} {found}", f"expected &{name} before it", "write the value out")
            )
            return None, _span(event)
        value, target, size = self.anchors[event.anchor]
        self.aliased += size
        if self.aliased > MOST_ALIASED:
            found = f"aliases expand to more than {MOST_ALIASED:,} values"
            parts = (found, "expected fewer", "write the values out")
            raise unread(self.source, mark.line + 1, mark.column + 1, parts)
        place = _span(event)
        place.keys, place.items = target.keys, target.items
        return value, place

    def _tag(self, event: Any) -> None:
        shown = "!!" + event.tag.removeprefix(_TAGS) if event.tag.startswith(_TAGS) else event.tag
        found = f"tag {shorten(printable(shown))}"
        self._problem(event, (found, "expected a plain value", "remove the tag"))


def _span(event: Any) -> Place:
    """The place of a scalar or an alias."""
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1, mark.index, event.end_mark.index)
