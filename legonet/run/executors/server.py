"""The process from which workers are forked: it imports torch once, so that a job starts in milliseconds.

It reads one JSON object per line: a job to start, or `{"kill": id}`; and writes one per line: `{"id", "pid"}`
of a job that started, `{"id", "step", …}`, and `{"id", "status"}` of one whose process ended. The result of
a job lies in the file that its order names. When its input ends, every worker is killed: no run outlives the
one who asked for it.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import traceback
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import torch

from legonet.graph.atomic import write_atomically
from legonet.run.execute import execute
from legonet.run.executors.wire import error_data, job_of, samples_of
from legonet.store.blobs import Store

DONE, FAILED = 0, 1


def serve(orders: int, replies: int) -> None:
    """Start workers until the input ends.

    Args:
        orders: File descriptor to read from.
        replies: File descriptor to write to.
    """
    workers: dict[int, int] = {}
    wakeup, woken = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wakeup, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who asked for the run ends it
    buffer, there = b"", True
    try:
        while there:
            ready, _, _ = select.select([orders, wakeup], [], [])
            if wakeup in ready:
                with suppress(BlockingIOError):
                    os.read(wakeup, 4096)
                _reap(workers, replies)
            if orders in ready:
                read = os.read(orders, 65536)
                there = bool(read)
                *lines, buffer = (buffer + read).split(b"\n")
                for line in lines:
                    _obey(json.loads(line), workers, orders, replies)
    finally:
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _obey(order: dict[str, Any], workers: dict[int, int], orders: int, replies: int) -> None:
    if "kill" in order:
        for pid, job in workers.items():
            if job == order["kill"]:
                os.kill(pid, signal.SIGKILL)  # not reaped yet, so that the number is still its own
        return
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(orders)
        _work(order, replies)
    workers[pid] = order["id"]
    _say(replies, {"id": order["id"], "pid": pid})


def _reap(workers: dict[int, int], replies: int) -> None:
    while workers:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        _say(replies, {"id": workers.pop(pid), "status": os.waitstatus_to_exitcode(status)})


def _work(order: dict[str, Any], replies: int) -> NoReturn:
    """Do one job in the process that was forked for it, and end."""
    status = FAILED
    try:
        _settle(order)
        store, job = Store(order["store"]), job_of(order["job"])
        samples = None if order["samples"] is None else samples_of(Path(order["samples"]))

        def step(done: int, steps: int, loss: float, doing: str = "", part: float | None = None) -> None:
            told = {"step": done, "steps": steps, "loss": loss, "doing": doing, "part": part}
            _say(replies, {"id": order["id"], **told})

        checkpoints = None if order["checkpoints"] is None else Path(order["checkpoints"])
        result = execute(job, store, samples, order["device"], step, checkpoints)
        data = asdict(result) | {"adapter": store.put(result.adapter), "memory": _peak()}
        write_atomically(Path(order["result"]), json.dumps(data).encode())
        status = DONE
    except BaseException as error:
        with suppress(BaseException):
            data = error_data(error, traceback.format_exc())
            write_atomically(Path(order["result"]), json.dumps(data).encode())
    finally:
        os._exit(status)  # nothing of the server's is cleaned up here


def _settle(order: dict[str, Any]) -> None:
    """Take the cores and the GPU that the job was given."""
    if order["gpu"] is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = order["gpu"]
    if order["cores"] and hasattr(os, "sched_setaffinity"):
        with suppress(OSError):  # taken from us meanwhile
            os.sched_setaffinity(0, order["cores"])
    torch.set_num_threads(order["threads"])


def _peak() -> int:
    """The most memory that this process has held, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _say(replies: int, message: dict[str, Any]) -> None:
    os.write(replies, json.dumps(message).encode() + b"\n")  # short enough to be written in one piece


if __name__ == "__main__":
    private = os.dup(1)
    os.dup2(2, 1)  # what a library prints does not get among the replies
    serve(0, private)
    os._exit(DONE)  # nothing is left to clean up, and torch takes its time over it
