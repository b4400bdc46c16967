"""Changes of mappings and lists inside brackets, as in JSON: commas, and entries with lines of their own."""

from __future__ import annotations

from typing import Any

from legonet.graph.editing.layout import Item, Layout
from legonet.graph.editing.parts import New, Parts
from legonet.graph.editing.splices import Splice
from legonet.graph.editing.style import Style


def changed(layout: Layout, style: Style, items: list[Item], parts: Parts) -> list[Splice]:
    """Remove and add entries; none is added where none is kept."""
    return _Brackets(layout, style, items, parts).splices()


def replaced(layout: Layout, style: Style, item: Item, new: Any) -> list[Splice]:
    """Give an entry another value."""
    value, text = item.value, layout.text
    if value.start == value.end:
        return [(item.end, item.end, " " + style.inline(new))]
    if not isinstance(new, dict | list):
        return [(value.start, item.end, style.scalar(new, text[value.start : item.end]))]
    indent = _indent(layout, item) if layout.begins_line(item.start) else None
    return [(value.start, item.end, style.item(None, new, indent))]


def _indent(layout: Layout, item: Item) -> str:
    return layout.text[layout.line_start(item.start) : item.start]


class _Brackets:
    def __init__(self, layout: Layout, style: Style, items: list[Item], parts: Parts) -> None:
        self.layout, self.style, self.items, self.parts = layout, style, items, parts
        self.commas = [layout.comma(each.end) for each in items]
        self.ends_with_comma = self.commas[-1] is not None

    def splices(self) -> list[Splice]:
        found: list[Splice] = []
        for after, new in self.parts.added.items():
            found += self._first(new) if after < 0 else self._added(after, new)
        for index in self.parts.removed:
            found.append(self._removed(index))
        last = self.parts.last
        comma = self.commas[last] if last >= 0 else None
        if comma is not None and not self.ends_with_comma and last not in self.parts.added:
            found.append((comma, comma + 1, ""))
        return found

    def _own_line(self, index: int) -> bool:
        return self.layout.begins_line(self.items[index].start)

    def _behind(self, index: int) -> int:
        """The character behind an entry and its comma."""
        comma = self.commas[index]
        return self.items[index].end if comma is None else comma + 1

    def _removed(self, index: int) -> Splice:
        item, behind = self.items[index], self._behind(index)
        line = self.layout.rest(behind)
        if line is not None and self._own_line(index):
            return self.layout.line_start(item.start), line[1], ""
        if index < self.parts.last:
            following = self.items[index + 1].start
            if not self.layout.text[behind:following].strip(" \t"):
                return item.start, following, ""
        start = item.start
        while self.layout.text[start - 1] in " \t":
            start -= 1
        return start, behind, ""

    def _first(self, new: list[New]) -> list[Splice]:
        """Put entries before the first one that is kept."""
        index = self.parts.first
        item = self.items[index]
        indent = _indent(self.layout, item) if self._own_line(index) else None
        gap = self.style.gap if indent is None else f",{self.layout.newline}{indent}"
        return [(item.start, item.start, "".join(self.style.item(*each, indent) + gap for each in new))]

    def _added(self, after: int, new: list[New]) -> list[Splice]:
        comma, item = self.commas[after], self.items[after]
        more = self.ends_with_comma or after < self.parts.last
        behind = self._behind(after)
        line = self.layout.rest(behind) if self._own_line(after) else None
        if line is None:
            gap = self.style.gap
            text = gap.join(self.style.item(*each, None) for each in new) + "," * more
            return [(behind, behind, (gap if comma is None else gap[1:]) + text)]
        indent = _indent(self.layout, item)
        gap = self.layout.newline + indent
        text = gap + ("," + gap).join(self.style.item(*each, indent) for each in new) + "," * more
        missing = [(item.end, item.end, ",")] if comma is None else []
        return [*missing, (line[0], line[0], text)]
