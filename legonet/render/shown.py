"""What a notebook shows of a network: its picture, and the figures that are known without measuring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from legonet.errors import LegonetError, RenderError
from legonet.graph.lock import Lock
from legonet.graph.schema import Graph
from legonet.notebook import diagram, escape, page, table, text, title
from legonet.plan.plan import Plan
from legonet.plan.quality import in_words
from legonet.plan.text import summary
from legonet.render.graphviz import svg
from legonet.render.html import inline
from legonet.render.layout import Drawing
from legonet.render.view import MEANING, View, make_view

MOST = 400  # paths that are drawn
LISTED = 60  # rows of a table


def network_html(graph: Graph, lock: Lock, make_plan: Callable[[], Plan], said: str) -> str:
    """A network for a notebook: its picture, its paths, and what there is to do.

    Args:
        graph: What the network is.
        lock: What has been built.
        make_plan: Finds what would be done; what keeps it from that is shown.
        said: The network in one line.
    """
    head = title(graph.name, said.removeprefix(f"<Network {graph.name}: ").removesuffix(">"))
    try:
        plan = make_plan().timed()
    except LegonetError as error:
        return page(head, text(str(error)))
    view = make_view(graph, lock, plan)
    lines = "".join(f'<p class="soft">{escape(line)}</p>' for line in summary(plan))
    picture = drawn(with_known_figures(view, plan, lock)) if plan.edges else ""
    return page(head, picture, paths_table(view), lines)


def drawn(view: View | Drawing) -> str:
    """A picture within a page; what keeps it from being drawn, if anything does."""
    if isinstance(view, View) and sum(edge.state != "open" for edge in view.edges) > MOST:
        return text(f"too many paths for a picture here; net.render draws {len(view.edges):,} into a file")
    try:
        return diagram(inline(svg(view)))
    except RenderError as error:
        return text(str(error))


def paths_table(view: View) -> str:
    """Each path that is connected: its state, adapter, teacher and figures."""
    connected = [edge for edge in view.edges if edge.state != "open"]
    rows = [
        (
            edge.path,
            MEANING[edge.state],
            edge.caption or "–",
            view.teacher(edge.teacher).name if edge.teacher else "–",
            in_words(dict(edge.measured)) or "–",
        )
        for edge in connected[:LISTED]
    ]
    more = len(connected) - LISTED
    if more > 0:
        rows.append((f"and {more:,} more", "", "", "", ""))
    return table(("path", "state", "adapter", "teacher", "figures"), rows)


def with_known_figures(view: View, plan: Plan, lock: Lock) -> View:
    """A view that says on each path what its fit said of itself, or what its job is estimated to take."""
    known: dict[str, str] = {}
    for path, locked in lock.adapters.items():
        known[path] = _headline(locked.quality)
    for edge in plan.jobs:
        if edge.cost is not None and edge.cost.seconds is not None:
            known[edge.path] = f"about {edge.cost.seconds:.2g} s"
        elif edge.cost is not None and edge.cost.operations is not None:
            known[edge.path] = f"about {edge.cost.operations / 10**9:.2g} GFLOP"
        else:
            known[edge.path] = ""
    edges = tuple(
        replace(edge, figure=known.get(edge.path, "")) if edge.state not in ("native", "open") else edge
        for edge in view.edges
    )
    return replace(view, edges=edges)


def _headline(quality: Mapping[str, float]) -> str:
    """How far the path's decisions are from its teacher's, if that is known."""
    for name in ("disagreement", *quality):
        if name in quality:
            return f"{name} {quality[name]:.2g}"
    return ""
