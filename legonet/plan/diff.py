"""The plan: what would be built for a graph, given what has been built. A pure function, no torch.

    plan = diff(graph, lock, facts)

An adapter's key is the hash of everything it is built from: f, g_S, g_T, their statistics, the
adapter's shape, method and settings, seed, the input, and the samples. Same key and adapter in the
store: keep. Same key under another name, such as before a category was renamed: that adapter is taken
over, and nothing is fitted. `docs/planning.md` has the whole table.
"""

from __future__ import annotations

import math
from collections import Counter
from operator import attrgetter

from legonet.graph.gc_pause import paused
from legonet.graph.lock import Lock, LockedAdapter
from legonet.graph.schema import Graph
from legonet.graph.select import Givers, best_teacher, givers, split_path
from legonet.plan.cost import History
from legonet.plan.facts import Facts, StoredAdapter, TeacherFacts
from legonet.plan.incremental import NOTHING, Before, standing
from legonet.plan.inputs import (
    NO_SAMPLES,
    NO_STATISTICS,
    NO_TEACHER,
    Own,
    Shared,
    SharedInputs,
    adapter_key,
)
from legonet.plan.plan import Action, Offer, Plan, PlannedEdge
from legonet.plan.reasons import changes, short
from legonet.plan.unchanged import Pairs, kept
from legonet.plan.weak import weak_paths

__all__ = ["Before", "Facts", "Plan", "PlannedEdge", "TeacherFacts", "diff"]

_NO_HISTORY = History()
_SAMPLES_AGAIN = "give labelled samples of it again, or add a teacher"


@paused()  # all that is made stays
def diff(
    graph: Graph, lock: Lock, facts: Facts, history: History = _NO_HISTORY, before: Before | None = None
) -> Plan:
    """Plan what is to be built.

    Args:
        graph: What the network is; `legonet.graph.select.settled` where tasks choose their best teacher.
        lock: What has been built.
        facts: What is known of the teachers' files, the store, the samples and of earlier runs.
        history: What earlier jobs took, and how operations are counted.
        before: An earlier plan, where there is one at hand: it makes this one no different, but quick.

    Returns:
        One edge per category and task, those with a teacher in order of arrival, then those without
        one, then those that are locked but need no adapter any more.
    """
    given = givers(graph)
    known, still_open = NOTHING if before is None else standing(before, graph, lock, facts, given)
    teachers = graph.teachers
    unknown = {name: each for name, each in teachers.items() if name not in known} if known else teachers
    shared = SharedInputs(graph, facts, given)
    planner = _Planner(graph, lock, facts, history, given, shared)
    pairs = Pairs.of(unknown)
    edges = kept(pairs, graph, lock, facts, given, shared, planner.taught)
    if known:
        planned = dict(zip(unknown, edges, strict=True))
        edges = [known.get(name) or planned[name] for name in teachers]
    edges += [
        still_open.get(f"{category}:{task}") or planner.untaught(category, task)
        for category, task in _untaught(graph, Pairs.of(teachers) if known else pairs)
    ]
    actions = list(map(attrgetter("action"), edges))
    if actions.count("keep") + actions.count("refit") < len(lock.adapters):
        unused = lock.adapters.keys() - {edge.path for edge in edges if edge.key is not None}
        reasons = {edge.path: edge.reason for edge in edges if edge.path in unused}
        for path in sorted(unused):
            reason = reasons.get(path, "the graph has no such path any more")
            edges.append(PlannedEdge(path, "remove", f"its adapter is no longer used: {reason}"))
    weak = weak_paths(lock, (edge.path for edge in edges if edge.action == "keep"))
    licences = {name: each.licence or "" for name, each in teachers.items()}
    return Plan(graph.name, tuple(edges), planner.offers(), weak, licences=licences)


def _untaught(graph: Graph, pairs: Pairs) -> list[tuple[str, str]]:
    """The pairs without a teacher; of a category that has one for each task, none is looked at."""
    if len(graph.teachers) == len(graph.tasks) * len(graph.categories):
        return []
    count = Counter(pairs.categories)
    lacking = [category for category in graph.categories if count[category] < len(graph.tasks)]
    some = set(lacking)
    both = zip(pairs.categories, pairs.tasks, strict=True)
    taught = {(category, task) for category, task in both if category in some}
    return [
        (category, task) for task in graph.tasks for category in lacking if (category, task) not in taught
    ]


