"""Each operation, and its refusals."""

from __future__ import annotations

import io
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from legonet.graph.json_schema import graph_schema
from legonet.studio.children import Children
from legonet.studio.studio import Studio
from tests.studio.conftest import COMMENT, client_of

Ended = Callable[[TestClient, str], dict[str, Any]]
CONNECT = {"op": "connect", "path": "cat:sort", "adapter": {"kernel": 1}}


def _state(client: TestClient) -> dict[str, Any]:
    return client.get("/api/v1/graph").json()


def _texts(response: Any) -> str:
    return "\n".join(each["text"] for each in response.json()["problems"])


def _png(width: int = 20, height: int = 12) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(file, "PNG")
    return file.getvalue()


def test_the_state_says_what_is_there(client: TestClient, zoo: Path) -> None:
    answer = client.get("/api/v1/graph")
    state = answer.json()
    assert answer.headers["etag"] == f'"{state["etag"]}"'
    assert [(each["name"], each["port"], each["teacher"]) for each in state["categories"]] == [
        ("cat", [4, 4, 4], "cat-v1"),
        ("dog", [4, 4, 4], "dog-v1"),
        ("cow", [4, 4, 4], "cow-v1"),
        ("emu", None, None),
    ]
    task, _ = state["tasks"]
    assert (task["name"], task["port"], task["kind"]) == ("classify", [4, 4, 4], "binary")
    assert [(each["path"], each["state"], each["method"]) for each in state["edges"]] == [
        ("cat:classify", "native", ""),
        ("dog:classify", "planned", "closed-form"),
        ("dog:sort", "planned", "closed-form"),
        ("cow:classify", "planned", "closed-form"),
    ]
    assert set(state["layout"]) == {
        *(f"category:{name}" for name in ("cat", "dog", "cow", "emu")),
        "task:classify",
        "task:sort",
        *(each["path"] for each in state["edges"]),
    }
    assert (state["dirty"], state["changed_outside"], state["problems"]) == (False, False, [])
    assert {"auto", "closed-form"} <= set(state["methods"])


def test_the_schema_is_that_of_graph_files(client: TestClient) -> None:
    assert client.get("/api/v1/schema").json() == graph_schema()


def test_edits_are_a_draft_until_they_are_saved(client: TestClient, zoo: Path) -> None:
    text = zoo.read_text()
    before = _state(client)
    after = client.post("/api/v1/edits", json={"revision": before["revision"], "edits": [CONNECT]}).json()
    assert (after["dirty"], after["can_undo"], after["revision"] > before["revision"]) == (True, True, True)
    assert after["graph"]["adapters"] == {"cat:sort": {"kernel": 1}}
    (edge,) = [each for each in after["edges"] if each["path"] == "cat:sort"]
    brick, f, g = (after["layout"][key] for key in ("cat:sort", "category:cat", "task:sort"))
    assert edge["state"] == "open", "it waits for a teacher, and has a place nevertheless"
    assert f["x"] < brick["x"] < g["x"]
    assert zoo.read_text() == text
    stale = client.post("/api/v1/edits", json={"revision": before["revision"], "edits": [CONNECT]})
    assert stale.status_code == 409
    undone = client.post("/api/v1/undo", json={"revision": after["revision"]}).json()
    assert (undone["dirty"], undone["can_redo"], "adapters" in undone["graph"]) == (False, True, False)
    assert client.post("/api/v1/undo", json={"revision": undone["revision"]}).status_code == 409
    again = client.post("/api/v1/redo", json={"revision": undone["revision"]}).json()
    assert again["graph"] == after["graph"]
    assert client.post("/api/v1/save").status_code == 428
    assert client.post("/api/v1/save", headers={"if-match": '"0"'}).status_code == 412
    saved = client.post("/api/v1/save", headers={"if-match": f'"{again["etag"]}"'}).json()
    assert (saved["dirty"], saved["etag"] != again["etag"]) == (False, True)
    assert COMMENT in zoo.read_text()
    assert "cat:sort" in zoo.read_text()
    last = client.post("/api/v1/undo", json={"revision": saved["revision"]}).json()
    assert last["dirty"] is True
    gone = client.post("/api/v1/discard", json={"revision": last["revision"]}).json()
    assert (gone["dirty"], gone["graph"]) == (False, saved["graph"])


