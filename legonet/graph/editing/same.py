"""Whether two pieces of plain data say the same."""

from __future__ import annotations

import json
from typing import Any


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal; true is no 1, but 1.0 is, and the order of keys is nothing."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(part, other[key]) for key, part in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def canonical(value: Any) -> str:
    """A text that equal values have in common."""
    return json.dumps(value, sort_keys=True)
