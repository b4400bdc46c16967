"""How values are spelled in a file: as YAML or as JSON, and as what stood there before was."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Protocol

from legonet.graph.editing.dump import WIDTH, flow, quoted

_ON_ONE_LINE = re.compile(r'[\[{][ \t]*["0-9\[{]')


class Style(Protocol):
    """A language of graph files."""

    @property
    def gap(self) -> str:
        """What stands between two entries on one line."""
        ...

    def scalar(self, value: Any, written: str) -> str:
        """A key or a value without parts, in the quotes that the text around it has."""
        ...

    def inline(self, value: Any) -> str:
        """A value on one line, inside brackets or not."""
        ...

    def item(self, key: str | None, value: Any, indent: str | None) -> str:
        """An entry inside brackets; of a list if it has no key.

        Args:
            key: Its key.
            value: Its value.
            indent: What stands before its lines if it may have several; None: it has one.
        """
        ...


class YamlStyle:
    """YAML, inside brackets."""

    gap = ", "

    def scalar(self, value: Any, written: str) -> str:
        """As `Style.scalar`; a text that its quotes cannot hold gets others."""
        if isinstance(value, str) and written.startswith('"'):
            return quoted(value)
        if isinstance(value, str) and written.startswith("'") and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
        return flow(value)

    def inline(self, value: Any) -> str:
        """As `Style.inline`."""
        return flow(value)

    def item(self, key: str | None, value: Any, indent: str | None) -> str:
        """As `Style.item`."""
        return flow(value) if key is None else flow({key: value})[1:-1]


@dataclass(frozen=True)
class JsonStyle:
    """JSON as a file has it.

    Attributes:
        step: What indents a level.
        newline: What ends a line.
        spaced: Spaces follow colons and commas.
        expanded: Each entry has a line of its own, however short.
    """

    step: str
    newline: str
    spaced: bool
    expanded: bool

    @classmethod
    def of(cls, text: str, newline: str) -> JsonStyle:
        """The style of a text."""
        step = re.search(r"[\r\n]([ \t]+)\"", text)
        spaced = re.search(r"\":[^\s]", text) is None
        return cls(step.group(1) if step else "  ", newline, spaced, not _ON_ONE_LINE.search(text))

    @property
    def gap(self) -> str:
        """As `Style.gap`."""
        return ", " if self.spaced else ","

    def scalar(self, value: Any, written: str) -> str:
        """As `Style.scalar`."""
        return self.inline(value)

    def inline(self, value: Any) -> str:
        """As `Style.inline`."""
        return json.dumps(value, ensure_ascii=False, separators=None if self.spaced else (",", ":"))

    def item(self, key: str | None, value: Any, indent: str | None) -> str:
        """As `Style.item`."""
        start = "" if key is None else self.inline(key) + (": " if self.spaced else ":")
        inline = start + self.inline(value)
        if indent is None or not value or not isinstance(value, dict | list):
            return inline
        if not self.expanded and len(indent) + len(inline) <= WIDTH:
            return inline
        deeper = indent + self.step
        named = value.items() if isinstance(value, dict) else ((None, part) for part in value)
        lines = [self.newline + deeper + self.item(*part, deeper) for part in named]
        left, right = "{}" if isinstance(value, dict) else "[]"
        return start + left + ",".join(lines) + self.newline + indent + right
