"""Streams of events end when the studio closes, and there are not too many of them."""

from __future__ import annotations

import fcntl
import json
import threading
import time
from io import BufferedWriter
from pathlib import Path

from starlette.testclient import TestClient

from legonet.studio.routes import runs
from legonet.studio.studio import Studio


def _at_work(studio: Studio) -> tuple[str, BufferedWriter]:
    """A run that never ends: this process holds its lock."""
    id_ = "20260101-000000-00000000"
    folder: Path = studio.workspace.state("studio", "runs", id_)
    folder.mkdir(parents=True)
    mark = studio.workspace.found_out(f"studio/runs/{id_}")
    assert mark is not None
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    (folder / "asked.json").write_text(json.dumps({"graph": "zoo", "paths": ["a:b"], "pid": 0}))
    (folder / "output").write_text('{"path": "a:b", "state": "started", "time": 1.0}\n')
    file = (folder / "alive").open("xb")
    fcntl.flock(file, fcntl.LOCK_EX)
    return folder.name, file


def test_a_stream_ends_with_its_studio(client: TestClient, studio: Studio) -> None:
    name, held = _at_work(studio)
    said: list[str] = []

    def listen() -> None:
        said.append(client.get(f"/api/v1/runs/{name}/events").text)

    listener = threading.Thread(target=listen)
    listener.start()
    end = time.monotonic() + 30
    while not studio.streams and time.monotonic() < end:
        time.sleep(0.01)
    assert client.get(f"/api/v1/runs/{name}").json()["state"] == "running"
    studio.close()
    listener.join(timeout=30)
    assert said == ['id: 1\ndata: {"path": "a:b", "state": "started", "time": 1.0}\n\n']
    assert studio.streams == 0
    held.close()


def test_streams_are_counted(client: TestClient, studio: Studio) -> None:
    name, held = _at_work(studio)
    studio.streams = runs.STREAMS
    assert client.get(f"/api/v1/runs/{name}/events").status_code == 429
    wrong = client.get(f"/api/v1/runs/{name}/events", headers={"last-event-id": "-1"})
    assert wrong.status_code == 422
    held.close()
