"""What stands between a network as it is written and as it is built. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from legonet.graph.lock import Lock, LockedTeacher
from legonet.graph.schema import Graph
from legonet.graph.select import settled
from legonet.plan.cost import Pace
from legonet.plan.diff import diff
from legonet.plan.incremental import Before
from legonet.plan.plan import Plan
from legonet.plan.unlike import without_unlike
from legonet.run.count import OperationCount
from legonet.run.journal import Journal
from legonet.run.prepare import Sources, facts, lock_teachers, without_doubtful
from legonet.store.blobs import BlobStore
from legonet.teachers.crossing import Crossing
from legonet.teachers.kinship import Kinship
from legonet.teachers.one_sided import ADVICE, one_sided

_LOOKED_AT = 100  # files of statistics


@dataclass(frozen=True)
class SampleFacts:
    """Samples that are given, as a plan sees them.

    Attributes:
        fingerprints: Fingerprints of samples by path.
        labelled: Paths whose samples have labels.
        images: How many, by path.
    """

    fingerprints: Mapping[str, str] = field(default_factory=dict)
    labelled: frozenset[str] = frozenset()
    images: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedNetwork:
    """A plan and what it was made from.

    Attributes:
        graph: With every choice settled.
        plan: What is to be done.
        teachers: As their files are now.
        before: The plan as the next one may go on from.
    """

    graph: Graph
    plan: Plan
    teachers: Mapping[str, LockedTeacher]
    before: Before


def make_plan(
    graph: Graph,
    lock: Lock,
    store: BlobStore,
    sources: Sources,
    journal: Journal,
    sample_facts: SampleFacts,
    crossing: Callable[[str], Crossing],
    before: Before | None = None,
    measured: Pace | None = None,
    proxies: str | None = None,
) -> PlannedNetwork:
    """Plan what is to be built.

    Args:
        graph: As written.
        lock: What has been built.
        store: Asked for the adapters that the lock names.
        sources: The teachers.
        journal: Asked for what jobs took, and for adapters that the lock does not name.
        sample_facts: Facts of the samples that are given.
        crossing: A teacher's cut, by its name.
        before: An earlier plan of this network, where there is one at hand.
        measured: How fast this machine is, where that was measured.
        proxies: The content hash of the photos that the graph names.

    Raises:
        LegonetError: A teacher's files cannot be read.
    """
    teachers = lock_teachers(sources, lock)
    lock = without_doubtful(lock, journal)
    graph = settled(graph, lock, {name: each.task_module for name, each in teachers.items()})
    known = facts(teachers, lock, store, sample_facts.fingerprints, sample_facts.labelled, proxies)
    kinship = Kinship(sources.__getitem__)
    count = OperationCount(
        graph, teachers, crossing, sample_facts.images, sample_facts.labelled, kinship.strangers
    )
    history = replace(journal.history(), count=count, once=count.once, measured=measured)
    plan = diff(graph, lock, known, history, before)
    before = Before(graph, lock, known, plan)
    if plan.jobs:
        fitted = journal.fitted({edge.key for edge in plan.jobs if edge.key is not None})
        fitted = {key: each for key, each in fitted.items() if store.looks_whole(each.adapter, "adapter")}
        if fitted:
            plan = diff(graph, lock, replace(known, fitted=fitted), history, before)
        plan = without_unlike(plan, graph, lambda teacher: crossing(teacher).above.rectified)
    return PlannedNetwork(graph, replace(plan, notes=_notes(plan, graph, sources)), teachers, before)


def _notes(plan: Plan, graph: Graph, sources: Sources) -> tuple[str, ...]:
    """Which of the teachers to be learned from have statistics of one side; of many, the first."""
    notes = []
    for name in [edge.teacher for edge in plan.jobs if edge.teacher is not None][:_LOOKED_AT]:
        data = sources[name].statistics()
        side = None if data is None else one_sided(data, graph.tasks[graph.teachers[name].task].output)
        if side is not None:
            notes.append(f"{name}: its statistics are of images that it calls {side} alone: {ADVICE}")
    return tuple(notes)
