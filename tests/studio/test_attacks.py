"""What a page of somebody else, a stranger's workspace or a broken client may try."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from legonet.graph.editing.operations import Connect
from legonet.studio.openapi import PREFIX
from legonet.studio.routes import OPERATIONS
from legonet.studio.studio import Studio
from tests.studio.conftest import HOST, TOKEN, client_of

PLACES = {"{id}": "20260101-000000-00000000", "{name:path}": "cat/1.png"}
EVERY = [(each.method, PREFIX + each.path) for each in OPERATIONS]


def _path(path: str) -> str:
    for part, value in PLACES.items():
        path = path.replace(part, value)
    return path


def _texts(response: Any) -> str:
    return "\n".join(each["text"] for each in response.json()["problems"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-legonet-token": ""}, 401),
        ({"x-legonet-token": TOKEN[:-1]}, 401),
        ({"x-legonet-token": TOKEN[:-1] + "ä"}, 401),
        ({"authorization": "Bearer x", "x-legonet-token": ""}, 401),
        ({"host": "evil.example"}, 421),
        ({"host": "evil.example:8123"}, 421),  # DNS rebinding: a domain of theirs that leads here
        ({"host": "127.0.0.1:9999"}, 421),
        ({"host": "127.0.0.1.evil.example:8123"}, 421),
        ({"host": ""}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": f"http://{HOST}", "sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"content-length": str(2**40)}, 413),
        ({"content-length": "many"}, 400),
    ],
)
def test_who_may_not_ask(client: TestClient, headers: dict[str, str], status: int) -> None:
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    for method, path in EVERY:
        refused = client.request(method, _path(path), headers=sent)  # pyright: ignore[reportArgumentType]
        assert refused.status_code == status, path
        assert refused.json()["problems"]
        assert "access-control-allow-origin" not in refused.headers
        assert refused.headers["x-content-type-options"] == "nosniff"


def test_nothing_is_told_before_the_token(client: TestClient) -> None:
    for path in ("/api/v1/openapi.json", "/api/v1/nothing", "/api/"):
        assert client.get(path, headers={"x-legonet-token": "no"}).status_code == 401


def test_other_origins_get_no_permission(client: TestClient) -> None:
    asked = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    refused = client.options("/api/v1/edits", headers=asked)
    assert refused.status_code == 403
    assert not [name for name in refused.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/assets/studio.js", "/api/v1/graph", "/nothing"])
def test_every_answer_forbids_framing_and_strange_scripts(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert (headers["x-frame-options"], headers["referrer-policy"]) == ("DENY", "no-referrer")
    assert "set-cookie" not in headers


def test_assets_are_confined(client: TestClient) -> None:
    for name in ("../app.py", "..%2fapp.py", "%2e%2e/app.py", "..\\app.py", "/etc/passwd", "", "."):
        assert client.get(f"/assets/{name}").status_code in (404, 405), name


def test_read_only_refuses_whatever_changes(zoo: Path) -> None:
    before = {path: path.read_bytes() for path in zoo.parent.rglob("*") if path.is_file()}
    with client_of(Studio(zoo, read_only=True)) as client:
        writing = [each for each in OPERATIONS if each.method == "POST"]
        assert {each.path for each in writing if not each.writes} == {"/predict", "/inspect"}
        for each in writing:
            if each.writes:
                refused = client.post(_path(PREFIX + each.path), json={"revision": 0})
                assert refused.status_code == 403, each.path
                assert "read-only" in _texts(refused)
        assert client.get("/api/v1/graph").json()["read_only"] is True
        assert client.get("/api/v1/health").json()["writes_code"] is False
    assert {path: path.read_bytes() for path in zoo.parent.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "id_", ["..", "../../graphs", "%2e%2e", "..%2f..%2fgraphs", "a" * 300, "%00", "20260101-000000-00000000"]
)
@pytest.mark.parametrize("path", ["runs/{}", "runs/{}/events", "exports/{}", "exports/{}/file"])
def test_ids_are_no_paths(client: TestClient, path: str, id_: str) -> None:
    assert client.get(f"/api/v1/{path.format(id_)}").status_code in (404, 405)


def test_links_in_the_state_folder_are_not_followed(zoo: Path, tmp_path: Path) -> None:
    """A cloned workspace may bring links along; nothing is written through them, nor read."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (zoo.parents[1] / ".legonet").mkdir(exist_ok=True)
    (zoo.parents[1] / ".legonet" / "studio").symlink_to(outside)
    with client_of(Studio(zoo)) as client:
        assert client.post("/api/v1/runs", json={}).status_code == 422
        assert client.post("/api/v1/exports", json={"form": "pt2"}).status_code == 422
        assert client.post("/api/v1/uploads", files={"file": ("w", _safetensors())}).status_code == 422
    assert list(outside.iterdir()) == []


