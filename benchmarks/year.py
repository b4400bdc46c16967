"""A year of a network: teachers arrive, change, go and come back, runs fail and are killed; nothing is lost.

Modules and adapters are made up, so that thousands of arrivals take minutes: an adapter's bytes follow from
its key. Everything else is what a real run does: the plan, the scheduler, the store, the journal, the lock.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from legonet.distill.fitting.fit import Samples
from legonet.errors import DistillError
from legonet.graph.lock import Lock, LockedTeacher
from legonet.graph.schema import Category, Graph, Input, Task, Teacher
from legonet.graph.select import settled
from legonet.outputs.vector import VectorOutput
from legonet.plan.diff import diff
from legonet.plan.facts import Facts, TeacherFacts
from legonet.plan.incremental import Before
from legonet.plan.plan import Plan
from legonet.run.execute import FittedAdapter
from legonet.run.executors.base import Executor, Listener, Outcome
from legonet.run.jobs import Job, make_jobs
from legonet.run.journal import Journal
from legonet.run.options import RunOptions, ordered
from legonet.run.prepare import lock_modules
from legonet.run.runner import run
from legonet.store.blobs import MemoryStore, sha256

FROM_NOTHING = 50  # events after which a plan is also made without the one before


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
        return [Outcome(job.path, FittedAdapter(job.path, adapter_of(job.key), {"residual": 0.5}, 0.001))]


def adapter_of(key: str) -> bytes:
    """The adapter that is built for a key."""
    return f"adapter {key}".encode()


@cache
def address_of(key: str) -> str:
    """Where the store has it."""
    return sha256(adapter_of(key))


@cache
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
        before: the last plan, from which the next one goes on.
    """

    folder: Path
    graph: Graph = field(default_factory=lambda: Graph(legonet=1, name="year", input=Input(shape=(3, 8, 8))))
    lock: Lock = field(default_factory=Lock)
    modules: dict[str, TeacherFacts] = field(default_factory=dict)
    store: MemoryStore = field(default_factory=MemoryStore)
    fits: Counter[str] = field(default_factory=Counter)
    before: Before | None = None
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
        facts = Facts(dict(self.modules), frozenset(sha for sha in adapters if self.store.has(sha)))
        plan = diff(graph, self.lock, facts, before=self.before)
        self.before = Before(graph, self.lock, facts, plan)
        if plan.jobs:
            known = self.journal.fitted({edge.key or "" for edge in plan.jobs})
            known = {key: each for key, each in known.items() if self.store.has(each.adapter)}
            if known:
                facts = Facts(facts.teachers, facts.stored, fitted=known)
                plan = diff(graph, self.lock, facts, before=self.before)
        return graph, plan

    def check_memory(self) -> None:
        """The plan that goes on from the last one is the plan that is made from nothing.

        Raises:
            AssertionError: it is not.
        """
        _, plan = self.plan()
        self.before = None
        _expect(self.plan()[1] == plan, "the plan is that of a planner that remembers nothing")

    def run(self, chance: random.Random | None = None, rate: float = 0.0) -> bool:
        """Carry the plan out; whether it came to its end."""
        graph, plan = self.plan()
        before = dict(self.lock.adapters)
        locked = {name: locked_teacher(each) for name, each in self.modules.items()}
        options = RunOptions(keep_going=True, back_off=0.0)
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
            now = self.lock.adapters.get(path)
            if now is not adapter and now != adapter and path not in touched:
                raise AssertionError(f"{path}: was not planned, and is another one now")
        return whole

    def _save(self, lock: Lock) -> None:
        self.lock = lock

    def _stored(self, key: str) -> bool:
        return self.store.has(address_of(key))

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
            if edge.action == "keep":
                locked = self.lock.adapters.get(edge.path)
                if locked is None or locked.key != edge.key or not self.store.has(locked.adapter):
                    raise AssertionError(f"{edge.path}: kept, and not stored under its key")
            elif edge.action == "native" and edge.key is not None:
                raise AssertionError(f"{edge.path}: native, and has an adapter")
        for path, locked in self.lock.adapters.items():
            if locked.adapter != address_of(locked.key):
                raise AssertionError(f"{path}: the lock names another adapter than that of its key")
        if whole:
            _expect(not plan.changes, "after a run nothing is left to do")


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def simulate(
    folder: Path, arrivals: int, seed: int, passed: Callable[[int], None] = lambda _: None
) -> tuple[int, int]:
    """Live through a year, with every invariant checked after every event.

    Args:
        folder: for the journal.
        arrivals: of teachers; beside them teachers leave and are renamed, settings change, blobs are lost.
        seed: of all that is random.
        passed: told after each event how many teachers have arrived so far.

    Returns:
        The number of events, and of fits.

    Raises:
        AssertionError: an invariant does not hold.
    """
    chance, world, events, count = random.Random(seed), World(folder), 0, 0  # noqa: S311 - no secrets
    while count < arrivals:
        events += 1
        kind, teachers = chance.random(), list(world.graph.teachers)
        if kind < 0.8 or len(teachers) < 3:
            most = 3 + count // 10
            world.arrive(f"c{chance.randrange(most)}", f"t{chance.randrange(12)}", chance.random() < 0.1)
            count += 1
        elif kind < 0.88:
            world.leave(chance.choice(teachers))
        elif kind < 0.93:
            world.rename(chance.choice(teachers))
        elif kind < 0.98 and world.lock.adapters:
            world.lose(chance.choice(sorted(world.lock.adapters)))
        elif chance.random() < 0.05:
            world.change(chance.choice(sorted(world.graph.tasks)), chance.randrange(100))
        world.check(world.run(chance, rate=0.01))
        if events % FROM_NOTHING == 0:
            world.check_memory()
        passed(count)
    while not world.run():
        pass
    world.check(whole=True)
    world.check_memory()
    return events, world.fits.total()
