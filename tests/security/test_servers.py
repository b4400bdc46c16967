"""Requests run no code, and get at nothing but the workspace; nor do the servers of a trapped one."""

from __future__ import annotations

import io
import os
import pickle
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

import legonet
from legonet.studio import children
from legonet.studio.openapi import PREFIX, describe
from legonet.studio.routes import OPERATIONS
from legonet.studio.studio import Studio
from tests.serve.conftest import guarded, png
from tests.studio.conftest import TOKEN, client_of

Untouched = Callable[[], bool]
DOCUMENT: Any = describe(OPERATIONS)
OWN = "the user's"  # every file beside the workspace begins with it
TRAP = """
from pathlib import Path

from torch import nn

Path({canary!r}).touch()
make = nn.ReLU
"""


class _Evil:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.canary}",)


@pytest.fixture
def clone(workspace: Path, beside: Path, canary: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace of a stranger: with links that lead out, code, and a say of his own on what is allowed."""
    (workspace / "theirnet.py").write_text(TRAP.format(canary=str(canary)))
    for name in ("cat.pt2", "cat.pt", "cat.safetensors"):
        (workspace / name).write_bytes(pickle.dumps(_Evil(canary), 2))
    for name, target in {
        "out": beside,
        "out.png": beside / "notes.txt",
        "out.pt": beside / "aa/bb/blob",
    }.items():
        (workspace / name).symlink_to(target)
    (workspace / ".legonet" / "settings.yaml").write_text("allow-code: ['theirnet:make', 'cat.pt2']\n")
    monkeypatch.chdir(workspace)
    monkeypatch.delitem(sys.modules, "theirnet", raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    return workspace


def _texts(beside: Path) -> list[str]:
    """What somebody may write who would get out of the workspace, or run what lies in it."""
    paths = [
        str(beside),
        str(beside / "notes.txt"),
        "../beside",
        "../beside/notes.txt",
        "out",
        "out/notes.txt",
    ]
    paths += ["out.png", "out.pt", "out/deep/photo.png", f"file://{beside}/notes.txt", "..", "/", "~", "."]
    code = ["theirnet:make", "cat.pt2", "cat.pt", "cat.safetensors", "os:system", "builtins:eval"]
    return [*paths, *code, "--allow-code=theirnet:make", "-o", "http://127.0.0.1:9/x", "memory://x"]


def _value(schema: dict[str, Any]) -> Any:
    """One value of a schema, as plain as it may be."""
    if "$ref" in schema:
        return _value(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return _value(schema[key][0])
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema.get("type"):
        case "object":
            return {name: _value(each) for name, each in schema.get("properties", {}).items()}
        case "array":
            return [_value(schema["items"])] * max(1, schema.get("minItems", 1)) if "items" in schema else []
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case "string":
            return "0" * 64 if "64" in schema.get("pattern", "") else "cat"
    return None


def _with(value: Any, text: str) -> Iterator[Any]:
    """Copies of a value in each of which one text, or a name that is free to choose, is another."""
    if isinstance(value, str):
        yield text
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from ({**value, key: other} for other in _with(each, text))
        yield {**value, "cat:classify": text}
    elif isinstance(value, list):
        yield from ([other] for other in _with(value[0] if value else "", text))


def _requests(beside: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for operation in OPERATIONS:
        described = DOCUMENT["paths"][PREFIX + operation.path.replace(":path}", "}")][
            operation.method.lower()
        ]
        content = described.get("requestBody", {}).get("content", {})
        asked = [each["name"] for each in described.get("parameters", []) if each["in"] == "query"]
        for text in _texts(beside):
            path = PREFIX + re.sub(r"\{[^}]*\}", text, operation.path)
            yield operation.method, path, {"params": dict.fromkeys(asked, text)} if asked else {}
            for kind, each in content.items():
                if kind != "application/json":
                    names = each["schema"]["properties"]
                    yield operation.method, path, {"data": dict.fromkeys(names, text)}
                    yield operation.method, path, {"files": {name: (text, text.encode()) for name in names}}
                    continue
                for body in _with(_value(each["schema"]), text):
                    yield operation.method, path, {"json": body}


def test_no_request_to_a_studio_gets_out(
    clone: Path, beside: Path, canary: Path, untouched: Untouched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each operation, with each text of a request in turn another; those that are added later too."""
    started: list[list[str]] = []
    begin = children._started

    def nothing(command: Any, folder: Path) -> subprocess.Popen[bytes]:
        started.append(list(command))
        return begin([sys.executable, "-S", "-c", ""], folder)

    monkeypatch.setattr(children, "_started", nothing)
    asked = set[tuple[str, str]]()
    with client_of(Studio(clone / "graphs" / "zoo.yaml")) as client:
        for method, path, sent in _requests(beside):
            answer = client.request(method, path, **sent)
            asked.add((method, path))
            assert answer.status_code < 500, (method, path, sent, answer.text)
            assert OWN not in answer.text, (method, path, sent)
    assert len(asked) > len(OPERATIONS)
    assert not canary.exists()
    assert untouched()
    assert "theirnet" not in sys.modules
    texts = set(_texts(beside))
    for command in started:  # names of paths are names, whatever they look like
        given = [each for each in command if not each.startswith(("--path=", "--only="))]
        assert texts.isdisjoint(part for each in given for part in (each, each.partition("=")[2])), command


def test_no_request_to_a_server_gets_out(
    clone: Path, beside: Path, canary: Path, untouched: Untouched
) -> None:
    file = io.BytesIO()
    np.save(file, np.array([_Evil(canary)], dtype=object), allow_pickle=True)
    evil = pickle.dumps(_Evil(canary), 2)
    network = legonet.load(clone / "graphs" / "zoo.yaml").compile()
    with TestClient(guarded(network), "http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        for text in _texts(beside):
            requests: tuple[dict[str, Any], ...] = (
                {"json": {"images": [text]}},
                {"json": {"images": [{"data": text, "name": text}]}},
                {"json": {"images": [f"data:image/png;base64,{text}"], "paths": [text]}},
                {"files": {"image": (text, png())}, "params": {"path": text}},
                {"files": {"image": (text, text.encode())}},
                {"files": {"image": (text, evil)}},
                {"content": file.getvalue(), "headers": {"content-type": "application/octet-stream"}},
                {"content": evil, "headers": {"content-type": "application/octet-stream"}},
            )
            for sent in requests:
                answer = client.post("/api/v1/predict", **sent)
                assert answer.status_code < 500, (sent, answer.text)
                assert OWN not in answer.text, sent
            assert client.get(f"/{text}").status_code in (200, 404, 405)
    assert not canary.exists()
    assert untouched()


@pytest.fixture
def begin(trapped: Path) -> Iterator[Callable[..., str]]:
    """Starts a command in the trapped workspace as a user does; gives its address."""
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "LEGONET_TOKEN": TOKEN}
    environment.pop("PYTHONSAFEPATH", None)
    begun: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> str:
        command = [sys.executable, "-m", "legonet", *arguments, "--port", "0"]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        process = subprocess.Popen(command, cwd=trapped, env=environment, **pipes)
        begun.append(process)
        assert process.stdout is not None
        found = re.search(r" at (http://127\.0\.0\.1:\d+)", process.stdout.readline())
        assert found, process.communicate()
        return found[1]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


@pytest.mark.usefixtures("at_once")
def test_a_studio_in_a_trapped_workspace(begin: Callable[..., str], canary: Path) -> None:
    """It, and the runs that it starts."""
    url = begin("studio", "graphs/zoo.yaml", "--no-browser")
    with httpx.Client(base_url=f"{url}{PREFIX}", headers={"x-legonet-token": TOKEN}, timeout=60) as client:
        run = client.post("/runs", json={}).json()
        for _ in range(1200):
            if (found := client.get(f"/runs/{run['id']}").json())["state"] != "running":
                break
            time.sleep(0.1)
        assert found["state"] == "done", found
        answer = client.post("/predict", files={"image": png()}, data={"paths": "dog:classify"})
        assert answer.status_code == 200, answer.text
    assert not canary.exists()


def test_a_server_in_a_trapped_workspace(
    begin: Callable[..., str], canary: Path, built: Path, trapped: Path
) -> None:
    lock = "graphs/zoo.lock.json"
    (trapped / lock).write_bytes((built / lock).read_bytes())
    url = begin("serve", "graphs/zoo.yaml")
    answer = httpx.post(
        f"{url}/api/v1/predict",
        files={"image": png()},
        headers={"authorization": f"Bearer {TOKEN}"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    assert not canary.exists()
