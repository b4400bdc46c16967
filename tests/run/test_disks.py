"""Disks that are full, read-only, slow or failing: a run says so; the next one ends with the same bytes."""

from __future__ import annotations

import errno
import os
import random
import time
from pathlib import Path

import pytest

import legonet
from legonet.run.journal import Journal
from tests.run.faults import (
    REFUSED,
    Disk,
    clock_goes_backwards,
    contents,
    copy,
    ended,
    expect_unharmed,
    points,
    refused,
    run,
    slow,
    start,
)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def expect_said(graph: Path, disk: Disk, *words: str) -> None:
    status, said = refused(graph, disk)
    assert status in (0, REFUSED), said  # no other error, thus no traceback
    if status:
        assert any(word in said for word in words), said
        assert "expected" in said or "check" in said or "untouched" in said, said


def test_a_full_disk(fresh: Path, undisturbed: Path, tmp_path: Path) -> None:
    number = points(copy(fresh, tmp_path / "counted"))
    for place in range(1, number, 14):
        graph = copy(fresh, tmp_path / "full")
        for first in (place, 1):  # it is still full the next time
            full = Disk(graph.parents[1], first, errno.ENOSPC)
            expect_said(graph, full, "No space left on device", "disk is full")
        expect_unharmed(graph, undisturbed, place)


@pytest.mark.slow
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_every_point(fresh: Path, undisturbed: Path, tmp_path: Path, code: int) -> None:
    number = points(copy(fresh, tmp_path / "counted"))
    for place in range(1, number):
        graph = copy(fresh, tmp_path / "failed")
        expect_said(graph, Disk(graph.parents[1], place, code), os.strerror(code), "disk is full")
        expect_unharmed(graph, undisturbed, place)


def test_a_read_only_workspace(fresh: Path, undisturbed: Path, tmp_path: Path) -> None:
    built = copy(undisturbed, tmp_path / "built")
    before = contents(built)
    assert run(built, Disk(built.parents[1], 1, errno.EROFS)) == 0  # nothing to do needs nothing
    assert contents(built) == before
    graph = copy(fresh, tmp_path / "fresh")
    status, said = refused(graph, Disk(graph.parents[1], 1, errno.EROFS))
    assert status == REFUSED
    assert "Read-only file system" in said
    assert len(legonet.load(graph).plan().jobs) == 3
    expect_unharmed(graph, undisturbed, "read-only")


@pytest.mark.parametrize("seed", range(8))
def test_a_failing_folder(fresh: Path, undisturbed: Path, tmp_path: Path, seed: int) -> None:
    graph = copy(fresh, tmp_path / "failing")
    for attempt in range(3):
        failing = Disk(graph.parents[1], 1, errno.EIO, random.Random(3 * seed + attempt))
        expect_said(graph, failing, "Input/output error", "disk is full")
    expect_unharmed(graph, undisturbed, seed)


def test_two_runs_at_once_on_a_slow_folder(fresh: Path, undisturbed: Path, tmp_path: Path) -> None:
    graph = copy(fresh, tmp_path / "slow")
    children = [start(graph, slow) for _ in range(2)]
    assert [ended(child) for child in children] == [0, 0]
    assert contents(graph) == contents(undisturbed)
    history = Journal(graph.parents[1] / ".legonet" / "journal.sqlite").history()
    assert sum(pace.jobs for pace in history.methods.values()) == 3  # nothing was done twice


def test_a_clock_that_goes_backwards(fresh: Path, undisturbed: Path, tmp_path: Path) -> None:
    graph, now = copy(fresh, tmp_path / "clock"), time.time()
    assert run(graph, clock_goes_backwards) == 0
    assert contents(graph) == contents(undisturbed)
    assert legonet.load(graph).plan().changes == ()
    assert time.time() >= now
