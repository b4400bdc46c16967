"""Runs a plan: fits what it lists, one adapter after the other, and keeps the lock file up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import torch

from legonet.distill.fit import Samples
from legonet.errors import StoreError
from legonet.graph.lock import Lock, LockedAdapter
from legonet.plan.diff import Plan, PlannedEdge
from legonet.run.execute import Result, execute
from legonet.run.jobs import Job
from legonet.run.journal import Journal
from legonet.store.blobs import BlobStore


@dataclass(frozen=True)
class Progress:
    """Where a run stands: job `index` of `jobs`, `step` of `steps` in it; a finished job has a result."""

    path: str
    index: int
    jobs: int
    step: int = 0
    steps: int = 0
    loss: float | None = None
    result: Result | None = None


@dataclass(frozen=True)
class Run:
    """What a run did.

    Attributes:
        lock: what is built now.
        results: of the jobs, in order.
        removed: paths whose adapters are no longer used.
        reused: paths that took over an adapter built from the same under another name.
        notes: what people should know, such as statistics that are lacking.
    """

    lock: Lock
    results: tuple[Result, ...] = ()
    removed: tuple[str, ...] = ()
    reused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def run(
    plan: Plan,
    jobs: Iterable[Job],
    lock: Lock,
    store: BlobStore,
    journal: Journal,
    save: Callable[[Lock], None],
    samples: Mapping[str, Samples] | None = None,
    device: torch.device | str = "cpu",
    progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Fit exactly what the plan lists, and drop from the lock what it removes.

    After each job the adapter is in the store before the lock names it, so that a run that is cut short
    loses one job at most, and the next one goes on from there. A plan without changes touches nothing.

    Args:
        plan: what to do.
        jobs: one for each of the plan's jobs, in any order.
        lock: what has been built.
        store: where adapters are kept.
        journal: where the run is noted.
        save: writes the lock, atomically.
        samples: by path.
        device: where to compute.
        progress: told of each step.

    Returns:
        The new lock and the results.

    Raises:
        LegonetError: a job failed; what was done before it stays done.
    """
    if not plan.changes:
        return Run(lock)
    by_path = {job.path: job for job in jobs}
    number = journal.begin(plan.graph)
    results: list[Result] = []
    try:
        lock, removed, reused = _without_fitting(plan, lock)
        if removed or reused:
            save(lock)
        for index, edge in enumerate(plan.jobs):
            result = _fit(edge, by_path[edge.path], index, len(plan.jobs), store, samples, device, progress)
            lock = _with(
                lock, edge, result.quality, by_path[edge.path].adapter.seed, store.put(result.adapter)
            )
            save(lock)
            journal.job(number, edge, "done", result.seconds, result.quality, result.notes)
            results.append(result)
            if progress:
                progress(Progress(edge.path, index, len(plan.jobs), result=result))
    except BaseException as error:
        with suppress(StoreError):  # the journal's own troubles would hide what happened
            journal.end(number, "interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
        raise
    journal.end(number, "done")
    return Run(lock, tuple(results), removed, reused, tuple(note for each in results for note in each.notes))


def _without_fitting(plan: Plan, lock: Lock) -> tuple[Lock, tuple[str, ...], tuple[str, ...]]:
    """The lock after all that needs no fitting: adapters taken over under a new name, and removed ones."""
    before = lock.adapters
    reused = [edge for edge in plan.edges if edge.reuse is not None]
    for edge in reused:
        twin = next(each for each in before.values() if each.key == edge.key and each.adapter == edge.reuse)
        lock = _with(lock, edge, twin.quality, twin.seed, twin.adapter)
    removed = tuple(edge.path for edge in plan.edges if edge.action == "remove")
    return _without(lock, removed), removed, tuple(edge.path for edge in reused)


def _fit(
    edge: PlannedEdge,
    job: Job,
    index: int,
    count: int,
    store: BlobStore,
    samples: Mapping[str, Samples] | None,
    device: torch.device | str,
    progress: Callable[[Progress], None] | None,
) -> Result:
    def step(done: int, steps: int, loss: float) -> None:
        if progress:
            progress(Progress(edge.path, index, count, done, steps, loss))

    if progress:
        progress(Progress(edge.path, index, count))
    return execute(job, store, (samples or {}).get(edge.path), device, step)


def _with(lock: Lock, edge: PlannedEdge, quality: Mapping[str, float], seed: int, adapter: str) -> Lock:
    locked = LockedAdapter(
        key=edge.key or "",
        inputs=dict(edge.inputs),
        adapter=adapter,
        method=edge.method or "",
        seed=seed,
        quality={name: _rounded(value) for name, value in quality.items()},
    )
    return lock.model_copy(update={"adapters": {**lock.adapters, edge.path: locked}})


def _without(lock: Lock, paths: Iterable[str]) -> Lock:
    gone = set(paths)
    return lock.model_copy(
        update={"adapters": {path: each for path, each in lock.adapters.items() if path not in gone}}
    )


def _rounded(value: float) -> float:
    """Six significant digits: enough to read, and no noise in the lock file's differences."""
    return float(f"{value:.6g}")
