"""Changes of mappings and lists in indented style, line by line."""

from __future__ import annotations

from typing import Any

from legonet.graph.editing.dump import entry_block, entry_lines, flow
from legonet.graph.editing.layout import Item, Layout, LayoutError
from legonet.graph.editing.parts import New, Parts
from legonet.graph.editing.splices import Splice
from legonet.graph.editing.style import Style


def changed(layout: Layout, items: list[Item], parts: Parts, top: bool) -> list[Splice]:
    """Remove and add entries.

    Args:
        layout: The text.
        items: The entries as they are.
        parts: What becomes of them.
        top: They are the file's own, with empty lines between them.

    Raises:
        LayoutError: One does not have its lines to itself.
    """
    splices: list[Splice] = []
    for after, new in parts.added.items():
        lines = [line for each in new for line in _lines(layout, items, each, top)]
        splices.append(_inserted(layout, items, after, parts.first, lines))
    for index in parts.removed:
        item = items[index]
        if not layout.begins_line(item.start):
            raise LayoutError
        splices.append((layout.line_start(item.start), layout.ends_line(item.end)[1], ""))
    return splices


def emptied(layout: Layout, items: list[Item], item: Item | None, empty: str) -> list[Splice]:
    """Write beside a key that its mapping or list has no entries any more."""
    if item is None or item.colon is None:
        raise LayoutError
    value, first = item.value, layout.line_start(items[0].start)
    beside = layout.anchor_end(value) if value.start < first else item.colon
    return [(item.colon, beside, f" {empty}")]


def replaced(layout: Layout, style: Style, item: Item, new: Any) -> list[Splice]:
    """Give a key another value, of whatever form it was and is."""
    start, end = item.key or (item.start, item.start)
    indent, colon, value = layout.column(start), item.colon or end, item.value
    if isinstance(new, dict) and new and indent == 0:
        beside, below = "", entry_block(new, 2)
    else:
        first, *below = entry_lines("k" * (end - start), new, indent)  # as long as the key
        beside = first[indent + end - start + 1 :]
    missing = value.start == value.end
    if not value.block and not below and not missing:
        written = layout.text[value.start : item.end]
        short = style.inline(new) if isinstance(new, dict | list) else style.scalar(new, written)
        return [(value.start, item.end, short)]
    if missing or (not value.block and layout.line_start(value.start) == layout.line_start(start)):
        if not below:
            return [(colon, colon, beside)]
        return [(colon, item.end, beside), _below(layout, layout.ends_line(item.end), below)]
    lines = layout.line_start(layout.items(value)[0].start if value.block else value.start)
    anchored = value.start < lines  # beside the key, and so goes with the value
    return [
        (colon, layout.anchor_end(value) if anchored else colon, beside),
        (lines, lines, "".join(line + layout.newline for line in below)),
        (lines, layout.ends_line(item.end)[1], ""),
    ]


def _below(layout: Layout, line: tuple[int, int], lines: list[str]) -> Splice:
    """Lines below one that ends there, without and with its break."""
    end, after = line
    added = layout.newline.join(lines) + layout.newline
    return after, after, added if after > end else layout.newline + added


def _inserted(layout: Layout, items: list[Item], after: int, first: int, lines: list[str]) -> Splice:
    if after >= 0:
        return _below(layout, layout.ends_line(items[after].end), lines)
    start = items[first].start
    if not layout.begins_line(start):
        raise LayoutError
    at = layout.line_start(start)
    return at, at, "".join(line + layout.newline for line in lines)


def _lines(layout: Layout, items: list[Item], new: New, top: bool) -> list[str]:
    """A new entry's lines, in the style of those that are there."""
    if top and new.key is not None and isinstance(new.value, dict):
        return ["", *entry_block({new.key: new.value}, 0)]
    indent = layout.column(items[-1].start)
    if new.key is None:
        return [" " * indent + f"- {flow(new.value)}"]
    siblings = [each.value for each in items if each.value.items]
    if siblings and not any(each.block for each in siblings):
        return [" " * indent + flow({new.key: new.value})[1:-1]]
    return entry_lines(new.key, new.value, indent)
