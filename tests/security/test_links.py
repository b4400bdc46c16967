"""Whatever lies in a workspace, nothing outside of it is written or deleted."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import legonet
from legonet.cli import main
from legonet.errors import LegonetError
from legonet.graph.lock import lock_path
from legonet.store.blobs import sha256
from legonet.store.workspace import Workspace, init_workspace

Untouched = Callable[[], bool]


def link(place: Path, target: Path) -> None:
    """Put a link in the place of whatever is there."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


@pytest.mark.parametrize("place", [".legonet", ".legonet/blobs", ".legonet/checkpoints", ".legonet/runs"])
def test_gc_follows_no_link(place: str, workspace: Path, beside: Path, untouched: Untouched) -> None:
    link(workspace / place, beside)
    assert main(["gc", str(workspace / "graphs" / "zoo.yaml"), "--delete", "--age", "0"]) == 1
    assert untouched()


def test_gc_deletes_only_what_a_save_makes(workspace: Path, beside: Path, untouched: Untouched) -> None:
    notes, teachers = workspace / "notes.txt", workspace / "graphs" / "teachers"
    notes.write_text("the user's")
    link(teachers / "linked.safetensors", beside / "notes.txt")
    link(workspace / "graphs" / "folder", beside)
    record = workspace / ".legonet" / "unfinished" / "a.json"
    named = [
        str(beside / "notes.txt"),
        "../beside/notes.txt",
        "graphs/teachers/../../../beside/notes.txt",
        "graphs/teachers/linked.safetensors",
        "graphs/folder/notes.txt",
        "notes.txt",
        "graphs/zoo.yaml",
        "graphs/zoo.lock.json",
        7,
    ]
    for graph in ("graphs/zoo.yaml", "../beside/zoo.yaml", str(beside / "zoo.yaml")):
        record.parent.mkdir(exist_ok=True)
        record.write_text(json.dumps({"graph": graph, "files": named[:-1]}))
        assert main(["gc", str(workspace / "graphs" / "zoo.yaml"), "--delete", "--age", "0"]) == 0
    for text in (json.dumps({"graph": "graphs/zoo.yaml", "files": named}), "[" * 100_000):
        record.parent.mkdir(exist_ok=True)
        record.write_text(text)
        assert main(["gc", str(workspace / "graphs" / "zoo.yaml"), "--delete", "--age", "0"]) == 0
    assert untouched()
    assert notes.exists()
    assert legonet.load(workspace / "graphs" / "zoo.yaml").transplant().results == ()


@pytest.mark.parametrize(
    "place",
    [
        ".legonet",
        ".legonet/blobs",
        ".legonet/runs",
        ".legonet/runs/zoo.lock",
        ".legonet/writer.lock",
        ".legonet/journal.sqlite",
        "graphs/zoo.lock.json",
    ],
)
@pytest.mark.parametrize("target", ["notes.txt", "deep", "new"])
def test_a_run_follows_no_link(
    place: str,
    target: str,
    workspace: Path,
    beside: Path,
    untouched: Untouched,
    capsys: pytest.CaptureFixture[str],
) -> None:
    graph = workspace / "graphs" / "zoo.yaml"
    lock_path(graph).unlink()  # so that there is something to do
    link(workspace / place, beside / target)
    assert main(["transplant", str(graph)]) == 1
    assert "a link" in capsys.readouterr().err
    assert untouched()


@pytest.mark.parametrize("place", ["tmp", "folder"])
def test_blobs_are_not_written_through_links(
    place: str, workspace: Path, beside: Path, untouched: Untouched
) -> None:
    store = Workspace(workspace).store
    data = b"some bytes"
    link(store.folder / (sha256(data)[:2] if place == "folder" else place), beside)
    with pytest.raises(LegonetError, match="a link"):
        store.put(data)
    assert untouched()


def test_a_damaged_blob_is_not_moved_through_a_link(
    workspace: Path, beside: Path, untouched: Untouched
) -> None:
    store = Workspace(workspace).store
    sha = store.put(b"some bytes")
    store.path(sha).write_bytes(b"other bytes")
    link(store.folder / "damaged", beside)
    with pytest.raises(LegonetError, match="a link"):
        store.get(sha)
    assert untouched()


