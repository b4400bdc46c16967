from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from legonet.errors import StoreError
from legonet.store import locks
from legonet.store.locks import RunLock

pytestmark = pytest.mark.skipif(locks.fcntl is None, reason="needs locks of files")


def test_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs" / "zoo.lock"
    with RunLock(path):
        monkeypatch.setattr(locks.time, "time", lambda: 0.0)  # a clock that went backwards
        message = rf"another run is at work .*: process {os.getpid()} on .*, for 0 s, since .*; .*--wait"
        with pytest.raises(StoreError, match=message), RunLock(path):
            pass
    with RunLock(path):
        pass


def test_waiting(tmp_path: Path) -> None:
    path, seen = tmp_path / "zoo.lock", []

    def second() -> None:
        with RunLock(path, wait=True):
            seen.append("second")

    with RunLock(path):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.3)
        seen.append("first")
    thread.join(10)
    assert seen == ["first", "second"]


def test_who_is_waited_for_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, told = tmp_path / "zoo.lock", []
    naps = iter(range(5))

    def nap(_: float) -> None:
        if next(naps, None) is None:
            raise KeyboardInterrupt

    open_files = len(list(Path("/dev/fd").iterdir()))
    with RunLock(path):
        monkeypatch.setattr(locks.time, "sleep", nap)
        with pytest.raises(KeyboardInterrupt), RunLock(path, wait=True, told=told.append):
            pass
    (message,) = told
    assert f"process {os.getpid()} on" in message
    assert message.endswith("; waiting for its end")
    assert len(list(Path("/dev/fd").iterdir())) == open_files
    with RunLock(path):  # what was interrupted holds nothing
        pass


def test_a_short_wait_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, told = tmp_path / "zoo.lock", []
    first = RunLock(path)
    first.__enter__()
    monkeypatch.setattr(locks.time, "sleep", lambda _: first.__exit__(None, None, None))
    with RunLock(path, wait=True, told=told.append):
        pass
    assert not told


def test_a_dead_owner_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "zoo.lock"
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with RunLock(path):
            os.write(writer, b"taken")
            time.sleep(60)
        os._exit(0)
    os.read(reader, 5)
    with pytest.raises(StoreError, match=f"process {child} on"), RunLock(path):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with RunLock(path):
        pass


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be locked"), RunLock(tmp_path / "runs" / "zoo.lock"):
        pass
