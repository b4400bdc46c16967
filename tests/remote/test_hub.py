"""A remote on a hub of models, by huggingface_hub: here against a server that answers as such a hub does."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
import torch
from torch import Tensor

import legonet
from legonet.errors import StoreError
from legonet.remote.address import RemoteAddress
from legonet.remote.place import Place
from tests.sharing.conftest import published

__all__ = ["published"]


class _Hub(BaseHTTPRequestHandler):
    files: dict[str, bytes]
    commits: list[str]

    def log_message(self, *args: Any) -> None:
        pass

    def answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def say(self, data: Any, code: int = 200, **headers: str) -> None:
        self.answer(code, json.dumps(data).encode(), Content_Type="application/json", **headers)

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(self.path.partition("?")[0])
        for part in ("paths-info", "tree", "preupload", "commit", "resolve"):
            before, found, rest = path.partition(f"/{part}/main")
            if found and before.endswith("me/zoo"):
                getattr(self, part.replace("-", "_"))(rest.removeprefix("/"), body)
                return
        self.say({"id": "me/zoo", "sha": self.head(), "siblings": []})

    do_POST = do_HEAD = do_GET  # noqa: N815

    def paths_info(self, _: str, body: bytes) -> None:
        wanted = parse_qs(body.decode())["paths"]
        self.say([self.entry(each) for each in wanted if each in self.files])

    def entry(self, name: str) -> dict[str, Any]:
        data = self.files[name]
        return {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}  # noqa: S324

    def tree(self, folder: str, _: bytes) -> None:
        start, found = f"{folder}/" if folder else "", dict[str, Any]()
        for name in self.files:
            if name.startswith(start):
                first, deeper, _rest = name.removeprefix(start).partition("/")
                below = {"type": "directory", "path": start + first, "size": 0, "oid": "0" * 40}
                found[first] = below if deeper else self.entry(name)
        if start and not found:
            self.say({}, 404, X_Error_Code="EntryNotFound")
        else:
            self.say(list(found.values()))

    def preupload(self, _: str, body: bytes) -> None:
        names = [each["path"] for each in json.loads(body)["files"]]
        self.say(
            {"files": [{"path": each, "uploadMode": "regular", "shouldIgnore": False} for each in names]}
        )

    def head(self) -> str:
        return f"{len(self.commits):040x}"

    def commit(self, _: str, body: bytes) -> None:
        lines = [json.loads(line) for line in body.splitlines()]
        (header,) = (line["value"] for line in lines if line["key"] == "header")
        if header.get("parentCommit", self.head()) != self.head():
            self.say({"error": "A commit has happened since. Please refresh and try again."}, 412)
            return
        for line in lines:
            if line["key"] == "file":
                self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
                self.commits.append(line["value"]["path"])
        host, oid = self.headers["Host"], self.head()
        self.say({"success": True, "commitOid": oid, "commitUrl": f"http://{host}/me/zoo/commit/{oid}"})

    def resolve(self, name: str, _: bytes) -> None:
        if name not in self.files:
            self.answer(404, X_Error_Code="EntryNotFound")
            return
        self.answer(200, self.files[name], ETag='"x"', X_Repo_Commit="0" * 40)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[_Hub]]:
    import huggingface_hub.constants as constants

    handler = type("Hub", (_Hub,), {"files": {}, "commits": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    template = constants.ENDPOINT + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setenv("HF_TOKEN", "hf_hidden")
    monkeypatch.setenv("HF_ENDPOINT", constants.ENDPOINT)
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_there_and_back(hub: type[_Hub], published: Path, tmp_path: Path, images: Tensor) -> None:
    ours = legonet.load(published / "graphs" / "zoo.yaml")
    done = ours.push("hf://me/zoo", progress=None)
    assert hub.files["README.md"].startswith(b"---\nlibrary_name: legonet\n")
    assert hub.commits[-1] == "legonet.json"
    assert len(hub.commits) == len(set(hub.commits)) == done.sent + 4  # list, pointer, card, drawing
    theirs = legonet.Network.pull("hf://me/zoo", tmp_path / "there", paths="dog:classify", progress=None)
    assert torch.equal(theirs.compile("dog:classify")(images), ours.compile("dog:classify")(images))
    ours.push("hf://me/zoo", progress=None)
    assert len(hub.commits) == done.sent + 4


def test_no_more_is_read_than_may_be(hub: type[_Hub]) -> None:
    hub.files["legonet.json"] = bytes(10 * 2**20)
    with pytest.raises(StoreError, match="has more than 100 bytes"):
        Place(RemoteAddress.read("hf://me/zoo")).read("legonet.json", 100)


def test_of_two_who_exchange_at_once_one_does(hub: type[_Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (Place(RemoteAddress.read("hf://me/zoo")) for _ in range(2))
    assert one.swap("legonet.json", None, b"first", 100)
    now = one.now

    def late(name: str, most: int) -> bytes | None:
        found = now(name, most)
        if found == b"first":  # between looking and writing
            other.write("objects/ab/abc", b"some bytes")
            assert other.swap("legonet.json", b"first", b"second", 100)
        return found

    monkeypatch.setattr(one, "now", late)
    assert not one.swap("legonet.json", b"first", b"third", 100)
    assert hub.files["legonet.json"] == b"second"


def test_a_commit_of_something_else_is_no_obstacle(hub: type[_Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    place, other = (Place(RemoteAddress.read("hf://me/zoo")) for _ in range(2))
    assert place.swap("legonet.json", None, b"first", 100)
    now, left = place.now, [2]

    def busy(name: str, most: int) -> bytes | None:
        if left[0]:
            left[0] -= 1
            other.write(f"objects/{left[0]}", b"some bytes")
        return now(name, most)

    monkeypatch.setattr(place, "now", busy)
    assert place.swap("legonet.json", b"first", b"second", 100)
    assert left == [0]
    assert hub.files["legonet.json"] == b"second"