def test_a_draft_is_not_saved_through_links(zoo: Path, tmp_path: Path) -> None:
    """Neither where the file is one, nor where its folder became one."""
    folder, outside = zoo.parent, tmp_path / "outside"
    studio = Studio(zoo)
    studio.draft.edit(0, [Connect(path="cat:sort", adapter={"kernel": 1})])
    text, etag = zoo.read_text(), studio.draft.now().etag
    folder.rename(outside)
    folder.symlink_to(outside)
    with client_of(studio) as client:
        refused = client.post("/api/v1/save", headers={"if-match": etag})
        assert (refused.status_code, "a link" in _texts(refused)) == (422, True)
        folder.unlink()
        folder.mkdir()
        zoo.symlink_to(outside / zoo.name)
        refused = client.post("/api/v1/save", headers={"if-match": etag})
        assert (refused.status_code, "a link" in _texts(refused)) == (422, True)
    assert (outside / zoo.name).read_text() == text


def test_a_strangers_run_is_shown_and_no_more(client: TestClient, studio: Studio) -> None:
    """What lies in .legonet/ is data of bounded size: it stops no process, and its links lead nowhere."""
    folder = studio.workspace.state("studio", "runs", "20260101-000000-00000000")
    folder.mkdir(parents=True)
    name = studio.draft.now().loaded.graph.name
    asked = {
        "pid": os.getpid(),
        "graph": name,
        "paths": [1, None, "x" * 9999],
        "started": "soon",
        "command": [],
    }
    (folder / "asked.json").write_text(json.dumps(asked))
    (folder / "alive").write_text("")
    (folder / "errors").symlink_to("/etc/passwd")
    lines = ["[" * 100_000, '{"path": [], "state": "done"}', '{"path": "a:b", "state": "step", "loss": NaN}']
    lines += [
        '{"path": "a:b", "state": "step", "step": -1, "steps": 1e9, "loss": "no", "quality": {"x": []}}'
    ]
    (folder / "output").write_text("\n".join(lines) + "\n")
    unmarked = client.get(f"/api/v1/runs/{folder.name}")  # nobody here started it
    assert (unmarked.status_code, client.get("/api/v1/runs").json()["runs"]) == (404, [])
    mark = studio.workspace.found_out(f"studio/runs/{folder.name}")
    assert mark is not None
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    run = client.get(f"/api/v1/runs/{folder.name}").json()
    assert (run["state"], run["message"].startswith("root:")) == ("lost", False)
    assert run["jobs"][-1]["path"] == "a:b"
    stopped = client.post(f"/api/v1/runs/{folder.name}/stop")  # which would be this very process
    assert stopped.json()["state"] == "lost"
    assert client.get(f"/api/v1/runs/{folder.name}/events").status_code == 200
    assert [each["id"] for each in client.get("/api/v1/runs").json()["runs"]] == [folder.name]


def test_a_workspace_without_its_graph_file(client: TestClient, zoo: Path) -> None:
    zoo.unlink()
    assert client.get("/api/v1/graph").json()["changed_outside"] is True
    assert client.post("/api/v1/reload").status_code == 422
    etag = client.get("/api/v1/graph").json()["etag"]
    assert client.post("/api/v1/save", headers={"if-match": etag}).status_code == 422


def test_a_teacher_whose_files_are_gone_leaves_the_board(client: TestClient, zoo: Path) -> None:
    for each in (zoo.parent / "teachers").glob("dog-v1*"):
        each.unlink()
    state = client.get("/api/v1/graph").json()
    assert len(state["edges"]) == 4
    assert "dog-v1" in state["problems"][0]["text"]
    assert client.get("/api/v1/plan").status_code == 422


def _safetensors() -> bytes:
    head = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(head)) + head + b"\0" * 8


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch ran",)


