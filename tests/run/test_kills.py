"""Killed anywhere, a run goes on and ends with the bytes of one that nothing disturbed.

A child process counts what it does to the workspace (files opened to be written, renamed, removed, folders
made, files synced, rows written to the journal) and kills itself before the n-th of these, or tears the file
that it is writing. Its jobs are made up: what they give follows from their keys; or real descents that leave
their state after each step.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

import legonet
from legonet.distill import checkpoint
from legonet.graph.lock import lock_path
from legonet.run.execute import Result, execute
from legonet.run.executors import inline
from legonet.run.journal import Journal
from legonet.store.blobs import Store

if TYPE_CHECKING:
    from torch import nn

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

CATEGORIES = ("cat", "dog", "cow", "hen")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}


@pytest.fixture(scope="module")
def fresh(make_model: Callable[..., nn.Module], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph of four teachers of which three need an adapter; nothing is built."""
    network = legonet.Network("zoo", (3, 8, 8))
    network.add_task("classify", {"kind": "binary"}, {"kernel": 1, "method": "closed-form"})
    for seed, category in enumerate(CATEGORIES):
        model = make_model(seed)
        network.add_teacher(f"{category}-v1", model, category=category, task="classify", cut="pool1")
    return network.save(tmp_path_factory.mktemp("fresh") / "graphs" / "zoo.yaml")


