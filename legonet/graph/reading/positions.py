"""Where each key and value of a file stands, and what it looks like there."""

from __future__ import annotations

from typing import Any, Literal

KeyPath = tuple[str | int, ...]
At = Literal["key", "value"]

_SHOWN = 48


class Place:
    """Where one value stands: line and column from 1, and its span in the text.

    A mapping has `keys` (key -> line, column) and `items` (key -> Place); a list has `items` only.
    """

    __slots__ = ("block", "column", "end", "items", "keys", "line", "start")

    def __init__(self, line: int, column: int, start: int, end: int, block: bool = False) -> None:
        """A value's first character and span; `block` marks a collection in indented style."""
        self.line = line
        self.column = column
        self.start = start
        self.end = end
        self.block = block
        self.keys: dict[str, tuple[int, int]] | None = None
        self.items: dict[Any, Place] | None = None


class Positions:
    """Finds the line and column of a key path, and shows values as they stand in the text."""

    def __init__(self, root: Place, text: str) -> None:
        """The outermost value's place, and the text it was read from."""
        self.root = root
        self.text = text

    def place(self, key: KeyPath) -> Place | None:
        """The place of the value at a key path; None when there is no such value."""
        place = self.root
        for part in key:
            if place.items is None or part not in place.items:
                return None
            place = place.items[part]
        return place

    def find(self, key: KeyPath, at: At = "value") -> tuple[int, int]:
        """Line and column, from 1, that a message about a key path should name.

        Args:
            key: keys and list indices from the outermost mapping inwards.
            at: "key" for the key itself. "value" for a scalar's first character; a collection's
                problem is shown at its key all the same.

        Returns:
            Line and column; of the innermost part that exists when the path itself does not.
        """
        place = self.root
        position = (place.line, place.column)
        for depth, part in enumerate(key, start=1):
            if place.items is None or part not in place.items:
                return position
            written = place.keys.get(str(part)) if place.keys is not None else None
            place = place.items[part]
            scalar = place.items is None
            if written is not None and (not scalar or (at == "key" and depth == len(key))):
                position = written
            else:
                position = (place.line, place.column)
        return position

    def shown(self, key: KeyPath, value: Any) -> str:
        """A value as the file has it, on one line and shortened."""
        place = self.place(key)
        if place is None or isinstance(value, str):
            return show(value)
        if place.block:
            return _collection(value)
        written = " ".join(self.text[place.start : min(place.end, place.start + 400)].split())
        return shorten(written) if written else show(value)


def show(value: Any) -> str:
    """A value in a message, on one line and shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{shorten(printable(value))}'"
    if isinstance(value, dict | list | tuple):
        return _collection(value)
    return shorten(str(value))


def _collection(value: Any) -> str:
    if isinstance(value, dict):
        return f"a mapping with {len(value)} key{'' if len(value) == 1 else 's'}"
    return f"a list of {len(value)}"


def shorten(text: str, longest: int = _SHOWN) -> str:
    """Text cut to at most `longest` characters."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def printable(text: str) -> str:
    """Text with every character that would disturb a one-line message escaped."""
    if text.isprintable():
        return text
    cut = text[:400]
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def dotted(key: KeyPath) -> str:
    """A key path in messages: `adapters.cat:classify.method`, `input.shape[1]`."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + shorten(printable(part) or "''", 80)
    return text
