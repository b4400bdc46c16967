"""Children that do something and are watched, and all processes that one has started."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from benchmarks.kills.rows import BUG, REFUSED, Row
from legonet.distill.fitting import checkpoint
from legonet.errors import LegonetError
from legonet.run import finetune

PATIENCE = 400.0  # seconds that a run may take to notice what was done to it
_MARK = "LEGONET_KILLS"
Watch = Callable[[], None]


def child(use: Watch, watch: Watch | None = None) -> int:
    """Do something in a child, forked from a process that has imported torch. Returns its id."""
    forked = os.fork()
    if forked:
        return forked
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


def ended(forked: int, patience: float | None = None) -> int:
    """How a child ended, negative for a signal; one that takes too long is killed, and counts as 124."""
    end = None if patience is None else time.monotonic() + patience
    while end is not None and time.monotonic() < end:
        done, status = os.waitpid(forked, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.2)
    if end is not None:
        os.kill(forked, signal.SIGKILL)
        os.waitpid(forked, 0)
        return 124
    return os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1])


@contextmanager
def marked(row: Row) -> Iterator[bytes]:
    """All that a child starts has our mark in its environment; what is left after half a minute counts."""
    mark = f"{os.getpid()}-{time.time_ns()}"
    os.environ[_MARK] = mark
    known = f"{_MARK}={mark}".encode()
    try:
        yield known
    finally:
        del os.environ[_MARK]
        end = time.monotonic() + 30
        while (left := _processes(known)) and time.monotonic() < end:
            time.sleep(0.5)
        row.left += len(left)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def titled(mark: bytes, title: bytes) -> list[int]:
    """Processes with a mark whose command line has this in it."""
    found = []
    for pid in _processes(mark):
        with suppress(OSError):
            if title in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def wait_for(look: Callable[[], list[int]], patience: float = PATIENCE) -> list[int]:
    """What is there once something is, or nothing."""
    end = time.monotonic() + patience
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def _processes(mark: bytes) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found
