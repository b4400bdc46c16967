"""All ways to kill, and how often each is tried. Linux only."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.kills import at_writes, of_ray, taken_away
from benchmarks.kills.judge import Judge
from benchmarks.kills.rows import Row

Way = Callable[[Judge, Row, int], None]


def ways(points: int) -> list[tuple[str, Way, int]]:
    """What is killed, how, and how often."""
    few, some = max(2, points // 20), max(2, points // 10)
    return [
        ("a run, at a write", at_writes.any_write, points),
        ("`--workers 2`: the parent, at a write", at_writes.parent, few),
        ("`--workers 2`: a worker, by the kernel for memory", taken_away.memory_of_a_worker, few),
        ("`finetune`, at its last writes", at_writes.end_of_finetune, some),
        ("permissions denied, at a write", taken_away.permissions, some),
        ("a disk that is full midway", taken_away.room_on_the_disk, some),
        ("Ray: the parent, at a write", partial(at_writes.parent, executor="ray"), few),
        ("Ray: its head, before the run has reached it", partial(of_ray.head, job=False), few),
        ("Ray: its head, while a job runs", partial(of_ray.head, job=True), few),
        ("Ray: its object store is full", of_ray.object_store, few),
    ]


def run_kills(
    points: int, seed: int, only: Sequence[str], say: Callable[[str], None] = lambda _: None
) -> list[Row]:
    """Kill runs in every way, in a folder that goes away.

    Args:
        points: Kills of a run at its writes; the other ways get their share.
        seed: Of what is chosen by chance.
        only: Ways with one of these in their names.
        say: Called with a line about each way.
    """
    rows = list[Row]()
    say(f"seed {seed}")
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(Path(folder), seed)
        for what, way, times in ways(points):
            if any(each in what for each in only):
                row, begin = Row(what), time.monotonic()
                try:
                    way(judge, row, times)
                except ImportError as error:
                    row.what += f" (not tried: {error.name} is not installed)"
                rows.append(row)
                took = time.monotonic() - begin
                said = f"{row.what}: {row.times} times ({row.ended_how}), {row.same} the same afterwards"
                say(f"{said}, {row.left} left, {took:.0f} s")
    return rows
