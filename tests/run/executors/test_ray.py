"""What only a real Ray cluster shows."""

from __future__ import annotations

import importlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import legonet
from legonet.errors import StoreError
from legonet.graph.lock import lock_path
from legonet.run.executors.base import Executor
from legonet.run.jobs import Job
from legonet.run.options import RunOptions
from legonet.store.blobs import MemoryStore
from tests.run.executors.jobs import ENDLESS, finish, samples
from tests.run.faults import copy, titled

pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray's own warnings


def workers() -> list[int]:
    """Processes that do a job of ours now."""
    return titled(b"ray::work")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_a_worker_killed_in_its_job(ray: Executor, make_job: Callable[..., Job]) -> None:
    ray.submit(make_job(adapter=ENDLESS), samples())
    deadline = time.monotonic() + 120
    while not workers() and time.monotonic() < deadline:
        ray.wait(0.2, lambda _: None)
    (worker,) = workers()
    os.kill(worker, signal.SIGKILL)
    (outcome,) = finish(ray)
    assert outcome.again
    assert "its worker was lost" in str(outcome.error)
    ray.submit(make_job())
    (outcome,) = finish(ray)
    assert outcome.result is not None


@pytest.mark.parametrize("shared", ["shipped", "folder", "remote"])
def test_a_whole_run(built: Path, tmp_path: Path, shared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    remote = str(tmp_path / "remote") if shared == "remote" else None
    wanted = lock_path(built / "graphs" / "zoo.yaml").read_bytes()
    graph = copy(built / "graphs" / "zoo.yaml", tmp_path / "zoo")
    lock_path(graph).unlink()
    (graph.parents[1] / ".legonet" / "journal.sqlite").unlink(missing_ok=True)
    network = legonet.load(graph)
    result = network.transplant(
        options=RunOptions(executor="ray", workers=2, shared=shared == "folder", remote=remote)
    )
    assert len(result.results) == 2
    assert lock_path(graph).read_bytes() == wanted
    if remote is not None:  # all that jobs read, and all that they wrote
        there = {each.name for each in (tmp_path / "remote" / "objects").rglob("*") if each.is_file()}
        assert {each.adapter for each in network.lock.adapters.values()} < there
        read = {each.name for each in (tmp_path / "cache" / "legonet" / "blobs").rglob("*") if each.is_file()}
        assert read == there


def test_a_network_in_memory_cannot_be_shared() -> None:
    from legonet.run.executors.ray import RayExecutor

    with pytest.raises(StoreError, match="no folder to be shared"):
        RayExecutor(shared=True).open(MemoryStore())


def test_a_cluster_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray raises a plain Exception where its processes take longer than it waits."""
    from legonet.run.executors.ray import RayExecutor

    def begin(self: RayExecutor) -> None:
        raise Exception("The current node timed out during startup.\nThis could happen.")

    monkeypatch.setattr(RayExecutor, "_begin", begin)
    with pytest.raises(StoreError, match=r"can be started on this machine \(The current node timed out"):
        RayExecutor().open(MemoryStore())


def test_a_job_that_nobody_takes_is_told_and_tried_again(
    ray: Executor, make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as where the object store is full."""
    library = importlib.import_module("ray")

    def full(value: object) -> None:
        raise importlib.import_module("ray.exceptions").ObjectStoreFullError("full")

    monkeypatch.setattr(library, "put", full)
    ray.submit(make_job())
    (outcome,) = finish(ray)
    assert outcome.again
    assert "its worker was lost (ObjectStoreFullError)" in str(outcome.error)
