"""Killed anywhere, `legonet teacher add` leaves the graph file whole; the next one ends as ever."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest
import torch

from legonet.cli import main
from legonet.graph.load import load_graph
from legonet.store.blobs import Store
from tests.cli.test_teacher_add import CODE, Net, arguments, files
from tests.cli.test_teacher_add import graph as graph
from tests.run.faults import Counter, copy, ended

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def add(graph: Path, counter: Counter) -> int:
    """In a child, which tells how often it wrote; how it ended, negative for a signal, or that number."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            torch.set_num_threads(1)  # those of the parent are not there after a fork
            counter()
            status = main([*arguments(graph), "--allow-code", CODE])
            os.write(writer, str(counter.count).encode())
        finally:
            os._exit(status)
    os.close(writer)
    status = ended(child)
    with os.fdopen(reader) as pipe:
        return int(pipe.read()) if status == 0 else -abs(status)


def kept(graph: Path) -> dict[str, bytes]:
    """All files but those whose names say that a kill left them, locks, and the lock file, which follows."""
    root = graph.parents[1]
    names = {str(file.relative_to(root)): data for file, data in files(root).items()}
    left = (".tmp", ".lock.json", ".lock")
    return {
        name: data for name, data in names.items() if not name.endswith(left) and "unfinished" not in name
    }


def expect_room_for_another(graph: Path, whole: Path) -> None:
    """A teacher of the same name with other weights is no problem; what is left over can be freed."""
    torch.manual_seed(1)
    torch.save(Net().state_dict(), "other.pt")
    assert main([*arguments(graph, weights="other.pt"), "--allow-code", CODE]) == 0
    assert main(["gc", str(graph), "--age", "0", "--delete"]) == 0
    assert {*names(graph)} <= {*names(whole)}
    load_graph(graph)
    assert main(["plan", str(graph)]) == 0


def names(graph: Path) -> list[Path]:
    root = graph.parents[1]
    return [file.relative_to(root) for file in files(root)]


def kill_at(places: range, graph: Path, folder: Path) -> None:
    origin = copy(graph, folder / "origin")
    assert main([*arguments(copy(origin, folder / "warm")), "--allow-code", CODE]) == 0  # torch has begun
    whole = copy(origin, folder / "whole")
    number = add(whole, Counter(whole.parents[1], None))
    before, after = graph.read_bytes(), whole.read_bytes()
    assert before != after
    assert number >= 15  # record, weights, block, graph and lock file are opened, synced and renamed
    for place in places[:number]:
        killed = copy(origin, folder / "killed")
        assert add(killed, Counter(killed.parents[1], place, random.Random(place))) == -signal.SIGKILL
        assert killed.read_bytes() in (before, after), place
        load_graph(killed)
        store = Store(killed.parents[1] / ".legonet" / "blobs")
        assert all(store.get(file.name) for file in store.folder.rglob("*") if len(file.name) == 64)
        if killed.read_bytes() == before:
            expect_room_for_another(copy(killed, folder / "other"), whole)
            assert add(killed, Counter(killed.parents[1], None)) > 0, place
        assert kept(killed) == kept(whole), place
        assert main(["plan", str(killed)]) == 0, place


def test_killed_at_some_writes(graph: Path, tmp_path: Path) -> None:
    kill_at(range(2, 26, 5), graph, tmp_path)


@pytest.mark.slow
def test_killed_at_every_write(graph: Path, tmp_path: Path) -> None:
    kill_at(range(1, 60), graph, tmp_path)
