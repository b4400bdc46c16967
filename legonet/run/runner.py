"""Runs a plan: fits what it lists, one adapter after the other, and keeps the lock file up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch

from legonet.distill.fit import Samples
from legonet.errors import LegonetError
from legonet.graph.lock import Lock, LockedAdapter
from legonet.plan.diff import Plan, PlannedEdge
from legonet.run.jobs import Job, Result, execute
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
    """What a run did."""

    lock: Lock
    results: tuple[Result, ...] = ()
    removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())


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
    loses one job at most, and the next one goes on from there.

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
    by_path = {job.path: job for job in jobs}
    number = journal.begin(plan.graph)
    results: list[Result] = []
    try:
        removed = tuple(edge.path for edge in plan.edges if edge.action == "remove")
        if removed:
            lock = _without(lock, removed)
            save(lock)
        for index, edge in enumerate(plan.jobs):
            result = _fit(edge, by_path[edge.path], index, len(plan.jobs), store, samples, device, progress)
            lock = _with(lock, edge, by_path[edge.path], result, store.put(result.adapter))
            save(lock)
            journal.job(
                number,
                edge.path,
                edge.key or "",
                edge.method or "",
                "done",
                result.seconds,
                result.quality,
                result.notes,
            )
            results.append(result)
            if progress:
                progress(Progress(edge.path, index, len(plan.jobs), result=result))
    except LegonetError:
        journal.end(number, "failed")
        raise
    except KeyboardInterrupt:
        journal.end(number, "interrupted")
        raise
    journal.end(number, "done")
    return Run(lock, tuple(results), removed, tuple(note for each in results for note in each.notes))


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


def _with(lock: Lock, edge: PlannedEdge, job: Job, result: Result, adapter: str) -> Lock:
    locked = LockedAdapter(
        key=job.key,
        inputs=dict(edge.inputs),
        adapter=adapter,
        method=edge.method or "",
        seed=job.adapter.seed,
        quality={name: _rounded(value) for name, value in result.quality.items()},
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
