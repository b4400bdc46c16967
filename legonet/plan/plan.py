"""What would be done for each path, and why, as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from legonet.plan.cost import Cost
from legonet.plan.facts import Fitted

Action = Literal["add", "keep", "refit", "remove", "native", "open"]
NOTHING: Mapping[str, str] = MappingProxyType({})


class Change(NamedTuple):
    """One input of an adapter that is not what it was."""

    input: str
    before: str
    after: str


class PlannedEdge(NamedTuple):
    """One path of the plan.

    Attributes:
        path: `category:task`.
        action: add, keep, refit and remove are about adapters; native needs none; open cannot be built.
        reason: why, for people.
        teacher: the teacher of this path, if there is one.
        method: how its adapter is fitted.
        key: hash of `inputs`.
        inputs: what its adapter is built from.
        reuse: a stored adapter with this key that is taken over; nothing is fitted.
        changes: of a refit, the inputs that changed.
        cost: of its job, estimated.
    """

    path: str
    action: Action
    reason: str
    teacher: str | None = None
    method: str | None = None
    key: str | None = None
    inputs: Mapping[str, str] = NOTHING
    reuse: Fitted | None = None
    changes: tuple[Change, ...] = ()
    cost: Cost | None = None

    def data(self) -> dict[str, Any]:
        """Write the edge as plain data."""
        return self._asdict() | {
            "inputs": dict(self.inputs),
            "reuse": None if self.reuse is None else asdict(self.reuse),
            "changes": [change._asdict() for change in self.changes],
            "cost": None if self.cost is None else self.cost._asdict(),
        }


class Offer(NamedTuple):
    """A teacher that is recorded better than the one that gives a task's module.

    Attributes:
        task: whose module it could give.
        teacher: the better one.
        giver: the one that gives the module now.
        refits: adapters that would be fitted anew.
        seconds: that these would take, if it is known.
    """

    task: str
    teacher: str
    giver: str
    refits: int
    seconds: float | None = None


@dataclass(frozen=True)
class Plan:
    """Every path of a graph, in order of arrival, and what is to be done for it."""

    graph: str
    edges: tuple[PlannedEdge, ...]
    offers: tuple[Offer, ...] = ()

    def __repr__(self) -> str:
        counts = Counter(edge.action for edge in self.edges)
        found = ", ".join(f"{number} {action}" for action, number in counts.items())
        return f"<Plan of {self.graph}: {found or 'no path'}>"

    def __iter__(self) -> Iterator[PlannedEdge]:
        return iter(self.edges)

    @cached_property
    def jobs(self) -> tuple[PlannedEdge, ...]:
        """The edges whose adapters are to be fitted."""
        return tuple(edge for edge in self.edges if edge.action in ("add", "refit") and edge.reuse is None)

    @cached_property
    def changes(self) -> tuple[PlannedEdge, ...]:
        """The edges for which anything is to be done; a plan without any is empty."""
        return tuple(edge for edge in self.edges if edge.action in ("add", "refit", "remove"))

    @cached_property
    def by_path(self) -> dict[str, PlannedEdge]:
        """The graph's own paths; not what is removed."""
        return {edge.path: edge for edge in self.edges if edge.action != "remove"}

    def data(self) -> dict[str, Any]:
        """Write the plan as plain data, as `legonet plan --json` prints it."""
        return {
            "graph": self.graph,
            "edges": [edge.data() for edge in self.edges],
            "offers": [offer._asdict() for offer in self.offers],
        }
