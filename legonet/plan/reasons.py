"""Why an adapter is fitted: which of its inputs changed, from what to what."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from legonet.plan.plan import Change


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[tuple[Change, str]]:
    """Each input that changed, and that as people read it; of settings, each value that changed."""
    for name in (*after, *(name for name in before if name not in after)):
        old, new = before.get(name), after.get(name)
        if old != new:
            text = "; ".join(_texts(name, old, new))
            yield Change(name, old or "nothing", new or "nothing"), text


def _texts(name: str, before: str | None, after: str | None) -> Iterator[str]:
    old, new = _mapping(before), _mapping(after)
    if old is not None and new is not None and old.get("name") == new.get("name"):
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                yield f"{name}: {key} changed from {_word(old.get(key))} to {_word(new.get(key))}"
        return
    if old is not None and new is not None and "name" in old and "name" in new:
        before, after = str(old["name"]), str(new["name"])
    yield f"{name} changed from {short(before or 'nothing')} to {short(after or 'nothing')}"


def _mapping(text: str | None) -> dict[str, Any] | None:
    if text is None or not text.startswith("{"):
        return None
    try:
        return json.loads(text)  # of a lock file that anybody may have edited
    except (ValueError, RecursionError):
        return None


def _word(value: Any) -> str:
    return "the default" if value is None else value if isinstance(value, str) else canonical(value)


def canonical(data: Any) -> str:
    """Plain data as JSON, always in the same bytes."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def fingerprint(data: Any) -> str:
    """The sha256 of plain data, in hexadecimal digits."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()


def short(value: str) -> str:
    """A hash as people read it; anything else in full."""
    is_hash = len(value) == 64 and all(digit in "0123456789abcdef" for digit in value)
    return value[:10] if is_hash else value
