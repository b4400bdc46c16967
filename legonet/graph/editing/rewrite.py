"""Makes a text say something else, by as few changes as its layout permits. Comments and spellings stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from legonet.graph.editing import block_style, flow_style
from legonet.graph.editing.layout import Item, Layout, LayoutError
from legonet.graph.editing.parts import New, Parts
from legonet.graph.editing.same import canonical, same
from legonet.graph.editing.splices import Splice
from legonet.graph.editing.style import Style
from legonet.graph.reading.positions import KeyPath, Place

ORDERED = ("teachers",)  # sections whose order says something: that of arrival


class Rewriter:
    """Gathers the changes of one text.

    Args:
        layout: The text.
        style: How values are spelled.
        renamed: Key paths to the keys' new names, as the text has them.
        expand: Write out every alias, since what it stands for changes.

    Attributes:
        splices: What has been gathered.
    """

    def __init__(
        self, layout: Layout, style: Style, renamed: Mapping[KeyPath, str], expand: bool = False
    ) -> None:
        self.layout, self.style, self.renamed, self.expand = layout, style, renamed, expand
        self.splices: list[Splice] = []

    def rewrite(self, place: Place, old: Any, new: Any, key: KeyPath = (), item: Item | None = None) -> None:
        """Note what makes a value another one.

        Args:
            place: Where the value stands.
            old: The value.
            new: What it becomes.
            key: Where it is in the data.
            item: The entry that it is the value of; None for the whole text.

        Raises:
            LayoutError: It cannot be done.
        """
        if same(old, new) and not self.expand:
            return
        before = len(self.splices)
        try:
            if self.layout.is_alias(place):
                self._replace(place, new, item)
            elif isinstance(old, dict) and isinstance(new, dict):
                self._collection(place, self._entries(old, new, key), (old, new), key, item)
            elif isinstance(old, list) and isinstance(new, list):
                self._collection(place, _elements(old, new), (old, new), key, item)
            elif not same(old, new):
                self._replace(place, new, item)
        except LayoutError:
            del self.splices[before:]
            self._replace(place, new, item)

    def _collection(self, place: Place, parts: Parts, data: tuple[Any, Any], key: KeyPath, item: Item | None):
        items = self.layout.items(place)
        old, new = data
        names = list(old) if isinstance(old, dict) else list(range(len(old)))
        if not parts.kept and parts.added and items and not place.block:
            parts.reuse_first()
        for index, then in parts.kept.items():
            each, name = items[index], names[index]
            if each.key and name != then:
                written = self.layout.text[slice(*each.key)]
                self.splices.append((*each.key, self.style.scalar(then, written)))
            self.rewrite(each.value, old[name], new[then], (*key, name), each)
        if not parts.removed and not parts.added:
            return
        if not items:  # nothing is there to go by
            self._replace(place, new, item)
        elif place.block:
            self.splices += block_style.changed(self.layout, items, parts, top=not key)
            if not new:
                self.splices += block_style.emptied(
                    self.layout, items, item, "{}" if isinstance(new, dict) else "[]"
                )
        else:
            self.splices += flow_style.changed(self.layout, self.style, items, parts)

    def _entries(self, old: dict[str, Any], new: dict[str, Any], key: KeyPath) -> Parts:
        """What becomes of a mapping's entries; new ones come last, but where the order says something."""
        then = [self.renamed.get((*key, name), name) for name in old]
        if key and key[0] in ORDERED and len(key) == 1:
            wanted = list(new)
        else:
            wanted = [name for name in then if name in new]
            wanted += [name for name in new if name not in set(then)]
        parts = Parts()
        for tag, a, b, c, d in _opcodes(then, wanted):
            if tag == "equal":
                parts.matched(a, wanted[c:d])
            else:
                parts.other(range(a, b), [New(name, new[name]) for name in wanted[c:d]])
        return parts

    def _replace(self, place: Place, new: Any, item: Item | None) -> None:
        if item is None:
            raise LayoutError
        if item.block and item.key is not None:
            self.splices += block_style.replaced(self.layout, self.style, item, new)
        else:
            self.splices += flow_style.replaced(self.layout, self.style, item, new)


def _elements(old: list[Any], new: list[Any]) -> Parts:
    """What becomes of a list's elements; of as many as before, each becomes the one at its place."""
    parts = Parts()
    if len(old) == len(new):
        parts.matched(0, range(len(new)))
        return parts
    for tag, a, b, c, d in _opcodes([canonical(each) for each in old], [canonical(each) for each in new]):
        paired = b - a if tag == "equal" else min(b - a, d - c)
        parts.matched(a, range(c, c + paired))
        parts.other(range(a + paired, b), [New(None, new[each]) for each in range(c + paired, d)])
    return parts


def _opcodes(old: list[str], new: list[str]) -> Sequence[tuple[str, int, int, int, int]]:
    return SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
