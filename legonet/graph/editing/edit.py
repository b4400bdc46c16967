"""Adds entries to a graph file's text and leaves every other byte as it is, comments included."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from legonet.errors import GraphError, Problem
from legonet.graph.editing.dump import entry_lines, flow, graph_data
from legonet.graph.load import graph_problems, parse_yaml
from legonet.graph.reading.findings import located
from legonet.graph.reading.positions import Place, show

SECTIONS = ("categories", "tasks", "adapters", "teachers", "applications")

Entries = Mapping[str, Mapping[str, Any]]


def add_entries(text: str, entries: Entries, source: str = "graph", as_json: bool = False) -> str:
    """Add categories, tasks, adapters, teachers or applications to a graph file.

    Args:
        text: the file's text, a valid graph.
        entries: section to name to the entry, as plain data or a model of `legonet.graph.schema`;
            such as `{"teachers": {"cat-v1": {...}}}`. A category or task is a plain `{}` at least.
        source: the file's name for messages.
        as_json: the text is JSON.

    Returns:
        The new text; it loads, and differs from the old one by the new entries only.

    Raises:
        GraphError: the text is no valid graph, an entry exists already, or the result would not be valid.
    """
    plain = {section: {name: _plain(part) for name, part in new.items()} for section, new in entries.items()}
    data, positions = parse_yaml(text, source, as_json)
    wanted = _merged(data, plain, source)
    if as_json:
        result = _json(text, wanted)
    else:
        result = text
        for section, new in plain.items():
            if new:
                _, positions = parse_yaml(result, source)
                result = _add(result, positions.root, section, new)
    try:
        again, positions = parse_yaml(result, source, as_json)
    except GraphError:
        again = None
    if again != wanted:
        found = "the new entries cannot be added to this layout"
        expected = "expected sections in plain YAML, without aliases"
        raise GraphError.of(Problem(found, expected, "add them by hand", source))
    # Lines of a text that nobody has seen would mislead: the report names keys only.
    if problems := graph_problems(again, positions):
        raise GraphError.of(*located(problems, source))
    return result


def _plain(part: Any) -> Any:
    if isinstance(part, BaseModel):
        return graph_data(part)
    # By way of JSON, so that tuples compare as the lists that they are read back as.
    return json.loads(json.dumps(part))


def _merged(data: Any, entries: Entries, source: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        advice = "run `legonet validate`"
        raise GraphError.of(Problem(f"found {show(data)}", "expected a graph", advice, source))
    merged = dict(data)
    for section, new in entries.items():
        if section not in SECTIONS:
            there = f"sections are {', '.join(SECTIONS)}"
            raise GraphError.of(Problem(f"no section {show(section)}", there, file=source))
        old = merged.get(section, {})
        if not isinstance(old, dict):
            parts = (f"found {show(old)}", "expected a mapping", "correct it first")
            raise GraphError.of(Problem(*parts, source, key=section))
        for name in new:
            if name in old:
                advice = "choose another one, or edit the entry"
                parts = ("exists already", "expected a new name", advice)
                raise GraphError.of(Problem(*parts, source, key=f"{section}.{name}"))
        if new:
            merged[section] = {**old, **new}
    return merged


def _json(text: str, data: dict[str, Any]) -> str:
    indent = re.search(r"\n([ \t]+)\"", text)
    return json.dumps(data, indent=indent.group(1) if indent else None, ensure_ascii=False) + "\n"


def _add(text: str, root: Place, section: str, new: Mapping[str, Any]) -> str:
    """The text with the entries of one section added, in the style that the section has."""
    newline = "\r\n" if "\r\n" in text else "\n"
    place = (root.items or {}).get(section)
    if not root.block:
        return _add_flow_section(text, root, place, section, new)
    if place is None:
        block = ["", *entry_block({section: dict(new)}, 0)]
        return _insert_after(text, root.end, block, newline)
    if not place.items:
        # `teachers: {}`: the first entry gives it the indented form.
        block = entry_block(new, 2)
        text = text[: place.start].rstrip(" ") + text[place.end :]
        return _insert_after(text, place.start - 1, block, newline)
    if not place.block:
        return _add_flow(text, place, new)
    indent = min(column for _, column in (place.keys or {}).values()) - 1
    return _insert_after(text, place.end, entry_block(new, indent), newline)


def entry_block(entries: Mapping[str, Any], indent: int) -> list[str]:
    """The lines of a mapping's entries in indented style."""
    return [line for key, value in entries.items() for line in _forced(key, value, indent)]


def _forced(key: str, value: Any, indent: int) -> list[str]:
    """An entry's lines; a section's own entries always start a line of their own."""
    if indent == 0 and isinstance(value, dict):
        return [f"{key}:", *entry_block(value, 2)]
    return entry_lines(key, value, indent)


def _insert_after(text: str, end: int, block: list[str], newline: str) -> str:
    """Insert lines below the line on which a value ends, thus after its comment."""
    while end > 0 and text[end - 1] in " \t\r\n":
        end -= 1
    stop = text.find("\n", end)
    added = newline.join(block) + newline
    if stop < 0:
        return text + newline + added
    return text[: stop + 1] + added + text[stop + 1 :]


def _add_flow(text: str, place: Place, new: Mapping[str, Any]) -> str:
    """Add entries before the closing brace of a mapping in flow style."""
    close = place.end - 1
    before = text[:close].rstrip()
    gap = text[len(before) : close]
    inner = flow(dict(new))[1:-1]
    comma = "" if before.endswith("{") else " " if before.endswith(",") else ", "
    return before + comma + inner + gap + text[close:]


def _add_flow_section(
    text: str, root: Place, place: Place | None, section: str, new: Mapping[str, Any]
) -> str:
    """Add entries to a file that is one mapping in flow style, such as JSON in a .yaml file."""
    if place is None:
        return _add_flow(text, root, {section: dict(new)})
    return _add_flow(text, place, new)
