"""Reads JSON into plain data and positions: the standard's grammar, nothing more."""

from __future__ import annotations

import bisect
import json
import re
from time import process_time
from typing import Any

from legonet.errors import GraphError
from legonet.graph.reading.findings import Finding
from legonet.graph.reading.parsed import (
    DEEPEST,
    HALF_SURROGATE,
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
from legonet.graph.reading.scalars import BadNumberError, json_number

_SPACE = re.compile(r"[ \t\r\n]*")
# Possessive: else each letter of a text that is not closed is kept as a place to go back to.
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z0-9_.+-]+")
_BREAK = re.compile(r"\r\n|\r|\n")
_CONSTANTS = {"true": True, "false": False, "null": None}
_SURROGATE = re.compile("[\ud800-\udfff]")


def compose(text: str, source: str) -> Parsed:
    """Plain data of a JSON file, with positions and the problems that do not stop the reading.

    Args:
        text: The file's text, as `legonet.graph.reading.source.decode` returns it.
        source: The file's name for messages.

    Returns:
        As `legonet.graph.reading.yaml.compose`.

    Raises:
        GraphError: It is not JSON, or deeper or larger than any graph file.
    """
    return _Composer(text, source).document()


class _Composer:
    def __init__(self, text: str, source: str) -> None:
        self.until = process_time() + MOST_SECONDS
        self.text = text
        self.source = source
        self.at = 0
        self.nodes = 0
        self.path: list[str | int] = []
        self.problems: list[Finding] = []
        self.starts = [0, *(match.end() for match in _BREAK.finditer(text))]

    def document(self) -> Parsed:
        self._skip()
        if self.at == len(self.text):
            return Parsed(None, Positions(Place(1, 1, 0, 0), self.text), self.source)
        data, root = self._value()
        self._skip()
        if self.at < len(self.text):
            raise self._error("text after the end of the value", "expected one value in a file", "remove it")
        return Parsed(data, Positions(root, self.text), self.source, self.problems)

    def _position(self, index: int) -> tuple[int, int]:
        line = bisect.bisect_right(self.starts, index)
        return line, index - self.starts[line - 1] + 1

    def _error(self, *parts: *Parts) -> GraphError:
        return unread(self.source, *self._position(self.at), parts)

    def _unexpected(self, expected: str) -> GraphError:
        if self.at >= len(self.text):
            return self._error("the file ends here", f"expected {expected}", "complete it")
        word = _WORD.match(self.text, self.at)
        found = shorten(word.group() if word else printable(self.text[self.at]))
        if found == '"':
            return self._error(
                "text that is not closed, or has a line break or an unknown escape",
                "expected a JSON string on one line",
                "close it or correct the escape",
            )
        hint = "put it in double quotes" if word or found == "'" else "correct it"
        if found in ("NaN", "Infinity", "-Infinity") or found[0] in "-+.0123456789":
            expected, hint = "a finite number as JSON writes it", "correct it"
        if found in ("}", "]") and self.text[: self.at].rstrip().endswith(","):
            hint = "remove the comma before it"
        if found in ("/", "#"):
            hint = "JSON has no comments: remove it, or use YAML"
        return self._error(f"found {found}", f"expected {expected}", hint)

    def _problem(self, start: int, parts: Parts, key: KeyPath) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Finding(key, *parts, position=self._position(start)))

    def _skip(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _value(self) -> tuple[Any, Place]:
        start = self.at
        line, column = self._position(start)
        self.nodes += 1
        if self.nodes > MOST_NODES or (self.nodes % 1024 == 0 and process_time() > self.until):
            parts = TOO_MANY if self.nodes > MOST_NODES else TOO_SLOW
            raise unread(self.source, line, column, parts)
        place = Place(line, column, start, start)
        first = self.text[start : start + 1]
        if first in ("{", "["):
            if len(self.path) >= DEEPEST:
                raise unread(self.source, line, column, TOO_DEEP)
            self.at += 1
            value: Any = self._object(place) if first == "{" else self._array(place)
        elif first == '"':
            value = self._string()
        elif match := _NUMBER.match(self.text, start):
            value = self._number(match.group())
        else:
            word = _WORD.match(self.text, start)
            if word is None or word.group() not in _CONSTANTS:
                raise self._unexpected("a JSON value")
            value = _CONSTANTS[word.group()]
            self.at = word.end()
        place.end = self.at
        return value, place

    def _number(self, digits: str) -> Any:
        start = self.at
        word = _WORD.match(self.text, start)
        if word is None or word.group() != digits:
            raise self._unexpected("a JSON number")
        self.at += len(digits)
        try:
            return json_number(digits)
        except BadNumberError:
            self._problem(start, bad_number(shorten(digits)), tuple(self.path))
            return None

    def _string(self) -> str:
        match = _STRING.match(self.text, self.at)
        if match is None:
            raise self._unexpected("text in double quotes")
        start, self.at = self.at, match.end()
        written = match.group()
        if "\\" not in written:
            return written[1:-1]
        value = json.loads(written)
        if _SURROGATE.search(value):
            self._problem(start, HALF_SURROGATE, tuple(self.path))
            return value.encode("utf-8", "replace").decode()
        return value

    def _object(self, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        keys: dict[str, tuple[int, int]] = {}
        items: dict[Any, Place] = {}
        place.keys, place.items = keys, items
        self._skip()
        if self._take("}"):
            return result
        while True:
            start = self.at
            if not self.text.startswith('"', start):
                raise self._unexpected("a key in double quotes")
            key = self._string()
            if key in result:
                self._problem(start, duplicate(keys[key][0]), (*self.path, key))
            self._skip()
            if not self._take(":"):
                raise self._unexpected("':' after the key")
            self._skip()
            self.path.append(key)
            value, value_place = self._value()
            self.path.pop()
            if key not in result:
                result[key], keys[key], items[key] = value, self._position(start), value_place
            self._skip()
            if self._take("}"):
                return result
            if not self._take(","):
                raise self._unexpected("',' or '}'")
            self._skip()

    def _array(self, place: Place) -> list[Any]:
        result: list[Any] = []
        items: dict[Any, Place] = {}
        place.items = items
        self._skip()
        if self._take("]"):
            return result
        while True:
            self.path.append(len(result))
            value, items[len(result)] = self._value()
            self.path.pop()
            result.append(value)
            self._skip()
            if self._take("]"):
                return result
            if not self._take(","):
                raise self._unexpected("',' or ']'")
            self._skip()

    def _take(self, character: str) -> bool:
        if self.text.startswith(character, self.at):
            self.at += 1
            return True
        return False
