"""What becomes of the entries of one mapping or list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class New(NamedTuple):
    """An entry that is to be written; in a list it has no key."""

    key: str | None
    value: Any


@dataclass
class Parts:
    """The entries that are kept, removed and added.

    Attributes:
        kept: Index before to key or index afterwards.
        removed: Indices before.
        added: Index of the kept entry that new ones follow, to these; -1: they come first.
    """

    kept: dict[int, Any] = field(default_factory=dict)
    removed: list[int] = field(default_factory=list)
    added: dict[int, list[New]] = field(default_factory=dict)

    def matched(self, start: int, names: Sequence[Any]) -> None:
        """Entries from an index on stay, under these keys or indices."""
        self.kept.update(enumerate(names, start))

    def other(self, removed: Iterable[int], added: list[New]) -> None:
        """Behind the last one that stays, some are removed and others added."""
        self.removed += removed
        if added:
            self.added.setdefault(self.last, []).extend(added)

    def reuse_first(self) -> None:
        """Nothing stays: let the first entry become the first new one, so that it has a place."""
        first, *others = self.added.pop(-1)
        self.removed.remove(0)
        self.kept[0] = 0 if first.key is None else first.key
        self.other((), others)

    @property
    def first(self) -> int:
        """The first index that is kept; of none, the first."""
        return min(self.kept, default=0)

    @property
    def last(self) -> int:
        """The last index that is kept; -1 if none is."""
        return max(self.kept, default=-1)
