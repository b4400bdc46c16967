"""Jobs: a job is the fitting of one adapter, written down so that any process can do it. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from legonet.graph.lock import LockedTeacher
from legonet.graph.schema import Adapter, Graph, Input, Output
from legonet.graph.select import adapter_spec, givers, split_path
from legonet.plan.diff import Plan


@dataclass(frozen=True)
class Job:
    """What is needed to fit one adapter; modules and statistics are named by their content hashes.

    Attributes:
        path: `category:task`.
        key: hash of everything that the adapter is built from.
        adapter: its shape, method and seed.
        category_module: f.
        task_module: g_S.
        teacher_module: g_T.
        donor_module: the category module that g_S was trained with; it tells what g_S takes.
        input: the image that every category module sees.
        meaning: of the task's output.
        statistics: of the teacher, if its owner recorded them.
        generic_statistics: of the teacher that gave g_S, likewise.
    """

    path: str
    key: str
    adapter: Adapter
    category_module: str
    task_module: str
    teacher_module: str
    donor_module: str
    input: Input
    meaning: Output
    statistics: str | None = None
    generic_statistics: str | None = None


def make_jobs(graph: Graph, plan: Plan, teachers: Mapping[str, LockedTeacher]) -> list[Job]:
    """One job for each adapter that the plan lists, in its order.

    Args:
        graph: that the plan was made for.
        plan: what to do.
        teachers: as `legonet.run.prepare.lock_teachers` found them.
    """
    return [make_job(graph, edge.path, edge.teacher or "", teachers, edge.key or "") for edge in plan.jobs]


def make_job(
    graph: Graph, path: str, teacher: str, teachers: Mapping[str, LockedTeacher], key: str = ""
) -> Job:
    """The job of one path, whether a plan lists it or not.

    Args:
        graph: where the path is.
        path: `category:task`.
        teacher: of this category and task.
        teachers: as `legonet.run.prepare.lock_teachers` found them.
        key: as the plan has it.
    """
    category, task = split_path(path)
    own, generic = teachers[teacher], teachers[givers(graph).tasks[task] or ""]
    return Job(
        path=path,
        key=key,
        adapter=adapter_spec(graph, category, task),
        category_module=own.category_module,
        task_module=generic.task_module,
        teacher_module=own.task_module,
        donor_module=generic.category_module,
        input=graph.input,
        meaning=graph.tasks[task].output,
        statistics=own.statistics,
        generic_statistics=generic.statistics,
    )


def blobs_of(jobs: Iterable[Job]) -> set[str]:
    """The content hashes of all modules and statistics that the jobs read."""
    named: set[str] = set()
    for job in jobs:
        named |= {job.category_module, job.task_module, job.teacher_module, job.donor_module}
        named |= {sha for sha in (job.statistics, job.generic_statistics) if sha is not None}
    return named
