from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from legonet.errors import LegonetError
from legonet.graph.lock import Lock, LockedAdapter, LockedTeacher, write_lock
from legonet.store.gc import delete_orphans, find_orphans
from legonet.store.unfinished import Unfinished
from legonet.store.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two lock files name three blobs of six."""
    workspace = Workspace(tmp_path)
    put = workspace.store.put
    teacher = LockedTeacher(source="0" * 64, category_module=put(b"f"), task_module=put(b"g"))
    adapter = LockedAdapter(key="1" * 64, inputs={}, adapter=put(b"adapter"), method="auto", seed=0)
    (tmp_path / "graphs").mkdir()
    write_lock(tmp_path / "graphs" / "one.lock.json", Lock(teachers={"cat-v1": teacher}))
    write_lock(tmp_path / "other.lock.json", Lock(adapters={"cat:classify": adapter}))
    put(b"an orphan")
    put(b"another")
    (workspace.store.folder / "tmp").mkdir(exist_ok=True)
    (workspace.store.folder / "tmp" / "left.tmp").write_bytes(b"torn")
    old = time.time() - 10_000
    for file in workspace.store.folder.rglob("*"):
        if file.is_file():
            os.utime(file, (old, old))
    put(b"just now")
    return workspace


def test_what_no_lock_file_names(workspace: Workspace) -> None:
    orphans = find_orphans(workspace)
    assert sorted(file.read_bytes() for file in orphans.files) == [b"an orphan", b"another", b"torn"]
    assert (orphans.bytes, orphans.kept, orphans.young) == (20, 3, 1)


def test_they_are_deleted_when_asked(workspace: Workspace) -> None:
    delete_orphans(workspace)
    left = {file.read_bytes() for file in workspace.store.folder.rglob("*") if file.is_file()}
    assert left == {b"f", b"g", b"adapter", b"just now"}
    assert find_orphans(workspace).files == ()
    assert workspace.store.put(b"an orphan")


def test_a_broken_lock_file_frees_nothing(workspace: Workspace) -> None:
    (workspace.root / "graphs" / "one.lock.json").write_text("{")
    with pytest.raises(LegonetError, match=r"one\.lock\.json"):
        find_orphans(workspace)


def test_what_killed_commands_left(workspace: Workspace) -> None:
    graph, teachers = workspace.root / "graphs" / "zoo.yaml", workspace.root / "graphs" / "teachers"
    named, left = teachers / "cat.safetensors", teachers / "dog.safetensors"
    torn = teachers / f".dog.safetensors-{'0a' * 8}.tmp"
    block, own = workspace.root / "blocks" / "dog.yaml", teachers / ".notes.tmp"
    for file in (named, left, torn, block, own):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"bytes")
    graph.write_text(
        "legonet: 1\nname: zoo\ninput: {shape: [3, 8, 8]}\ncategories: {cat: {}}\n"
        "tasks: {classify: {output: {kind: vector, names: [a]}}}\nteachers:\n"
        "  cat: {category: cat, task: classify, model: net, weights: teachers/cat.safetensors, cut: a}\n"
    )
    Unfinished(workspace, graph).begin([named, left, block])
    assert Unfinished(workspace, graph).left() == {left, block}
    assert not {left, block, torn} & {*find_orphans(workspace).files}  # a command may be at work
    delete_orphans(workspace, 0)
    assert not any(file.exists() for file in (left, torn, block))
    assert named.exists()
    assert own.exists()
    delete_orphans(workspace, 0)
    assert not workspace.state("unfinished").exists()


def test_no_store_yet(tmp_path: Path) -> None:
    assert find_orphans(Workspace(tmp_path)).files == ()
