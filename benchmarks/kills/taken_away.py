"""Runs lose what they need: memory, permissions, room on the disk."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import legonet
from benchmarks.kills.children import child, ended, marked
from benchmarks.kills.judge import Judge, transplant
from benchmarks.kills.points import Counter
from benchmarks.kills.rows import Row
from legonet.run.executors.process import ProcessExecutor
from legonet.run.options import RunOptions


def memory_of_a_worker(judge: Judge, row: Row, times: int) -> None:
    """A worker is put where it may have no more memory: the kernel kills it; its job is done again."""
    wanted = judge.whole(judge.slow)
    with _memory_group() as group:
        row.what += " (by a memory cgroup)" if group else " (SIGKILL, as the kernel sends: no cgroup here)"
        for _ in range(times):
            graph = judge.copy(judge.slow)
            with marked(row):
                row.ended(ended(child(partial(_starved, graph, group))))
            judge.same(row, graph, wanted, transplant)


def permissions(judge: Judge, row: Row, times: int) -> None:
    """Permissions are taken away at a write; they are back for the next run."""
    wanted, most = judge.whole(judge.quick), judge.points(judge.quick, transplant)
    for _ in range(times):
        graph = judge.copy(judge.quick)
        place = judge.chance.randint(1, most)
        counter = Counter(graph.parents[1], place, act=partial(_deny, graph, True))

        def watch(counter: Counter = counter) -> None:
            _drop_privileges()
            counter()

        row.ended(ended(child(partial(transplant, graph), watch)))
        _deny(graph, False)
        judge.same(row, graph, wanted, transplant)


def room_on_the_disk(judge: Judge, row: Row, times: int) -> None:
    """A disk of its own has so little room that it is full somewhere; then it has more."""
    wanted, place = judge.whole(judge.quick), judge.folder / "disk"
    place.mkdir()
    origin = judge.quick.parents[1]
    for number in range(times):
        size = sum(file.stat().st_size for file in origin.rglob("*") if file.is_file())
        room = size // 1024 + 40 + 12 * number  # KiB
        if _mount(place, "-t", "tmpfs", "-o", f"size={room}k", "legonet-kills"):
            row.what += " (not tried: no right to mount a disk)"
            return
        try:
            shutil.copytree(origin, place / "zoo")
            graph = place / "zoo" / "graphs" / "zoo.yaml"
            row.ended(ended(child(partial(transplant, graph))))
            _mount(place, "-o", "remount,size=64m")
            judge.same(row, graph, wanted, transplant)
        finally:
            subprocess.run(["umount", place], check=True)  # noqa: S603, S607


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
