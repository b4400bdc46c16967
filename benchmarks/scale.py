"""How planning and running grow with the network: plans, files, store, scheduler, a year of arrivals."""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from benchmarks.targets import Figure, at_most
from benchmarks.year import MadeUp, locked_teacher, simulate
from legonet.graph.check import check
from legonet.graph.editing.dump import dump_yaml
from legonet.graph.load import load_graph
from legonet.graph.lock import Lock, LockedAdapter, dump_lock, read_lock, write_lock
from legonet.graph.schema import Graph
from legonet.plan.diff import diff
from legonet.plan.facts import Facts, TeacherFacts
from legonet.plan.incremental import Before
from legonet.run.jobs import make_jobs
from legonet.run.journal import Journal
from legonet.run.runner import run
from legonet.store.blobs import MemoryStore, Store, sha256
from legonet.store.workspace import Workspace

SCALE = "scale.json"
TASKS = 100
PLAN_SECONDS, PLAN_MIB, AGAIN_SECONDS, LOAD_SECONDS, JOB_MILLISECONDS = 3.0, 500.0, 0.3, 3.0, 5.0
LINEAR = 1.3  # times as long per item as at a quarter of the size, at most
REPEATS, STORES = 7, 3  # of what is in memory, and of what fills a store
SEED = 20_260


@dataclass(frozen=True)
class Point:
    """One point of a growth curve: seconds of the processor, or of the clock where a disk is waited for."""

    measure: str
    size: int
    seconds: float


@dataclass(frozen=True)
class Scale:
    """What was measured."""

    figures: list[Figure]
    curves: list[Point]

    def data(self) -> dict[str, object]:
        """As plain data."""
        return {
            "figures": [figure.data() for figure in self.figures],
            "curves": [asdict(point) for point in self.curves],
        }


