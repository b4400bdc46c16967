from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from legonet.errors import StoreError
from legonet.run import owner
from legonet.run.owner import RunLock

pytestmark = pytest.mark.skipif(owner.fcntl is None, reason="needs locks of files")


def test_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs" / "zoo.lock"
    with RunLock(path):
        monkeypatch.setattr(owner.time, "time", lambda: 0.0)  # a clock that went backwards
        message = rf"another run is at work .*: process {os.getpid()} on .*, since 0 s; .* --wait"
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
    with pytest.raises(StoreError, match="the run cannot be locked"), RunLock(tmp_path / "runs" / "zoo.lock"):
        pass
