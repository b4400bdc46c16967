"""TOML of plain data; JSON's texts, numbers and lists are TOML's too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def text_of(settings: Mapping[str, Any]) -> str:
    """Write settings as TOML: tables by their headings, what is inside them on one line each."""
    lines = []
    for name, table in settings.items():
        lines += [f"[{name}]", *(f"{json.dumps(key)} = {_value(value)}" for key, value in table.items()), ""]
    return "\n".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)
