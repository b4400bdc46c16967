"""What is fetched is what lies at the address: no file of a workspace stands for it."""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

import legonet
from legonet.errors import LegonetError
from legonet.remote.address import RemoteAddress
from legonet.remote.download import download
from legonet.remote.place import Place
from tests.cli.conftest import run
from tests.cli.test_teacher_add import Net, graph
from tests.remote.servers import settings

__all__ = ["graph", "run", "settings"]


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _shipped(graph: Path, file: Path) -> Path:
    """What a workspace's maker, who knows the address, puts where fetched files once were kept."""
    address = RemoteAddress.read(f"file://{file}")
    info = Place(address).info()
    folder = (
        graph.parents[1] / ".legonet" / "fetched" / hashlib.sha256(f"file://{file}".encode()).hexdigest()[:16]
    )
    folder.mkdir(parents=True)
    known = {
        "address": hashlib.sha256(address.url.encode()).hexdigest(),
        "size": info["size"],
        "mark": f"mtime {info['mtime']} {info['size']}",
    }
    (folder / "weights.pt.json").write_text(json.dumps(known))
    return folder


def _served(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    path = tmp_path / "elsewhere.pt"
    torch.save(Net().state_dict(), path)
    return path


def _add(run: Callable[..., Any], graph: Path, file: Path) -> Any:
    return run(
        *(
            "teacher",
            "add",
            graph,
            "--name",
            "cat",
            "--category",
            "cat",
            "--task",
            "classify",
            "--cut",
            "stem",
        ),
        *("--model", "mynet:make", "--allow-code", "mynet:make", "--weights", f"file://{file}"),
    )


def test_a_file_that_came_with_the_workspace_is_not_what_lies_at_the_address(
    run: Callable[..., Any], graph: Path, tmp_path: Path
) -> None:
    file = _served(tmp_path)
    folder = _shipped(graph, file)
    torch.manual_seed(4)
    torch.save(Net().state_dict(), folder / "weights.pt")
    assert _add(run, graph, file).status == 0
    model = Net()
    model.load_state_dict(torch.load(file))
    x = torch.rand(2, 3, 16, 16)
    assert torch.allclose(legonet.load(graph).teacher("cat")(x), model.eval()(x), atol=1e-6)
    assert (
        legonet.load(graph).graph.teachers["cat"].source_sha256
        == hashlib.sha256(file.read_bytes()).hexdigest()
    )


def test_nothing_is_appended_to_what_a_link_leads_to(
    run: Callable[..., Any],
    graph: Path,
    tmp_path: Path,
    beside: Path,
    untouched: Callable[[], bool],
) -> None:
    file = _served(tmp_path)
    (_shipped(graph, file) / "weights.pt.part").symlink_to(beside / "notes.txt")
    assert _add(run, graph, file).status == 0
    assert untouched()


@functools.cache
def zeros() -> bytes:
    """Little that becomes much."""
    return gzip.compress(bytes(2**28))


class _Astray(BaseHTTPRequestHandler):
    """Leads to files of this machine, and sends little that becomes much."""

    canary: Path

    def log_message(self, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.path.startswith("/file"):
            self.send_response(302)
            self.send_header("Location", f"file://{self.canary}")
            self.end_headers()
            return
        if self.path.startswith("/again"):
            self.send_response(302)
            self.send_header("Location", "/again")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(zeros())))
        self.end_headers()
        if self.command == "GET":
            try:
                self.wfile.write(zeros())
            except OSError:  # whoever asked has left
                return


@pytest.fixture
def astray(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "secret.pt").write_text("a file of the user's")
    handler = type("Handler", (_Astray,), {"canary": tmp_path / "secret.pt"})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("path", ["file", "again"])
def test_a_server_leads_to_no_file_of_this_machine_and_not_in_circles(
    astray: str, path: str, tmp_path: Path
) -> None:
    with pytest.raises(LegonetError) as raised:
        Place(RemoteAddress.read(f"{astray}/{path}")).read("legonet.json", 4096)
    assert "a file of the user's" not in str(raised.value)
    with pytest.raises((LegonetError, FileNotFoundError)):
        download(RemoteAddress.read(f"{astray}/{path}.pt"), tmp_path / "weights.pt")
    left = [each for each in tmp_path.glob("weights*") if b"user's" in each.read_bytes()]
    assert left == []


def test_what_is_packed_is_taken_as_it_is(astray: str, tmp_path: Path) -> None:
    place, wanted = Place(RemoteAddress.read(f"{astray}/zeros")), zeros()
    tracemalloc.start()
    try:
        data = place.read("legonet.json", 2**20)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()
    done = download(RemoteAddress.read(f"{astray}/zeros"), tmp_path / "weights.pt")
    assert done.path.read_bytes() == data == wanted
