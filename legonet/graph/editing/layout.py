"""Where the entries of mappings and lists stand in a text, and what surrounds them: lines, dashes, commas."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from legonet.graph.reading.positions import Place

_BREAK = re.compile(r"\r\n|\r|\n")
_REST = re.compile(r"[ \t]*(?:(?<=[\s,])#[^\r\n]*)?")  # of a line: nothing, or a comment
_GAP = re.compile(r"\s*(?:#[^\r\n]*\s*)*")  # between entries inside brackets
_QUOTED = re.compile(r"""(?:&\S+\s+)?("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')""", re.DOTALL)
_ANCHOR = re.compile(r"&[^\s,\[\]{}]+")
_COLON = re.compile(r"\s*:")


class LayoutError(Exception):
    """A text whose layout is beyond what is edited piece by piece."""


@dataclass(frozen=True)
class Item:
    """One entry of a mapping or a list.

    Attributes:
        start: Its first character: of its key, of its dash, or of its value inside brackets.
        key: Where its key stands, quotes included; None in a list.
        colon: The character behind the colon; None in a list.
        value: Its value's place.
        end: The character behind it, without spaces, comma and comment.
        block: It stands on lines of its own, not inside brackets.
    """

    start: int
    key: tuple[int, int] | None
    colon: int | None
    value: Place
    end: int
    block: bool


class Layout:
    """A text by lines and entries."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(match.end() for match in _BREAK.finditer(text))]
        found = _BREAK.search(text)
        self.newline = found.group() if found else "\n"

    def line_start(self, at: int) -> int:
        """The first character of the line of a character."""
        return self._starts[bisect_right(self._starts, at) - 1]

    def column(self, at: int) -> int:
        """How many characters stand before one in its line."""
        return at - self.line_start(at)

    def begins_line(self, at: int) -> bool:
        """Whether only spaces stand before a character in its line."""
        return not self.text[self.line_start(at) : at].strip()

    def rest(self, at: int) -> tuple[int, int] | None:
        """Where the line ends, without and with its break, if from here on it has nothing but a comment."""
        match = _REST.match(self.text, at)
        end = match.end() if match else at
        if end == len(self.text):
            return end, end
        found = _BREAK.match(self.text, end)
        return (end, found.end()) if found else None

    def ends_line(self, at: int) -> tuple[int, int]:
        """As `rest`.

        Raises:
            LayoutError: Something else stands there.
        """
        found = self.rest(at)
        if found is None:
            raise LayoutError
        return found

    def comma(self, at: int) -> int | None:
        """The comma that follows an entry inside brackets, if one does."""
        match = _GAP.match(self.text, at)
        after = match.end() if match else at
        return after if self.text.startswith(",", after) else None

    def open(self, place: Place) -> int:
        """The opening bracket of a mapping or list inside brackets."""
        match = _ANCHOR.match(self.text, place.start)
        after = _GAP.match(self.text, match.end() if match else place.start)
        return after.end() if after else place.start

    def anchor_end(self, place: Place) -> int:
        """The character behind a value's anchor; its first one if it has none."""
        match = _ANCHOR.match(self.text, place.start)
        return match.end() if match else place.start

    def is_alias(self, place: Place) -> bool:
        """Whether a value is written as an alias."""
        return place.end > place.start and self.text[place.start] == "*"

    def items(self, place: Place) -> list[Item]:
        """The entries of a mapping or a list, in their order.

        Raises:
            LayoutError: One of them is written in a way that has no edit.
        """
        if place.keys is None:
            return [self._element(each, place.block) for each in (place.items or {}).values()]
        return [self._entry(key, at, place) for key, at in place.keys.items()]

    def _entry(self, key: str, at: tuple[int, int], holder: Place) -> Item:
        value = (holder.items or {})[key]
        start = self._starts[at[0] - 1] + at[1] - 1
        end = self._key_end(key, start)
        colon = _COLON.match(self.text, end)
        if colon is None:
            raise LayoutError
        missing = value.start == value.end
        behind = colon.end() if missing else self._end(value)
        return Item(start, (start, end), colon.end(), value, behind, holder.block)

    def _element(self, value: Place, block: bool) -> Item:
        if not block:
            return Item(value.start, None, None, value, self._end(value), block)
        before = self.text[self.line_start(value.start) : value.start].rstrip(" \t")
        if before.strip() != "-":
            raise LayoutError
        dash = self.line_start(value.start) + len(before) - 1
        return Item(dash, None, None, value, self._end(value), block)

    def _key_end(self, key: str, start: int) -> int:
        if match := _QUOTED.match(self.text, start):
            return match.end()
        if not self.text.startswith(key, start):
            raise LayoutError
        return start + len(key)

    def _end(self, value: Place) -> int:
        """A value's end; that of a text in indented style is the end of what it says."""
        end = value.end
        while end > value.start and self.text[end - 1] in " \t\r\n":
            end -= 1
        return end
