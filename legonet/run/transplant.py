"""A whole run: from a network as it is written to one that is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from legonet.blocks.device import find_device
from legonet.distill.fitting.checkpoint import clear
from legonet.distill.fitting.fit import Samples
from legonet.errors import SelectError
from legonet.graph.lock import Lock
from legonet.graph.schema import Graph
from legonet.plan.plan import Plan
from legonet.plan.ports import find_ports
from legonet.run.executors import make_executor
from legonet.run.executors.base import Executor
from legonet.run.jobs import Job, blobs_of, make_jobs
from legonet.run.options import RunOptions, ordered
from legonet.run.planning import SampleFacts
from legonet.run.prepare import lock_modules, mend_blobs
from legonet.run.project import Project
from legonet.run.runner import Progress, Run, run
from legonet.run.samples import GivenSamples, Prepare, fingerprint_samples, read_given
from legonet.store.blobs import BlobStore
from legonet.store.gc import named


def find_sample_facts(graph: Graph, samples: Mapping[str, GivenSamples] | None) -> SampleFacts:
    """Samples as a plan sees them.

    Raises:
        LegonetError: Samples that do not fit.
    """
    return _sample_facts(read_given(graph, samples or {}))


def _sample_facts(read: Mapping[str, tuple[Tensor, Tensor | None]]) -> SampleFacts:
    labelled = frozenset(path for path, (_, labels) in read.items() if labels is not None)
    images = {path: len(each) for path, (each, _) in read.items()}
    return SampleFacts({path: fingerprint_samples(each) for path, each in read.items()}, labelled, images)


def transplant(
    project: Project,
    load: Callable[[], Lock],
    save: Callable[[Lock], None],
    samples: Mapping[str, GivenSamples] | None,
    prepare: Prepare,
    device: torch.device | str,
    options: RunOptions,
    progress: Callable[[Progress], None] | None,
    accept: Callable[[Plan], None] | None,
    executor: Executor | None = None,
) -> Run:
    """Fit what the plan lists; see `legonet.network.Network.transplant`.

    Args:
        project: The network's graph, store and teachers.
        load: Reads the lock as it is once no other run can write it.
        save: Writes it.
        samples: Samples by path.
        prepare: Turns photos into what a path's category module takes, and labels with them.
        device: The device to compute on.
        options: How to go about the jobs.
        progress: Called at each step.
        accept: Refuses a plan that is not the one that was agreed on.
        executor: Where the jobs are done; default: as the options say.

    Raises:
        SelectError: Limits beside an executor that is given.
    """
    if executor is not None and options.limited:
        raise SelectError(
            f"executor: found {type(executor).__name__} together with limits of time or memory; expected an "
            "executor of one's own to keep its own limits; leave them out"
        )
    where = find_device(device)
    read = read_given(project.graph, samples or {})
    sample_facts = _sample_facts(read)
    lock = load()
    found = project.plan(lock, sample_facts)
    built = lock_modules(found.graph, lock, found.teachers, project.store)
    if not found.plan.changes and built == lock:  # what is done needs no lock and no room on the disk
        if accept is not None:
            accept(found.plan)
        _clear_states(project, lock)
        return _with_others(Run(lock, notes=_unused(found.plan, read)), found.plan)

    def told(message: str) -> None:
        if progress is not None:
            progress(Progress("", "waiting", message=message))

    with project.alone(options.wait, told) as run_lock:
        again = load()
        gone = (edge.reuse and not project.store.has(edge.reuse.adapter) for edge in found.plan.edges)
        if again != lock or any(gone):  # another run was at work until now, or `legonet gc` was
            lock, found = again, replace(project, before=found.before).plan(again, sample_facts)
            built = lock_modules(found.graph, lock, found.teachers, project.store)
        if accept is not None:
            accept(found.plan)
        order = ordered(found.graph, found.plan.jobs, options)
        wanted = {edge.path for edge in order}
        _expect_bridges(project, found.graph, replace(found.plan, edges=tuple(order)))
        proxies = project.proxies().put(project.store) if order else None
        made = make_jobs(found.graph, found.plan, found.teachers, proxies)
        jobs = [job for job in made if job.path in wanted]
        if run_lock is not None:
            run_lock.needs(_needs(found.plan, jobs, built))
        mended = mend_blobs(blobs_of(jobs), project.sources, found.teachers, project.store)
        given = {path: Samples(*prepare(path, *each)) for path, each in read.items()}
        checkpoints = None if project.workspace is None else project.workspace.checkpoints
        opened = (executor or make_executor(options)).open(project.store, where, checkpoints)
        written = [lock]

        def keep(lock: Lock) -> None:
            save(lock)
            written.append(lock)

        result = run(
            found.plan,
            order,
            jobs,
            built,
            project.store,
            project.journal,
            keep,
            opened,
            options,
            given,
            progress,
        )
        ended = lock_modules(found.graph, result.lock, found.teachers, project.store)
        if ended != written[-1]:
            save(ended)
        _clear_states(project, ended)
        result = replace(
            result, lock=ended, notes=(*_no_longer_tuned(lock, ended, project.store), *result.notes)
        )
    notes = (*_unused(found.plan, read), *mended, *result.notes)
    return _with_others(replace(result, notes=notes), found.plan)


def _expect_bridges(project: Project, graph: Graph, plan: Plan) -> None:
    """Refuse modules that no bridge joins, before anything is fitted."""
    bridged = tuple(edge for edge in plan if "teacher's category module" in edge.inputs)
    if bridged:
        find_ports(graph, replace(plan, edges=bridged), project.port_finder())


def _needs(plan: Plan, jobs: Sequence[Job], lock: Lock) -> set[str]:
    """What of the store a run reads, or may name: by content hash, or by the key of a job."""
    reused = {edge.reuse.adapter for edge in plan.edges if edge.reuse is not None}
    return blobs_of(jobs) | {job.key for job in jobs} | reused | set(named(lock))


def _with_others(result: Run, plan: Plan) -> Run:
    """The result, with the paths that there was nothing to do for."""
    kept, still_open = (
        tuple(edge.path for edge in plan if edge.action == action) for action in ("keep", "open")
    )
    return replace(result, kept=kept, open=still_open)


def _clear_states(project: Project, lock: Lock) -> None:
    """Delete states of what is built: a run may have been killed right after it had stored a result."""
    if project.workspace is not None:
        clear(project.workspace.checkpoints, *(each.key for each in lock.adapters.values()))


def _no_longer_tuned(before: Lock, after: Lock, store: BlobStore) -> tuple[str, ...]:
    notes = []
    for section in ("categories", "tasks"):
        for name, part in getattr(after, section).items():
            old = getattr(before, section).get(name)
            if part.tuned is None and old is not None and old.tuned:
                why = "was made with other adapters" if store.has(old.tuned) else "is not in the store"
                notes.append(
                    f"{section}.{name}: its fine-tuned module {why}, and is not used any more; run `legonet "
                    "finetune` again"
                )
    return tuple(notes)


def _unused(plan: Plan, read: Mapping[str, object]) -> tuple[str, ...]:
    edges = (edge for path, edge in plan.by_path.items() if path in read and edge.key is None)
    return tuple(f"{edge.path}: its samples are not used: {edge.reason}" for edge in edges)
