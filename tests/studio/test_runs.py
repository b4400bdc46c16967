"""Runs by real children: to their end, stopped, seen again by another studio."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from legonet.graph.lock import lock_path, read_lock
from legonet.run.journal import Journal
from legonet.store.locks import RunLock
from legonet.store.workspace import Workspace
from legonet.studio.studio import Studio
from tests.studio.conftest import client_of

Ended = Callable[[TestClient, str], dict[str, Any]]


def _events(text: str) -> list[tuple[int, dict[str, Any]]]:
    parts = [part.split("\n") for part in text.strip().split("\n\n")]
    return [
        (int(part[0].removeprefix("id: ")), json.loads(part[1].removeprefix("data: ")))
        for part in parts
        if part[0].startswith("id: ")
    ]


def test_a_run_to_its_end(client: TestClient, studio: Studio, zoo: Path, ended: Ended) -> None:
    made = client.post("/api/v1/runs", json={"only": ["dog:classify"]})
    assert made.status_code == 201, made.text
    path = made.headers["location"]
    assert path == f"/api/v1/runs/{made.json()['id']}"
    again = client.post("/api/v1/runs", json={})
    assert again.status_code == 409
    assert "is at work" in again.json()["problems"][0]["text"]
    run = ended(client, path)
    assert run["state"] == "done", run
    assert run["command"] == f"legonet transplant {zoo} --only=dog:classify"
    jobs = {job["path"]: job for job in run["jobs"]}
    assert jobs["dog:classify"]["state"] == "done"
    assert jobs["dog:classify"]["seconds"] > 0
    assert list(read_lock(lock_path(zoo)).adapters) == ["dog:classify"]
    state = client.get("/api/v1/graph").json()
    assert {edge["path"]: edge["state"] for edge in state["edges"]} == {
        "cat:classify": "native",
        "dog:classify": "weak",  # of random weights
        "cow:classify": "planned",
        "dog:sort": "planned",
    }
    # Without its teacher the path is open, and its adapter, fitted as the teacher, is to be removed.
    edits = [
        {"op": "connect", "path": "dog:classify"},
        {"op": "remove", "section": "teachers", "name": "dog-v1"},
    ]
    state = client.post("/api/v1/edits", json={"revision": state["revision"], "edits": edits}).json()
    opened = next(edge for edge in state["edges"] if edge["path"] == "dog:classify")
    assert (opened["connected"], opened["state"]) == (True, "open")
    assert {each["action"] for each in client.get("/api/v1/plan").json()["after"]["edges"]} >= {
        "open",
        "remove",
    }
    client.post("/api/v1/discard", json={"revision": state["revision"]})
    found = _events(client.get(f"{path}/events").text)
    states = [each["state"] for _, each in found[:-1] if each["state"] != "step"]
    assert states == ["started", "done"]
    assert "fitted" in found[-1][1]
    rest = _events(client.get(f"{path}/events", headers={"last-event-id": str(found[0][0])}).text)
    assert rest == found[1:]
    assert client.get(f"{path}/events").text.rstrip().split("\n\n")[-1].startswith("event: end\ndata: ")
    with client_of(Studio(zoo)) as other:  # one that was opened later: the run is there once
        runs = other.get("/api/v1/runs").json()["runs"]
        assert [each["id"] for each in runs] == [run["id"]]
        assert runs[0]["jobs"] == run["jobs"]


@pytest.mark.slow  # the page does it too, in `browser/test_runs.py`
def test_stopped_and_gone_on_with(client: TestClient, studio: Studio, zoo: Path, ended: Ended) -> None:
    """A run that waits for nothing but its start is interrupted; a new one does what was left."""
    path = client.post("/api/v1/runs", json={}).headers["location"]
    time.sleep(1.0)  # Python has begun, so that it hears
    stopped = client.post(f"{path}/stop")
    assert stopped.status_code == 200
    run = ended(client, path)
    assert run["state"] == "stopped", run
    assert {job["state"] for job in run["jobs"]} <= {"waiting", "stopped", "done"}
    path = client.post("/api/v1/runs", json={}).headers["location"]
    assert ended(client, path)["state"] == "done"
    assert set(read_lock(lock_path(zoo)).adapters) == {"dog:classify", "cow:classify", "dog:sort"}


def test_a_killed_child_is_lost(client: TestClient, studio: Studio, ended: Ended) -> None:
    made = client.post("/api/v1/runs", json={})
    child = studio.runs.children.find(made.json()["id"])
    os.kill(child.asked["pid"], signal.SIGKILL)
    run = ended(client, made.headers["location"])
    assert run["state"] == "lost"
    assert "goes on from where it was" in run["message"]


def test_runs_that_were_started_elsewhere(workspace: Path) -> None:
    """The journal has them; one called running was killed, unless the network's lock is held."""
    graph = workspace / "graphs" / "zoo.yaml"
    journal = Journal(workspace / ".legonet" / "journal.sqlite")
    with client_of(Studio(graph)) as client:
        (run,) = client.get("/api/v1/runs").json()["runs"]
        assert (run["id"], run["state"], run["command"]) == ("journal-1", "done", "")
        assert [(job["path"], job["state"]) for job in run["jobs"]] == [
            ("dog:classify", "done"),
            ("cow:classify", "done"),
        ]
        assert "agreement" in run["jobs"][0]["quality"]
        assert client.get("/api/v1/runs/journal-1").json() == run
        assert client.get("/api/v1/runs/journal-2").status_code == 404
        journal.begin("zoo")
        assert client.get("/api/v1/runs/journal-2").json()["state"] == "lost"
        with RunLock(Workspace(workspace).run_lock("zoo")):
            assert client.get("/api/v1/runs/journal-2").json()["state"] == "running"
            refused = client.post("/api/v1/runs", json={})
            assert refused.status_code == 409
            assert "another run is at work" in refused.json()["problems"][0]["text"]
        journal.close()
