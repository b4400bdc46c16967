"""Jobs that take milliseconds or forever, and every executor to give them to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from legonet.graph.schema import Input
from legonet.outputs.binary import BinaryOutput
from legonet.run.executors import EXECUTORS, make_executor
from legonet.run.executors.base import Executor
from legonet.run.executors.process import ProcessExecutor
from legonet.run.jobs import Job
from legonet.run.options import RunOptions
from legonet.store.blobs import MemoryStore, Store
from legonet.teachers.from_module import from_module
from legonet.teachers.new_teacher import NewTeacher
from tests.run.executors.jobs import QUICK

if TYPE_CHECKING:
    from torch import nn

    from legonet.graph.schema import Adapter


@pytest.fixture(scope="session")
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(scope="session")
def make_job(make_model: Callable[..., nn.Module], store: MemoryStore) -> Callable[..., Job]:
    shas = []
    for seed in (0, 1):
        parts = from_module(NewTeacher("t", make_model(seed), "cat", "classify", "pool1"), (3, 8, 8))[
            0
        ].parts()
        shas.append((store.put(parts.f), store.put(parts.g)))

    def make(path: str = "dog:classify", adapter: Adapter = QUICK, **changes: Any) -> Job:
        data = {
            "path": path,
            "key": "k",
            "adapter": adapter,
            "category_module": shas[1][0],
            "task_module": shas[0][1],
            "teacher_module": shas[1][1],
            "own_category_module": None,
            "donor_module": shas[0][0],
            "input": Input(shape=(3, 8, 8)),
            "meaning": BinaryOutput(kind="binary"),
        }
        return Job(**data | changes)

    return make


@pytest.fixture(scope="module")
def process(store: MemoryStore) -> Iterator[ProcessExecutor]:
    with ProcessExecutor(workers=2).open(store) as executor:
        yield executor


@pytest.fixture(scope="module")
def ray(store: MemoryStore) -> Iterator[Executor]:
    pytest.importorskip("ray")
    with make_executor(RunOptions(executor="ray", workers=2)).open(store) as executor:
        yield executor


@pytest.fixture(scope="module")
def ray_shared(
    store: MemoryStore, make_job: Callable[..., Job], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Executor]:
    pytest.importorskip("ray")
    from legonet.run.executors.ray import RayExecutor

    make_job()  # whose blobs are in the store
    folder = Store(tmp_path_factory.mktemp("shared") / "blobs")
    for blob in store._blobs.values():
        folder.put(blob)
    with RayExecutor(workers=2, shared=True).open(folder) as executor:
        yield executor


RAY = (pytest.mark.slow, pytest.mark.filterwarnings("ignore"))  # Ray's own warnings
MADE_ONCE = ("process", "ray", "ray_shared")  # fixtures: these take seconds to begin


@pytest.fixture(
    params=[
        pytest.param(name, marks=RAY if name.startswith("ray") else ()) for name in (*EXECUTORS, "ray_shared")
    ]
)
def executor(request: pytest.FixtureRequest, store: MemoryStore) -> Iterator[Executor]:
    """Each kind of the table, and Ray with a store that all machines see."""
    if request.param in MADE_ONCE:
        yield request.getfixturevalue(request.param)
        return
    with make_executor(RunOptions(executor=request.param)).open(store) as executor:
        yield executor
