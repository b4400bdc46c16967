"""Ray loses what it needs: the process that knows its cluster, or room in its object store."""

from __future__ import annotations

import importlib
import os
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.kills.children import PATIENCE, child, ended, marked, titled, wait_for
from benchmarks.kills.judge import Judge, transplant
from benchmarks.kills.rows import Row
from legonet.run.options import RunOptions


def head(judge: Judge, row: Row, times: int, *, job: bool) -> None:
    """The process that knows the cluster is killed: as soon as it is there, or once a job runs."""
    importlib.import_module("ray")
    wanted = judge.whole(judge.slow)
    use = partial(transplant, options=RunOptions(workers=2, executor="ray"))
    for _ in range(times):
        graph = judge.copy(judge.slow)
        with marked(row) as mark:
            forked = child(partial(use, graph))
            found = wait_for(partial(titled, mark, b"gcs_server"))
            if job and not wait_for(partial(titled, mark, b"ray::work"), 60):
                row.faults.append("no job was seen")
            for pid in found:
                os.kill(pid, signal.SIGKILL)
            row.ended(ended(forked, PATIENCE))
        judge.same(row, graph, wanted, transplant)


def object_store(judge: Judge, row: Row, times: int) -> None:
    """Ray has no room for what jobs are given."""
    importlib.import_module("ray")
    wanted = judge.whole(judge.slow)
    for _ in range(times):
        graph = judge.copy(judge.slow)
        with marked(row):
            row.ended(ended(child(partial(_without_room, graph)), PATIENCE))
        judge.same(row, graph, wanted, transplant)


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
        transplant(graph, RunOptions(executor="ray", workers=2, back_off=0.01))
    finally:
        ray.shutdown()