def test_all_edits_or_none(client: TestClient) -> None:
    edits = [CONNECT, {"op": "connect", "path": "emu:nothing", "adapter": {}}]
    refused = client.post("/api/v1/edits", json={"revision": 0, "edits": edits})
    assert refused.status_code == 422
    assert "nothing" in _texts(refused)
    state = _state(client)
    assert (state["revision"], state["dirty"], state["can_undo"]) == (0, False, False)


def test_a_file_that_was_changed_outside(client: TestClient, zoo: Path) -> None:
    state = client.post("/api/v1/edits", json={"revision": 0, "edits": [CONNECT]}).json()
    zoo.write_text(zoo.read_text().replace("name: zoo", "name: ark"))
    assert _state(client)["changed_outside"] is True
    refused = client.post("/api/v1/save", headers={"if-match": state["etag"]})
    assert refused.status_code == 412
    assert "somebody else" in _texts(refused)
    assert "cat:sort" not in zoo.read_text()
    reloaded = client.post("/api/v1/reload").json()
    assert (reloaded["name"], reloaded["dirty"], reloaded["changed_outside"]) == ("ark", False, False)
    zoo.write_text("legonet: 1\n")
    broken = client.post("/api/v1/reload")
    assert broken.status_code == 422
    assert _state(client)["name"] == "ark"


def test_targets_light_up_or_say_why_not(client: TestClient) -> None:
    found = client.get("/api/v1/targets", params={"task": "classify"}).json()["targets"]
    by_path = {each["path"]: each for each in found}
    assert [each["legal"] for each in found] == [False, True, True, False]
    assert "gives both modules" in by_path["cat:classify"]["message"]
    assert by_path["dog:classify"]["connected"] is True
    assert "no teacher gives the module of category 'emu'" in by_path["emu:classify"]["message"]
    free, *_ = client.get("/api/v1/targets", params={"category": "cat"}).json()["targets"][1:]
    assert (free["path"], free["legal"], free["connected"]) == ("cat:sort", True, False)
    assert "labelled images" in free["message"]
    assert client.get("/api/v1/targets", params={"category": "yak"}).status_code == 404
    assert client.get("/api/v1/targets").status_code == 422


def test_the_plan_before_and_after(client: TestClient) -> None:
    plans = client.get("/api/v1/plan").json()
    assert plans["before"] == plans["after"]
    assert plans["after"]["chosen"] == ["dog:classify", "cow:classify", "dog:sort"]
    assert plans["after"]["totals"]["jobs"] == 3
    assert plans["after"]["totals"]["operations"] > 0
    edges = {each["path"]: each for each in plans["after"]["edges"]}
    assert edges["dog:classify"]["ports"]["gives"]["shape"] == [4, 4, 4]
    changed = {"op": "connect", "path": "dog:classify", "adapter": {"kernel": 3}}
    client.post("/api/v1/edits", json={"revision": 0, "edits": [changed]})
    plans = client.get("/api/v1/plan", params={"only": ["dog:*"], "budget": "10m"}).json()
    assert plans["after"]["chosen"] == ["dog:classify", "dog:sort"]
    assert plans["after"]["edges"] != plans["before"]["edges"]
    assert client.get("/api/v1/plan", params={"only": "yak:*"}).status_code == 422
    assert client.get("/api/v1/plan", params={"budget": "soon"}).status_code == 422


def test_a_plan_has_the_machine_measured_once(
    client: TestClient, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(Children, "start", lambda self, arguments, shown, **more: asked.append(arguments))
    monkeypatch.setattr("legonet.run.pace.WORTH", 10**15)
    client.get("/api/v1/plan")
    assert asked == []  # the jobs take less time than that
    monkeypatch.setattr("legonet.run.pace.WORTH", 1)
    client.get("/api/v1/plan")
    client.get("/api/v1/plan")
    assert asked == [["plan", str(studio.path.absolute()), "--json"]]


def test_a_run_of_what_is_not_saved_is_refused(client: TestClient) -> None:
    client.post("/api/v1/edits", json={"revision": 0, "edits": [CONNECT]})
    refused = client.post("/api/v1/runs", json={})
    assert refused.status_code == 409
    assert "not saved" in _texts(refused)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"only": ["yak:*"]}, "fits no path"),
        ({"only": ["--allow-code"]}, "pattern"),
        ({"samples": {"emu:classify": "../outside"}}, "leaves the workspace"),
        ({"samples": {"emu:classify": "/etc"}}, "absolute"),
        ({"samples": {"emu:classify": "nowhere"}}, "no folder"),
        ({"budget": "0s"}, "duration"),
        ({"allow_code": ["os:system"]}, "allow_code"),
    ],
)
def test_runs_that_cannot_be(client: TestClient, body: dict[str, Any], found: str) -> None:
    refused = client.post("/api/v1/runs", json=body)
    assert refused.status_code == 422
    assert found in _texts(refused)
    assert client.get("/api/v1/runs").json() == {"runs": []}


