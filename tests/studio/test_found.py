"""Weights that lie beside the graph file are offered, and become teachers by an edit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from legonet.studio import found
from legonet.studio.studio import Studio
from tests.studio.conftest import client_of

if TYPE_CHECKING:
    from torch import nn

TAKEN = "teachers/cat-v1.safetensors"


@pytest.fixture
def free(zoo: Path, make_model: Callable[..., nn.Sequential]) -> Path:
    """Weights of no teacher, of the shapes of those of `classify`."""
    from safetensors.torch import save_file

    file = zoo.parent / "teachers" / "emu-classify.safetensors"
    save_file(make_model(11).state_dict(), file)
    return file


def _found(client: TestClient) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/weights")
    assert answer.status_code == 200, answer.text
    return answer.json()["weights"]


def test_only_what_no_teacher_uses_is_offered(client: TestClient) -> None:
    assert _found(client) == []


def test_it_is_offered_seen_and_brought_by_an_edit(client: TestClient, zoo: Path, free: Path) -> None:
    beside = free.with_name("emu-classify.statistics.safetensors")
    shutil.copy(free, beside)
    name = f"teachers/{free.name}"
    offered = {
        "file": name,
        "bytes": free.stat().st_size,
        "tensors": 8,
        "statistics": f"teachers/{beside.name}",
        "like": {"classify": "cat-v1"},  # the vector's teachers have another last layer
    }
    assert _found(client) == [offered]
    like = client.get("/api/v1/graph").json()["graph"]["teachers"]["cat-v1"]
    seen = client.post("/api/v1/inspect", json={"model": like["model"], "weights": name})
    assert seen.status_code == 200, seen.text
    assert like["cut"] in {each["module"] for each in seen.json()["cuts"]}
    entry = {
        "category": "emu",
        "task": "classify",
        "model": like["model"],
        "weights": name,
        "cut": like["cut"],
    }
    edit = {"op": "add", "section": "teachers", "name": "emu-v1", "entry": entry}
    text = zoo.read_text()
    brought = client.post("/api/v1/edits", json={"revision": 0, "edits": [edit]}).json()
    assert {each["path"]: each["state"] for each in brought["edges"]}["emu:classify"] == "planned"
    assert (brought["dirty"], zoo.read_text()) == (True, text)
    assert _found(client) == []
    client.post("/api/v1/undo", json={"revision": brought["revision"]})
    assert _found(client) == [offered]


def test_weights_of_another_model_are_named_by_their_place_here(
    client: TestClient, zoo: Path, free: Path
) -> None:
    refused = client.post("/api/v1/inspect", json={"model": "vgg-slim", "weights": f"teachers/{free.name}"})
    assert refused.status_code == 422
    assert f"teachers/{free.name}" in refused.text
    assert str(zoo.parents[1]) not in refused.text


@pytest.mark.parametrize(
    "name", [TAKEN, "../../evil.safetensors", "/etc/passwd", "teachers/../zoo.yaml", "zoo.yaml", "teachers"]
)
def test_nothing_else_is_read(client: TestClient, free: Path, name: str) -> None:
    refused = client.post("/api/v1/inspect", json={"model": "vgg-slim", "weights": name})
    assert refused.status_code == 404


def test_one_file_is_asked_for(client: TestClient, free: Path) -> None:
    asked = {"model": "vgg-slim", "weights": f"teachers/{free.name}", "upload": "0" * 64}
    assert client.post("/api/v1/inspect", json=asked).status_code == 422


def test_links_hidden_and_deep_files_and_others_are_left_alone(
    client: TestClient, zoo: Path, free: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.copy(free, outside / "theirs.safetensors")
    here = zoo.parent
    (here / "link.safetensors").symlink_to(outside / "theirs.safetensors")
    (here / "folder").symlink_to(outside)
    (here / "loop.safetensors").symlink_to("loop.safetensors")
    for place in (".hidden", "a/b/c"):
        (here / place).mkdir(parents=True)
        shutil.copy(free, here / place / "x.safetensors")
    shutil.copy(free, here / ".x.safetensors")
    (here / "folder.safetensors").mkdir()
    os.mkfifo(here / "pipe.safetensors")
    (here / "torn.safetensors").write_bytes(free.read_bytes()[:-1])
    (here / "empty.safetensors").write_bytes(b"")
    (here / "huge.safetensors").write_bytes(b"\xff" * 64)
    shutil.copy(free, here / "tab\t.safetensors")
    shutil.copy(free, here / os.fsdecode(b"\xff.safetensors"))
    assert [each["file"] for each in _found(client)] == [f"teachers/{free.name}"]


def test_few_are_offered_of_a_large_folder(
    client: TestClient, free: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        shutil.copy(free, free.with_name(f"more-{number}.safetensors"))
    monkeypatch.setattr(found, "MOST", 3)
    assert len(_found(client)) == 3
    monkeypatch.setattr(found, "_SEEN", 2)
    assert _found(client) == []


def test_a_teacher_without_its_file_keeps_nothing_from_being_offered(
    client: TestClient, zoo: Path, free: Path
) -> None:
    (zoo.parent / TAKEN).unlink()
    (zoo.parent / TAKEN).symlink_to(TAKEN)
    assert [each["file"] for each in _found(client)] == [f"teachers/{free.name}"]


def test_read_only_shows_them_and_brings_none(zoo: Path, free: Path) -> None:
    with client_of(Studio(zoo, read_only=True)) as client:
        assert len(_found(client)) == 1
        edit = {"op": "add", "section": "teachers", "name": "emu-v1", "entry": {}}
        assert client.post("/api/v1/edits", json={"revision": 0, "edits": [edit]}).status_code == 403
