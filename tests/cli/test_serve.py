"""`legonet serve` as a process of its own: it answers, ends well, and lets nobody in who must not be."""

from __future__ import annotations

import io
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

import legonet

Run = Callable[..., Any]


def png() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((12, 10), 60).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def begin(graph_file: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Start it on any free port; gives the process and its address."""
    begun: list[subprocess.Popen[str]] = []

    def begin(*options: str) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-P", "-m", "legonet", "serve", str(graph_file), "--port", "0", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        begun.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert " at http://127.0.0.1:" in line, process.communicate()
        return process, line.split(" at ")[1].strip()

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def test_it_serves_what_it_read_and_ends_when_what_it_has_is_answered(
    begin: Callable[..., tuple[subprocess.Popen[str], str]], graph_file: Path
) -> None:
    image = png()
    found = legonet.load(graph_file).predict(Image.open(io.BytesIO(image)), "dog:classify", progress=None)
    process, url = begin("--path", "dog:classify", "--wait-ms", "700")
    shutil.rmtree(graph_file.parents[1] / ".legonet")  # what is built meanwhile is not looked at
    graph_file.write_text("legonet: 1\n")
    body = image
    head = f"POST /api/v1/predict HTTP/1.1\r\nhost: {url[7:]}\r\ncontent-type: image/png\r\n"
    host, port = url[7:].split(":")
    with socket.create_connection((host, int(port)), timeout=60) as half:
        half.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body[:20])  # not all of it yet
        answer = httpx.post(f"{url}/api/v1/predict", files={"image": image}, timeout=60)
        assert answer.json()["predictions"][0]["results"] == {"dog:classify": found[0].result.data()}
        process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:  # it takes no more of them
            try:
                httpx.get(f"{url}/ready", timeout=5)
            except httpx.TransportError:
                break
            time.sleep(0.02)
        half.sendall(body[20:])
        answered = b""
        while part := half.recv(10_000):
            answered += part
    assert answered.startswith(b"HTTP/1.1 200")
    assert str(found[0].result.data()["probability"]).encode() in answered
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "stopped\n", "")


def test_a_token_of_the_environment(
    begin: Callable[..., tuple[subprocess.Popen[str], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEGONET_TOKEN", "a1" * 16)
    _, url = begin("--name", "zoo.example")
    right = {"authorization": f"Bearer {'a1' * 16}"}
    assert httpx.get(f"{url}/metrics").status_code == 401
    assert httpx.get(f"{url}/metrics", headers=right).status_code == 200
    assert httpx.get(f"{url}/metrics", headers={**right, "host": "zoo.example"}).status_code == 200
    assert httpx.get(f"{url}/metrics", headers={**right, "host": "zoo2.example"}).status_code == 421


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "0.0.0.0"), "host 0.0.0.0: others could reach it; expected a token"),  # noqa: S104
        (("--host", "::"), "others could reach it"),
        (("--host", "zoo.example"), "others could reach it"),
        (("--token", "short"), "expected 32 letters and digits or more"),
        (("--images", "200"), "images: found 200 in a request; expected at most 128"),
        (("--path", "cat:clasify"), "cat:clasify"),
        (("--device", "warp"), "device warp"),
    ],
)
def test_what_it_does_not_begin_with(run: Run, graph_file: Path, options: tuple[str, ...], said: str) -> None:
    outcome = run("serve", graph_file, "--port", "0", *options)
    assert outcome.status == 1
    assert said in outcome.err
    assert "Traceback" not in outcome.err


def test_a_port_that_is_taken(run: Run, graph_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = run("serve", graph_file, "--port", port)
    assert outcome.status == 1
    assert f"127.0.0.1:{port}: cannot be listened to" in outcome.err


def test_without_the_extra(run: Run, graph_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in sys.modules if each.startswith(("legonet.serve", "legonet.web"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    outcome = run("serve", graph_file)
    assert outcome.status == 1
    assert "prometheus_client is not installed; expected the extra `serve`" in outcome.err