def run_scale(quick: bool, say: Callable[[str], None]) -> Scale:
    """Measure.

    Args:
        quick: a tenth of the files, the jobs and the year.
        say: told of each measure.
    """
    part = 10 if quick else 1
    curves: list[Point] = []
    figures: list[Figure] = []

    def add(*found: Figure) -> None:
        for figure in found:
            say(f"{figure.measure}: {figure.value:.3g} {figure.unit}")
            figures.append(figure)

    for share in (8, 4, 2, 1):
        edges = 100_000 // share
        points, mib = _plans(edges)
        curves += points
    add(
        at_most(f"plan for {edges:,} edges", points[0].seconds, "s", PLAN_SECONDS),
        at_most(f"graph, facts and plan of {edges:,} edges", mib, "MiB", PLAN_MIB),
        at_most(f"plan again after one arrival, {edges:,} edges", points[1].seconds, "s", AGAIN_SECONDS),
        at_most(
            f"the same by a process that made none before, {edges:,} edges",
            points[2].seconds,
            "s",
            AGAIN_SECONDS,
        ),
    )
    for share in (8, 4, 2, 1):
        modules, entries = 10_000 // share, 10_000 // part // share
        curves += [_load(modules), *_blobs(entries)]
    curves += _locks([entries // share for share in (8, 4, 2, 1)])
    loaded = _at(curves, "load and validate a graph file", modules)
    add(at_most(f"load and validate a graph file of {modules:,} modules", loaded, "s", LOAD_SECONDS))
    for measure in ("write a lock file", "read a lock file", "put blobs", "get blobs"):
        per_item = _at(curves, measure, entries) / _at(curves, measure, entries // 4) / 4
        add(at_most(f"{measure}: seconds per item against a quarter of the size", per_item, "times", LINEAR))
    jobs = 10_000 // part
    curves += [_schedule(jobs // share, False) for share in (4, 2)]
    curves += [_schedule(jobs, on_disk) for on_disk in (False, True)]
    per_job = [1000 * point.seconds / jobs for point in curves[-2:]]
    scheduler = f"scheduler, journal and lock file, per job of {jobs:,} that do nothing"
    synced = "the same with a store on this disk, which waits until it is written"
    add(at_most(scheduler, per_job[0], "ms", JOB_MILLISECONDS), Figure(synced, per_job[1], "ms"))
    arrivals = 10_000 // part
    with tempfile.TemporaryDirectory() as folder:
        year = _Year(arrivals)
        events, fits = simulate(Path(folder), arrivals, SEED, year.passed)
    curves += year.curve
    add(
        Figure(f"a year of {arrivals:,} arrivals, seed {SEED}: events, each checked", events, "events"),
        Figure(f"a year of {arrivals:,} arrivals: adapters fitted", fits, "fits"),
        Figure(f"a year of {arrivals:,} arrivals", year.curve[-1].seconds, "s"),
    )
    return Scale(figures, curves)


class _Year:
    """How long a year took up to an eighth, a quarter, a half and all of its arrivals."""

    def __init__(self, arrivals: int) -> None:
        self.curve: list[Point] = []
        self._waiting = [arrivals // share for share in (8, 4, 2, 1)]
        self._begin = time.process_time()

    def passed(self, arrived: int) -> None:
        """Note the time, if one of them is reached."""
        if self._waiting and arrived >= self._waiting[0]:
            seconds = time.process_time() - self._begin
            self.curve.append(Point("a year of arrivals", self._waiting.pop(0), seconds))


def _at(curves: list[Point], measure: str, size: int) -> float:
    return next(point.seconds for point in curves if (point.measure, point.size) == (measure, size))


def network(edges: int) -> tuple[Graph, Facts]:
    """A graph of one teacher for every pair, and made-up hashes."""
    tasks = min(TASKS, edges // 10)
    pairs = [(f"c{number // tasks}", f"t{number % tasks}") for number in range(edges)]
    names = [f"{category}-{task}" for category, task in pairs]
    common = {"model": "m", "cut": "pool2"}
    data = {
        "legonet": 1,
        "name": "large",
        "input": {"shape": [3, 32, 32]},
        "categories": {category: {} for category, _ in pairs},
        "tasks": {task: {"output": {"kind": "binary"}} for _, task in pairs},
        "teachers": {
            name: {"category": category, "task": task, "weights": f"teachers/{name}.safetensors", **common}
            for name, (category, task) in zip(names, pairs, strict=True)
        },
    }
    known = {
        name: TeacherFacts(sha256(category.encode()), sha256(name.encode()))
        for name, (category, _) in zip(names, pairs, strict=True)
    }
    return Graph.model_validate(data), Facts(known)


def built(graph: Graph, facts: Facts) -> tuple[Lock, Facts]:
    """As if the whole plan had been carried out."""
    adapters = {
        edge.path: LockedAdapter(
            key=edge.key or "", inputs=dict(edge.inputs), adapter=edge.key or "", method="auto", seed=0
        )
        for edge in diff(graph, Lock(), facts).jobs
    }
    return Lock(adapters=adapters), Facts(
        facts.teachers, frozenset(each.adapter for each in adapters.values())
    )


def _plans(edges: int) -> tuple[list[Point], float]:
    """A plan from nothing, and one after an arrival; and what memory graph, facts and plan take."""

    def measure() -> tuple[float, ...]:
        held = _held()
        graph, facts = network(edges)
        first = _best(lambda: diff(graph, Lock(), facts), 2)
        mib = (_peak() - held) / 2**20
        lock, facts = built(graph, facts)
        before = Before(graph, lock, facts, diff(graph, lock, facts))
        name, teacher = next(iter(graph.teachers.items()))
        late = teacher.model_copy(update={"category": "late"})
        categories = {**graph.categories, "late": graph.categories[teacher.category]}
        teachers = {**graph.teachers, "late": late}
        after = graph.model_copy(update={"categories": categories, "teachers": teachers})
        known = {**facts.teachers, "late": facts.teachers[name]._replace(category_module="f" * 64)}
        facts = Facts(known, facts.stored)
        alone = _best(lambda: diff(after, lock, facts), REPEATS)
        again = _best(lambda: diff(after, lock, facts, before=before), REPEATS)
        return first, again, alone, mib

    first, again, alone, mib = _apart(measure)
    measures = {"plan": first, "plan again": again, "plan again, from nothing": alone}
    return [Point(measure, edges, seconds) for measure, seconds in measures.items()], mib


def _apart(measure: Callable[[], tuple[float, ...]]) -> list[float]:
    """Measure in a process of its own, so that its memory is its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, json.dumps(measure()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        found = json.loads(pipe.read())
    os.waitpid(child, 0)
    return found


def _held() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _best(work: Callable[[], object], repeats: int) -> float:
    """Processor seconds of the fastest of several."""
    return _best_in_turn([work], repeats)[0]


def _best_in_turn(works: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """The same of each of several works, all done once before any is done again."""
    best = [float("inf")] * len(works)
    for _ in range(repeats):
        for index, work in enumerate(works):
            begin = time.process_time()
            made = work()  # held, so that its end is not measured
            best[index] = min(best[index], time.process_time() - begin)
            del made
    return best


def _load(modules: int) -> Point:
    """Read a graph file of so many category and task modules, and check it."""
    graph, _ = network(modules)
    tasks = {f"t{number}": graph.tasks["t0"] for number in range(min(TASKS, modules // 10))}
    pairs = [(f"c{number}", f"t{number % len(tasks)}") for number in range(modules - len(tasks))]
    teacher = next(iter(graph.teachers.values()))
    graph = graph.model_copy(
        update={
            "categories": {category: graph.categories["c0"] for category, _ in pairs},
            "tasks": tasks,
            "teachers": {
                f"{category}-v1": teacher.model_copy(update={"category": category, "task": task})
                for category, task in pairs
            },
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.yaml"
        path.write_text(dump_yaml(graph))
        seconds = _best(lambda: check(load_graph(path), blocks={"m"}), 1)
    return Point("load and validate a graph file", modules, seconds)


def _locks(sizes: Sequence[int]) -> list[Point]:
    """Lock files of so many adapters. All sizes in turn, so that other work in between is no one's alone."""
    locks = [built(*network(entries))[0] for entries in sizes]
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{entries}.lock.json" for entries in sizes]
        for path, lock in zip(paths, locks, strict=True):
            write_lock(path, lock)
        works = {
            "write a lock file": [partial(dump_lock, lock) for lock in locks],
            "read a lock file": [partial(read_lock, path) for path in paths],
        }
        return [
            Point(measure, entries, seconds)
            for measure, each in works.items()
            for entries, seconds in zip(sizes, _best_in_turn(each, REPEATS), strict=True)
        ]


def _blobs(entries: int) -> list[Point]:
    """A store of so many blobs."""
    blobs = [f"blob {number}".encode() * 20 for number in range(entries)]
    with tempfile.TemporaryDirectory() as folder:
        stores = [Store(Path(folder) / str(n)) for n in range(STORES)]
        unused, store = iter(stores), stores[0]

        def put() -> None:
            empty = next(unused)
            for blob in blobs:
                empty.put(blob)

        return [
            Point("put blobs", entries, _best(put, STORES)),
            Point("get blobs", entries, _best(lambda: [store.get(sha256(b)) for b in blobs], REPEATS)),
        ]


def _schedule(count: int, on_disk: bool) -> Point:
    """Jobs that do nothing; journal and lock file are on the disk, and maybe the store."""
    graph, facts = network(count + TASKS)
    plan = diff(graph, Lock(), facts)
    edges = tuple(plan.jobs[:count])
    plan = type(plan)(plan.graph, edges)
    teachers = {name: locked_teacher(each) for name, each in facts.teachers.items()}
    jobs = make_jobs(graph, plan, teachers)
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        path = Path(folder) / "large.lock.json"
        begin = time.perf_counter()
        run(
            plan,
            edges,
            jobs,
            Lock(),
            workspace.store if on_disk else MemoryStore(),
            Journal(workspace.journal_path),
            lambda lock: write_lock(path, lock),
            MadeUp(),
        )
        name = "jobs that do nothing" + (", store on the disk" if on_disk else "")
        return Point(name, count, time.perf_counter() - begin)