@pytest.mark.parametrize("place", ["graphs/teachers", "blocks", ".legonet", "graphs/zoo.yaml"])
def test_saving_follows_no_link(
    place: str, network: legonet.Network, tmp_path: Path, beside: Path, untouched: Untouched
) -> None:
    root = tmp_path / "zoo"
    (root / "graphs").mkdir(parents=True)
    (root / "blocks").mkdir()
    link(root / place, beside / "new.yaml" if place.endswith(".yaml") else beside)
    with pytest.raises(LegonetError, match="a link"):
        network.save(root / "graphs" / "zoo.yaml")
    assert untouched()


def test_statistics_are_not_written_through_a_link(
    workspace: Path, beside: Path, untouched: Untouched
) -> None:
    network = legonet.load(workspace / "graphs" / "zoo.yaml")
    link(workspace / "graphs" / "teachers" / "cat-v1.statistics.safetensors", beside / "notes.txt")
    with pytest.raises(LegonetError, match="a link"):
        network.record("cat-v1", lambda _: torch.rand(4, 3, 8, 8))
    assert untouched()


@pytest.mark.parametrize("command", ["render", "plan"])
def test_results_are_not_written_through_links(
    command: str, workspace: Path, beside: Path, untouched: Untouched
) -> None:
    graph, result = workspace / "graphs" / "zoo.yaml", workspace / "graphs" / "zoo.svg"
    link(result, beside / "notes.txt")
    assert main([command, str(graph), "-o", str(result)]) == 1
    assert untouched()


@pytest.mark.parametrize("name", ["app", "app.pt2"])
def test_exports_are_not_written_through_links(
    name: str, workspace: Path, tmp_path: Path, beside: Path, untouched: Untouched
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    link(workspace / name, empty if name == "app" else beside / "notes.txt")
    graph = str(workspace / "graphs" / "zoo.yaml")
    assert main(["compile", graph, "cat:classify", "-o", str(workspace / name)]) == 1
    assert untouched()
    assert not list(empty.iterdir())


@pytest.mark.parametrize("place", ["rejected", "a.reason.txt"])
def test_an_inbox_keeps_to_itself(place: str, workspace: Path, beside: Path, untouched: Untouched) -> None:
    inbox = workspace / "inbox"
    link(inbox / place, beside if place == "rejected" else beside / "notes.txt")
    for suffix in (".yaml", ".safetensors"):
        (inbox / f"a{suffix}").write_text("{}")
        os.utime(inbox / f"a{suffix}", (1, 1))
    assert main(["watch", str(inbox), str(workspace / "graphs" / "zoo.yaml"), "--once"]) == 0
    assert untouched()


def test_a_new_workspace_follows_no_link(tmp_path: Path, beside: Path, untouched: Untouched) -> None:
    for place in ("blocks", "graphs", ".legonet"):
        root = tmp_path / place.strip(".")
        link(root / place, beside)
        with pytest.raises(LegonetError, match="a link"):
            init_workspace(root, example=False) if place == "graphs" else init_workspace(root)
    assert untouched()


def test_workspaces_below_links_of_the_user_s_own(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "home").symlink_to(workspace)
    graph = tmp_path / "home" / "graphs" / "zoo.yaml"
    lock_path(graph).unlink()
    assert legonet.load(graph).transplant().reused
    assert Workspace.find(graph).own(graph.resolve()) == graph.resolve()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
@pytest.mark.parametrize("place", [".legonet/runs/zoo.lock", ".legonet/writer.lock"])
def test_state_that_is_no_file_keeps_nobody_waiting(
    place: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = workspace / "graphs" / "zoo.yaml"
    lock_path(graph).unlink()
    (workspace / place).unlink(missing_ok=True)
    os.mkfifo(workspace / place)
    assert main(["transplant", str(graph)]) == 1
    assert "it is not a file of its own" in capsys.readouterr().err


def test_a_hard_link_is_not_emptied(workspace: Path, beside: Path, untouched: Untouched) -> None:
    graph = workspace / "graphs" / "zoo.yaml"
    lock_path(graph).unlink()
    run_lock = workspace / ".legonet" / "runs" / "zoo.lock"
    run_lock.unlink(missing_ok=True)
    run_lock.hardlink_to(beside / "notes.txt")
    assert main(["transplant", str(graph)]) == 1
    assert untouched()
