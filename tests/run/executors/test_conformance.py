"""What every executor does in the same way; and what only those do that have processes of their own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from legonet.errors import DistillError, SelectError
from legonet.run.executors.base import Executor
from legonet.run.executors.inline import InlineExecutor
from legonet.run.executors.process import Limits, ProcessExecutor
from legonet.run.executors.wire import job_data, job_of, samples_bytes, samples_of
from legonet.run.jobs import Job
from legonet.run.options import RunOptions
from legonet.store.blobs import BlobStore
from tests.run.executors.jobs import ENDLESS, ORDINARY, finish, samples


def has_ended(pid: int) -> bool:
    for _ in range(300):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_a_job_is_the_same_after_the_wire(make_job: Callable[..., Job]) -> None:
    job = make_job(own_category_module="f" * 64, statistics="e" * 64)
    assert job_of(job_data(job)) == job
    read = samples_of(samples_bytes(samples()))
    assert torch.equal(read.images, samples().images)
    assert read.labels is not None


def test_the_same_bytes(executor: Executor, store: BlobStore, make_job: Callable[..., Job]) -> None:
    executor.submit(make_job())
    (outcome,) = finish(executor)
    assert outcome.error is None
    expected = finish_inline(store, make_job())
    assert outcome.result is not None
    assert outcome.result.adapter == expected.adapter
    assert outcome.result.quality == expected.quality
    assert outcome.result.notes == expected.notes
    assert outcome.result.operations == expected.operations
    assert expected.operations > 1000


def finish_inline(store: BlobStore, job: Job) -> Any:
    inline = InlineExecutor().open(store)
    inline.submit(job)
    return inline.wait(0, lambda _: None)[0].result


def test_samples_and_steps(executor: Executor, make_job: Callable[..., Job]) -> None:
    steps: list[Any] = []
    executor.submit(make_job(adapter=ORDINARY), samples())
    (outcome,) = finish(executor, listen=steps.append)
    assert outcome.error is None
    told = [(step.path, step.step, step.steps) for step in steps]
    assert told == ([("dog:classify", n, 3) for n in (1, 2, 3)] if executor.tells_steps else [])


def test_a_users_error_is_told_and_not_tried_again(executor: Executor, make_job: Callable[..., Job]) -> None:
    executor.submit(make_job(adapter=ORDINARY))
    (outcome,) = finish(executor)
    assert isinstance(outcome.error, DistillError)
    assert "dog:classify: method ordinary got no samples" in str(outcome.error)
    assert not outcome.again


def test_a_bug_is_told_with_its_place(executor: Executor, make_job: Callable[..., Job]) -> None:
    executor.submit(make_job(category_module="no address"))
    (outcome,) = finish(executor)
    assert outcome.error is not None


class Counting(InlineExecutor):
    """One of a user's own."""

    done = 0

    def submit(self, job: Job, samples: Any = None) -> None:
        self.done += 1
        super().submit(job, samples)


def test_an_instance_does_the_jobs_of_one_run_after_the_other(network: Any) -> None:
    mine = Counting()
    network.transplant(executor=mine, options=RunOptions(only=["dog:classify"]))
    assert mine.done == 1
    network.transplant(executor=mine)
    assert mine.done == 2
    assert not network.plan().changes


def test_an_instance_has_its_own_limits(network: Any) -> None:
    with pytest.raises(SelectError, match="executor: found Counting together with limits of time or memory"):
        network.transplant(executor=Counting(), options=RunOptions(seconds=1.0))


class TestProcesses:
    def test_a_crash_loses_one_job_alone(
        self, process: ProcessExecutor, make_job: Callable[..., Job]
    ) -> None:
        process.submit(make_job("cat:classify", ENDLESS), samples())
        pid = self.pid(process)
        process.submit(make_job())
        os.kill(pid, signal.SIGSEGV)
        outcomes = {outcome.path: outcome for outcome in finish(process, 2)}
        assert outcomes["dog:classify"].result is not None
        lost = outcomes["cat:classify"]
        assert lost.again
        assert "its process was killed by signal 11" in str(lost.error)

    @staticmethod
    def pid(process: ProcessExecutor) -> int:
        begun: list[Any] = []
        while not begun:
            process.wait(0.2, begun.append)
        (running,) = process._running.values()
        assert running.pid is not None
        return running.pid

    @pytest.mark.parametrize(
        ("limits", "why"),
        [
            (Limits(seconds=0.5), "it took more than 0.5 s"),
            (Limits(memory=2**20), "MiB of memory, more than 1 MiB"),
        ],
    )
    @pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
    def test_limits(
        self,
        process: ProcessExecutor,
        make_job: Callable[..., Job],
        limits: Limits,
        why: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(process, "_limits", limits)
        process.submit(make_job(adapter=ENDLESS), samples())
        (outcome,) = finish(process)
        assert outcome.again
        assert why in str(outcome.error)

    def test_the_server_dies_and_is_started_again(
        self, process: ProcessExecutor, make_job: Callable[..., Job]
    ) -> None:
        process.submit(make_job(adapter=ENDLESS), samples())
        pid = self.pid(process)
        assert process._server is not None
        process._server.kill()
        (outcome,) = finish(process)
        assert outcome.again
        assert has_ended(pid)
        process.submit(make_job())
        (outcome,) = finish(process)
        assert outcome.result is not None

    def test_left_it_holds_nothing(self, store: BlobStore, make_job: Callable[..., Job]) -> None:
        with ProcessExecutor(workers=2).open(store) as executor:
            executor.submit(make_job(adapter=ENDLESS), samples())
            pid = self.pid(executor)
            folder = Path(executor._folder.name)
        assert not folder.exists()
        assert has_ended(pid)
