"""The plan: what would be built for a graph, given what has been built. A pure function, no torch.

    plan = diff(graph, lock, facts)

An adapter's key is the hash of everything it is built from: f, g_S, g_T, their statistics, the
adapter's shape, method and settings, seed, the input, and the samples. Same key and adapter in the
store: keep. Same key under another name, such as before a category was renamed: that adapter is taken
over, and nothing is fitted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

from legonet.graph.lock import Lock, LockedAdapter
from legonet.graph.schema import Adapter, Graph
from legonet.graph.select import adapter_spec, givers

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
        samples: fingerprint of the samples given for a path. A path without an entry is kept with the
            samples that it was fitted with, but fitted again without any.
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
        reuse: content hash of a stored adapter with this key that is taken over; nothing is fitted.
    """

    path: str
    action: Action
    reason: str
    teacher: str | None = None
    method: str | None = None
    key: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    reuse: str | None = None


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
        return tuple(edge for edge in self.edges if edge.action in ("add", "refit") and edge.reuse is None)

    @property
    def changes(self) -> tuple[PlannedEdge, ...]:
        """The edges for which anything is to be done; a plan without any is empty."""
        return tuple(edge for edge in self.edges if edge.action in ("add", "refit", "remove"))

    @cached_property
    def by_path(self) -> dict[str, PlannedEdge]:
        """The graph's own paths; not what is removed."""
        return {edge.path: edge for edge in self.edges if edge.action != "remove"}

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
        one, then those that are locked but need no adapter any more.
    """
    planner = _Planner(graph, lock, facts)
    taught = {(each.category, each.task): name for name, each in graph.teachers.items()}
    edges = [planner.edge(*pair, teacher) for pair, teacher in taught.items()]
    for task in graph.tasks:
        for category in graph.categories:
            if (category, task) not in taught:
                reason = f"no teacher of category {category} and task {task}; add one"
                edges.append(PlannedEdge(f"{category}:{task}", "open", reason))
    adapted = {edge.path for edge in edges if edge.key is not None}
    standing = {edge.path: edge.reason for edge in edges}
    for path in sorted(set(lock.adapters) - adapted):
        reason = standing.get(path, "the graph has no such path any more")
        edges.append(PlannedEdge(path, "remove", f"its adapter is no longer used: {reason}"))
    return Plan(graph.name, tuple(edges))


class _Planner:
    def __init__(self, graph: Graph, lock: Lock, facts: Facts) -> None:
        self._graph, self._lock, self._facts = graph, lock, facts
        self._given = givers(graph)
        self._fitted: dict[str, tuple[str, str]] = {}
        for path, locked in sorted(lock.adapters.items()):
            if locked.adapter in facts.stored:
                self._fitted.setdefault(locked.key, (path, locked.adapter))

    def edge(self, category: str, task: str, teacher: str) -> PlannedEdge:
        """Plan a path that has a teacher."""
        path = f"{category}:{task}"
        f_giver = self._given.categories[category] or teacher
        g_giver = self._given.tasks[task] or teacher
        own, f, generic = (self._facts.teachers[name] for name in (teacher, f_giver, g_giver))
        if own.category_module != f.category_module:
            reason = (
                f"teacher {teacher} has another category module ({_short(own.category_module)}) than "
                f"{f_giver}, which gave {category}'s ({_short(f.category_module)}); expected a teacher on "
                "top of the same category module; train it so, or give it a category of its own"
            )
            return PlannedEdge(path, "open", reason, teacher)
        if own.task_module == generic.task_module:
            gave = (
                f"{teacher} gives both modules" if teacher == g_giver else f"its task module is {g_giver}'s"
            )
            return PlannedEdge(path, "native", f"{gave}; no adapter needed", teacher)
        spec = adapter_spec(self._graph, category, task)
        inputs = {
            "category module": own.category_module,
            "task module": generic.task_module,
            "teacher": own.task_module,
            "statistics": own.statistics or "none",
            "task module's statistics": generic.statistics or "none",
            "input": canonical(self._graph.input.model_dump(mode="json")),
            "output": self._graph.tasks[task].output.kind,
            **_spec_inputs(spec),
        }
        return self._adapted(path, teacher, spec.settings.name, inputs)

    def _adapted(self, path: str, teacher: str, method: str, inputs: dict[str, str]) -> PlannedEdge:
        """Plan a path that needs an adapter; samples are asked for only where it must be fitted."""
        locked = self._lock.adapters.get(path)
        given = self._facts.samples.get(path)
        if locked is not None and locked.adapter in self._facts.stored:
            known = {**inputs, "samples": given or locked.inputs.get("samples", NO_SAMPLES)}
            if fingerprint(known) == locked.key:
                return PlannedEdge(path, "keep", "nothing changed", teacher, method, locked.key, known)
        inputs = {**inputs, "samples": given or NO_SAMPLES}
        key = fingerprint(inputs)
        action: Action = "add" if locked is None else "refit"
        reason = f"{teacher} arrived" if locked is None else self._why(locked, inputs)
        twin, reuse = self._fitted.get(key, ("", None))
        if reuse is not None:
            reason = f"{reason}; the adapter of {twin} was built from the same and is taken over"
        return PlannedEdge(path, action, reason, teacher, method, key, inputs, reuse)

    def _why(self, locked: LockedAdapter, inputs: Mapping[str, str]) -> str:
        reasons = [
            change
            for name in (*inputs, *(name for name in locked.inputs if name not in inputs))
            for change in _changes(name, locked.inputs.get(name), inputs.get(name))
        ]
        if locked.adapter not in self._facts.stored:
            reasons.insert(0, f"its adapter {_short(locked.adapter)} is not in the store")
        return "; ".join(reasons) or "its key in the lock file is not that of its inputs"


def _spec_inputs(spec: Adapter) -> dict[str, str]:
    data = spec.model_dump(mode="json")
    settings = spec.settings.model_dump(mode="json")
    del data["method"]
    seed = data.pop("seed")
    return {"adapter": canonical(data), "method": canonical(settings), "seed": str(seed)}


def _changes(name: str, before: str | None, after: str | None) -> Iterator[str]:
    """What changed in one input; of a mapping, which of its values."""
    if before == after:
        return
    old, new = _mapping(before), _mapping(after)
    if old is not None and new is not None and old.get("name") == new.get("name"):
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                yield f"{name}: {key} changed from {_word(old.get(key))} to {_word(new.get(key))}"
        return
    if old is not None and new is not None and "name" in old and "name" in new:
        before, after = str(old["name"]), str(new["name"])
    yield f"{name} changed from {_short(before or 'nothing')} to {_short(after or 'nothing')}"


def _mapping(text: str | None) -> dict[str, Any] | None:
    if text is None or not text.startswith("{"):
        return None
    try:
        return json.loads(text)  # of a lock file that anybody may have edited
    except (ValueError, RecursionError):
        return None


def _word(value: Any) -> str:
    return "the default" if value is None else value if isinstance(value, str) else canonical(value)


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
