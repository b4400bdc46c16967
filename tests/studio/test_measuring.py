"""Figures of what is built: measured once, on images that were chosen, as long as the paths stay the same."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

import legonet
from legonet.graph.lock import lock_path
from legonet.studio import children, measuring
from legonet.studio.studio import Studio
from tests.studio.conftest import client_of


@pytest.fixture(scope="module")
def fitted(unbuilt: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that is fitted, with four labelled images of two categories."""
    root = Path(shutil.copytree(unbuilt, tmp_path_factory.mktemp("fitted") / "zoo"))
    legonet.load(root / "graphs" / "zoo.yaml").transplant()
    for name in ("cat", "dog"):
        (root / "images" / name).mkdir(parents=True)
        for number in range(2):
            colour = (40 + 90 * number, 20, 200)
            Image.new("RGB", (8, 8), colour).save(root / "images" / name / f"{number}.png")
    return root


@pytest.fixture
def zoo(fitted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fitted, tmp_path / "zoo")) / "graphs" / "zoo.yaml"


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Children that do nothing; the commands that they were told."""
    told: list[list[str]] = []
    started = children._started

    def nothing(command: Any, folder: Path) -> subprocess.Popen[bytes]:
        told.append([str(each) for each in command[4:]])
        return started([sys.executable, "-S", "-c", ""], folder)

    monkeypatch.setattr(children, "_started", nothing)
    return told


def measured(client: TestClient) -> dict[str, Any]:
    """What is said when nothing is being measured any more."""
    for _ in range(400):
        now = client.get("/api/v1/graph").json()["measuring"]
        if not now["running"]:
            return now
        time.sleep(0.3)  # each look takes the child's time
    raise AssertionError(now)


def edges(client: TestClient) -> dict[str, dict[str, Any]]:
    return {each["path"]: each for each in client.get("/api/v1/graph").json()["edges"]}


def test_figures_come_from_images_that_were_chosen_and_go_with_what_they_are_of(zoo: Path) -> None:
    with client_of(Studio(zoo)) as client:
        assert not client.get("/api/v1/graph").json()["measuring"]["running"]  # nobody said on what
        assert edges(client)["dog:classify"]["error"] is None
        asked = {"data": "images", "paths": ["dog:classify"]}
        assert client.post("/api/v1/measures", json=asked).status_code == 201
        again = client.post("/api/v1/measures", json=asked)
        assert again.status_code == 409

        now = measured(client)
        assert (now["data"], now["message"]) == ("images", "")
        found = edges(client)
    paths = ["dog:classify", "cat:classify"]
    said = {row.path: row for row in legonet.load(zoo).evaluate(zoo.parents[1] / "images", paths).rows}
    for path in paths:  # the second by itself, since the images are known now
        assert found[path]["measure"] == "error"
        assert found[path]["error"] == said[path].transplanted
        assert found[path]["teacher_error"] == said[path].teacher
    assert found["dog:sort"]["error"] is None  # whose labels no folder has
    with client_of(Studio(zoo)) as client:  # another studio knows them too
        assert edges(client)["dog:classify"]["error"] == said["dog:classify"].transplanted
    lock = json.loads(lock_path(zoo).read_text())
    lock["adapters"]["dog:classify"]["adapter"] = lock["adapters"]["cow:classify"]["adapter"]
    lock_path(zoo).write_text(json.dumps(lock))
    with client_of(Studio(zoo, read_only=True)) as client:
        assert edges(client)["dog:classify"]["error"] is None
        assert edges(client)["cat:classify"]["error"] == said["cat:classify"].transplanted


def test_what_could_not_be_measured_is_not_tried_again_by_itself(zoo: Path, idle: list[list[str]]) -> None:
    with client_of(Studio(zoo)) as client:
        assert client.post("/api/v1/measures", json={"data": "images"}).status_code == 201
        assert [each for each in idle[0] if each.startswith("--path=")] == [
            "--path=cat:classify",
            "--path=dog:classify",
        ]
        assert "without saying why" in measured(client)["message"]
        assert len(idle) == 1


def test_no_folder_outside_and_no_images_are_refused(zoo: Path, idle: list[list[str]]) -> None:
    (zoo.parents[1] / "empty").mkdir()
    with client_of(Studio(zoo)) as client:
        for data in ("../..", "/etc", "missing", "empty"):
            assert client.post("/api/v1/measures", json={"data": data}).status_code == 422
    with client_of(Studio(zoo, read_only=True)) as client:
        assert client.post("/api/v1/measures", json={"data": "images"}).status_code == 403
    assert idle == []


def test_animals_are_measured_by_themselves_if_they_are_those_that_come_with_legonet(
    zoo: Path, idle: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring.metadata, "distribution", lambda _: None)
    studio = Studio(zoo)
    studio.state()
    assert idle == []  # another network's cats are not these
    cat = studio.understood(studio.draft.now().loaded.graph).project.sources["cat-v1"].weights_hash()
    monkeypatch.setattr(measuring, "_shipped", lambda: {cat: "cat"})
    Studio(zoo, read_only=True).state()
    assert idle == []
    assert studio.state().measuring.data == "animals"
    assert [each for each in idle[0] if each.startswith(("--data", "--path"))] == [
        "--data=animals",
        "--path=cat:classify",
    ]
