"""Paths whose method compares two task modules ReLU by ReLU, where these differ. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from legonet.errors import LegonetError
from legonet.graph.method import METHODS
from legonet.graph.schema import Graph
from legonet.graph.select import givers
from legonet.plan.plan import Plan, PlannedEdge

Shapes = tuple[tuple[int, ...], ...]


def without_unlike(plan: Plan, graph: Graph, relus: Callable[[str], Shapes]) -> Plan:
    """Leave a plan's paths open whose method cannot compare the task modules that they join.

    Args:
        plan: The plan.
        graph: That it was made for, every choice settled.
        relus: The shapes of what the ReLUs of a teacher's task module take, by the teacher's name.
    """
    wanting = {edge.path for edge in plan.jobs if METHODS.read(edge.method or "auto").wants_alike}
    if not wanting:
        return plan
    given = givers(graph).tasks

    def looked_at(edge: PlannedEdge) -> PlannedEdge:
        giver = given[edge.path.partition(":")[2]]
        if edge.path not in wanting or edge.teacher is None or giver is None:
            return edge
        try:
            ours, theirs = relus(giver), relus(edge.teacher)
        except LegonetError:  # it is told when it is cut
            return edge
        if ours == theirs:
            return edge
        apart = (
            f"{len(ours)} and {len(theirs)} ReLUs" if len(ours) != len(theirs) else "ReLUs of other shapes"
        )
        reason = (
            f"{edge.method} compares the task modules of {giver} and {edge.teacher} ReLU by ReLU, and they "
            f"differ ({apart}); choose the method auto"
        )
        return edge._replace(action="open", reason=reason, cost=None)

    return replace(plan, edges=tuple(map(looked_at, plan.edges)))