@pytest.fixture(scope="module")
def undisturbed(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finish(copy(fresh, tmp_path_factory.mktemp("undisturbed") / "zoo"))


def copy(graph: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(graph.parents[1], folder)
    return folder / "graphs" / "zoo.yaml"


def made_up(job: Any, *rest: Any) -> Result:
    return Result(job.path, f"adapter of {job.key}".encode() * 50, {"residual": len(job.path) / 7}, 0.0)


def run(graph: Path, watch: Callable[[], None] | None = None, work: Callable[..., Result] = made_up) -> int:
    """Run in a child; returns how it ended, negative for a signal."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            inline.execute = work
            if watch is not None:
                watch()
            legonet.load(graph).transplant()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def finish(graph: Path) -> Path:
    assert run(graph) == 0
    assert legonet.load(graph).plan().changes == ()
    return graph


class Counter:
    """Counts what a process does to a folder; at a number it is killed."""

    def __init__(self, folder: Path, last: int | None, torn: random.Random | None = None) -> None:
        self.folder, self.last, self.torn, self.count = str(folder), last, torn, 0

    def __call__(self) -> None:
        sys.addaudithook(self._hear)
        fsync = os.fsync

        def synced(handle: int) -> None:
            self._another(handle)
            fsync(handle)

        os.fsync = synced
        for name in ("begin", "job", "end"):
            setattr(Journal, name, self._counted(getattr(Journal, name)))

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self._another()
            value = method(*arguments)
            self._another()
            return value

        return counted

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        written = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES
        if (written or event in CHANGES) and str(arguments[0]).startswith(self.folder):
            self._another()

    def _another(self, handle: int | None = None) -> None:
        self.count += 1
        if self.last is None or self.count < self.last:
            return
        if self.torn is not None and handle is not None:
            with suppress(OSError):  # a folder is synced too
                os.ftruncate(handle, self.torn.randrange(os.fstat(handle).st_size + 1))
        os.kill(os.getpid(), signal.SIGKILL)


def points(graph: Path) -> int:
    """How many there are in an undisturbed run."""
    reader, writer = os.pipe()
    counter = Counter(graph.parents[1], None)

    def watch() -> None:
        counter()
        exit_ = os._exit

        def tell(status: int) -> None:
            os.write(writer, str(counter.count).encode())
            exit_(status)

        os._exit = tell  # pyright: ignore[reportAttributeAccessIssue]

    assert run(graph, watch) == 0
    os.close(writer)
    return int(os.read(reader, 20))


def contents(graph: Path) -> tuple[bytes, dict[str, bytes]]:
    store = Store(graph.parents[1] / ".legonet" / "blobs")
    files = [file for file in store.folder.rglob("*") if file.is_file() and len(file.name) == 64]
    return lock_path(graph).read_bytes(), {file.name: store.get(file.name) for file in files}


def expect_unharmed(graph: Path, undisturbed: Path, seed: object) -> None:
    assert contents(finish(graph)) == contents(undisturbed), f"seed {seed}"


def test_a_slice_of_all_points(fresh: Path, undisturbed: Path, tmp_path: Path) -> None:
    number = points(copy(fresh, tmp_path / "counted"))
    assert number > 40
    for place in range(1, number, 12):
        graph = copy(fresh, tmp_path / "killed")
        assert run(graph, Counter(graph.parents[1], place, random.Random(place))) == -signal.SIGKILL
        expect_unharmed(graph, undisturbed, place)


@pytest.fixture(scope="module")
def long(make_model: Callable[..., nn.Module], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph whose two jobs are real descents of some steps."""
    network = legonet.Network("zoo", (3, 8, 8))
    method = {"name": "back-distillation", "steps": 12, "batch": 2}
    network.add_task("classify", {"kind": "binary"}, {"kernel": 1, "method": method})
    for seed, category in enumerate(CATEGORIES[:3]):
        model = make_model(seed)
        network.add_teacher(f"{category}-v1", model, category=category, task="classify", cut="pool1")
    return network.save(tmp_path_factory.mktemp("long") / "graphs" / "zoo.yaml")


def fit_really(graph: Path, watch: Callable[[], None] | None = None) -> int:
    """Run in a child that leaves the state of a descent after each step."""

    def prepare() -> None:
        torch.set_num_threads(1)  # those of the parent are not there after a fork
        checkpoint.EVERY = 0.0
        if watch is not None:
            watch()

    return run(graph, prepare, execute)


def expect_descents_unharmed(long: Path, folder: Path, chance: random.Random, kills: int) -> None:
    """Kill a run so many times, then let it end; its bytes are those of an undisturbed one."""
    whole = copy(long, folder / "whole")
    assert fit_really(whole) == 0
    graph, killed = copy(long, folder / "killed"), 0
    for _ in range(kills):
        torn = random.Random(chance.random())
        killed += fit_really(graph, Counter(graph.parents[1], chance.randint(20, 90), torn)) < 0
    assert killed > kills / 2
    assert fit_really(graph) == 0
    assert contents(graph) == contents(whole)
    assert faults(graph, "*-1.safetensors") == []  # of jobs that are done


def test_descents_go_on(long: Path, tmp_path: Path) -> None:
    expect_descents_unharmed(long, tmp_path, random.Random(5), 3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_descents_go_on_from_anywhere(long: Path, tmp_path: Path, seed: int) -> None:
    expect_descents_unharmed(long, tmp_path, random.Random(seed), 5)


@pytest.mark.slow
@pytest.mark.parametrize("torn", [False, True])
def test_every_point(fresh: Path, undisturbed: Path, tmp_path: Path, torn: bool) -> None:
    number = points(copy(fresh, tmp_path / "counted"))
    for place in range(1, number):
        graph = copy(fresh, tmp_path / "killed")
        watch = Counter(graph.parents[1], place, random.Random(place) if torn else None)
        assert run(graph, watch) == -signal.SIGKILL
        expect_unharmed(graph, undisturbed, place)
    print(f"killed at each of {number - 1} points, torn: {torn}")


@pytest.mark.slow
def test_again_and_again(fresh: Path, undisturbed: Path, tmp_path: Path) -> None:
    """Several kills in one history; seed and number are printed."""
    kills, begin = 0, time.time_ns() % 10**9
    for seed in range(begin, begin + 60):
        chance = random.Random(seed)
        print(f"seed {seed}", end=" ")
        graph = copy(fresh, tmp_path / "killed")
        for _ in range(3):
            kills += run(graph, Counter(graph.parents[1], chance.randint(1, 60), chance)) < 0
        expect_unharmed(graph, undisturbed, seed)
    print(f"{kills} kills")
    assert kills > 60


def faults(graph: Path, name: str) -> Sequence[Path]:
    return list((graph.parents[1] / ".legonet").rglob(name))


def test_what_a_kill_leaves_behind_is_named_by_gc(fresh: Path, tmp_path: Path) -> None:
    from legonet.store.gc import find_orphans
    from legonet.store.workspace import Workspace

    graph = copy(fresh, tmp_path / "killed")
    for place in range(8, 30, 5):
        run(graph, Counter(graph.parents[1], place))
    left = faults(graph, "*.tmp")
    found = find_orphans(Workspace(graph.parents[1]), age=0).files
    assert {file for file in left if file.parents[1].name == "blobs"} <= set(found)
