"""Commands that write one workspace at once lose nothing of each other."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import legonet
from legonet.errors import GraphError
from legonet.graph.lock import lock_path, read_lock
from legonet.graph.schema import Category, Graph, Task
from legonet.store import locks
from legonet.store.gc import delete_orphans, find_orphans
from legonet.store.workspace import Workspace

if TYPE_CHECKING:
    from torch import nn

    from legonet.network import Network

pytestmark = pytest.mark.skipif(locks.fcntl is None, reason="needs locks of files")


def load(graph: Path) -> Network:
    return legonet.load(graph)


def add(network: Network, model: nn.Module, name: str, category: str) -> None:
    network.add_teacher(name, model, category=category, task="classify", cut="pool1")


def test_two_teachers_at_once(graph_file: Path, make_model: Callable[..., nn.Module]) -> None:
    first, second = load(graph_file), load(graph_file)
    graph_file.write_text(f"# Ours.\n{graph_file.read_text()}")
    add(first, make_model(5), "hen-v1", "hen")
    add(second, make_model(6), "pig-v1", "pig")
    first.save(graph_file)
    second.save(graph_file)
    assert list(second.graph.teachers) == ["cat-v1", "dog-v1", "cow-v1", "hen-v1", "pig-v1"]
    assert load(graph_file).graph == second.graph
    assert graph_file.read_text().startswith("# Ours.\n")
    assert len(load(graph_file).transplant().results) == 2


def test_two_of_one_path_at_once(graph_file: Path, make_model: Callable[..., nn.Module]) -> None:
    first, second = load(graph_file), load(graph_file)
    add(first, make_model(5), "hen-v1", "hen")
    add(second, make_model(6), "hen-v2", "hen")
    first.save(graph_file)
    before = graph_file.read_bytes()
    with pytest.raises(GraphError, match="hen"):
        second.save(graph_file)
    assert graph_file.read_bytes() == before
    assert not (graph_file.parent / "teachers" / "hen-v2.safetensors").exists()


def test_one_name_for_two_at_once(graph_file: Path, make_model: Callable[..., nn.Module]) -> None:
    first, second = load(graph_file), load(graph_file)
    add(first, make_model(5), "new", "hen")
    add(second, make_model(6), "new", "pig")
    first.save(graph_file)
    with pytest.raises(GraphError, match=r"teachers\.new: another command has changed it meanwhile"):
        second.save(graph_file)
    assert load(graph_file).graph == first.graph


def test_adding_during_a_run_keeps_what_it_fits(
    graph_file: Path, make_model: Callable[..., nn.Module]
) -> None:
    wanted = read_lock(lock_path(graph_file))
    lock_path(graph_file).unlink()
    (graph_file.parents[1] / ".legonet" / "journal.sqlite").unlink(missing_ok=True)
    adding = load(graph_file)
    add(adding, make_model(5), "hen-v1", "hen")
    seen = []

    def look(progress: legonet.Progress) -> None:
        if progress.state == "done" and not seen:
            seen.append(adding.save(graph_file))

    load(graph_file).transplant(progress=look)
    assert seen
    assert read_lock(lock_path(graph_file)) == wanted
    assert "hen-v1" in load(graph_file).graph.teachers


def test_an_application_keeps_what_others_add(graph_file: Path, make_model: Callable[..., nn.Module]) -> None:
    first, second = load(graph_file), load(graph_file)
    add(first, make_model(5), "hen-v1", "hen")
    first.save(graph_file)
    pets = second["cat:classify", "dog:classify"]
    assert isinstance(pets, legonet.Application)
    pets.save_as("pets")
    add(second, make_model(6), "pig-v1", "pig")
    second.save(graph_file)
    graph = load(graph_file).graph
    assert {"hen-v1", "pig-v1"} <= set(graph.teachers)
    assert "pets" in graph.applications


def test_changes_of_one_entry_clash() -> None:
    from legonet.graph.editing.merge import merged

    base = Graph.model_validate({"legonet": 1, "name": "zoo", "input": {"shape": (3, 8, 8)}})
    cat = base.model_copy(update={"categories": {"cat": Category()}})
    assert merged(base, cat, base, "zoo.yaml") == cat
    assert merged(base, base, cat, "zoo.yaml") == cat
    assert merged(base, cat, cat, "zoo.yaml") == cat
    assert merged(cat, base, cat, "zoo.yaml") == base  # we took it out
    labelled = base.model_copy(update={"categories": {"cat": Category(label="Cat")}})
    with pytest.raises(GraphError, match=r"zoo\.yaml: categories\.cat: another command"):
        merged(cat, labelled, base, "zoo.yaml")
    variant = base.model_copy(update={"categories": {"cat@2": Category()}})
    with pytest.raises(GraphError, match="cat@2"):  # equal names, but of two variants
        merged(base, variant, variant.model_copy(update={"name": "zoo"}), "zoo.yaml")
    again = base.model_copy(update={"categories": {"cat@2": Category(label="Cat")}})
    assert (
        merged(variant, again, again.model_copy(update={"name": "pets"}), "zoo.yaml").categories
        == again.categories
    )
    other = base.model_copy(update={"name": "farm"})
    assert merged(base, other, cat, "zoo.yaml") == cat.model_copy(update={"name": "farm"})
    assert Task  # the models of sections are plain data to it


# Garbage and runs.


@pytest.fixture
def orphan(graph_file: Path) -> Path:
    """An old blob that nothing names."""
    store = Workspace.find(graph_file).store
    file = store.path(store.put(b"an orphan"))
    os.utime(file, (1, 1))
    return file


def test_a_run_that_has_not_said_what_it_needs_needs_everything(graph_file: Path, orphan: Path) -> None:
    workspace = Workspace.find(graph_file)
    with load(graph_file).project().alone() as lock:
        assert delete_orphans(workspace, 0).used == 1
        assert orphan.exists()
        assert lock is not None
        lock.needs([orphan.name])
        assert delete_orphans(workspace, 0).used == 1
        lock.needs(["0" * 64])
        written = workspace.store.path(workspace.store.put(b"of the run"))
        found = delete_orphans(workspace, 0)
        assert (found.files, found.used) == ((orphan,), 1)
        assert written.exists()
    assert delete_orphans(workspace, 0).files == (written,)


def test_garbage_is_collected_beside_a_run(graph_file: Path, orphan: Path) -> None:
    wanted = read_lock(lock_path(graph_file))
    lock_path(graph_file).unlink()  # so that nothing but the run knows what it needs
    (graph_file.parents[1] / ".legonet" / "journal.sqlite").unlink(missing_ok=True)
    workspace, freed = Workspace.find(graph_file), []
    for sha in (wanted.adapters[path].adapter for path in wanted.adapters):
        workspace.store.path(sha).unlink()

    def collect(_: legonet.Progress) -> None:
        freed.extend(delete_orphans(workspace, 0).files)

    assert len(load(graph_file).transplant(progress=collect).results) == 2
    assert read_lock(lock_path(graph_file)) == wanted
    assert orphan in freed
    assert load(graph_file).verify() == ()
    assert load(graph_file).transplant().results == ()


def test_what_a_run_takes_over_is_kept(graph_file: Path) -> None:
    wanted = read_lock(lock_path(graph_file))
    lock_path(graph_file).unlink()
    workspace = Workspace.find(graph_file)
    for file in workspace.store.folder.rglob("*"):
        if file.is_file():
            os.utime(file, (1, 1))
    network = load(graph_file)
    plan = network.plan()
    assert all(edge.reuse for edge in plan.jobs) or plan.jobs == ()
    deleted = []

    def accept(_: legonet.Plan) -> None:  # the run has its lock, and has said nothing yet
        deleted.extend(delete_orphans(workspace, 0).files)

    network.transplant(accept=accept)
    assert not deleted
    assert read_lock(lock_path(graph_file)) == wanted


def test_a_lock_file_that_nobody_holds_keeps_nothing(graph_file: Path, orphan: Path) -> None:
    runs = graph_file.parents[1] / ".legonet" / "runs"
    (runs / "theirs.lock").write_text('{"pid": 1, "host": "x", "since": 0}\n')
    assert find_orphans(Workspace.find(graph_file), 0).files == (orphan,)


# The writers' lock.


def test_writers_take_turns(tmp_path: Path) -> None:
    counter, workspace = tmp_path / "counter", Workspace(tmp_path)
    counter.write_text("0")

    def count(_: int) -> None:
        for _ in range(5):
            with workspace.writing(), workspace.writing():
                value = int(counter.read_text())
                time.sleep(0.001)
                counter.write_text(str(value + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert counter.read_text() == "20"
    assert not (tmp_path / ".legonet").exists()  # it leaves no trace


def test_whom_a_writer_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    workspace, held, free = Workspace(tmp_path), threading.Event(), threading.Event()

    def hold() -> None:
        with workspace.writing():
            held.set()
            free.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    attempts: Iterator[int] = iter(range(locks.PATIENCE + 2))

    def nap(_: float) -> None:
        if next(attempts, None) is None:
            free.set()
            thread.join(60)

    monkeypatch.setattr(locks.time, "sleep", nap)
    with workspace.writing():
        pass
    (message,) = caplog.messages
    assert f"another command is writing: process {os.getpid()} on" in message
