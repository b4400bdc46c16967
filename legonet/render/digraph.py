"""A transplant network as a graph of networkx, or of graphviz, to go on with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import networkx as nx

from legonet.graph.address import without_secrets
from legonet.graph.lock import Lock
from legonet.graph.schema import Graph
from legonet.graph.select import adapter_spec, split_path
from legonet.plan.plan import Plan
from legonet.plan.ports import Ports
from legonet.render.dot import FONT, style_of_box, style_of_curve
from legonet.render.layout import lay_out
from legonet.render.view import View, make_view

if TYPE_CHECKING:
    import graphviz


def to_networkx(
    graph: Graph,
    lock: Lock,
    plan: Plan,
    ports: Mapping[str, Ports],
    shapes: Mapping[str, Mapping[str, tuple[int, ...] | None]],
) -> nx.MultiDiGraph:
    """Give a network as a graph; see `legonet.network.Network.to_networkx`.

    Args:
        graph: What the network is.
        lock: What has been built.
        plan: What would be done.
        ports: What adapters join, by path.
        shapes: The shape at the port of each module, by `categories` and `tasks`, and by name.
    """
    view = make_view(graph, lock, plan)
    found = nx.MultiDiGraph(name=graph.name, input_shape=tuple(graph.input.shape))

    def teacher(number: int | None) -> str | None:
        return view.teacher(number).name if number else None

    for kind, modules, section in (
        ("category", view.categories, "categories"),
        ("task", view.tasks, "tasks"),
    ):
        for each in modules:
            state = "removed" if each.ghost else "open" if each.teacher is None else "planned"
            values: dict[str, Any] = {"label": each.label, "teacher": teacher(each.teacher)}
            if kind == "task" and not each.ghost:
                output = graph.tasks[each.name].output
                values |= {"output": output.kind, "output_shape": output.shape(graph.input.shape)}
            values |= {"shape": shapes[section].get(each.name), "sha256": each.sha256}
            state = "built" if each.sha256 and state == "planned" else state
            found.add_node(f"{kind}/{each.name}", **_known(kind=kind, name=each.name, state=state, **values))
    for number, (name, each) in enumerate(graph.teachers.items(), start=1):
        own = {"model": each.model, "cut": each.cut, "quality": each.quality, "arrived": number}
        own |= {"licence": each.licence, "source": each.source and without_secrets(each.source)}
        path = f"{each.category}:{each.task}"
        found.add_node(f"teacher/{name}", **_known(kind="teacher", name=name, path=path, **own))
    for each in view.teachers:
        heads = [f"category/{each.category}"] * each.gave_category + [f"task/{each.task}"] * each.gave_task
        for head in heads:
            found.add_edge(f"teacher/{each.name}", head, key="gives", kind="gives")
    planned = {edge.path: edge for edge in plan.edges}
    for edge in view.edges:
        if edge.state == "open":
            continue
        category, task = split_path(edge.path)
        values = {"path": edge.path, "state": edge.state, "teacher": teacher(edge.teacher)}
        values |= {"kind": "identity" if edge.state == "native" else "adapter", "reason": edge.reason}
        if edge.state not in ("native", "removed"):
            spec = adapter_spec(graph, category, task)
            values |= {"method": edge.method, "kernel": spec.kernel, "depth": spec.depth, "seed": spec.seed}
        if edge.path in ports:
            joined = ports[edge.path]
            values |= {"gives": joined.gives.shape, "takes": joined.takes.shape, "layers": joined.layers}
        cost = planned[edge.path].cost if edge.path in planned else None
        if cost is not None and edge.state in ("planned", "refit"):
            values |= {"seconds": cost.seconds, "operations": cost.operations, "memory": cost.memory}
        values |= {"figures": dict(edge.measured), "sha256": edge.sha256}
        found.add_edge(f"category/{category}", f"task/{task}", key=edge.path, **_known(**values))
    return found


def to_graphviz(view: View) -> graphviz.Digraph:
    """Give a view as a graph of the package graphviz, with its styles and without positions."""
    import graphviz

    found = graphviz.Digraph(
        view.name,
        graph_attr={"rankdir": "LR", "fontname": FONT, "nodesep": "0.15", "ranksep": "0.5"},
        node_attr={"shape": "box", "fontname": FONT},
        edge_attr={"dir": "none", "fontname": FONT},
    )
    layout = lay_out(view)
    ends = {end for curve in layout.curves for end in (curve.tail, curve.head)}
    for box in layout.boxes:
        if box.kind not in ("heading", "note") and (box.id in ends or box.kind == "teacher"):
            found.node(_id(box.id), **_escaped(style_of_box(box)))
    for curve in layout.curves:
        found.edge(_id(curve.tail), _id(curve.head), **_escaped(style_of_curve(replace(curve, drawn=True))))
    return found


def _known(**values: Any) -> dict[str, Any]:
    """What is known; attributes that are None are left out, so that a graph can be written to a file."""
    return {name: value for name, value in values.items() if value is not None}


def _id(name: str) -> str:
    """A node's name without a colon, which graphviz takes for a port."""
    return name.replace(":", "/")


def _escaped(values: Mapping[str, str]) -> dict[str, str]:
    """Attributes of which nothing is taken for an escape of DOT; labels that are HTML stay so."""
    import graphviz

    return {
        name: value if type(value) is not str else graphviz.escape(value.replace("&", "&amp;"))
        for name, value in values.items()
    }
