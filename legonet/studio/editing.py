"""Edits of the draft's text."""

from __future__ import annotations

from typing import Any

from legonet.graph.editing.edit import add_entries
from legonet.web.faults import refuse


def apply_edit(text: str, edit: Any, source: str, as_json: bool) -> tuple[str, Any]:
    """STAND-IN until branch `edits` has its own: additions only; the inverse is the text before."""
    if isinstance(edit, str):
        return edit, text
    if edit["op"] == "connect":
        entries = {"adapters": {edit["path"]: edit.get("adapter") or {}}}
    elif edit["op"] == "add":
        entries = {edit["section"]: {edit["name"]: edit["entry"]}}
    else:
        raise refuse(501, f"op {edit['op']}: not here yet")
    return add_entries(text, entries, source, as_json), text