def _torch_zip(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("m/data.pkl", data)
        archive.writestr("m/version", b"3\n")
    return file.getvalue()


def _bomb() -> bytes:
    """A zip file of a few KiB that unpacks to 64 MiB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", pickle.dumps({"w": 1}, 2))
        archive.writestr("m/data/0", b"\0" * 2**26)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(_Evil(), 2),
        _torch_zip(pickle.dumps(_Evil(), 2)),
        _torch_zip(b"cos\nsystem\n(S'touch ran'\ntR."),
        _bomb(),
        struct.pack("<Q", 2**62) + b"{}",
        b"",
        b"PK\x03\x04",
        b"\x80\x02" + b"(" * 100_000,
    ],
)
def test_weights_with_code_and_bombs(
    client: TestClient, studio: Studio, data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = client.post("/api/v1/uploads", files={"file": ("weights.pt", data)})
    assert refused.status_code == 422, refused.text
    assert str(studio.workspace.root) not in refused.text
    assert not (tmp_path / "ran").exists()
    folder = studio.workspace.state("studio", "uploads")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "model",
    ["os:system", "exports/cat.pt2", "cat.pt2", "../x", "legonet.cli:main", "antigravity.x:y", "a" * 500],
)
def test_code_can_never_be_allowed_from_the_browser(
    client: TestClient, studio: Studio, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even what the user allows on the command line: the browser's models are blocks and libraries'."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "legonet").mkdir()
    allowed = tmp_path / "legonet" / "allowed-code.yaml"
    allowed.write_text(f"{studio.workspace.root}: [os:system, cat.pt2, legonet.cli:main]\n")
    upload = client.post("/api/v1/uploads", files={"file": ("w", _safetensors())}).json()["upload"]
    before = list(sys.modules)
    assert client.post("/api/v1/inspect", json={"model": model}).status_code == 422
    assert "antigravity" not in {*sys.modules} - {*before}
    new = {"upload": upload, "model": model, "name": "x", "category": "cat", "task": "x", "cut": "a"}
    assert client.post("/api/v1/teachers", json=new).status_code == 422
    assert client.post("/api/v1/teachers", json={**new, "allow_code": [model]}).status_code == 422


def _png(width: int, height: int) -> bytes:
    """A PNG file that says it is of some size, and has next to no bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\0" * 2**20)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_pixel_bombs(client: TestClient) -> None:
    for size in ((60_000, 60_000), (2**31 - 1, 1), (0, 0)):
        refused = client.post("/api/v1/predict", files={"image": ("bomb.png", _png(*size))})
        assert refused.status_code == 422
        assert _texts(refused).startswith("bomb.png: ")


def test_bodies_are_bounded(zoo: Path) -> None:
    with client_of(Studio(zoo), body=1000, bodies={"/api/v1/uploads": 2000}) as client:

        def chunked(size: int) -> Any:
            yield from (b" " * 500 for _ in range(size // 500))

        sent = {"content-type": "application/json"}
        assert client.post("/api/v1/edits", content=chunked(5000), headers=sent).status_code == 413
        assert client.post("/api/v1/edits", content=b" " * 1001, headers=sent).status_code == 413
        assert client.post("/api/v1/uploads", files={"file": ("w", b" " * 3000)}).status_code == 413
        assert client.post("/api/v1/uploads", files={"file": ("w", b" " * 1500)}).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b'{"revision": 0, "edits": ' + b'[{"op":"add","section":"tasks","name":"a","entry":' * 1000,
        b'{"revision": 1e999, "edits": []}',
        b'{"revision": "0", "edits": []}',
        b'\xff\xfe{"revision": 0}',
        b'{"revision": 0, "edits": [{"op": "restore", "sha256": "", "spans": []}]}',  # never the browser's
        b'{"revision": 0, "edits": [{"op": "add", "section": "__class__", "name": "a", "entry": {}}]}',
        json.dumps({"revision": 0, "edits": [{"op": "add", "section": "tasks", "name": "\ud800"}]}).encode(),
    ],
)
def test_bodies_that_are_none(client: TestClient, body: bytes) -> None:
    sent = {"content-type": "application/json"}
    refused = client.post("/api/v1/edits", content=body, headers=sent)
    assert refused.status_code == 422
    assert client.post("/api/v1/edits", content=body).status_code == 415
    assert client.get("/api/v1/graph").json()["revision"] == 0


def test_a_graph_file_cannot_reach_out(client: TestClient, zoo: Path) -> None:
    """A teacher that is written by hand into the draft has files of the workspace only."""
    known = client.get("/api/v1/graph").json()["graph"]["teachers"]["cat-v1"]
    entry = {**known, "task": "sort", "weights": "../../../../etc/passwd"}
    edit = {"op": "add", "section": "teachers", "name": "evil", "entry": entry}
    state = client.post("/api/v1/edits", json={"revision": 0, "edits": [edit]})
    assert "leaves the workspace" in json.dumps(state.json()["problems"])
