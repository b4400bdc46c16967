"""`legonet teacher add` of models and weights that lie at an address."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

import legonet
from tests.cli.test_teacher_add import Net, graph
from tests.remote.servers import Served, http, settings

__all__ = ["graph", "http", "settings"]
BASE = ("--category", "cat", "--task", "classify")


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where what is fetched is kept until the teacher is added."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def weights(tmp_path: Path, http: Served) -> Path:
    torch.manual_seed(3)
    path = tmp_path / "www" / "cat.pt"
    torch.save(Net().state_dict(), path)
    return path


def test_weights_are_fetched_and_their_hash_is_recorded(
    run: Callable[..., Any], graph: Path, http: Served, weights: Path, kept: Path
) -> None:
    url = http.url.replace("http://", "http://me:hunter2@") + "/cat.pt"
    done = run(
        *("teacher", "add", graph, "--name", "cat", *BASE, "--cut", "stem", "--model", "mynet:make"),
        *("--allow-code", "mynet:make", "--weights", url, "--licence", "Apache-2.0"),
    )
    assert done.status == 0, done.err
    sha = hashlib.sha256(weights.read_bytes()).hexdigest()
    teacher = legonet.load(graph).graph.teachers["cat"]
    assert (teacher.licence, teacher.source, teacher.source_sha256) == (
        "Apache-2.0",
        f"{http.url}/cat.pt",
        sha,
    )
    assert f"fetched from {http.url}/cat.pt, sha256 {sha}." in done.out
    assert "hunter2" not in done.out + done.err + graph.read_text()
    assert list((kept / "legonet" / "fetched").iterdir()) == []
    x = torch.rand(2, 3, 16, 16)
    model = Net()
    model.load_state_dict(torch.load(weights))
    assert torch.allclose(legonet.load(graph).teacher("cat")(x), model.eval()(x), atol=1e-6)


def test_pickles_that_run_code_are_refused(
    run: Callable[..., Any], graph: Path, http: Served, tmp_path: Path
) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "canary",)

    torch.save({"weights": Evil()}, tmp_path / "www" / "evil.pt")
    before = graph.read_text()
    done = run(
        *("teacher", "add", graph, "--name", "cat", *BASE, "--cut", "stem", "--model", "mynet:make"),
        *("--allow-code", "mynet:make", "--weights", f"{http.url}/evil.pt"),
    )
    assert done.status == 1
    assert not (tmp_path / "canary").exists()
    assert graph.read_text() == before


def test_a_program_is_code_and_is_not_fetched_before_it_is_allowed(
    run: Callable[..., Any], graph: Path, http: Served, tmp_path: Path
) -> None:
    sizes = ({0: torch.export.Dim("batch", min=1)},)
    program = torch.export.export(Net().eval(), (torch.rand(2, 3, 16, 16),), dynamic_shapes=sizes)
    torch.export.save(program, tmp_path / "www" / "cat.pt2")
    url = f"{http.url}/cat.pt2"
    add = ("teacher", "add", graph, "--name", "cat", *BASE, "--cut", "stem", "--model", url)
    done = run(*add)
    assert done.status == 1
    assert f"--allow-code {url}" in done.err
    assert http.requests == []
    done = run(*add, "--allow-code", url)
    assert done.status == 0, done.err
    assert legonet.load(graph).graph.teachers["cat"].source == url


def test_a_model_of_timms_on_a_hub(
    run: Callable[..., Any], graph: Path, http: Served, tmp_path: Path
) -> None:
    timm = pytest.importorskip("timm")
    hub = tmp_path / "www" / "hub"
    hub.mkdir()
    model = timm.create_model("test_resnet", num_classes=1)
    safetensors.torch.save_file(model.state_dict(), hub / "model.safetensors")
    (hub / "config.json").write_text(json.dumps({"architecture": "test_resnet", "num_classes": 1}))
    done = run(
        *("teacher", "add", graph, "--name", "cat", *BASE, "--cut", "0.5", "--model", f"{http.url}/hub"),
        *("--example-shape", "3,16,16"),
    )
    assert done.status == 0, done.err
    teacher = legonet.load(graph).graph.teachers["cat"]
    assert teacher.source == f"{http.url}/hub/model.safetensors"
    assert teacher.source_sha256 == hashlib.sha256((hub / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (None, "has no config.json"),
        ("[]", "names no architecture of timm"),
        ('{"architecture": "../../etc"}', "timm has no model"),
        ('{"architecture": "resnet18", "num_classes": 1000000000000}', "cannot be built"),
        ('{"architecture": {"a": 1}}', "names no architecture of timm"),
        ("[" * 100_000, "names no architecture of timm"),
    ],
)
def test_folders_of_something_else(
    run: Callable[..., Any], graph: Path, http: Served, tmp_path: Path, config: str | None, said: str
) -> None:
    pytest.importorskip("timm")
    (tmp_path / "www" / "hub").mkdir()
    if config is not None:
        (tmp_path / "www" / "hub" / "config.json").write_text(config)
    done = run("teacher", "add", graph, "--name", "cat", *BASE, "--cut", "0.5", "--model", f"{http.url}/hub")
    assert done.status == 1
    assert said in done.err


def test_weights_alone_are_no_model(run: Callable[..., Any], graph: Path, http: Served) -> None:
    done = run(
        "teacher",
        "add",
        graph,
        "--name",
        "cat",
        *BASE,
        "--cut",
        "1",
        "--model",
        f"{http.url}/cat.safetensors",
    )
    assert done.status == 1
    assert f"give it as --weights {http.url}/cat.safetensors" in done.err
    assert http.requests == []
