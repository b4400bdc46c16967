"""Jobs on a real Ray cluster on this machine."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from legonet.distill.fit import Samples
from legonet.errors import DistillError
from legonet.graph.schema import Adapter, BinaryOutput, Input
from legonet.run.executors.base import Executor, Outcome
from legonet.run.executors.inline import InlineExecutor
from legonet.run.jobs import Job
from legonet.store.blobs import BlobStore, MemoryStore
from legonet.teachers.memory import from_module

if TYPE_CHECKING:
    from torch import nn

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray's own warnings

QUICK = {"kernel": 1, "method": {"name": "closed-form", "draws": 4, "matching": 0}}
ORDINARY = {"kernel": 1, "method": {"name": "ordinary"}}
ENDLESS = {"kernel": 1, "method": {"name": "ordinary", "steps": 10**8}}


@pytest.fixture(scope="module")
def store() -> BlobStore:
    return MemoryStore()


@pytest.fixture(scope="module")
def make_job(make_model: Callable[..., nn.Module], store: BlobStore) -> Callable[..., Job]:
    shas = []
    for seed in (0, 1):
        parts = from_module("t", make_model(seed), (3, 8, 8), "pool1")[0].parts()
        shas.append((store.put(parts.f), store.put(parts.g)))

    def make(path: str, adapter: dict[str, Any]) -> Job:
        return Job(
            path=path,
            key="k",
            adapter=Adapter.model_validate(adapter),
            category_module=shas[1][0],
            task_module=shas[0][1],
            teacher_module=shas[1][1],
            own_category_module=None,
            donor_module=shas[0][0],
            input=Input(shape=(3, 8, 8)),
            meaning=BinaryOutput(kind="binary"),
        )

    return make


@pytest.fixture(scope="module")
def executor(store: BlobStore) -> Iterator[Executor]:
    from legonet.run.executors.ray import RayExecutor

    with RayExecutor(store, workers=2) as executor:
        yield executor


def finish(executor: Executor) -> list[Outcome]:
    outcomes: list[Outcome] = []
    deadline = time.monotonic() + 300
    while not outcomes and time.monotonic() < deadline:
        outcomes += executor.wait(1.0, lambda _: None)
    return outcomes


def workers() -> list[int]:
    """Processes that do a job of ours now."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                title = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if title.startswith(b"ray::work"):
                found.append(int(folder.name))
    return found


def test_the_same_bytes(executor: Executor, store: BlobStore, make_job: Callable[..., Job]) -> None:
    job = make_job("dog:classify", QUICK)
    executor.submit(job)
    (outcome,) = finish(executor)
    inline = InlineExecutor(store)
    inline.submit(job)
    (expected,) = inline.wait(0, lambda _: None)
    assert outcome.error is None
    assert outcome.result is not None
    assert expected.result is not None
    assert outcome.result.adapter == expected.result.adapter


def test_a_users_error(executor: Executor, make_job: Callable[..., Job]) -> None:
    executor.submit(make_job("dog:classify", ORDINARY))
    (outcome,) = finish(executor)
    assert isinstance(outcome.error, DistillError)
    assert not outcome.again


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_a_worker_killed_in_its_job(executor: Executor, make_job: Callable[..., Job]) -> None:
    samples = Samples(torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 1, 0]))
    executor.submit(make_job("dog:classify", ENDLESS), samples)
    deadline = time.monotonic() + 120
    while not workers() and time.monotonic() < deadline:
        executor.wait(0.2, lambda _: None)
    (worker,) = workers()
    os.kill(worker, signal.SIGKILL)
    (outcome,) = finish(executor)
    assert outcome.again
    assert "its worker was lost" in str(outcome.error)
    executor.submit(make_job("dog:classify", QUICK))
    (outcome,) = finish(executor)
    assert outcome.result is not None
