"""A graph file's text that says something else: written, read again, checked, and with the way back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from legonet.errors import GraphError, Problem
from legonet.graph.editing.layout import Layout, LayoutError
from legonet.graph.editing.operations import Restore
from legonet.graph.editing.rewrite import ORDERED, Rewriter
from legonet.graph.editing.same import same
from legonet.graph.editing.splices import OverlapError, Splice, spliced
from legonet.graph.editing.style import JsonStyle, YamlStyle
from legonet.graph.editing.subject import Subject, Wanted
from legonet.graph.load import graph_problems, parse_yaml
from legonet.graph.reading.findings import Finding, located
from legonet.graph.reading.positions import Place, Positions, show

_MARK = "\ufeff"
_NOWHERE = Positions(Place(1, 1, 0, 0), "")  # what is wanted stands in no text yet


def changed_text(
    text: str, want: Callable[[Subject], Wanted], source: str, as_json: bool
) -> tuple[str, Restore]:
    """A graph file's text that says something else, with comments, order and spelling around that kept.

    Args:
        text: The file's text.
        want: What the file is to say, made of what it says.
        source: The file's name for messages.
        as_json: The text is JSON.

    Returns:
        The new text, and what takes it back.

    Raises:
        GraphError: The text cannot be read, the result would be no valid graph, or the layout has no such
            change.
    """
    body = text.removeprefix(_MARK)
    data, positions = parse_yaml(body, source, as_json)
    if not isinstance(data, dict):
        parts = (f"found {show(data)}", "expected a graph", "run `legonet validate`")
        raise GraphError.of(Problem(*parts, source))
    wanted = want(Subject(data, source, positions))
    if found := graph_problems(wanted.data, _NOWHERE):
        raise GraphError.of(*_located(found, source, positions))
    splices = _splices(body, data, positions, wanted, source, as_json)
    mark = len(text) - len(body)
    return spliced(text, [(start + mark, end + mark, new) for start, end, new in splices])


def _located(problems: list[Finding], source: str, positions: Positions) -> list[Problem]:
    """Problems of what a text is to say; those of keys that it has already get their lines."""
    there = [each for each in problems if positions.place(each.key) is not None]
    new = [replace(each, position=None) for each in problems if positions.place(each.key) is None]
    return [*located(there, source, positions), *located(new, source)]


def _splices(
    text: str, data: dict[str, Any], positions: Positions, wanted: Wanted, source: str, as_json: bool
) -> list[Splice]:
    layout = Layout(text)
    style = JsonStyle.of(text, layout.newline) if as_json else YamlStyle()
    for expand in (False, True):
        rewriter = Rewriter(layout, style, wanted.renamed, expand)
        with suppress(LayoutError, OverlapError):
            rewriter.rewrite(positions.root, data, wanted.data)
            result, _ = spliced(text, rewriter.splices)
            if _says(result, wanted.data, as_json):
                return rewriter.splices
    found = "this layout has no place for the change"
    raise GraphError.of(Problem(found, "expected sections in plain YAML", "make it by hand", source))


def _says(text: str, wanted: dict[str, Any], as_json: bool) -> bool:
    try:
        data, _ = parse_yaml(text, "", as_json)
    except GraphError:
        return False
    if not same(data, wanted):
        return False
    ordered = [key for key in ORDERED if isinstance(wanted.get(key), dict)]
    return all(list(data[key]) == list(wanted[key]) for key in ordered)
