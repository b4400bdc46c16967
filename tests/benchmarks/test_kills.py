"""A slice of `python -m benchmarks kills`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.kills.rows import Row

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
@pytest.mark.parametrize("points", ["3", pytest.param("20", marks=pytest.mark.slow)])
def test_a_few_kills(points: str) -> None:
    """In a process of its own, as its runs are forked from one that has not computed yet."""
    ways = ("a run", "permissions", "finetune")
    command = [sys.executable, "-m", "benchmarks", "kills", "--points", points]
    for way in ways:
        command += ["--only", way]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("the same afterwards") == len(ways)
    assert f"{points} killed" in done.stdout


def test_a_point_that_no_run_reached_is_no_kill() -> None:
    """Else a table of 200 would say so of runs that were over before."""
    row = Row("a run, at a write")
    for status in (0, -9, 0):
        assert row.lacks(2)
        row.ended(status)
    assert (row.killed, row.times) == (1, 3)
    row.ended(0)
    assert not row.lacks(2)
    assert row.faults == ["only 1 of 2 were killed"]
