"""Weights that are uploaded become teachers."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from legonet.studio import uploads
from legonet.studio.studio import Studio
from tests.studio.conftest import COMMENT

if TYPE_CHECKING:
    from torch import nn


@pytest.fixture(scope="module")
def weights(make_model: Callable[..., nn.Sequential]) -> dict[str, bytes]:
    """One model's weights in both forms."""
    import torch
    from safetensors.torch import save

    state = make_model(11).state_dict()
    file = io.BytesIO()
    torch.save({"state_dict": state, "epoch": 3}, file)
    return {"pt": file.getvalue(), "safetensors": save(dict(state))}


def _upload(client: TestClient, data: bytes) -> dict[str, Any]:
    answer = client.post("/api/v1/uploads", files={"file": ("mine.bin", data)})
    assert answer.status_code == 201, answer.text
    return answer.json()


def _block(client: TestClient) -> str:
    """The block of the teachers that are there."""
    return client.get("/api/v1/graph").json()["graph"]["teachers"]["cat-v1"]["model"]


@pytest.mark.parametrize("kind", ["pt", "safetensors"])
def test_a_teacher_is_inspected_and_added(
    client: TestClient, studio: Studio, zoo: Path, weights: dict[str, bytes], kind: str
) -> None:
    taken = _upload(client, weights[kind])
    assert (taken["kind"], taken["bytes"], taken["tensors"]) == (kind, len(weights[kind]), 8)
    assert taken["names"]["conv1_1.weight"] == [4, 3, 3, 3]
    assert _upload(client, weights[kind]) == taken
    model = _block(client)
    seen = client.post("/api/v1/inspect", json={"model": model, "upload": taken["upload"]})
    assert seen.status_code == 200, seen.text
    cuts = {each["module"]: each for each in seen.json()["cuts"]}
    assert cuts["pool1"]["shape"] == [4, 4, 4]
    assert any(each["recommended"] for each in cuts.values())
    assert seen.json()["output"] == {"kind": "binary"}
    new = {"upload": taken["upload"], "model": model, "name": "emu-v1", "category": "emu", "task": "classify"}
    added = client.post("/api/v1/teachers", json={**new, "cut": "pool1"})
    assert added.status_code == 200, added.text
    edges = {each["path"]: each for each in added.json()["edges"]}
    assert (edges["emu:classify"]["state"], edges["emu:classify"]["teacher"]) == ("planned", "emu-v1")
    assert added.json()["dirty"] is False
    text = zoo.read_text()
    assert COMMENT in text
    assert "emu-v1" in text
    again = client.post("/api/v1/teachers", json={**new, "cut": "pool1"})
    assert again.status_code == 422
    assert zoo.read_text() == text


def test_a_draft_is_saved_before_a_teacher_comes(client: TestClient, weights: dict[str, bytes]) -> None:
    taken, model = _upload(client, weights["pt"]), _block(client)
    edit = {"op": "connect", "path": "cat:sort", "adapter": {"kernel": 1}}
    client.post("/api/v1/edits", json={"revision": 0, "edits": [edit]})
    new = {"upload": taken["upload"], "model": model, "name": "emu-v1", "category": "emu", "task": "classify"}
    assert client.post("/api/v1/teachers", json={**new, "cut": "pool1"}).status_code == 409


def test_weights_of_another_model(client: TestClient, zoo: Path, weights: dict[str, bytes]) -> None:
    taken = _upload(client, weights["pt"])
    text = zoo.read_text()
    refused = client.post("/api/v1/inspect", json={"model": "vgg-slim", "upload": taken["upload"]})
    assert refused.status_code == 422
    new = {"upload": taken["upload"], "model": "vgg-slim", "name": "x", "category": "emu", "task": "classify"}
    refused = client.post("/api/v1/teachers", json={**new, "cut": "pool1"})
    assert refused.status_code == 422
    assert str(zoo.parents[1]) not in refused.text
    assert zoo.read_text() == text
    assert client.post("/api/v1/inspect", json={"model": "vgg-slim", "upload": "0" * 64}).status_code == 404


def test_a_few_uploads_are_kept(
    client: TestClient, studio: Studio, weights: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "KEPT", 1)
    first = _upload(client, weights["pt"])["upload"]
    second = _upload(client, weights["safetensors"])["upload"]
    assert client.post("/api/v1/inspect", json={"model": "vgg-slim", "upload": first}).status_code == 404
    assert [each.stem for each in studio.workspace.state("studio", "uploads").iterdir()] == [second]


def test_a_librarys_model_gets_the_number_of_classes_that_its_weights_have(client: TestClient) -> None:
    import torch
    from torchvision.models import squeezenet1_1

    file = io.BytesIO()
    torch.save(squeezenet1_1(num_classes=2).state_dict(), file)
    taken = _upload(client, file.getvalue())
    asked = {"model": "torchvision:squeezenet1_1", "upload": taken["upload"], "example_shape": [3, 64, 64]}
    seen = client.post("/api/v1/inspect", json=asked)
    assert seen.status_code == 200, seen.text
    assert seen.json()["model"] == "torchvision:squeezenet1_1(num_classes=2)"
    assert seen.json()["output_shape"] == [2]
    assert seen.json()["notes"][0].startswith("The weights are of 2 classes")
    asked["model"] = "torchvision:squeezenet1_1(num_classes=3)"
    refused = client.post("/api/v1/inspect", json=asked)
    assert refused.status_code == 422
    assert "2 of another shape" in refused.json()["problems"][0]["text"]
