"""Writes graphs and plain data as YAML that people like to read."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from legonet.errors import GraphError, Problem
from legonet.graph.fields import LETTERS
from legonet.graph.reading.scalars import BadNumberError, plain
from legonet.graph.schema import Graph
from legonet.graph.suggest import kind_of

WIDTH = 88
_MOST_INLINE = 4
# People add to these, so each entry has a line of its own.
_SECTIONS = frozenset({"categories", "tasks", "adapters", "teachers", "applications"})
# Plain scalars that need no quotes anywhere, in flow collections too.
_PLAIN = re.compile(rf"[0-9{LETTERS}_./+~-](?:[0-9{LETTERS}_./:+~@=-]|(?<!:) (?=[0-9{LETTERS}_(/]))*")
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def dump_yaml(data: Graph | dict[str, Any]) -> str:
    """A YAML text with keys in their order, short collections on one line, and no defaults.

    Args:
        data: A graph, or a mapping of plain data (dict, list, tuple, str, int, float, bool, None).

    Returns:
        Text that `parse_yaml` reads back as equal data.

    Raises:
        GraphError: A value that YAML or JSON cannot hold.
    """
    if isinstance(data, BaseModel):
        data = graph_data(data)
    lines: list[str] = []
    for key, value in data.items():
        block = _entry(key, value, 0)
        if lines and len(block) > 1:
            lines.append("")
        lines += block
    return "\n".join(lines) + "\n" if lines else "{}\n"


def graph_data(graph: BaseModel) -> dict[str, Any]:
    """A graph as plain data, without what is default."""
    return graph.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def entry_lines(key: str, value: Any, indent: int) -> list[str]:
    """The lines of one key and its value, indented by so many spaces."""
    return _entry(key, value, indent)


def entry_block(entries: Mapping[str, Any], indent: int) -> list[str]:
    """The lines of a mapping's entries in indented style; a section's own start a line of their own."""
    return [line for key, value in entries.items() for line in _forced(key, value, indent)]


def _forced(key: str, value: Any, indent: int) -> list[str]:
    if indent == 0 and isinstance(value, dict):
        return [f"{key}:", *entry_block(value, 2)]
    return entry_lines(key, value, indent)


def flow(value: Any) -> str:
    """A value on one line, in flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(_text(key))}: {flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(part) for part in value) + "]"
    return _scalar(value)


def _entry(key: str, value: Any, indent: int) -> list[str]:
    start = " " * indent + _scalar(_text(key)) + ":"
    if one_line := _inline(key, value, indent):
        return [f"{start} {one_line}"]
    if isinstance(value, dict):
        return [start, *(line for name, part in value.items() for line in _entry(name, part, indent + 2))]
    return [start, *(" " * (indent + 2) + f"- {flow(part)}" for part in value)]


def _inline(key: str, value: Any, indent: int) -> str:
    """The value on one line if it is short enough, else nothing."""
    if not isinstance(value, dict | list | tuple):
        return _scalar(value)
    if _widest(value) > _MOST_INLINE:
        return ""
    if value and isinstance(value, dict) and indent == 0:
        section = key in _SECTIONS or any(isinstance(part, dict) for part in value.values())
        if section:
            return ""
    text = flow(value)
    return text if not value or len(text) + indent + len(key) + 2 <= WIDTH else ""


def _widest(value: Any) -> int:
    """The most keys that a mapping has in a value, however deep."""
    if isinstance(value, dict):
        return max(len(value), max(map(_widest, value.values()), default=0))
    return max(map(_widest, value), default=0) if isinstance(value, list | tuple) else 0


def _text(key: Any) -> str:
    if not isinstance(key, str):
        raise GraphError.of(Problem(f"found the key {key!r}", "expected text", "name it by text"))
    return key


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise GraphError.of(Problem(f"found {value}", "expected a finite number", "correct it"))
        return repr(value)
    if not isinstance(value, str):
        raise GraphError.of(Problem(f"found {kind_of(value)}", "expected text, numbers, lists or mappings"))
    return value if _is_plain(value) else quoted(value)


def _is_plain(text: str) -> bool:
    if not _PLAIN.fullmatch(text) or text.endswith(":") or text.startswith(("- ", "---")) or text == "-":
        return False
    try:
        return plain(text) == text and text not in _OTHER_READERS and not _NUMERIC.fullmatch(text)
    except BadNumberError:
        return False


# Dates, times and numbers with underscores.
_NUMERIC = re.compile(r"[-+.]?[0-9][-+._:0-9eET]*")
# What readers of YAML 1.1 take for something else than text; quotes keep it text for everybody.
_OTHER_READERS = frozenset(
    form
    for word in ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
    for form in (word, word.title(), word.upper())
)


def quoted(text: str) -> str:
    """Text in double quotes, as YAML and JSON both read it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        parts = (f"found {text[:20]!r}", "expected text without surrogates", "correct it")
        raise GraphError.of(Problem(*parts)) from None
    written = json.dumps(text, ensure_ascii=False)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match.group()):04x}", written)
