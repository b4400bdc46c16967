"""The plan: what would be built for a graph, given what has been built. A pure function, no torch.

    plan = diff(graph, lock, facts)

An adapter's key is the hash of everything it is built from: f, g_S, g_T, their statistics, the
adapter's shape, method and settings, seed, and the samples. Same key and adapter in the store: keep.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from legonet.graph.lock import Lock, LockedAdapter
from legonet.graph.schema import Adapter, Graph
from legonet.graph.select import Givers, adapter_spec, givers

Action = Literal["add", "keep", "refit", "remove", "native", "open"]
NO_SAMPLES = "none"


@dataclass(frozen=True)
class TeacherFacts:
    """What is known of a teacher's files: content hashes."""

    category_module: str
    task_module: str
    statistics: str | None = None


@dataclass(frozen=True)
class Facts:
    """What a plan depends on besides the graph and the lock.

    Attributes:
        teachers: by name; every teacher of the graph.
        stored: content hashes of the adapters that the store holds.
        samples: fingerprint of the samples given for a path; a path without an entry is planned with
            the samples that it was fitted with.
    """

    teachers: Mapping[str, TeacherFacts]
    stored: frozenset[str] = frozenset()
    samples: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedEdge:
    """One path of the plan.

    Attributes:
        path: `category:task`.
        action: add, keep, refit and remove are about adapters; native needs none; open cannot be built.
        reason: why, for people.
        teacher: the teacher of this path, if there is one.
        method: how its adapter is fitted.
        key: hash of `inputs`.
        inputs: what its adapter is built from.
    """

    path: str
    action: Action
    reason: str
    teacher: str | None = None
    method: str | None = None
    key: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """Every path of a graph, in order of arrival, and what is to be done for it."""

    graph: str
    edges: tuple[PlannedEdge, ...]

    def __iter__(self) -> Iterator[PlannedEdge]:
        return iter(self.edges)

    @property
    def jobs(self) -> tuple[PlannedEdge, ...]:
        """The edges whose adapters are to be fitted."""
        return tuple(edge for edge in self.edges if edge.action in ("add", "refit"))

    @property
    def changes(self) -> tuple[PlannedEdge, ...]:
        """The edges for which anything is to be done; a plan without any is empty."""
        return tuple(edge for edge in self.edges if edge.action in ("add", "refit", "remove"))

    def data(self) -> dict[str, Any]:
        """Write the plan as plain data, as `legonet plan --json` prints it."""
        return {"graph": self.graph, "edges": [asdict(edge) for edge in self.edges]}


def diff(graph: Graph, lock: Lock, facts: Facts) -> Plan:
    """Plan what is to be built.

    Args:
        graph: what the network is.
        lock: what has been built.
        facts: what is known of the teachers' files, the store and the samples.

    Returns:
        One edge per category and task, those with a teacher in order of arrival, then those without
        one, then those that are locked but no longer in the graph.
    """
    taught = {(each.category, each.task): name for name, each in graph.teachers.items()}
    given = givers(graph)
    edges = [_edge(graph, lock, facts, given, *pair, teacher) for pair, teacher in taught.items()]
    for task in graph.tasks:
        for category in graph.categories:
            if (category, task) not in taught:
                reason = f"no teacher for {category}:{task}; add one, or fit it from labelled samples"
                edges.append(PlannedEdge(f"{category}:{task}", "open", reason))
    adapted = {edge.path for edge in edges if edge.key is not None}
    standing = {edge.path: edge.reason for edge in edges}
    for path in sorted(set(lock.adapters) - adapted):
        reason = standing.get(path, "the graph has no such path any more")
        edges.append(PlannedEdge(path, "remove", f"its adapter is no longer used: {reason}"))
    return Plan(graph.name, tuple(edges))


def _edge(
    graph: Graph, lock: Lock, facts: Facts, given: Givers, category: str, task: str, teacher: str
) -> PlannedEdge:
    path = f"{category}:{task}"
    category_giver, task_giver = given.categories[category], given.tasks[task]
    own = facts.teachers[teacher]
    f = facts.teachers[category_giver or teacher].category_module
    g = facts.teachers[task_giver or teacher].task_module
    if own.category_module != f:
        reason = (
            f"teacher {teacher} has another category module than {category}'s, which {category_giver} gave "
            f"({_short(own.category_module)}, not {_short(f)}); share one category module to connect it"
        )
        return PlannedEdge(path, "open", reason, teacher)
    if own.task_module == g:
        return PlannedEdge(path, "native", f"{teacher} gives both modules; no adapter needed", teacher)
    generic = facts.teachers[task_giver or teacher]
    spec = adapter_spec(graph, category, task)
    locked = lock.adapters.get(path)
    inputs = {
        "category module": own.category_module,
        "task module": g,
        "teacher": own.task_module,
        "statistics": own.statistics or "none",
        "task module's statistics": generic.statistics or "none",
        "samples": _samples(path, facts, locked),
        **_spec_inputs(spec),
    }
    key = fingerprint(inputs)
    action, reason = _compare(locked, inputs, key, facts, f"{teacher} arrived")
    return PlannedEdge(path, action, reason, teacher, spec.settings.name, key, inputs)


def _samples(path: str, facts: Facts, locked: LockedAdapter | None) -> str:
    if path in facts.samples:
        return facts.samples[path]
    return locked.inputs.get("samples", NO_SAMPLES) if locked else NO_SAMPLES


def _spec_inputs(spec: Adapter) -> dict[str, str]:
    data = spec.model_dump(mode="json")
    settings = spec.settings.model_dump(mode="json")
    del data["method"]
    seed = data.pop("seed")
    return {"adapter": canonical(data), "method": canonical(settings), "seed": str(seed)}


def _compare(
    locked: LockedAdapter | None, inputs: Mapping[str, str], key: str, facts: Facts, arrival: str
) -> tuple[Action, str]:
    if locked is None:
        return "add", arrival
    if locked.key != key:
        changed = [
            f"{name} changed from {_short(locked.inputs.get(name, 'nothing'))} to {_short(value)}"
            for name, value in inputs.items()
            if locked.inputs.get(name) != value
        ]
        return "refit", "; ".join(changed) or "what it was built from is not what the lock file says"
    if locked.adapter not in facts.stored:
        return "refit", f"its adapter {_short(locked.adapter)} is not in the store"
    return "keep", "nothing changed"


def fingerprint(data: Any) -> str:
    """The sha256 of plain data, in hexadecimal digits."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()


def canonical(data: Any) -> str:
    """Plain data as JSON, always in the same bytes."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _short(value: str) -> str:
    """A hash as people read it; anything else in full."""
    is_hash = len(value) == 64 and all(digit in "0123456789abcdef" for digit in value)
    return value[:10] if is_hash else value