def test_differences(client: TestClient, zoo: Path) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=me", "-c", "user.email=me@example.org")
        subprocess.run(["git", *who, *arguments], cwd=zoo.parent, check=True, capture_output=True)

    assert client.get("/api/v1/diff").json() == {"against": "disk", "text": "", "entries": []}
    assert client.get("/api/v1/diff", params={"against": "head"}).status_code == 422
    git("init", "-q")
    git("add", zoo.name)
    git("commit", "-q", "-m", "first")
    client.post("/api/v1/edits", json={"revision": 0, "edits": [CONNECT]})
    found = client.get("/api/v1/diff").json()
    assert "+  cat:sort: {kernel: 1}" in found["text"].splitlines()
    assert found["entries"] == [{"section": "adapters", "name": "cat:sort", "change": "added"}]
    assert client.get("/api/v1/diff", params={"against": "head"}).json()["entries"] == found["entries"]


def test_git_runs_nothing_of_the_workspace(client: TestClient, zoo: Path, tmp_path: Path) -> None:
    """A stranger's .git/config names programs for file systems, filters and differences."""
    subprocess.run(["git", "init", "-q"], cwd=zoo.parent, check=True)
    ran = tmp_path / "ran"
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\ntouch {ran}\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "filter.x.smudge", "filter.x.clean", "core.sshCommand"):
        subprocess.run(["git", "config", key, str(script)], cwd=zoo.parent, check=True)
    (zoo.parent / ".gitattributes").write_text("* filter=x diff=x\n")
    client.get("/api/v1/diff", params={"against": "head"})
    assert not ran.exists()


def test_git_fetches_nothing(client: TestClient, zoo: Path, tmp_path: Path) -> None:
    """What a partial clone lacks would be fetched by a program that its .git/config names."""
    ran, script, other = tmp_path / "ran", tmp_path / "evil", tmp_path / "other"
    script.write_text(f"#!/bin/sh\ntouch {ran}\n")
    script.chmod(0o755)

    def git(*arguments: str) -> str:
        who = ("-c", "user.name=me", "-c", "user.email=me@example.org")
        done = subprocess.run(["git", *who, *arguments], cwd=zoo.parent, capture_output=True, check=False)
        return done.stdout.decode().strip()

    git("init", "-q")
    git("add", zoo.name)
    git("commit", "-q", "-m", "first")
    git("init", "-q", "--bare", str(other))
    blob = git("rev-parse", f"HEAD:{zoo.name}")
    (zoo.parent / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"file://{other}",
        "remote.origin.uploadpack": str(script),
        "protocol.file.allow": "always",
    }.items():
        git("config", key, value)
    client.get("/api/v1/diff", params={"against": "head"})
    assert not ran.exists()
    git("cat-file", "blob", f"HEAD:{zoo.name}")
    assert ran.exists()  # so it would have been run


def test_images_are_tried_beside_their_teachers(workspace: Path) -> None:
    with client_of(Studio(workspace / "graphs" / "zoo.yaml")) as client:
        files = {"image": ("mine.png", _png(), "image/png")}
        found = client.post("/api/v1/predict", files=files, data={"paths": ["dog:classify", "cat:classify"]})
        assert found.status_code == 200, found.text
        data = found.json()
        assert (data["width"], data["height"]) == (20, 12)
        assert [each["path"] for each in data["results"]] == ["dog:classify", "cat:classify"]
        for each in data["results"]:
            assert each["result"]["probability"] >= 0.5
            assert each["teacher"]["result"]["probability"] >= 0.5
        native = data["results"][1]
        assert native["result"] == native["teacher"]["result"]  # one teacher gave both modules
        bad = client.post("/api/v1/predict", files={"image": ("x.png", b"no image", "image/png")})
        assert bad.status_code == 422
        assert _texts(bad).startswith("x.png: cannot be read as an image; expected a PNG")
        assert client.post("/api/v1/predict", files=files, data={"paths": "yak:fly"}).status_code == 422
        assert client.post("/api/v1/predict", data={"sample": "../zoo.yaml"}).status_code == 415
        more = client.post("/api/v1/predict", files=files, data={"allow_code": "os:system"})
        assert (more.status_code, "allow_code" in _texts(more)) == (422, True)
        both = client.post("/api/v1/predict", files=files, data={"sample": "cat/1.png"})
        assert (both.status_code, "two images" in _texts(both)) == (422, True)
        missing = client.post("/api/v1/predict", files={"sample": (None, "../graphs/zoo.yaml")})
        assert missing.status_code == 404


