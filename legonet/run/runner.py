"""Runs a plan: one loop of jobs that wait, run and are done, and the lock kept up to date."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from legonet.distill.fitting.fit import Samples
from legonet.errors import LegonetError, StoreError
from legonet.graph.lock import Lock, LockedAdapter
from legonet.notebook import escape, page, table, title
from legonet.plan.cost import Pace
from legonet.plan.plan import Plan, PlannedEdge
from legonet.plan.quality import in_words
from legonet.run.clock import Clock
from legonet.run.execute import FittedAdapter
from legonet.run.executors.base import Executor, Outcome, Step
from legonet.run.jobs import Job
from legonet.run.journal import JobRecord, Journal
from legonet.run.options import RunOptions
from legonet.store.blobs import BlobStore

SHARE = 20  # the lock file is written again when this many times as long has passed as writing it took
SHOWN = 40  # rows, and remarks, that a notebook shows
LOOK = 0.5  # seconds between two looks at how long a run still takes

State = Literal["started", "step", "done", "failed", "again", "waiting"]


@dataclass(frozen=True)
class Progress:
    """How far a run is, when something has happened to one of its jobs.

    Attributes:
        path: The path of the job; empty while the run waits for another one.
        state: What happened: the job was started, made a step, is done, failed, or will be tried again; or
            the run waits for another one.
        index: The job's number in the run's order.
        jobs: How many jobs there are.
        step: How many steps of the job are done.
        steps: How many steps it has; 0 where the method does not iterate.
        loss: The loss at this step.
        result: The adapter, once the job is done.
        message: Why the job failed, or which run this one waits for.
        method: The method by which the job's adapter is fitted.
        left: About how many seconds the run still takes; None where nothing tells.
        doing: What the job does before its steps, in words.
    """

    path: str
    state: State
    index: int = 0
    jobs: int = 0
    step: int = 0
    steps: int = 0
    loss: float | None = None
    result: FittedAdapter | None = None
    message: str = ""
    method: str = ""
    left: float | None = None
    doing: str = ""


@dataclass(frozen=True)
class Run:
    """What a run did.

    Attributes:
        lock: What is built now.
        results: The adapters that were fitted, in the order in which their jobs ended.
        removed: Paths whose adapters are no longer used.
        reused: Paths that took over an adapter which was built from the same.
        planned: Paths that were left for later, because of the budget or of `only`.
        failed: For each path whose job failed, why.
        notes: Remarks for people, such as that statistics are lacking.
        kept: Paths whose adapters were there already.
        open: Paths that cannot be built yet.
    """

    lock: Lock
    results: tuple[FittedAdapter, ...] = ()
    removed: tuple[str, ...] = ()
    reused: tuple[str, ...] = ()
    planned: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    open: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why jobs failed, and the notes that are not about a fit: what one may not expect."""
        fits = {note for each in self.results for note in each.notes}
        return (*self.failed.values(), *(note for note in self.notes if note not in fits))

    def _repr_html_(self) -> str:
        said = repr(self).removeprefix("<Run: ").rstrip(">")
        cells = []
        for each in self.results[:SHOWN]:
            cells.append((each.path, in_words(each.quality), f"{each.seconds:.1f}"))
        notes = "".join(f'<p class="soft">{escape(line)}</p>' for line in self._remarks())
        return page(title("Run", said), table(("path", "figures of the fit", "seconds"), cells, {2}), notes)

    def _remarks(self) -> list[str]:
        lines = [f"failed: {each}" for each in self.failed.values()]
        lines += [f"note: {each}" for each in self.notes]
        hidden = len(lines) - SHOWN
        return [*lines[:SHOWN], f"and {hidden:,} more"] if hidden > 0 else lines

    def __str__(self) -> str:
        return "\n".join([repr(self), *self._remarks()])

    def __repr__(self) -> str:
        counts = {"fitted": self.results, "kept": self.kept, "open": self.open, "failed": self.failed}
        more = {"taken over": self.reused, "removed": self.removed, "still planned": self.planned}
        counts |= {what: paths for what, paths in more.items() if paths}
        return f"<Run: {', '.join(f'{len(paths)} {what}' for what, paths in counts.items())}>"


