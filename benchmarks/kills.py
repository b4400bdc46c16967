"""Runs are killed in many ways; the next one that nothing disturbs ends with the bytes of one that never was.

Each run is a child, forked from a process that has imported torch. It is killed at one of its writes (what it
syncs then may be torn), or something that it needs is killed, filled up or taken away. Linux only.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

import legonet
from benchmarks.at_once import model
from benchmarks.kill_points import Counter
from legonet.distill.fitting import checkpoint
from legonet.errors import LegonetError
from legonet.graph.lock import lock_path
from legonet.run import finetune
from legonet.run.executors.process import ProcessExecutor
from legonet.run.finetune import Tuning
from legonet.run.options import RunOptions
from legonet.store.blobs import Store
from legonet.tables import columns

REFUSED, BUG = 4, 3  # how a child ends that said what was wrong, or did not
PATIENCE = 400.0  # seconds that a run may take to notice what was done to it
TUNING = Tuning(task="classify", steps=3, tolerance=10.0)
_MARK = "LEGONET_KILLS"
Watch = Callable[[], None]
Use = Callable[[Path], None]


@dataclass
class Row:
    """What came of one way to kill.

    Attributes:
        what: Was killed, and how.
        times: How often.
        ends: How the disturbed runs ended, and how often.
        same: After how many of them an undisturbed run gave the same bytes.
        left: Processes that a killed run had left behind after half a minute.
        faults: What should be looked at.
    """

    what: str
    times: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    same: int = 0
    left: int = 0
    faults: list[str] = field(default_factory=list)

    def ended(self, status: int) -> None:
        """Count how a run ended."""
        known = {0: "whole", REFUSED: "refused", -signal.SIGKILL: "killed"}
        if "Ray" in self.what:  # which ends the process that it is in, where it has lost its head
            known |= {1: "ended by Ray", -signal.SIGABRT: "ended by Ray"}
        self.times += 1
        name = known.get(status, f"status {status}")
        self.ends[name] = self.ends.get(name, 0) + 1
        if status not in known:
            self.faults.append(f"it ended with {status}")


class Kills:
    """A workspace, and what is done to copies of it.

    Args:
        folder: An empty one.
        seed: Of what is chosen by chance.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._chance = folder, random.Random(f"kills {seed}")  # noqa: S311 - to be repeated
        torch.ones((), requires_grad=True).backward()  # autograd starts here, so that children can fit
        self.quick = self._made("quick", steps=12)
        self.slow = self._made("slow", steps=300)
        self._whole: dict[Path, object] = {}

    def _made(self, name: str, steps: int) -> Path:
        graph = self._folder / name / "graphs" / "zoo.yaml"

        def make() -> None:
            network = legonet.Network("zoo", (3, 8, 8))
            method = {"name": "back-distillation", "steps": steps, "batch": 2}
            network.add_task("classify", {"kind": "binary"}, {"kernel": 1, "method": method})
            for number, category in enumerate(("cat", "dog", "cow")):
                network.add_teacher(
                    f"{category}-v1", model(number), category=category, task="classify", cut="pool1"
                )
            network.save(graph)

        if _ended(_child(make)):
            raise AssertionError("no workspace")
        return graph

    def copy(self, graph: Path) -> Path:
        """A copy of its own."""
        target = self._folder / "copy"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(graph.parents[1], target)
        return target / "graphs" / "zoo.yaml"

    def whole(self, graph: Path) -> object:
        """What an undisturbed run makes."""
        if graph not in self._whole:
            own = self.copy(graph)
            if _ended(_child(partial(_transplant, own))):
                raise AssertionError("an undisturbed run failed")
            self._whole[graph] = _contents(own)
        return self._whole[graph]

    def _same(self, row: Row, graph: Path, wanted: object, use: Use) -> None:
        status = _ended(_child(partial(use, graph)))
        if status == 0 and _contents(graph) == wanted:
            row.same += 1
        else:
            row.faults.append(f"the next run ended with {status}, or with other bytes")

    def _points(self, graph: Path, use: Use) -> int:
        own, (reader, writer) = self.copy(graph), os.pipe()
        counter = Counter(own.parents[1], None)

        def counted() -> None:
            counter()
            use(own)
            os.write(writer, str(counter.count).encode())

        status = _ended(_child(counted))
        os.close(writer)
        with os.fdopen(reader) as pipe:
            if status:
                raise AssertionError("an undisturbed run failed")
            return int(pipe.read())

    def at_writes(self, row: Row, points: int) -> None:
        """A run is killed at its writes, three times in one history, files torn half the time."""
        wanted, most = self.whole(self.quick), self._points(self.quick, _transplant)
        while row.times < points:
            graph, before = self.copy(self.quick), row.times
            for _ in range(min(3, points - before)):
                torn = random.Random(self._chance.random()) if self._chance.random() < 0.5 else None  # noqa: S311
                watch = Counter(graph.parents[1], self._chance.randint(1, most), torn)
                row.ended(_ended(_child(partial(_transplant, graph), watch)))
            self._same(row, graph, wanted, _transplant)
            row.same += row.times - before - 1 if row.same > before or not row.faults else 0

    def parent(self, row: Row, times: int, **options: Any) -> None:
        """The scheduler is killed at one of its writes, while others do its jobs."""
        wanted = self.whole(self.slow)
        use = partial(_transplant, options=RunOptions(workers=2, **options))
        most = self._points(self.slow, use)
        for _ in range(times):
            graph = self.copy(self.slow)
            place = self._chance.randint(most // 4, most)
            with _marked(row):
                row.ended(_ended(_child(partial(use, graph), Counter(graph.parents[1], place))))
            self._same(row, graph, wanted, _transplant)

    def worker_for_memory(self, row: Row, times: int) -> None:
        """A worker is put where it may have no more memory: the kernel kills it; its job is done again."""
        wanted = self.whole(self.slow)
        with _memory_group() as group:
            row.what += (
                " (by a memory cgroup)" if group else " (SIGKILL, as the kernel sends: no cgroup here)"
            )
            for _ in range(times):
                graph = self.copy(self.slow)
                with _marked(row):
                    row.ended(_ended(_child(partial(_starved, graph, group))))
                self._same(row, graph, wanted, _transplant)

    def head_of_ray(self, row: Row, times: int) -> None:
        """The process that knows the cluster is killed while jobs run."""
        wanted, use = (
            self.whole(self.slow),
            partial(_transplant, options=RunOptions(workers=2, executor="ray")),
        )
        for _ in range(times):
            graph = self.copy(self.slow)
            with _marked(row) as mark:
                child = _child(partial(use, graph))
                head = _wait_for(lambda mark=mark: _titled(mark, b"gcs_server"))
                _wait_for(lambda mark=mark: _titled(mark, b"ray::work"), 60)
                for pid in head:
                    os.kill(pid, signal.SIGKILL)
                row.ended(_ended(child, PATIENCE))
            self._same(row, graph, wanted, _transplant)

    def full_object_store(self, row: Row, times: int) -> None:
        """Ray has no room for what jobs are given."""
        wanted = self.whole(self.slow)
        for _ in range(times):
            graph = self.copy(self.slow)
            with _marked(row):
                row.ended(_ended(_child(partial(_without_room, graph)), PATIENCE))
            self._same(row, graph, wanted, _transplant)

    def end_of_finetune(self, row: Row, times: int) -> None:
        """It is killed at each of its last writes; the same command again tunes once."""
        built = self.copy(self.quick)
        if _ended(_child(partial(_transplant, built))):
            raise AssertionError("an undisturbed run failed")
        origin = Path(shutil.copytree(built.parents[1], self._folder / "built")) / "graphs" / "zoo.yaml"
        own, most = self.copy(origin), self._points(origin, _finetune)
        if _ended(_child(partial(_finetune, own))):
            raise AssertionError("undisturbed tuning failed")
        wanted = _contents(own)
        for place in range(max(1, most - times + 1), most + 1):
            graph = self.copy(origin)
            row.ended(_ended(_child(partial(_finetune, graph), Counter(graph.parents[1], place))))
            self._same(row, graph, wanted, _finetune)

    def denied(self, row: Row, times: int) -> None:
        """Permissions are taken away at a write; they are back for the next run."""
        wanted, most = self.whole(self.quick), self._points(self.quick, _transplant)
        for _ in range(times):
            graph = self.copy(self.quick)
            counter = Counter(
                graph.parents[1], self._chance.randint(1, most), act=partial(_deny, graph, True)
            )

            def watch(counter: Counter = counter) -> None:
                _drop_privileges()
                counter()

            row.ended(_ended(_child(partial(_transplant, graph), watch)))
            _deny(graph, False)
            self._same(row, graph, wanted, _transplant)

    def full_disk(self, row: Row, times: int) -> None:
        """A disk of its own has so little room that it is full somewhere; then it has more."""
        wanted, place = self.whole(self.quick), self._folder / "disk"
        place.mkdir()
        for number in range(times):
            size = sum(file.stat().st_size for file in self.quick.parents[1].rglob("*") if file.is_file())
            room = size // 1024 + 40 + 12 * number  # KiB
            if _mount(place, "-t", "tmpfs", "-o", f"size={room}k", "legonet-kills"):
                row.what += " (not tried: no right to mount a disk)"
                return
            try:
                shutil.copytree(self.quick.parents[1], place / "zoo")
                graph = place / "zoo" / "graphs" / "zoo.yaml"
                row.ended(_ended(_child(partial(_transplant, graph))))
                _mount(place, "-o", "remount,size=64m")
                self._same(row, graph, wanted, _transplant)
            finally:
                subprocess.run(["umount", place], check=True)  # noqa: S603, S607


def run_kills(
    points: int, seed: int, only: str, folder: Path, say: Callable[[str], None] = lambda _: None
) -> list[Row]:
    """Kill runs in every way.

    Args:
        points: Kills of a run at its writes; the other ways get their share.
        seed: Of what is chosen by chance.
        only: Ways with this in their names.
        folder: An empty one.
        say: Called with a line about each way.
    """
    few, some = max(1, points // 60), max(2, points // 10)
    done, rows = Kills(folder, seed), list[Row]()
    for what, way, times in (
        ("a run, at a write", done.at_writes, points),
        ("`--workers 2`: the parent, at a write", done.parent, max(2, points // 20)),
        ("`--workers 2`: a worker, by the kernel for memory", done.worker_for_memory, max(2, points // 40)),
        ("`finetune`, at its last writes", done.end_of_finetune, some),
        ("permissions denied, at a write", done.denied, some),
        ("a disk that is full midway", done.full_disk, some),
        ("Ray: the parent, at a write", partial(done.parent, executor="ray"), few),
        ("Ray: its head", done.head_of_ray, few),
        ("Ray: its object store is full", done.full_object_store, few),
    ):
        if only in what:
            row, begin = Row(what), time.monotonic()
            try:
                way(row, times)
            except ImportError as error:
                row.what += f" (not tried: {error.name} is not installed)"
            rows.append(row)
            took = time.monotonic() - begin
            say(f"{row.what}: {row.times} times, {row.same} the same afterwards, {took:.0f} s")
    return rows


def text_of(rows: Sequence[Row]) -> str:
    """What came of it, as a table of Markdown, and the faults."""
    lines = [("what is killed, and when", "times", "how the run ended", "the same bytes afterwards", "left")]
    for row in rows:
        ends = ", ".join(f"{count} {name}" for name, count in row.ends.items())
        lines.append((row.what, str(row.times), ends, str(row.same), str(row.left)))
    return "\n".join(
        [*columns(lines, right=(1, 3, 4)), *(f"{row.what}: {fault}" for row in rows for fault in row.faults)]
    )


def _child(use: Watch, watch: Watch | None = None) -> int:
    """Do something in a child. Returns its id."""
    child = os.fork()
    if child:
        return child
    status = BUG
    try:
        torch.set_num_threads(1)  # those of the parent are not there after a fork
        checkpoint.EVERY = 0.0
        finetune.SYNTHESISED = 16
        if watch is not None:
            watch()
        use()
        status = 0
    except LegonetError:
        status = REFUSED
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _ended(child: int, patience: float | None = None) -> int:
    """How a child ended, negative for a signal; one that takes too long is killed, and counts as 124."""
    end = None if patience is None else time.monotonic() + patience
    while end is not None and time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.2)
    if end is not None:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return 124
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _transplant(graph: Path, options: RunOptions | None = None) -> None:
    legonet.load(graph).transplant(options=options or RunOptions(), progress=None)


def _finetune(graph: Path) -> None:
    legonet.load(graph).finetune(TUNING, progress=lambda *_: None)


def _contents(graph: Path) -> object:
    store = Store(graph.parents[1] / ".legonet" / "blobs")
    files = [file for file in store.folder.rglob("*") if file.is_file() and len(file.name) == 64]
    return lock_path(graph).read_bytes(), {file.name: store.get(file.name) for file in files}


# Processes that a run starts: all of them have our mark in their environment.


@contextmanager
def _marked(row: Row) -> Iterator[bytes]:
    mark = f"{os.getpid()}-{time.time_ns()}"
    os.environ[_MARK] = mark
    try:
        yield f"{_MARK}={mark}".encode()
    finally:
        del os.environ[_MARK]
        end = time.monotonic() + 30
        known = f"{_MARK}={mark}".encode()
        while (left := _processes(known)) and time.monotonic() < end:
            time.sleep(0.5)
        row.left += len(left)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _processes(mark: bytes) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found


def _titled(mark: bytes, title: bytes) -> list[int]:
    found = []
    for pid in _processes(mark):
        with suppress(OSError):
            if title in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def _wait_for(look: Callable[[], list[int]], patience: float = PATIENCE) -> list[int]:
    end = time.monotonic() + patience
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


# What is taken away from a run.


@contextmanager
def _memory_group() -> Iterator[Path | None]:
    """A group of processes with hardly any memory; None where nobody may make one."""
    for place, limit in (
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        ("/sys/fs/cgroup", "memory.max"),
    ):
        group = Path(place) / f"legonet-kills-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / limit).write_text("1M")
            yield group
            return
        except OSError:
            continue
        finally:
            with suppress(OSError):
                group.rmdir()
    yield None


def _starved(graph: Path, group: Path | None) -> None:
    """A run whose first worker gets into the group."""
    starved, ends = list[int](), list[int]()

    class Starving(ProcessExecutor):
        def _hear(self, timeout: float, listen: Any) -> Any:
            outcomes = super()._hear(min(timeout, 0.02), listen)
            for running in self._running.values():
                if running.pid is not None and not starved:
                    starved.append(running.pid)
                    with suppress(OSError):
                        if group is None:
                            os.kill(running.pid, signal.SIGKILL)
                        else:
                            (group / "cgroup.procs").write_text(str(running.pid))
            return outcomes

        def _outcome(self, running: Any, status: int) -> Any:
            if running.pid in starved:
                ends.append(status)
            return super()._outcome(running, status)

    legonet.load(graph).transplant(executor=Starving(2), options=RunOptions(back_off=0.01), progress=None)
    if ends != [-signal.SIGKILL]:
        raise AssertionError(f"no worker was killed: {ends}")


def _without_room(graph: Path) -> None:
    """A run in a cluster whose object store is full, and may not put anything on the disk."""
    ray: Any = importlib.import_module("ray")
    ray.init(
        address="local",
        num_cpus=2,
        object_store_memory=80 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        _system_config={"automatic_object_spilling_enabled": False, "object_store_full_delay_ms": 1},
    )
    held = list[Any]()
    for size in (2**24, 2**20, 2**16, 2**12, 2**8):
        with suppress(ray.exceptions.RayError):  # full, and so is what it may use of the disk
            while True:
                held.append(ray.put(bytes(size)))
    try:
        _transplant(graph, RunOptions(executor="ray", workers=2, back_off=0.01))
    finally:
        ray.shutdown()


def _drop_privileges() -> None:
    """What lets root pass over permissions is given up; the user remains the files' owner."""
    if os.geteuid():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    libc.capget(header, data)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        data[0] &= ~(1 << capability)
    if libc.capset(header, data):
        raise OSError(ctypes.get_errno(), "capset")


def _deny(graph: Path, denied: bool) -> None:
    for folder in (graph.parents[1], *sorted(graph.parents[1].rglob("*"))):
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o500 if denied else 0o700)
        elif folder.is_file():
            folder.chmod(0o400 if denied else 0o600)


def _mount(place: Path, *options: str) -> int:
    command = ["mount", *options, str(place)]
    return subprocess.run(command, capture_output=True, check=False).returncode  # noqa: S603


def kills(points: int, seed: int, only: str, say: Callable[[str], None]) -> list[Row]:
    """As `run_kills`, in a folder that goes away."""
    with tempfile.TemporaryDirectory() as folder:
        return run_kills(points, seed, only, Path(folder), say)