def test_the_pixels_of_an_image_are_made_once_for_all_that_look_at_it(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from legonet.data import photos

    made: list[object] = []
    pixels_of = photos.pixels_of
    monkeypatch.setattr(photos, "pixels_of", lambda *given: made.append(given) or pixels_of(*given))
    with client_of(Studio(workspace / "graphs" / "zoo.yaml")) as client:
        found = client.post("/api/v1/predict", files={"image": ("mine.png", _png(), "image/png")}).json()
    assert sum(1 + (each["teacher"] is not None) for each in found["results"]) >= 4
    assert len(made) == 1


def test_what_was_read_of_teachers_is_known_until_their_files_change(zoo: Path) -> None:
    studio = Studio(zoo)
    before = studio.understood(studio.draft.now().loaded.graph).project.sources
    after = studio.understood(studio.draft.now().loaded.graph).project.sources
    assert [*map(id, after.values())] == [*map(id, before.values())]
    zoo.write_text(zoo.read_text().replace("cut: pool1", "cut: relu1_1", 1))
    studio.draft.reload()
    changed = studio.understood(studio.draft.now().loaded.graph).project.sources
    assert [name for name in changed if changed[name] is not before[name]] == [next(iter(before))]


def test_samples(client: TestClient, studio: Studio) -> None:
    folder = studio.workspace.root / "images" / "cat"
    folder.mkdir(parents=True)
    (folder / "mine.png").write_bytes(_png())
    (folder / "mine.mask.png").write_bytes(_png())
    (folder / "link.png").symlink_to(folder / "mine.png")
    found = client.get("/api/v1/samples").json()["samples"]
    assert found[0] == {"name": "cat/mine.png", "width": 20, "height": 12}
    assert not {"cat/mine.mask.png", "cat/link.png"} & {each["name"] for each in found}
    assert client.get("/api/v1/samples/cat%2Fmine.png").content == _png()
    assert client.get("/api/v1/samples/cat/1.png").headers["content-type"] == "image/png"  # a shipped one
    for name in ("../graphs/zoo.yaml", "%2e%2e/graphs/zoo.yaml", "cat/link.png", "/etc/passwd"):
        assert client.get(f"/api/v1/samples/{name}").status_code == 404


@pytest.mark.parametrize("form", ["folder", pytest.param("pt2", marks=pytest.mark.slow)])
def test_exports(workspace: Path, ended: Ended, form: str) -> None:
    """Those of the page are read again, and compared, in `browser/test_runs.py`."""
    with client_of(Studio(workspace / "graphs" / "zoo.yaml")) as client:
        made = client.post("/api/v1/exports", json={"paths": ["dog:classify"], "form": form})
        assert made.status_code == 201, made.text
        done = ended(client, made.headers["location"])
        assert done["state"] == "done", done
        assert done["difference"] < 1e-5
        assert done["table"].startswith("after pass")
        taken = client.get(f"{made.headers['location']}/file")
        if form == "folder":
            names = zipfile.ZipFile(io.BytesIO(taken.content)).namelist()
            assert any(name.endswith(".py") for name in names), names
            assert all(name.startswith("network/") for name in names)
        else:
            assert taken.content[:2] == b"PK"
        assert 'filename="zoo.' in taken.headers["content-disposition"]


def test_an_export_that_cannot_be(client: TestClient, ended: Ended) -> None:
    made = client.post("/api/v1/exports", json={"paths": ["dog:classify"], "form": "pt2"})
    failed = ended(client, made.headers["location"])
    assert failed["state"] == "failed"
    assert "dog:classify" in failed["message"]
    assert client.get(f"{made.headers['location']}/file").status_code == 409
