"""`legonet studio`: what it says, what it refuses, what it imports, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
_START = """
import sys
from legonet.cli import main
status = main(sys.argv[1:])
print("torch" in sys.modules, status)
"""


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    file = tmp_path / "graphs" / "zoo.yaml"
    file.parent.mkdir()
    file.write_text("legonet: 1\nname: zoo\ninput: {shape: [3, 8, 8]}\ncategories: {cat: {}}\n")
    return file


def _environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)} | more


def test_it_serves_until_it_is_told_to_stop(graph: Path) -> None:
    """The address has the token; torch is not imported for a look at the board; SIGTERM ends it well."""
    command = [sys.executable, "-c", _START, "studio", str(graph), "--no-browser", "--read-only"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment()) as process:
        assert process.stdout is not None
        try:
            said = process.stdout.readline()
            address, _, token = said.strip().rpartition(" ")[2].partition("/#token=")
            assert address.startswith("http://127.0.0.1:")
            assert len(token) == 64
            assert "Ctrl-C" in process.stdout.readline()
            asked = urllib.request.Request(f"{address}/api/v1/graph", headers={"X-Legonet-Token": token})  # noqa: S310
            state = json.load(urllib.request.urlopen(asked))  # noqa: S310 - http, on loopback
            assert [each["name"] for each in state["categories"]] == ["cat"]
            assert state["read_only"] is True
            process.send_signal(signal.SIGTERM)
            assert process.communicate(timeout=30)[0] == "closed\nFalse 0\n"
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--host", "0.0.0.0"], "others could reach it; expected a token"),  # noqa: S104
        (["--token", "short"], "expected 32 letters and digits or more"),
        (["--token", "with spaces and signs, however long it is"], "expected 32 letters and digits"),
        (["--host", "203.0.113.1", "--token", "a" * 32], "203.0.113.1:0: cannot be listened to"),
        (["--figures", "nothing.json"], "nothing.json: no such file"),
    ],
)
def test_what_it_refuses(run: Run, graph: Path, options: list[str], found: str) -> None:
    refused = run("studio", graph, "--no-browser", *options)
    assert (refused.status, refused.out) == (1, "")
    assert found in refused.err


def test_a_broken_graph_file_is_told_before_anything_opens(run: Run, graph: Path) -> None:
    graph.write_text("legonet: 1\n")
    refused = run("studio", graph, "--no-browser")
    assert (refused.status, "zoo.yaml" in refused.err) == (1, True)


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "python_multipart"])
def test_without_its_extra_it_names_it(
    run: Run, graph: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name in list(sys.modules):
        if name.startswith(("legonet.studio", "legonet.web")) or name.partition(".")[0] == missing:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    nowhere = ("--host", "203.0.113.1", "--token", "a" * 32)  # so that it ends in any case
    refused = run("studio", graph, "--no-browser", *nowhere)
    assert refused.status == 1
    assert refused.err.strip().endswith("run: pip install 'legonet[studio]'")
    assert missing in refused.err


def test_a_run_outlives_its_studio(tmp_path: Path) -> None:
    """The server is killed; the run goes on, and another studio shows it to its end."""
    workspace = tmp_path / "ws"
    subprocess.run(
        [sys.executable, "-P", "-m", "legonet", "init", str(workspace)],
        env=_environment(),
        check=True,
        capture_output=True,
    )
    graph = workspace / "graphs" / "animals.yaml"
    quick = "adapter: {kernel: 1, method: {name: closed-form, draws: 2, masks: random}}"
    graph.write_text(graph.read_text().replace("  classify:\n", f"  classify:\n    {quick}\n"))

    def opened() -> tuple[subprocess.Popen[str], str, str]:
        command = [sys.executable, "-P", "-m", "legonet", "studio", str(graph), "--no-browser"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment())
        assert process.stdout is not None
        address, _, token = process.stdout.readline().strip().rpartition(" ")[2].partition("/#token=")
        return process, address, token

    def ask(address: str, token: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"X-Legonet-Token": token, "Content-Type": "application/json"}
        asked = urllib.request.Request(f"{address}/api/v1/{path}", data, headers)  # noqa: S310
        return json.load(urllib.request.urlopen(asked))  # noqa: S310

    first, address, token = opened()
    try:
        made = ask(address, token, "runs", {"only": ["cat:classify"]})
    finally:
        first.kill()
        first.communicate()
    second, address, other = opened()
    try:
        assert other != token
        run = ask(address, other, f"runs/{made['id']}")
        assert run["state"] == "running"  # Python has not even imported torch by now
        for _ in range(1200):
            run = ask(address, other, f"runs/{made['id']}")
            if run["state"] != "running":
                break
            time.sleep(0.1)
        assert (run["state"], run["jobs"][0]["state"]) == ("done", "done"), run
        edges = {each["path"]: each["state"] for each in ask(address, other, "graph")["edges"]}
        assert edges["cat:classify"] in ("built", "weak")
    finally:
        second.kill()
        second.communicate()
