"""Where everything of a diagram lies.

The layout is computed here, not by Graphviz, so that modules stay in the order of the graph file, equal
things are equally spaced, every Graphviz draws the same picture, and time is linear in the number of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from legonet.render import flow, table
from legonet.render.boxes import Layout
from legonet.render.view import View

TABLE_FROM = 16
"""This many connected pairs are a table: lines from so many adapters would hide one another."""

OPEN_UP_TO = 12
"""More open pairs than this are counted below the picture, not drawn."""


@dataclass(frozen=True)
class Drawing:
    """Something other than a view that is laid out already."""

    name: str
    layout: Layout


def lay_out(view: View | Drawing) -> Layout:
    """Place a view's boxes and curves: as columns joined by lines, or, if it is large, as a table."""
    if isinstance(view, Drawing):
        return view.layout
    shown = tuple(edge for edge in view.edges if edge.state != "open")
    if len(shown) >= TABLE_FROM:
        return table.lay_out(view)
    hidden = len(view.edges) - len(shown)
    if hidden > OPEN_UP_TO:
        return flow.lay_out(replace(view, edges=shown), hidden)
    return flow.lay_out(view)
