"""Entries of a lock file are what they claim to be, or are built again; nothing of another kind is used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import legonet
from legonet.errors import LegonetError, LegonetWarning, StoreError
from legonet.graph.lock import dump_lock, lock_path, read_lock
from legonet.ir.modules import load_module
from legonet.store.modules import ModuleBlob, dump_module, parse_module

CAT, DOG, COW = "cat:classify", "dog:classify", "cow:classify"
Edit = Callable[..., None]


@pytest.fixture
def edit(graph_file: Path) -> Edit:
    """Edits an entry of the lock file as a person might; a clone has no journal."""

    def edit(section: str, name: str, **changes: Any) -> None:
        file = lock_path(graph_file)
        data = json.loads(file.read_text())
        data[section][name] |= changes
        file.write_text(json.dumps(data))
        (graph_file.parents[1] / ".legonet" / "journal.sqlite").unlink(missing_ok=True)

    return edit


def actions(graph: Path) -> dict[str, str]:
    return {edge.path: edge.action for edge in legonet.load(graph).plan()}


def test_an_adapter_of_another_path_is_built_again(graph_file: Path, edit: Edit) -> None:
    before = lock_path(graph_file).read_bytes()
    edit("adapters", DOG, adapter=read_lock(lock_path(graph_file)).adapters[COW].adapter)
    assert actions(graph_file) == {CAT: "native", DOG: "refit", COW: "refit"}  # which of the two is not known
    plan = legonet.load(graph_file).plan()
    assert "or of its adapter" in plan.by_path[DOG].reason
    with pytest.raises(LegonetError, match=DOG):
        legonet.load(graph_file).compile(DOG)
    assert len(legonet.load(graph_file).transplant().results) == 2
    assert lock_path(graph_file).read_bytes() == before
    assert legonet.load(graph_file).transplant().results == ()


def test_where_the_journal_knows_them_nothing_is_fitted_again(graph_file: Path) -> None:
    network, file = legonet.load(graph_file), lock_path(graph_file)
    lock = read_lock(file)
    swapped = lock.adapters[DOG].model_copy(update={"adapter": lock.adapters[COW].adapter})
    changed = lock.model_copy(update={"adapters": {**lock.adapters, DOG: swapped}})
    file.write_text(dump_lock(changed))
    result = legonet.load(graph_file).transplant()
    assert (result.results, result.reused) == ((), (DOG,))
    assert read_lock(file) == lock
    assert network.lock == lock


@pytest.mark.parametrize("section", ["categories", "tasks"])
def test_a_module_of_another_kind_is_no_adapter(graph_file: Path, edit: Edit, section: str) -> None:
    lock = read_lock(lock_path(graph_file))
    name = {"categories": "cat", "tasks": "classify"}[section]
    edit("adapters", DOG, adapter=getattr(lock, section)[name].module)
    assert actions(graph_file)[DOG] == "refit"
    assert [each.path for each in legonet.load(graph_file).transplant().results] == [DOG]


def test_an_adapter_is_no_other_module(graph_file: Path) -> None:
    network = legonet.load(graph_file)
    blob = network.store.get(network.lock.adapters[DOG].adapter)
    with pytest.raises(StoreError, match="is a adapter; expected a task-module"):
        load_module(blob, kind="task-module")


@pytest.mark.parametrize(("channels", "what"), [((5, 4), "adapter"), ((4, 5), "task module")])
def test_an_adapter_between_other_modules_is_refused(
    graph_file: Path, edit: Edit, channels: tuple[int, int], what: str
) -> None:
    from legonet.blocks.adapter import build_adapter
    from legonet.graph.schema import Adapter
    from legonet.ir.modules import write_module

    network = legonet.load(graph_file)
    taken, given = ((each, 4, 4) for each in channels)
    other = network.store.put(write_module("adapter", build_adapter(Adapter(), taken, given)))
    edit("adapters", DOG, adapter=other)
    with pytest.raises(StoreError, match=rf"adapters\.{DOG}: .* does not fit the path: {what}"):
        legonet.load(graph_file).compile(DOG)


def test_what_is_cut_short_is_noticed_without_verify(graph_file: Path) -> None:
    network, lock = legonet.load(graph_file), read_lock(lock_path(graph_file))
    for sha in (lock.adapters[DOG].adapter, lock.tasks["classify"].module, lock.categories["cat"].module):
        file = network.store.path(sha)
        whole = file.read_bytes()
        for data in (whole[:-1], whole[:20], b"", whole + b"x", b"\xff" * 8 + whole[8:]):
            file.write_bytes(data)
            assert not network.store.looks_whole(sha)
        file.write_bytes(whole[:-1])
    (graph_file.parents[1] / ".legonet" / "journal.sqlite").unlink(missing_ok=True)
    assert actions(graph_file)[DOG] == "refit"
    with pytest.warns(LegonetWarning, match="the blob is damaged"):
        fitted = legonet.load(graph_file).transplant()
    assert [each.path for each in fitted.results] == [DOG]
    assert all(network.store.looks_whole(each.module) for each in lock.tasks.values())
    assert legonet.load(graph_file).verify() == ()


def test_what_a_blob_says_of_itself_is_bounded(tmp_path: Path) -> None:
    from legonet.store.blobs import Store

    store = Store(tmp_path)
    blob = dump_module("adapter", {})
    assert parse_module(blob) == ModuleBlob("adapter", {}, {})
    sha = store.put(blob)
    assert store.looks_whole(sha, "adapter")
    assert not store.looks_whole(sha, "task-module")
    assert not store.looks_whole("0" * 64)
    for header in (b"[" * 10_000, b'{"a":{"data_offsets":[0,[]]}}', b"[]", b'{"__metadata__":7}'):
        other = store.put(len(header).to_bytes(8, "little") + header)
        assert not store.looks_whole(other)
