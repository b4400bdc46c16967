"""Which entries two graphs have not in common."""

from __future__ import annotations

from typing import Literal, TypedDict

from legonet.graph.editing.operations import SECTIONS, Section
from legonet.graph.schema import Graph


class EntryChange(TypedDict):
    """One entry that differs."""

    section: Section
    name: str
    change: Literal["added", "changed", "removed"]


def compared(before: Graph, after: Graph) -> list[EntryChange]:
    """The entries that differ between two graphs, section by section; of each the removed ones last."""
    changes: list[EntryChange] = []
    for section in SECTIONS:
        old, new = getattr(before, section), getattr(after, section)
        for name, entry in new.items():
            if name not in old:
                changes.append({"section": section, "name": name, "change": "added"})
            elif entry != old[name]:
                changes.append({"section": section, "name": name, "change": "changed"})
        for name in old:
            if name not in new:
                changes.append({"section": section, "name": name, "change": "removed"})
    return changes
