"""From a graph and its teachers to facts for the plan, jobs for the run, and modules in the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from legonet.graph.lock import Lock, LockedModule, LockedTeacher
from legonet.graph.schema import Graph
from legonet.graph.select import adapter_spec, givers, split_path
from legonet.plan.diff import Facts, Plan, TeacherFacts
from legonet.run.jobs import Job
from legonet.store.blobs import BlobStore
from legonet.teachers.source import TeacherSource

Sources = Mapping[str, TeacherSource]


def lock_teachers(sources: Sources, lock: Lock) -> dict[str, LockedTeacher]:
    """The content hashes of every teacher's modules and statistics, as its files are now."""
    return {name: source.locked(lock.teachers.get(name)) for name, source in sources.items()}


def facts(
    teachers: Mapping[str, LockedTeacher], lock: Lock, store: BlobStore, samples: Mapping[str, str]
) -> Facts:
    """What the plan depends on besides graph and lock.

    Args:
        teachers: as `lock_teachers` found them.
        lock: what has been built.
        store: asked for the adapters that the lock names.
        samples: fingerprints of the samples that are given, by path.
    """
    known = {
        name: TeacherFacts(each.category_module, each.task_module, each.statistics)
        for name, each in teachers.items()
    }
    stored = frozenset(each.adapter for each in lock.adapters.values() if store.has(each.adapter))
    return Facts(known, stored, samples)


def lock_modules(graph: Graph, lock: Lock, teachers: Mapping[str, LockedTeacher]) -> Lock:
    """The lock with the modules as they are now; its adapters stay."""
    given = givers(graph)
    categories = {
        name: LockedModule(teacher=teacher, module=teachers[teacher].category_module)
        for name, teacher in given.categories.items()
        if teacher is not None
    }
    tasks = {
        name: LockedModule(teacher=teacher, module=teachers[teacher].task_module)
        for name, teacher in given.tasks.items()
        if teacher is not None
    }
    return lock.model_copy(update={"teachers": dict(teachers), "categories": categories, "tasks": tasks})


def make_jobs(graph: Graph, plan: Plan, teachers: Mapping[str, LockedTeacher]) -> list[Job]:
    """One job for each adapter that the plan lists."""
    given = givers(graph)
    jobs = []
    for edge in plan.jobs:
        category, task = split_path(edge.path)
        own = teachers[edge.teacher or ""]
        generic = teachers[given.tasks[task] or ""]
        jobs.append(
            Job(
                path=edge.path,
                key=edge.key or "",
                adapter=adapter_spec(graph, category, task),
                category_module=own.category_module,
                task_module=generic.task_module,
                teacher_module=own.task_module,
                donor_module=generic.category_module,
                input_shape=graph.input.shape,
                meaning=graph.tasks[task].output,
                statistics=own.statistics,
                generic_statistics=generic.statistics,
            )
        )
    return jobs


def store_modules(
    needed: Iterable[str], sources: Sources, teachers: Mapping[str, LockedTeacher], store: BlobStore
) -> None:
    """Put the modules and statistics of these content hashes into the store, from their teachers' files.

    Args:
        needed: content hashes; those that the store has cost nothing.
        sources: the teachers.
        teachers: as `lock_teachers` found them.
        store: where to put them.
    """
    missing = {sha for sha in needed if not store.has(sha)}
    for name, locked in teachers.items():
        if locked.statistics in missing:
            store.put(sources[name].statistics() or b"")
            missing.discard(locked.statistics)
        if missing & {locked.category_module, locked.task_module}:
            parts = sources[name].parts()
            store.put(parts.f)
            store.put(parts.g)
            missing -= {parts.f_sha, parts.g_sha}


def modules_of(jobs: Iterable[Job]) -> set[str]:
    """The content hashes of all modules and statistics that the jobs read."""
    named = set()
    for job in jobs:
        named |= {job.category_module, job.task_module, job.teacher_module, job.donor_module}
        named |= {sha for sha in (job.statistics, job.generic_statistics) if sha is not None}
    return named
