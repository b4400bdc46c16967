"""Jobs: a job is the fitting of one adapter, written down so that any process can do it. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from legonet.graph.lock import LockedTeacher
from legonet.graph.output import Output
from legonet.graph.schema import Adapter, Graph, Input
from legonet.graph.select import Givers, adapter_spec, givers, meaning_of, split_path
from legonet.plan.inputs import donor_input, method_settings
from legonet.plan.plan import Plan


@dataclass(frozen=True)
class Job:
    """What is needed to fit one adapter; modules and statistics are named by their content hashes.

    Attributes:
        path: `category:task`.
        key: Hash of everything that the adapter is built from.
        adapter: Its shape, method and seed.
        category_module: f.
        task_module: g_S.
        teacher_module: g_T; None where labelled samples make up for a teacher.
        own_category_module: f', the category module under g_T, where it is not f: teacher and student are
            matched at the image then.
        donor_module: The category module that g_S was trained with; it tells what g_S takes.
        input: The image that the category module sees, and the teacher.
        meaning: The meaning of the task's output.
        statistics: The teacher's statistics, if its owner recorded them.
        generic_statistics: The statistics of the teacher that gave g_S, likewise.
        donor_input: The image that the donor module sees; None if it is the same.
        proxies: The user's photos of anything, if the graph names any.
    """

    path: str
    key: str
    adapter: Adapter
    category_module: str
    task_module: str
    teacher_module: str | None
    own_category_module: str | None
    donor_module: str
    input: Input
    meaning: Output
    statistics: str | None = None
    generic_statistics: str | None = None
    donor_input: Input | None = None
    proxies: str | None = None


def make_jobs(
    graph: Graph, plan: Plan, teachers: Mapping[str, LockedTeacher], proxies: str | None = None
) -> list[Job]:
    """One job for each adapter that the plan lists, in its order.

    Args:
        graph: The graph that the plan was made for.
        plan: What to do.
        teachers: The teachers, as `legonet.run.prepare.lock_teachers` found them.
        proxies: The content hash of the photos that the graph names.
    """
    given = givers(graph)
    jobs = [_job(graph, given, edge.path, edge.teacher, teachers, edge.key or "") for edge in plan.jobs]
    return [replace(job, proxies=proxies) for job in jobs]


def make_job(graph: Graph, path: str, teacher: str | None, teachers: Mapping[str, LockedTeacher]) -> Job:
    """The job of one path, whether a plan lists it or not.

    Args:
        graph: The graph that has the path.
        path: `category:task`.
        teacher: The teacher of this category and task; None where there is none.
        teachers: The teachers, as `legonet.run.prepare.lock_teachers` found them.
    """
    return _job(graph, givers(graph), path, teacher, teachers, "")


def _job(
    graph: Graph,
    given: Givers,
    path: str,
    teacher: str | None,
    teachers: Mapping[str, LockedTeacher],
    key: str,
) -> Job:
    category, task = split_path(path)
    spec = adapter_spec(graph, category, task)
    f, generic = teachers[given.categories[category] or ""], teachers[given.tasks[task] or ""]
    own = None if teacher is None else teachers[teacher]
    if own is None:
        spec = spec.model_copy(update={"method": method_settings(spec, untaught=True)})
    taken = donor_input(graph, given, task)
    elsewhere = own is not None and own.category_module != f.category_module
    return Job(
        path=path,
        key=key,
        adapter=spec,
        category_module=f.category_module,
        task_module=generic.task_module,
        teacher_module=None if own is None else own.task_module,
        own_category_module=own.category_module if own is not None and elsewhere else None,
        donor_module=generic.category_module,
        input=graph.input_of(category),
        meaning=meaning_of(graph, path),
        statistics=None if own is None else own.statistics,
        generic_statistics=generic.statistics,
        donor_input=None if taken == graph.input_of(category) else taken,
    )


def blobs_of(jobs: Iterable[Job]) -> set[str]:
    """The content hashes of all modules and statistics that the jobs read."""
    named: set[str] = set()
    for job in jobs:
        named |= {job.category_module, job.task_module, job.donor_module}
        maybe = (
            job.teacher_module, job.own_category_module, job.statistics, job.generic_statistics, job.proxies,
        )  # fmt: skip
        named |= {sha for sha in maybe if sha is not None}
    return named
