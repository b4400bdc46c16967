"""What can go wrong below a run: it is killed at a write, or its disk is full, read-only, slow or failing.

A run takes place in a child process. What it does to the workspace is counted: files opened to be written,
renamed, removed, folders made, files synced, rows written to the journal. Its jobs are made up, unless a test
says otherwise: what they give follows from their keys.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import legonet
from benchmarks.kills.points import CHANGES, WRITES, Counter
from legonet.errors import LegonetError
from legonet.graph.lock import lock_path
from legonet.run.execute import FittedAdapter
from legonet.run.executors import inline
from legonet.run.journal import Journal
from legonet.run.options import RunOptions
from legonet.store.blobs import Store
from legonet.store.modules import dump_module
from legonet.store.tensors import RawTensor

REFUSED = 4  # how a run ends that says what is wrong


def copy(graph: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(graph.parents[1], folder)
    return folder / "graphs" / "zoo.yaml"


def made_up(job: Any, *rest: Any) -> FittedAdapter:
    data = dump_module("adapter", {"made up": {"of": job.key}}, {"x": RawTensor("U8", (2000,), bytes(2000))})
    return FittedAdapter(job.path, data, {"residual": len(job.path) / 7}, 0.0)


def run(
    graph: Path, watch: Callable[[], None] | None = None, work: Callable[..., FittedAdapter] = made_up
) -> int:
    """Run in a child; returns how it ended, negative for a signal."""
    return ended(start(graph, watch, work))


def start(
    graph: Path,
    watch: Callable[[], None] | None = None,
    work: Callable[..., FittedAdapter] = made_up,
    said: int | None = None,
) -> int:
    """Start a run in a child; what it says of an error goes to a file descriptor. Returns the child's id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            inline.execute = work
            if watch is not None:
                watch()
            legonet.load(graph).transplant(options=RunOptions(back_off=0.01, wait=True))
            status = 0
        except LegonetError as error:
            status = REFUSED
            if said is not None:
                os.write(said, str(error).encode())
        except BaseException:
            traceback.print_exc()  # before the child ends without a word
            sys.stderr.flush()
        finally:
            os._exit(status)
    return child


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def refused(graph: Path, watch: Callable[[], None]) -> tuple[int, str]:
    """How a run ended, and what it said."""
    reader, writer = os.pipe()
    status = ended(start(graph, watch, said=writer))
    os.close(writer)
    with os.fdopen(reader) as pipe:
        return status, pipe.read()


def finish(graph: Path) -> Path:
    assert run(graph) == 0
    assert legonet.load(graph).plan().changes == ()
    return graph


def points(graph: Path) -> int:
    """How many there are in an undisturbed run."""
    reader, writer = os.pipe()
    counter = Counter(graph.parents[1], None)

    def watch() -> None:
        counter()
        exit_ = os._exit

        def tell(status: int) -> None:
            os.write(writer, str(counter.count).encode())
            exit_(status)

        os._exit = tell  # pyright: ignore[reportAttributeAccessIssue]

    assert run(graph, watch) == 0
    os.close(writer)
    return int(os.read(reader, 20))


def contents(graph: Path) -> tuple[bytes, dict[str, bytes]]:
    store = Store(graph.parents[1] / ".legonet" / "blobs")
    files = [file for file in store.folder.rglob("*") if file.is_file() and len(file.name) == 64]
    return lock_path(graph).read_bytes(), {file.name: store.get(file.name) for file in files}


def expect_unharmed(graph: Path, undisturbed: Path, seed: object) -> None:
    assert contents(finish(graph)) == contents(undisturbed), f"seed {seed}"


class Disk:
    """From its n-th use on, a folder fails.

    Args:
        folder: of the workspace.
        first: use of the folder that fails.
        code: of the error; one of a full disk leaves files to be read and removed.
        chance: of all uses from then on, only a few fail, reads too.
        rate: of those.
    """

    def __init__(
        self, folder: Path, first: int, code: int, chance: random.Random | None = None, rate: float = 0.05
    ) -> None:
        self.folder, self.first, self.code = str(folder), first, code
        self.chance, self.rate, self.count = chance, rate, 0

    def __call__(self) -> None:
        sys.addaudithook(self._hear)
        fsync, connection = os.fsync, Journal._connection

        def synced(handle: int) -> None:
            self._use()
            fsync(handle)

        @contextmanager
        def connected(journal: Journal) -> Iterator[sqlite3.Connection]:
            with journal._told():
                try:
                    self._use()
                except OSError as error:
                    raise sqlite3.OperationalError("database or disk is full") from error
            with connection(journal) as database:
                yield database

        os.fsync = synced
        Journal._connection = connected  # pyright: ignore[reportAttributeAccessIssue]

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not str(arguments[0] if arguments else "").startswith(self.folder):
            return
        opened = event == "open" and isinstance(arguments[2], int)
        written = opened and arguments[2] & WRITES
        freed = self.code == errno.ENOSPC and event in ("os.remove", "os.rmdir", "os.rename")
        if written or (event in CHANGES and not freed) or (opened and self.chance is not None):
            self._use(str(arguments[0]))

    def _use(self, path: str | None = None) -> None:
        self.count += 1
        if self.count >= self.first and (self.chance is None or self.chance.random() < self.rate):
            raise OSError(self.code, os.strerror(self.code), path)


def slow() -> None:
    """Whatever is synced takes its time."""
    fsync = os.fsync

    def synced(handle: int) -> None:
        time.sleep(0.02)
        fsync(handle)

    os.fsync = synced


def clock_goes_backwards() -> None:
    now = [time.time()]

    def earlier() -> float:
        now[0] -= 3600
        return now[0]

    time.time = earlier


def titled(beginning: bytes) -> list[int]:
    """The processes whose command line begins so, such as those that Ray names."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                title = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if title.startswith(beginning):
                found.append(int(folder.name))
    return found
