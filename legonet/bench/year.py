"""A year of a network: teachers arrive, change, go and come back, runs fail and are killed; nothing is lost.

Modules and adapters are made up, so that thousands of arrivals take minutes: an adapter's bytes follow from
its key. Everything else is what a real run does: the plan, the scheduler, the store, the journal, the lock.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from legonet.distill.fit import Samples
from legonet.errors import DistillError
from legonet.graph.lock import Lock, LockedTeacher
from legonet.graph.schema import Category, Graph, Input, Task, Teacher, VectorOutput
from legonet.graph.select import settled
from legonet.plan.diff import diff
from legonet.plan.facts import Facts, TeacherFacts
from legonet.plan.plan import Plan
from legonet.run.execute import Result
from legonet.run.executors.base import Executor, Listener, Outcome
from legonet.run.jobs import Job, make_jobs
from legonet.run.journal import Journal
from legonet.run.options import Options, ordered
from legonet.run.prepare import lock_modules
from legonet.run.runner import run
from legonet.store.blobs import MemoryStore, sha256


class Killed(BaseException):
    """The process is no more: whatever it had in memory is gone."""


class MadeUp(Executor):
    """Ends each job at once; a few crash, fail, or kill the run.

    Args:
        chance: where the failures come from.
        rate: of each kind of failure.
    """

    def __init__(self, chance: random.Random | None = None, rate: float = 0.0) -> None:
        self._chance, self._rate = chance, rate
        self._jobs: list[Job] = []
        self.fitted: Counter[str] = Counter()

    def submit(self, job: Job, samples: Samples | None = None) -> None:
        """Take a job."""
        self._jobs.append(job)

    def wait(self, timeout: float, listen: Listener) -> list[Outcome]:
        """End the job."""
        job = self._jobs.pop()
        drawn = 1.0 if self._chance is None else self._chance.random()
        if drawn < self._rate:
            raise Killed
        if drawn < 3 * self._rate:
            again = drawn < 2 * self._rate
            return [Outcome(job.path, error=DistillError(f"{job.path}: made up"), again=again)]
        self.fitted[job.key] += 1
        return [Outcome(job.path, Result(job.path, adapter_of(job.key), {"residual": 0.5}, 0.001))]


def adapter_of(key: str) -> bytes:
    """The adapter that is built for a key."""
    return f"adapter {key}".encode()


def locked_teacher(known: TeacherFacts) -> LockedTeacher:
    """The teacher as a lock file has it."""
    f, g = known.category_module, known.task_module
    return LockedTeacher(source="0" * 64, category_module=f, task_module=g)


@dataclass
class World:
    """A network, its files, and what has been built.

    Attributes:
        folder: for the journal.
        graph: as written.
        lock: as the file says.
        modules: content hashes of each teacher's f and g_T.
        store: the blobs.
        fits: how often each key was fitted.
    """

    folder: Path
    graph: Graph = field(default_factory=lambda: Graph(legonet=1, name="year", input=Input(shape=(3, 8, 8))))
    lock: Lock = field(default_factory=Lock)
    modules: dict[str, TeacherFacts] = field(default_factory=dict)
    store: MemoryStore = field(default_factory=MemoryStore)
    fits: Counter[str] = field(default_factory=Counter)
    count: int = 0

    def __post_init__(self) -> None:
        """Open the journal."""
        self.journal = Journal(self.folder / "journal.sqlite")

    # What people do.

    def arrive(self, category: str, task: str, own_f: bool = False) -> None:
        """A teacher arrives, on its category's module or on one of its own; or a new version of it."""
        self.count += 1
        taken = self._teacher_of(category, task)
        name = taken or f"t{self.count}"
        f = f"f of {category}" + (f", {self.count}" if own_f else "")
        self.modules[name] = TeacherFacts(sha256(f.encode()), sha256(f"g {self.count}".encode()))
        if taken is not None:
            return
        parts = {
            "categories": {category: Category()},
            "tasks": {task: Task(output=VectorOutput(kind="vector", names=("x",)))},
            "teachers": {name: Teacher(category=category, task=task, model="m", weights="w", cut="c")},
        }
        self.graph = self.graph.model_copy(
            update={section: {**part, **getattr(self.graph, section)} for section, part in parts.items()}
            | {"teachers": {**self.graph.teachers, **parts["teachers"]}}
        )

    def leave(self, teacher: str) -> None:
        """A teacher is removed."""
        teachers = {name: each for name, each in self.graph.teachers.items() if name != teacher}
        self.graph = self.graph.model_copy(update={"teachers": teachers})
        del self.modules[teacher]

    def rename(self, teacher: str) -> None:
        """A teacher is called differently from now on."""
        self.count += 1
        new = f"t{self.count}"
        teachers = {new if name == teacher else name: each for name, each in self.graph.teachers.items()}
        self.graph = self.graph.model_copy(update={"teachers": teachers})
        self.modules[new] = self.modules.pop(teacher)

    def change(self, task: str, seed: int) -> None:
        """The settings of a task change."""
        part = self.graph.tasks[task]
        part = part.model_copy(update={"adapter": part.adapter.model_copy(update={"seed": seed})})
        self.graph = self.graph.model_copy(update={"tasks": {**self.graph.tasks, task: part}})

    def lose(self, path: str) -> None:
        """A blob of the store is damaged, and set aside."""
        self.store._blobs.pop(self.lock.adapters[path].adapter, None)

    def _teacher_of(self, category: str, task: str) -> str | None:
        found = (n for n, t in self.graph.teachers.items() if (t.category, t.task) == (category, task))
        return next(found, None)

    # What legonet does.

    def plan(self) -> tuple[Graph, Plan]:
        """The graph as it stands, and the plan."""
        graph = settled(self.graph, self.lock, {n: each.task_module for n, each in self.modules.items()})
        adapters = (each.adapter for each in self.lock.adapters.values())
        facts = Facts(self.modules, frozenset(sha for sha in adapters if self.store.has(sha)))
        plan = diff(graph, self.lock, facts)
        if plan.jobs:
            known = self.journal.fitted({edge.key or "" for edge in plan.jobs})
            known = {key: each for key, each in known.items() if self.store.has(each.adapter)}
            if known:
                plan = diff(graph, self.lock, Facts(self.modules, facts.stored, fitted=known))
        return graph, plan

    def run(self, chance: random.Random | None = None, rate: float = 0.0) -> bool:
        """Carry the plan out; whether it came to its end."""
        graph, plan = self.plan()
        before = dict(self.lock.adapters)
        locked = {name: locked_teacher(each) for name, each in self.modules.items()}
        options = Options(keep_going=True, back_off=0.0)
        executor = MadeUp(chance, rate)
        jobs, whole = make_jobs(graph, plan, locked), True
        again = {edge.key for edge in plan.jobs if self._stored(edge.key or "")}
        if again:
            raise AssertionError(f"planned again although it is stored: {sorted(map(str, again))}")
        try:
            result = run(
                plan,
                ordered(graph, plan.jobs, options),
                jobs,
                lock_modules(graph, self.lock, locked),
                self.store,
                self.journal,
                self._save,
                executor,
                options,
            )
            self.lock, whole = result.lock, not result.failed
        except Killed:
            whole = False
        self.fits += executor.fitted
        touched = {edge.path for edge in plan.changes}
        for path, adapter in before.items():
            if path not in touched and self.lock.adapters.get(path) != adapter:
                raise AssertionError(f"{path}: was not planned, and is another one now")
        return whole

    def _save(self, lock: Lock) -> None:
        self.lock = lock

    def _stored(self, key: str) -> bool:
        return self.store.has(sha256(adapter_of(key)))

    def check(self, whole: bool) -> None:
        """Everything that has to be true at any time; more after a run that came to its end.

        Raises:
            AssertionError: something is not.
        """
        _, plan = self.plan()
        paths = [edge.path for edge in plan if edge.action != "remove"]
        pairs = len(self.graph.categories) * len(self.graph.tasks)
        _expect(len(paths) == len(set(paths)) == pairs, "every pair stands in the plan once")
        for edge in plan:
            locked = self.lock.adapters.get(edge.path)
            if edge.action == "keep":
                _expect(locked is not None and locked.key == edge.key, f"{edge.path}: kept under its key")
                _expect(locked is not None and self.store.has(locked.adapter), f"{edge.path}: stored")
            if edge.action == "native":
                _expect(edge.key is None, f"{edge.path}: native needs no adapter")
        for path, locked in self.lock.adapters.items():
            known = locked.adapter == sha256(adapter_of(locked.key))
            _expect(known, f"{path}: the lock names the adapter of its key")
        if whole:
            _expect(not plan.changes, "after a run nothing is left to do")


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def simulate(folder: Path, arrivals: int, seed: int) -> tuple[int, int]:
    """Live through a year, with every invariant checked after every event.

    Args:
        folder: for the journal.
        arrivals: of teachers; beside them teachers leave and are renamed, settings change, blobs are lost.
        seed: of all that is random.

    Returns:
        The number of events, and of fits.

    Raises:
        AssertionError: an invariant does not hold.
    """
    chance, world, events, arrived = random.Random(seed), World(folder), 0, 0  # noqa: S311 - no secrets
    while arrived < arrivals:
        events += 1
        kind, teachers = chance.random(), list(world.graph.teachers)
        if kind < 0.8 or len(teachers) < 3:
            most = 3 + arrived // 10
            world.arrive(f"c{chance.randrange(most)}", f"t{chance.randrange(12)}", chance.random() < 0.1)
            arrived += 1
        elif kind < 0.88:
            world.leave(chance.choice(teachers))
        elif kind < 0.93:
            world.rename(chance.choice(teachers))
        elif kind < 0.98 and world.lock.adapters:
            world.lose(chance.choice(sorted(world.lock.adapters)))
        elif chance.random() < 0.05:
            world.change(chance.choice(sorted(world.graph.tasks)), chance.randrange(100))
        world.check(world.run(chance, rate=0.01))
    while not world.run():
        pass
    world.check(whole=True)
    return events, world.fits.total()
