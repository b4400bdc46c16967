"""What would be done for each path, and why, as plain values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from legonet.plan.cost import JobCost, Pace
from legonet.plan.facts import StoredAdapter

if TYPE_CHECKING:
    from legonet.plan.ports import Ports
    from legonet.plan.weak import Weak

Action = Literal["add", "keep", "refit", "remove", "native", "open"]
NOTHING: Mapping[str, str] = MappingProxyType({})


class Change(NamedTuple):
    """One input of an adapter that has changed since it was built.

    Attributes:
        input: The input's name, such as `category_module`.
        before: Its value when the adapter was built, usually a hash.
        after: Its value now.
    """

    input: str
    before: str
    after: str


class PlannedEdge(NamedTuple):
    """One path of a plan.

    Attributes:
        path: The path, `category:task`.
        action: `add`, `keep`, `refit` or `remove` its adapter; a `native` path needs none; an `open` one
            cannot be built.
        reason: Why, in words.
        teacher: The teacher of this path, if there is one.
        method: The method by which its adapter is fitted.
        key: The hash of `inputs`.
        inputs: All that its adapter is built from, by name, as hashes or settings.
        reuse: A stored adapter of the same key, which is taken over so that nothing has to be fitted.
        changes: The inputs that changed, where it is fitted again.
        cost: An estimate of what its job takes.
    """

    path: str
    action: Action
    reason: str
    teacher: str | None = None
    method: str | None = None
    key: str | None = None
    inputs: Mapping[str, str] = NOTHING
    reuse: StoredAdapter | None = None
    changes: tuple[Change, ...] = ()
    cost: JobCost | None = None

    def data(self) -> dict[str, Any]:
        """Give the edge as plain data, as JSON holds it."""
        return self._asdict() | {
            "inputs": dict(self.inputs),
            "reuse": None if self.reuse is None else asdict(self.reuse),
            "changes": [change._asdict() for change in self.changes],
            "cost": None if self.cost is None else self.cost._asdict(),
        }


class Offer(NamedTuple):
    """A teacher that is recorded better than the one that gives a task's module.

    Attributes:
        task: The task whose module it could give.
        teacher: The better teacher.
        giver: The teacher that gives the module now.
        refits: How many adapters would be fitted again.
        seconds: How long that would take; None where it is not known.
    """

    task: str
    teacher: str
    giver: str
    refits: int
    seconds: float | None = None


@dataclass(frozen=True)
class Plan:
    """Every path of a graph, in order of arrival, and what is to be done for it.

    Attributes:
        graph: The network's name.
        edges: The paths of the graph, and those whose adapters are removed.
        offers: Teachers that could give a task's module better.
        weak: The kept paths that are expected to decide unlike their teachers too often.
        notes: What is doubtful about the teachers of its jobs.
        licences: The teachers' licences, by teacher; empty where none is recorded.
        ports_of: Finds what the adapters of a plan join, by path, when somebody looks; None: it is not known.
        pace_of: Measures how fast this machine is, when somebody looks at how long the plan takes and nothing
            tells; None: nothing measures.

    Printed, it is what `legonet plan` prints.
    """

    graph: str
    edges: tuple[PlannedEdge, ...]
    offers: tuple[Offer, ...] = ()
    weak: tuple[Weak, ...] = ()
    notes: tuple[str, ...] = ()
    licences: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    ports_of: Callable[[Plan], Mapping[str, Ports]] | None = field(default=None, repr=False, compare=False)
    pace_of: Callable[[Plan], Pace | None] | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        counts = Counter(edge.action for edge in self.edges)
        found = ", ".join(f"{number} {action}" for action, number in counts.items())
        return f"<Plan of {self.graph}: {found or 'no path'}>"

    def text(self, every: bool = False) -> str:
        """Give what `print` shows: a line for each path with its costs and what its adapter joins, and a sum.

        Args:
            every: Whether paths that stay as they are, are listed however many there are; by default many are
                counted for each task.

        Returns:
            The lines.
        """
        from legonet.plan.text import listed, plan_text

        shown = self.timed()
        return plan_text(shown, self._ports(shown if every else listed(shown)), every)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from legonet.plan.text import listed, plan_html

        shown = self.timed()
        return plan_html(shown, self._ports(listed(shown)))

    def timed(self) -> Plan:
        """Give the plan with seconds also where only operations are known, if a measurement tells."""
        pace = None if self.pace_of is None else self.pace_of(self)
        if pace is None:
            return self
        edges = (
            edge if edge.cost is None or edge.cost.seconds else edge._replace(cost=pace.cost_of(edge.cost))
            for edge in self.edges
        )
        return replace(self, edges=tuple(edges), pace_of=None)

    def _ports(self, shown: Plan) -> Mapping[str, Ports]:
        return {} if self.ports_of is None else self.ports_of(shown)

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
        """Give the plan as plain data, as `legonet plan --json` prints it."""
        return {
            "graph": self.graph,
            "edges": [edge.data() for edge in self.edges],
            "offers": [offer._asdict() for offer in self.offers],
            "weak": [each._asdict() for each in self.weak],
            "notes": list(self.notes),
            "licences": dict(self.licences),
        }
