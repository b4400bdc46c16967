"""Edits, bodies of requests, and what a studio keeps of its runs and exports."""

from __future__ import annotations

import io
import json
import os
import random
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.fuzz.format import Format, Seeds
from benchmarks.fuzz.mutations import json_mutant, mutant
from benchmarks.fuzz.remotes import GRAPH
from legonet.store.workspace import Workspace

_CHILD = "20260101-000000-00000000"


def formats() -> dict[str, Format]:
    """By name."""
    found = {"edits": Format(".json", [_edits()], json_mutant, _read_edits, 1.5)}
    if find_spec("starlette") is not None:
        found["run-events"] = Format(".jsonl", [_events()], _line_mutant, _read_events, 0.7)
        found["studio-child"] = Format(".json", [_asked()], json_mutant, _read_child, 0.7)
        found["studio-output"] = Format(".json", [_output()], json_mutant, _read_output, 0.5)
        found["body.json"] = Format(".json", [_body()], json_mutant, _read_body, 0.7)
        found["body.npy"] = Format(".npy", _arrays(), mutant, _read_array, 0.7)
    return found


def _edits() -> bytes:
    return json.dumps(
        [
            {"op": "connect", "path": "dog:classify", "adapter": {"kernel": 3}, "settings": {}},
            {"op": "add", "section": "applications", "name": "more", "entry": ["dog:classify"]},
            {"op": "change", "section": "tasks", "name": "classify", "entry": {"output": {"kind": "binary"}}},
            {"op": "rename", "section": "categories", "name": "cat", "to": "cow"},
            {"op": "disconnect", "path": "dog:classify", "references": True},
            {"op": "remove", "section": "applications", "name": "all", "references": False},
        ]
    ).encode()


def _read_edits(path: Path) -> None:
    from pydantic import TypeAdapter, ValidationError

    from legonet.errors import GraphError
    from legonet.graph.editing.apply import apply_edit
    from legonet.graph.editing.operations import Edit

    text = GRAPH.decode()
    try:
        edits = TypeAdapter(list[Edit]).validate_json(path.read_bytes())  # as a request's body is read
    except ValidationError as error:
        raise GraphError("no edits") from error
    for edit in edits:
        changed, inverse = apply_edit(text, edit)
        if apply_edit(changed, inverse)[0] != text:
            raise AssertionError("an inverse that is none")
        text = changed


def _events() -> bytes:
    lines = [
        {"path": "dog:classify", "state": "started", "time": 1.0},
        {
            "path": "dog:classify",
            "state": "step",
            "time": 2.0,
            "step": 1,
            "steps": 5,
            "loss": 0.5,
            "left": 1.0,
        },
        {"path": "dog:classify", "state": "done", "seconds": 3.0, "quality": {"loss": 0.5}, "notes": ["a"]},
        {"fitted": [{"path": "dog:classify", "notes": ["b"]}], "reused": ["cow:classify"], "failed": {}},
    ]
    return b"".join(json.dumps(each).encode() + b"\n" for each in lines)


def _line_mutant(seed: bytes, choose: random.Random) -> bytes:
    lines = seed.splitlines()
    place = choose.randrange(len(lines))
    lines[place] = json_mutant(lines[place], choose)
    return b"\n".join(lines) + b"\n"


def _read_events(path: Path) -> None:
    from legonet.studio.run_log import RunLog

    log = RunLog(path, ["dog:classify"])
    log.read()
    for each in log.jobs(running=False):
        each.model_dump_json()


def _asked() -> bytes:
    asked = {
        "command": "legonet compile",
        "pid": 1,
        "started": 1.0,
        "graph": "zoo",
        "paths": ["dog:classify"],
    }
    return json.dumps(asked | {"form": "pt2"}).encode()


def _output() -> bytes:
    said = {"output": "network.pt2", "bytes": 5, "difference": 0.0, "explanation": {"a": 1}, "table": "text"}
    return json.dumps(said).encode()


def _shown(path: Path, asked: bytes, output: bytes) -> None:
    from legonet.studio.exporting import Exports

    os.environ["XDG_CACHE_HOME"] = str(path.with_name("cache"))
    workspace = Workspace(path.with_name("pulled"))
    exports = Exports(workspace.root / "graphs" / "zoo.yaml", workspace)
    folder, mark = exports.children.folder(_CHILD), exports.children._mark(_CHILD)
    folder.mkdir(parents=True, exist_ok=True)
    assert mark is not None  # noqa: S101 - there is a folder for it
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    (folder / "asked.json").write_bytes(asked)
    (folder / "output").write_bytes(output)
    for child in exports.children.all():
        _ = child.started, child.command, child.finished
        exports.shown(child).model_dump_json()


def _read_child(path: Path) -> None:
    _shown(path, path.read_bytes(), _output())


def _read_output(path: Path) -> None:
    _shown(path, _asked(), path.read_bytes())


def _body() -> bytes:
    import base64

    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    images = [data, {"data": f"data:image/png;base64,{data}", "name": "cat.png"}]
    return json.dumps({"images": images, "masks": True}).encode()


def _read_body(path: Path) -> None:
    from legonet.serve.bodies import _json
    from legonet.serve.images import read_photos

    uploads, _ = _json(path.read_bytes())
    read_photos(uploads, 2**20, 16)


def _arrays() -> Seeds:
    made = []
    for array in (np.zeros((4, 4, 3), np.uint8), np.ones((2, 4, 4, 1), np.float32), np.zeros((4, 4), ">f8")):
        file = io.BytesIO()
        np.save(file, array)
        made.append(file.getvalue())
    return made


def _read_array(path: Path) -> None:
    from legonet.serve.images import Upload, read_photos

    read_photos([Upload("an array", path.read_bytes())], 2**20, 16)
