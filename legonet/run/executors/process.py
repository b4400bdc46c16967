"""Several jobs at a time, each in a process of its own: what happens to one is no matter to the others."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch

from legonet.distill.fitting.fit import Samples
from legonet.errors import DistillError, LegonetError, StoreError
from legonet.run.execute import FittedAdapter
from legonet.run.executors.base import Executor, Listener, Outcome, Step
from legonet.run.executors.wire import error_of, job_data, samples_bytes
from legonet.run.jobs import Job, blobs_of
from legonet.run.options import RunOptions
from legonet.store.blobs import BlobStore, Store

LOOK = 0.2  # seconds between looks at memory and time
GRACE = 10  # seconds that the server has to end its workers


@dataclass(frozen=True)
class Limits:
    """What one job may take; None: as much as there is.

    Attributes:
        seconds: The limit of time.
        memory: Bytes that its process holds.
    """

    seconds: float | None = None
    memory: int | None = None


@dataclass
class _Running:
    job: Job
    slot: int
    result: Path
    samples: Path | None
    begin: float
    pid: int | None = None
    killed: str = ""


class ProcessExecutor(Executor):
    """One process per job, forked from one that has imported torch already; needs a POSIX system.

    Args:
        workers: How many jobs at a time; each gets an equal share of the cores, and one GPU with `cuda`.
        limits: The limits of each job.
    """

    def __init__(self, workers: int = 2, limits: Limits | None = None) -> None:
        self.slots, self._limits = workers, limits or Limits()
        self._free = list(range(workers))
        self._running: dict[int, _Running] = {}
        self._count, self._looked, self._buffer = 0, 0.0, b""
        self._ended: list[Outcome] = []
        self._server: subprocess.Popen[bytes] | None = None

    @classmethod
    def of(cls, options: RunOptions) -> Self:
        """One with so many workers, within the limits."""
        return cls(options.workers, Limits(options.seconds, options.memory))

    def open(
        self, store: BlobStore, device: torch.device | str = "cpu", checkpoints: Path | None = None
    ) -> Self:
        """Make ready for a run; the blobs of a store without files are copied into some."""
        super().open(store, device, checkpoints)
        self._folder = tempfile.TemporaryDirectory(prefix="legonet-", ignore_cleanup_errors=True)
        self._depot = store if isinstance(store, Store) else Store(Path(self._folder.name) / "blobs")
        self._free = list(range(self.slots))
        return self

    def submit(self, job: Job, samples: Samples | None = None) -> None:
        """Start a job's process."""
        self._count += 1
        number, slot, folder = self._count, self._free.pop(0), Path(self._folder.name)
        running = _Running(job, slot, folder / f"{number}.json", None, time.monotonic())
        if samples is not None:
            running.samples = folder / f"{number}.safetensors"
            running.samples.write_bytes(samples_bytes(samples))
        try:
            data = job_data(job)
            if self._depot is not self.store:
                for sha in blobs_of([job]):
                    self._depot.put(self.store.get(sha))
        except LegonetError as error:
            self._free.append(slot)
            self._ended.append(Outcome(job.path, error=error))
            return
        self._running[number] = running
        cores = _cores(slot, self.slots)
        order = {
            "id": number,
            "job": data,
            "store": str(self._depot.folder.absolute()),
            "samples": None if running.samples is None else str(running.samples),
            "result": str(running.result),
            "device": str(self.device),
            "cores": cores,
            "threads": max(1, len(cores)),
            "gpu": _gpu(slot, str(self.device)),
            "checkpoints": None if self.checkpoints is None else str(self.checkpoints.absolute()),
        }
        self._tell(order)

    def wait(self, timeout: float, listen: Listener) -> list[Outcome]:
        """Wait for a job's end; meanwhile watch over memory and time."""
        deadline = time.monotonic() + timeout
        outcomes, self._ended = self._ended, []
        while self._running and not outcomes:
            left = deadline - time.monotonic()
            outcomes += self._hear(max(0.0, min(left, LOOK)), listen)
            if time.monotonic() - self._looked > LOOK:
                self._watch()
            if left <= 0:
                break
        return outcomes

    def close(self) -> None:
        """Kill what runs."""
        if self._server is not None:
            server = self._dismiss()
            try:
                server.wait(GRACE)  # at the end of its input it kills its workers and ends
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            self._kill(self._running.values())
        self._running.clear()
        self._folder.cleanup()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._server is None:
            # What this process finds modules in, but for the working folder, which may be a stranger's.
            path = os.pathsep.join(each for each in sys.path if each)
            environment = os.environ | {"PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
            self._server = subprocess.Popen(
                [sys.executable, "-P", "-m", "legonet.run.executors.server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                start_new_session=True,  # Ctrl+C reaches the scheduler alone, which ends the jobs
            )
        return self._server

    def _tell(self, order: dict[str, Any]) -> None:
        server = self._start()
        assert server.stdin is not None  # noqa: S101 - a pipe
        with suppress(BrokenPipeError):  # it died; `_hear` sees to what it was doing
            server.stdin.write(json.dumps(order).encode() + b"\n")
            server.stdin.flush()

    def _hear(self, timeout: float, listen: Listener) -> list[Outcome]:
        server = self._start()
        assert server.stdout is not None  # noqa: S101 - a pipe
        if not select.select([server.stdout], [], [], timeout)[0]:
            return [] if server.poll() is None else self._server_lost()
        read = os.read(server.stdout.fileno(), 65536)
        if not read:
            return self._server_lost()
        *lines, self._buffer = (self._buffer + read).split(b"\n")
        outcomes = []
        for line in lines:
            message = json.loads(line)
            running = self._running.get(message["id"])
            if running is None:
                continue
            if "pid" in message:
                running.pid = message["pid"]
            elif "step" in message:
                told = (message[each] for each in ("step", "steps", "loss", "doing", "part"))
                listen(Step(running.job.path, *told))
            else:
                del self._running[message["id"]]
                self._free.append(running.slot)
                outcomes.append(self._outcome(running, message["status"]))
        return outcomes

    def _outcome(self, running: _Running, status: int) -> Outcome:
        path, data = running.job.path, None
        with suppress(OSError, ValueError):
            data = json.loads(running.result.read_bytes())
        for file in (running.result, running.samples):
            if file is not None:
                file.unlink(missing_ok=True)
        if data is not None and "error" in data:
            error = error_of(data)
            return Outcome(path, error=error, again=isinstance(error, StoreError))
        if data is not None and status == 0:
            try:
                adapter = self._depot.get(data["adapter"])
            except StoreError as error:
                return Outcome(path, error=error, again=True)
            return Outcome(path, FittedAdapter(**data | {"adapter": adapter}))
        why = running.killed or (
            f"its process was killed by signal {-status}"
            if status < 0
            else f"its process ended with {status}"
        )
        error = DistillError(
            f"{path}: {why}; expected a result; see whether the machine has enough memory, or "
            "use fewer --workers"
        )
        return Outcome(path, error=error, again=True)

    def _server_lost(self) -> list[Outcome]:
        """The process that starts the others died, and they with it."""
        lost = list(self._running.values())
        self._running.clear()
        self._free = list(range(self.slots))
        self._buffer = b""
        self._dismiss().wait()
        self._kill(lost)
        message = "the process that starts workers died; expected it to live as long as the run"
        return [
            Outcome(each.job.path, error=DistillError(f"{each.job.path}: {message}"), again=True)
            for each in lost
        ]

    def _dismiss(self) -> subprocess.Popen[bytes]:
        """Close the pipes to the server and forget it."""
        server = self._start()
        for pipe in (server.stdin, server.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._server = None
        return server

    @staticmethod
    def _kill(jobs: Iterable[_Running]) -> None:
        for running in jobs:
            if running.pid is not None:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(running.pid, signal.SIGKILL)

    def _watch(self) -> None:
        """Kill jobs that take more than they may."""
        self._looked = time.monotonic()
        for number, running in self._running.items():
            taken = time.monotonic() - running.begin
            if self._limits.seconds is not None and taken > self._limits.seconds:
                running.killed = f"it took more than {self._limits.seconds:g} s"
            held = _held(running.pid)
            if self._limits.memory is not None and held is not None and held > self._limits.memory:
                most = self._limits.memory / 2**20
                running.killed = f"it held {held / 2**20:,.0f} MiB of memory, more than {most:,.0f} MiB"
            if running.killed:
                self._tell({"kill": number})


def _cores(slot: int, slots: int) -> list[int]:
    """The share of the cores that a slot's jobs run on; none where the system cannot pin."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    cores = sorted(os.sched_getaffinity(0))
    share = max(1, len(cores) // slots)
    start = slot * share % len(cores)
    return cores[start : start + share]


def _gpu(slot: int, device: str) -> str | None:
    if device != "cuda":
        return None
    import torch

    return str(slot % max(1, torch.cuda.device_count()))


def _held(pid: int | None) -> int | None:
    """Bytes of memory that a process holds; None where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
