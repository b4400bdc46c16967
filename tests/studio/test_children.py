"""Children: locked while they live, tidied away when they are old."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from legonet.store.workspace import Workspace
from legonet.studio import children
from legonet.studio.children import Child, Children


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Children:
    """Children that wait until a file `go` is in their folder."""
    started = children._started

    def waiting(command: Any, folder: Path) -> subprocess.Popen[bytes]:
        code = "import os, sys, time\nopen(sys.argv[1] + '.begun', 'x')\n"
        code += "while not os.path.exists(sys.argv[1]): time.sleep(0.01)\nsys.exit(7)"
        return started([sys.executable, "-S", "-c", code, str(folder / "go")], folder)

    monkeypatch.setattr(children, "_started", waiting)
    return Children(Workspace(tmp_path), "runs", kept=2)


def _end(child: Child) -> None:
    (child.folder / "go").touch()
    while child.alive() or child.status is None:
        time.sleep(0.01)


def test_a_child_is_alive_as_long_as_it_lives(made: Children, tmp_path: Path) -> None:
    child = made.start(["transplant", "--output={folder}/x"], ["transplant", "a b"], graph="zoo")
    again = Children(Workspace(tmp_path), "runs", kept=2).find(child.id)
    assert (again.alive(), again.finished, again.status) == (True, None, None)
    assert again.command == "legonet transplant 'a b'"
    _end(child)
    assert (again.alive(), again.status, again.stopped) == (False, 7, False)
    assert again.finished is not None
    assert again.finished >= again.started - 1


def test_old_children_go_unless_they_are_at_work(made: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    stamps = iter(range(100))
    monkeypatch.setattr(children.time, "strftime", lambda _: f"20260101-0000{next(stamps):02}-")
    working = made.start([], [], graph="zoo")
    for _ in range(3):
        _end(made.start([], [], graph="zoo"))
    last = made.start([], [], graph="zoo")
    assert sorted(each.name[:15] for each in made.folder().iterdir()) == [
        "20260101-000000",  # at work
        "20260101-000003",
        "20260101-000004",
    ]
    assert [each.id[:15] for each in made.all()] == ["20260101-000004", "20260101-000003"]
    for each in (working, last):
        _end(each)


@pytest.mark.parametrize("ignored", [False, True])
def test_only_the_living_are_stopped(made: Children, ignored: bool) -> None:
    # A job of a shell's background ignores interrupts, and so do its children.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if ignored else None
    child = made.start([], [], graph="zoo")
    if ignored:
        signal.signal(signal.SIGINT, before)
    while not (child.folder / "go.begun").exists():
        time.sleep(0.01)
    child.stop()
    while child.alive() or child.status is None:
        time.sleep(0.01)
    assert child.stopped
    assert child.status != 7
    other = made.start([], [], graph="zoo")
    _end(other)
    other.stop()
    assert not other.stopped
