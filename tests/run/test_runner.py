"""What a run does: exactly the plan's jobs, one after the other, each safe once it is done."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

import legonet
from legonet.errors import DistillError, LegonetWarning, StoreError
from legonet.graph.lock import lock_path, read_lock
from legonet.run.executors import inline
from legonet.run.options import RunOptions
from legonet.run.runner import Progress

if TYPE_CHECKING:
    from torch import nn

    from legonet.network import Network

FITTED = ["dog:classify", "cow:classify"]


@pytest.fixture
def fresh(network: Network, tmp_path: Path) -> Path:
    """A graph file of three teachers, of which two need an adapter; nothing is built."""
    return network.save(tmp_path / "fresh" / "graphs" / "zoo.yaml")


def stored(path: Path) -> dict[str, bytes]:
    """Every blob by its address."""
    folder = path.parents[1] / ".legonet" / "blobs"
    return {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path.parents[1] / ".legonet" / "journal.sqlite")) as database:
        return database.execute(query).fetchall()


def test_it_fits_what_the_plan_lists(fresh: Path) -> None:
    network = legonet.load(fresh)
    assert [edge.path for edge in network.plan().jobs] == FITTED
    result = network.transplant()
    assert [each.path for each in result.results] == FITTED
    assert sorted(network.lock.adapters) == sorted(FITTED)
    assert read_lock(lock_path(fresh)) == network.lock == result.lock
    assert [edge.action for edge in legonet.load(fresh).plan()] == ["native", "keep", "keep"]


def test_what_it_did_in_one_line(network: Network, make_model: Callable[..., nn.Module]) -> None:
    assert repr(network.plan()) == "<Plan of zoo: 1 native, 2 add>"
    result = network.transplant(options=RunOptions(only=["cow:*"]))
    assert repr(result) == "<Run: 1 fitted, 0 kept, 0 open, 0 failed, 1 still planned>"
    assert "adapter=" not in repr(result.results[0])
    network.add_teacher("cow-marks", make_model(2), category="cow", task="mark", cut="pool1")
    assert repr(network.transplant()) == "<Run: 1 fitted, 1 kept, 2 open, 0 failed>"
    again = network.transplant()
    assert repr(again) == "<Run: 0 fitted, 2 kept, 2 open, 0 failed>"
    assert again.open == ("cat:mark", "dog:mark")


def test_a_second_run_touches_nothing(graph_file: Path) -> None:
    files = {file: file.read_bytes() for file in graph_file.parents[1].rglob("*") if file.is_file()}
    times = {file: file.stat().st_mtime_ns for file in files}
    result = legonet.load(graph_file).transplant()
    assert result.results == ()
    assert {file: file.read_bytes() for file in graph_file.parents[1].rglob("*") if file.is_file()} == files
    assert {file: file.stat().st_mtime_ns for file in files} == times


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DistillError("no"), RuntimeError("a bug")])
def test_cut_short_it_goes_on_where_it_was(
    fresh: Path, tmp_path: Path, network: Network, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    undisturbed = network.save(tmp_path / "undisturbed" / "graphs" / "zoo.yaml")
    legonet.load(undisturbed).transplant()

    execute, done = inline.execute, []

    def fail_at_second(job: Any, *rest: Any) -> Any:
        if done:
            raise error
        done.append(job.path)
        return execute(job, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(inline, "execute", fail_at_second)
        with pytest.raises(type(error)):
            legonet.load(fresh).transplant()
    assert list(read_lock(lock_path(fresh)).adapters) == FITTED[:1]
    state = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
    assert rows(fresh, "SELECT state FROM runs") == [(state,)]

    result = legonet.load(fresh).transplant()
    assert [each.path for each in result.results] == FITTED[1:]
    assert lock_path(fresh).read_bytes() == lock_path(undisturbed).read_bytes()
    assert stored(fresh) == stored(undisturbed)


def test_the_lock_never_names_what_is_not_stored(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = legonet.load(fresh)
    save, seen = network._save_lock, []

    def check(lock: Any) -> None:
        seen.append([path for path, each in lock.adapters.items() if network.store.has(each.adapter)])
        assert sorted(seen[-1]) == sorted(lock.adapters)
        save(lock)

    monkeypatch.setattr(network, "_save_lock", check)
    network.transplant()
    assert [len(paths) for paths in seen] == [1, 2]


def test_the_journal(fresh: Path) -> None:
    result = legonet.load(fresh).transplant()
    assert rows(fresh, "SELECT graph, state, finished >= started FROM runs") == [("zoo", "done", 1)]
    found = rows(fresh, "SELECT run, path, method, state, seconds, quality, notes FROM jobs")
    assert [row[:4] for row in found] == [(1, path, "closed-form", "done") for path in FITTED]
    assert [(row[4], json.loads(row[5]), json.loads(row[6])) for row in found] == [
        (each.seconds, result.lock.adapters[each.path].quality, each.notes) for each in result.results
    ]


def test_a_new_teacher_leaves_every_other_byte(
    graph_file: Path, make_model: Callable[..., nn.Module]
) -> None:
    before, lock = stored(graph_file), read_lock(lock_path(graph_file))
    network = legonet.load(graph_file)
    network.add_teacher("fox-v1", make_model(9), category="fox", task="classify", cut="pool1")
    network.save(graph_file)
    assert [each.path for each in network.transplant().results] == ["fox:classify"]
    after = stored(graph_file)
    assert {sha: after[sha] for sha in before} == before
    assert len(after) == len(before) + 3  # f and g_T of the new teacher, and its adapter
    for path, adapter in lock.adapters.items():
        assert network.lock.adapters[path] == adapter


def test_frozen_modules_are_what_they_were(fresh: Path) -> None:
    network = legonet.load(fresh)
    teacher = network.teacher("dog-v1").state_dict()
    generic = network.teacher("cat-v1").state_dict()
    network.transplant()
    path = network.compile("dog:classify").state_dict()
    frozen = {f"categories.dog.{key[2:]}": value for key, value in teacher.items() if key[:2] == "1."}
    frozen |= {f"tasks.classify.{key[2:]}": value for key, value in generic.items() if key[:2] == "2."}
    assert len(frozen) == 8
    for key, value in frozen.items():
        assert torch.equal(path[key], value)


def test_a_removed_teacher_takes_its_adapter_along(graph_file: Path) -> None:
    network = legonet.load(graph_file)
    kept = network.lock.adapters["dog:classify"]
    teachers = {name: each for name, each in network.graph.teachers.items() if name != "cow-v1"}
    network.graph = network.graph.model_copy(update={"teachers": teachers})
    network._sources.pop("cow-v1")
    assert network.transplant(options=RunOptions(only=["dog:*"])).removed == ()  # no other path is touched
    assert "cow:classify" in read_lock(lock_path(graph_file)).adapters
    result = network.transplant()
    assert (result.removed, result.results) == (("cow:classify",), ())
    assert read_lock(lock_path(graph_file)).adapters == {"dog:classify": kept}
    assert list(network.lock.teachers) == ["cat-v1", "dog-v1"]


def test_a_renamed_category_is_not_fitted_again(graph_file: Path) -> None:
    adapter = read_lock(lock_path(graph_file)).adapters["dog:classify"]
    graph_file.write_text(
        graph_file.read_text().replace("  dog: {}", "  hound: {}").replace("y: dog", "y: hound")
    )
    network = legonet.load(graph_file)
    result = network.transplant()
    assert (result.results, result.reused, result.removed) == ((), ("hound:classify",), ("dog:classify",))
    assert network.lock.adapters["hound:classify"] == adapter
    assert not legonet.load(graph_file).plan().changes


def test_a_lost_adapter_is_fitted_again_to_the_same_bytes(graph_file: Path) -> None:
    network = legonet.load(graph_file)
    lock = network.lock
    network.store.path(lock.adapters["dog:classify"].adapter).unlink()
    assert [edge.path for edge in network.plan().jobs] == ["dog:classify"]
    network.transplant()
    assert network.lock == lock


def test_a_damaged_module_is_cut_again(graph_file: Path) -> None:
    network = legonet.load(graph_file)
    file = network.store.path(network.lock.categories["dog"].module)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    network.compile("dog:classify")
    aside = network.store.path("0" * 64).parents[2] / "damaged" / file.name
    assert aside.read_bytes().endswith(b"?")
    assert not file.read_bytes().endswith(b"?")


def test_damaged_blobs_are_named_and_built_again(graph_file: Path) -> None:
    before, network = stored(graph_file), legonet.load(graph_file)
    lock = network.lock
    module, adapter = lock.categories["dog"].module, lock.adapters["dog:classify"].adapter
    for sha in (module, adapter):
        file = network.store.path(sha)
        file.write_bytes(before[sha][:-1] + bytes([before[sha][-1] ^ 1]))
    with pytest.raises(StoreError, match=f"{adapter}: the blob is damaged: .* run `legonet transplant`"):
        network.compile("dog:classify")
    module_file = network.store.path(module)
    module_file.write_bytes(b"torn once more")
    with pytest.warns(LegonetWarning, match=f"{module}: the blob is damaged"):
        result = network.transplant()
    assert [each.path for each in result.results] == ["dog:classify"]
    assert any(f"{module}: the blob is damaged" in note and "built again" in note for note in result.notes)
    assert network.lock == lock
    assert {sha: network.store.get(sha) for sha in before} == before


def test_a_lost_store_is_built_again(graph_file: Path) -> None:
    lock = lock_path(graph_file).read_bytes()
    before = stored(graph_file)
    network = legonet.load(graph_file)
    for sha in before:
        network.store.path(sha).unlink()
    network.transplant()
    assert lock_path(graph_file).read_bytes() == lock
    assert stored(graph_file) == before


def test_a_store_that_cannot_be_written(fresh: Path) -> None:
    state = fresh.parents[1] / ".legonet"
    state.mkdir(exist_ok=True)
    (state / "blobs").write_text("in the way")
    with pytest.raises(StoreError, match="the blob cannot be written"):
        legonet.load(fresh).transplant()
    assert not read_lock(lock_path(fresh)).adapters


def test_a_broken_journal_is_set_aside(fresh: Path) -> None:
    journal = fresh.parents[1] / ".legonet" / "journal.sqlite"
    journal.parent.mkdir(exist_ok=True)
    journal.write_text(text := "no database, but long enough to be looked at as one " * 40)
    with pytest.warns(LegonetWarning, match="the journal was damaged"):
        result = legonet.load(fresh).transplant()
    assert len(result.results) == 2
    assert any("the journal was damaged; it was moved to" in note for note in result.notes)
    assert journal.with_name("journal.sqlite.damaged").read_text() == text
    assert len(rows(fresh, "SELECT path FROM jobs")) == 2


def test_a_lock_file_that_contradicts_the_teachers(graph_file: Path) -> None:
    file = lock_path(graph_file)
    lock = read_lock(file)
    file.write_text(file.read_text().replace(lock.teachers["cat-v1"].category_module, "0" * 64))
    with pytest.raises(
        StoreError, match=r"teachers\.cat-v1: its category module is .* the lock file says 0000"
    ):
        legonet.load(graph_file).compile("cat:classify")


def test_progress(network: Network) -> None:
    seen: list[Progress] = []
    network.transplant(progress=seen.append)
    starts = [each for each in seen if each.state == "started"]
    ends = [each for each in seen if each.result is not None]
    assert [(each.path, each.index, each.jobs) for each in starts] == [
        (p, i, 2) for i, p in enumerate(FITTED)
    ]
    assert [each.path for each in ends] == FITTED


def test_memory_that_does_not_suffice(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("legonet.run.execute.fit", fit)
    with pytest.raises(
        DistillError, match="dog:classify: fitting the adapter takes more memory than cpu has"
    ):
        network.transplant()