class _Planner:
    def __init__(
        self, graph: Graph, lock: Lock, facts: Facts, history: History, given: Givers, shared: SharedInputs
    ) -> None:
        self._graph, self._lock, self._facts, self._history = graph, lock, facts, history
        self._given, self._shared = given, shared
        self._twins: dict[str, StoredAdapter] | None = None
        self._renamed: dict[str, dict[str, str]] | None = None  # samples by key, by category module

    def taught(self, name: str) -> PlannedEdge:
        """Plan the path of a teacher, which is not `kept`."""
        teacher = self._graph.teachers[name]
        category, task, known = teacher.category, teacher.task, self._facts.teachers
        f_giver, own, path = self._given.categories[category] or name, known[name], f"{category}:{task}"
        f, shared = known[f_giver].category_module, self._shared.of(path, task)
        elsewhere = own.category_module if own.category_module != f else ""
        if own.task_module == shared.module and not elsewhere:
            gave = (
                f"{name} gives both modules"
                if name == shared.giver
                else f"its task module is {shared.giver}'s"
            )
            return PlannedEdge(path, "native", f"{gave}; no adapter needed", name)
        arrived = f"{name} arrived"
        if elsewhere:
            arrived += (
                f"; its category module ({short(elsewhere)}) is not {category}'s "
                f"({short(f)}, of {f_giver}): the two are matched at the image"
            )
        parts = Own(f, own.task_module, own.statistics or NO_STATISTICS, elsewhere)
        return self._fitted(path, name, parts, shared, arrived)

    def untaught(self, category: str, task: str) -> PlannedEdge:
        """Plan a path without a teacher: open, unless labelled samples make up for one."""
        path = f"{category}:{task}"
        locked = self._lock.adapters.get(path)
        f_giver, g_giver = self._given.categories[category], self._given.tasks[task]
        reason = f"no teacher of category {category} and task {task}; add one"
        if f_giver is None or g_giver is None:
            return PlannedEdge(path, "open", reason)
        given = path in self._facts.labelled
        own = Own(self._facts.teachers[f_giver].category_module, NO_TEACHER, NO_STATISTICS, "")
        shared = self._shared.of(path, task, untaught=True)
        renamed = locked is None and self._samples_before(own, shared) is not None
        if not given and not renamed and (locked is None or locked.inputs.get("teacher") != NO_TEACHER):
            return PlannedEdge(
                path, "open", f"{reason}, or name {path} under `adapters` and give labelled samples of it"
            )
        if locked is not None:
            samples = self._facts.samples[path] if given else locked.inputs.get("samples", NO_SAMPLES)
            if adapter_key(own, samples, shared) == locked.key:
                what = None, shared.method, locked.key, locked.inputs
                if locked.adapter in self._facts.stored:
                    return PlannedEdge(path, "keep", "nothing changed", *what)
                if not given:  # the lock file goes on naming what is wanted
                    lost = f"its adapter {short(locked.adapter)} is not in the store; {_SAMPLES_AGAIN}"
                    return PlannedEdge(path, "open", lost, *what)
        edge = self._fitted(path, None, own, shared, "labelled samples make up for a teacher")
        if edge.reuse is not None or given:
            return edge
        return PlannedEdge(path, "open", f"{edge.reason}; {_SAMPLES_AGAIN}")

    def _fitted(self, path: str, teacher: str | None, own: Own, shared: Shared, arrived: str) -> PlannedEdge:
        """Plan a path whose adapter is to be fitted."""
        locked, samples = self._lock.adapters.get(path), self._facts.samples.get(path)
        if samples is None:
            samples = (self._samples_before(own, shared) if locked is None else None) or NO_SAMPLES
        key, inputs = adapter_key(own, samples, shared), {**own.named(), **shared.inputs, "samples": samples}
        action: Action = "add" if locked is None else "refit"
        changed = () if locked is None else tuple(changes(locked.inputs, inputs))
        reason = arrived if locked is None else self._why(locked, [text for _, text in changed])
        reuse = self._reusable(key)
        if reuse is not None:
            reason = f"{reason}; the adapter of {reuse.path} was built from the same and is taken over"
        cost = None if reuse is not None else self._history.estimate(path, shared.method, teacher)
        changed = tuple(change for change, _ in changed)
        return PlannedEdge(path, action, reason, teacher, shared.method, key, inputs, reuse, changed, cost)

    def _samples_before(self, own: Own, shared: Shared) -> str | None:
        """The samples that the same adapter was fitted with under a name that the graph has no more."""
        if self._renamed is None:
            self._renamed = {}
            for path, locked in self._lock.adapters.items():
                samples, (category, task) = locked.inputs.get("samples", NO_SAMPLES), split_path(path)
                gone = category not in self._graph.categories or task not in self._graph.tasks
                if gone and samples != NO_SAMPLES and locked.adapter in self._facts.stored:
                    module = locked.inputs.get("category module", "")
                    self._renamed.setdefault(module, {})[locked.key] = samples
        before = self._renamed.get(own.category_module, {})
        keys = {adapter_key(own, samples, shared): samples for samples in set(before.values())}
        return next((samples for key, samples in keys.items() if key in before), None)

    def _why(self, locked: LockedAdapter, reasons: list[str]) -> str:
        if locked.adapter not in self._facts.stored:
            reasons.insert(0, f"its adapter {short(locked.adapter)} is not in the store")
        return "; ".join(reasons) or "its key in the lock file is not that of its inputs, or of its adapter"

    def _reusable(self, key: str) -> StoredAdapter | None:
        """A stored adapter of this key, of whatever path."""
        if self._twins is None:
            self._twins = {
                locked.key: StoredAdapter(path, locked.adapter, locked.seed, locked.quality)
                for path, locked in sorted(self._lock.adapters.items(), reverse=True)
                if locked.adapter in self._facts.stored
            }
        return self._twins.get(key) or self._facts.fitted.get(key)

    def offers(self) -> tuple[Offer, ...]:
        """Better teachers than those that give the modules of tasks that choose the best."""
        found = []
        for task, part in self._graph.tasks.items():
            giver = self._given.tasks[task]
            best = best_teacher(self._graph, task) if part.choose == "best" else None
            if best is None or giver is None or _quality(self._graph, best) <= _quality(self._graph, giver):
                continue
            paths = {
                f"{each.category}:{task}": name
                for name, each in self._graph.teachers.items()
                if each.task == task
            }
            costs = [
                self._history.estimate(path, self._shared.of(path, task).method, name)
                for path, name in paths.items()
            ]
            known = [cost.seconds for cost in costs if cost is not None and cost.seconds is not None]
            refits = len(paths) - 1
            seconds = sum(known) / len(known) * refits if known else None
            found.append(Offer(task, best, giver, refits, seconds))
        return tuple(found)


def _quality(graph: Graph, teacher: str) -> float:
    quality = graph.teachers[teacher].quality
    return -math.inf if quality is None else quality