def run(
    plan: Plan,
    order: Sequence[PlannedEdge],
    jobs: Iterable[Job],
    lock: Lock,
    store: BlobStore,
    journal: Journal,
    save: Callable[[Lock], None],
    executor: Executor,
    options: RunOptions | None = None,
    samples: Mapping[str, Samples] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Fit exactly what the plan lists, and drop from the lock what it removes.

    After each job the adapter is in the store before journal and lock name it, so that a run that is cut
    short loses the jobs that ran and nothing else, and the next one goes on from there. A plan without
    changes touches nothing.

    Args:
        plan: What to do.
        order: The plan's jobs that are wanted, in order.
        jobs: One for each of the plan's jobs, in any order.
        lock: What has been built.
        store: Where adapters are kept.
        journal: Where the run is noted.
        save: Writes the lock, atomically.
        executor: Where the jobs are done; entered and left here.
        options: How to go about it.
        samples: Samples by path.
        progress: Called at each step.

    Returns:
        The new lock and the results.

    Raises:
        LegonetError: A job failed, and `keep_going` is not set; what was done before it stays done.
    """
    if not plan.changes:
        return Run(lock)
    number = journal.begin(plan.graph)
    loop = _Loop(order, jobs, lock, store, journal, number, save, options or RunOptions(), progress)
    try:
        removed, reused = loop.without_fitting(plan)
        with executor:
            loop.fit(executor, samples or {})
    except BaseException as error:
        with suppress(LegonetError):  # their own troubles would hide what happened
            loop.save()
        with suppress(StoreError):
            journal.end(number, "interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
        raise
    loop.save()
    journal.end(number, "failed" if loop.failed else "done")
    done = {each.path for each in loop.results} | loop.failed.keys()
    planned = tuple(edge.path for edge in plan.jobs if edge.path not in done)
    notes = (*journal.notes, *(note for each in loop.results for note in each.notes))
    return Run(loop.lock, tuple(loop.results), removed, reused, planned, loop.failed, notes)


class _Loop:
    """The jobs that wait, those that run, and what came of the others."""

    def __init__(
        self,
        order: Sequence[PlannedEdge],
        jobs: Iterable[Job],
        lock: Lock,
        store: BlobStore,
        journal: Journal,
        number: int,
        save: Callable[[Lock], None],
        options: RunOptions,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self.lock, self.results, self.failed = lock, list[FittedAdapter](), dict[str, str]()
        self._saved = lock
        self._edges = {edge.path: (index, edge) for index, edge in enumerate(order)}
        self._jobs = {job.path: job for job in jobs}
        self._adapters = dict(lock.adapters)
        self._store, self._journal, self._number = store, journal, number
        self._save, self._options, self._progress = save, options, progress
        self._waiting = [(0.0, edge.path) for edge in order]
        self._running: set[str] = set()
        self._attempts: dict[str, int] = {}
        self._next_save = 0.0
        self._pace = Pace()  # of the jobs that are done
        self._clocks: dict[str, Clock] = {}  # of the jobs that run
        self._took = self._thought = 0.0  # by the jobs that are done: seconds, and those that were estimated
        self._slots = 1
        self._next_look, self._known_left = 0.0, None

    def without_fitting(self, plan: Plan) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """All that needs no fitting: adapters taken over, and removed ones."""
        reused, removed = [], []
        for edge in plan.edges:
            if edge.reuse is not None:
                reused.append(edge.path)
                self._adapters[edge.path] = _locked(
                    edge, edge.reuse.quality, edge.reuse.seed, edge.reuse.adapter
                )
            elif edge.action == "remove" and self._options.wants(edge.path):
                removed.append(edge.path)
                self._adapters.pop(edge.path, None)
        if reused or removed:
            self.save()
        return tuple(removed), tuple(reused)

    def fit(self, executor: Executor, samples: Mapping[str, Samples]) -> None:
        """Do the jobs."""
        begin, self._slots = time.monotonic(), executor.slots
        while self._waiting or self._running:
            now = time.monotonic()
            left = None if self._options.budget is None else self._options.budget - (now - begin)
            while len(self._running) < executor.slots:
                path = self._next(now, left)
                if path is None:
                    break
                self._running.add(path)
                self._clocks[path] = Clock()
                self._tell(path, "started")
                executor.submit(self._jobs[path], samples.get(path))
            if not self._running:
                if not self._waiting:
                    return
                time.sleep(max(0.0, min(start for start, _ in self._waiting) - time.monotonic()))
                continue
            soon = min((start - now for start, _ in self._waiting if start > now), default=1.0)
            for outcome in executor.wait(max(0.01, soon), self._step):
                self._take(outcome, executor)

    def _next(self, now: float, left: float | None) -> str | None:
        """The first job that may start; those that do not fit into the budget any more are dropped."""
        place = 0
        while place < len(self._waiting):
            start, path = self._waiting[place]
            if left is not None and (left <= 0 or self._seconds(path) > left):
                self._waiting.pop(place)
            elif start <= now:
                self._waiting.pop(place)
                return path
            else:
                place += 1
        return None

    def _seconds(self, path: str) -> float:
        """What a job takes: as planned, else at the pace of the jobs that are done; 0 where nothing tells."""
        cost = self._edges[path][1].cost
        if cost is None:
            return 0.0
        if cost.seconds is None and cost.operations is not None:
            return self._pace.seconds_of(cost.operations) or 0.0
        return cost.seconds or 0.0

    def _left(self) -> float | None:
        """About how many seconds all jobs still take, at the pace of those that are done."""
        now = time.monotonic()
        if now >= self._next_look:  # each look is at all jobs, and steps are many
            self._next_look, self._known_left = now + LOOK, self._find_left()
        return self._known_left

    def _find_left(self) -> float | None:
        seconds, slower = 0.0, self._took / self._thought if self._thought else 1.0
        for path in self._running:
            left = self._clocks[path].left(self._seconds(path) * slower)
            if left is None:
                return None
            seconds += left
        for _, path in self._waiting:
            each = self._seconds(path) * slower
            if not each:
                return None
            seconds += each
        return seconds / max(1, min(self._slots, len(self._running) + len(self._waiting)))

    def _take(self, outcome: Outcome, executor: Executor) -> None:
        """Note how an attempt ended."""
        path, result = outcome.path, outcome.result
        self._running.discard(path)
        del self._clocks[path]
        _, edge = self._edges[path]
        if result is None:
            self._failed(outcome, edge)
            return
        adapter, seed = self._store.put(result.adapter), self._jobs[path].adapter.seed
        locked = self._adapters[path] = _locked(edge, result.quality, seed, adapter)
        self.results.append(result)
        if thought := self._seconds(path):
            self._took, self._thought = self._took + result.seconds, self._thought + thought
        if result.operations:
            self._pace = self._pace.after(result.seconds, result.operations)
        notes, taken = tuple(result.notes), (result.memory, result.operations)
        record = JobRecord(edge, "done", result.seconds, locked.quality, notes, adapter, seed, *taken)
        self._journal.job(self._number, record)
        executor.stored(self._jobs[path])
        if time.monotonic() >= self._next_save:
            self.save()
        self._tell(path, "done", result=result)

    def _failed(self, outcome: Outcome, edge: PlannedEdge) -> None:
        path, error = outcome.path, outcome.error or RuntimeError("no result")
        attempts = self._attempts[path] = self._attempts.get(path, 0) + 1
        if outcome.again and attempts <= self._options.retries:
            pause = self._options.back_off * 2 ** (attempts - 1)
            self._waiting.insert(0, (time.monotonic() + pause, path))
            self._tell(path, "again", message=f"{error}; attempt {attempts + 1} in {pause:g} s")
            return
        message = str(error) if isinstance(error, LegonetError) else f"{path}: a bug: {error!r}"
        self._journal.job(self._number, JobRecord(edge, "failed", 0.0, notes=(message,)))
        self._tell(path, "failed", message=message)
        if not self._options.keep_going:
            raise error
        self.failed[path] = message

    def save(self) -> None:
        """Write the lock as it is now, unless it is written already."""
        if self._adapters != self.lock.adapters:
            self.lock = self.lock.model_copy(update={"adapters": dict(self._adapters)})
        if self.lock is self._saved:
            return
        begin = time.monotonic()
        self._save(self.lock)
        self._saved = self.lock
        self._next_save = time.monotonic() + SHARE * (time.monotonic() - begin)

    def _step(self, step: Step) -> None:
        if step.doing:
            self._clocks[step.path].reach(step.part)
            self._tell(step.path, "step", doing=step.doing)
            return
        self._clocks[step.path].step(step.step, step.steps, step.part)
        self._tell(step.path, "step", step.step, step.steps, step.loss)

    def _tell(
        self,
        path: str,
        state: State,
        step: int = 0,
        steps: int = 0,
        loss: float | None = None,
        result: FittedAdapter | None = None,
        message: str = "",
        doing: str = "",
    ) -> None:
        if self._progress:
            self._next_look = self._next_look if state == "step" else 0.0
            index, edge = self._edges[path]
            job = (index, len(self._edges), step, steps, loss, result, message, edge.method or "")
            self._progress(Progress(path, state, *job, self._left(), doing))


def _locked(edge: PlannedEdge, quality: Mapping[str, float], seed: int, adapter: str) -> LockedAdapter:
    return LockedAdapter(
        key=edge.key or "",
        inputs=dict(edge.inputs),
        adapter=adapter,
        method=edge.method or "",
        seed=seed,
        quality={name: _rounded(value) for name, value in quality.items()},
    )


def _rounded(value: float) -> float:
    """Six significant digits: enough to read, and no noise in the lock file's differences."""
    return float(f"{value:.6g}")
