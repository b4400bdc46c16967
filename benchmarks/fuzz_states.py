"""Further formats that are fuzzed: what remotes say, what lies in `.legonet/`, and what servers are sent."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import nn

from benchmarks.fuzz_mutations import json_mutant, mutant
from legonet.store.blobs import sha256
from legonet.store.workspace import Workspace

Seeds = list[bytes]
Mutate = Callable[[bytes, random.Random], bytes]
Read = Callable[[Path], Any]
_SHA = "a" * 64
_GRAPH = b"""\
legonet: 1
name: zoo
input: {shape: [1, 8, 8]}
tasks:
  classify: {output: {kind: binary}} # a remark
  sort: {output: {kind: binary}}
teachers:
  cat-v1: {category: cat, task: classify, model: net, weights: teachers/cat.safetensors, cut: pool1}
  dog-v1: {category: dog, task: sort, model: net, weights: teachers/dog.safetensors, cut: pool1}
categories: {cat: {label: Cat}, dog: {}}
applications:
  all: [cat:classify]
"""
_CHILD = "20260101-000000-00000000"


def state_formats() -> dict[str, tuple[str, Seeds, Mutate, Read, float]]:
    """By name: the ending of such files, good ones, what makes mutants of one, what reads one, its share."""
    found: dict[str, tuple[str, Seeds, Mutate, Read, float]] = {
        "remote-pointer": (".json", [_pointer()], json_mutant, _read_pointer, 0.7),
        "remote-list": (".json", [_manifest()], json_mutant, _read_manifest, 1.5),
        "remote-parts": (".parts", [_parts()], json_mutant, _read_parts, 0.7),
        "remote-record": (".json", [_record()], json_mutant, _read_record, 0.7),
        "weights-index": (".safetensors.index.json", [_index()], json_mutant, _read_index, 0.7),
        "figures": (".json", [_figures()], json_mutant, _read_figures, 0.5),
        "export-card": (".json", [_card()], json_mutant, _read_card, 0.3),
        "unfinished": (".json", [_unfinished()], json_mutant, _read_unfinished, 0.5),
        "run-lock": (".lock", [_run_lock()], mutant, _read_run_lock, 0.5),
        "descent": (".safetensors", [_descent()], _header_and_bytes, _read_descent, 1.0),
        "edits": (".json", [_edits()], json_mutant, _read_edits, 1.5),
    }
    if find_spec("timm") is not None:
        found["hub-config"] = (".json", [_hub()], json_mutant, _read_hub, 0.2)
    if find_spec("starlette") is not None:
        found["run-events"] = (".jsonl", [_events()], _line_mutant, _read_events, 0.7)
        found["studio-child"] = (".json", [_asked()], json_mutant, _read_child, 0.7)
        found["studio-output"] = (".json", [_output()], json_mutant, _read_output, 0.5)
        found["body.json"] = (".json", [_body()], json_mutant, _read_body, 0.7)
        found["body.npy"] = (".npy", _arrays(), mutant, _read_array, 0.7)
    return found


# Remotes


def _put(folder: Path, data: bytes, suffix: str = "", sha: str = "") -> dict[str, Any]:
    sha = sha or sha256(data)
    file = folder / "objects" / sha[:2] / f"{sha}{suffix}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return {"sha256": sha, "size": len(data)}


def _remote(path: Path) -> Path:
    folder = path.with_name("remote")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _lock_text() -> bytes:
    from legonet.graph.lock import Lock, dump_lock

    return dump_lock(Lock()).encode()


def _listed(data: bytes) -> bytes:
    listed = {"legonet-remote": 1, "name": "zoo", "manifest": sha256(data), "size": len(data)}
    return json.dumps(listed).encode()


def _manifest() -> bytes:
    graph, lock = _GRAPH, _lock_text()
    files = {
        "graphs/zoo.yaml": {"sha256": sha256(graph), "size": len(graph)},
        "graphs/zoo.lock.json": {"sha256": sha256(lock), "size": len(lock)},
    }
    elsewhere = {"graphs/teachers/cat.safetensors": {"sha256": _SHA, "blobs": [_SHA]}}
    head = {"legonet-manifest": 1, "name": "zoo", "graph": "graphs/zoo.yaml", "lock": "graphs/zoo.lock.json"}
    return json.dumps(head | {"files": files, "elsewhere": elsewhere, "blobs": {_SHA: 5}}).encode()


def _pointer() -> bytes:
    return _listed(_manifest())


def _read_pointer(path: Path) -> None:
    from legonet.remote.address import RemoteAddress
    from legonet.remote.manifest import POINTER, look
    from legonet.remote.place import Place

    folder = _remote(path)
    _put(folder, _manifest())
    shutil.copy(path, folder / POINTER)
    look(Place(RemoteAddress.read(str(folder))))


def _read_manifest(path: Path) -> None:
    """The list of a remote, as a pull takes it into a new workspace."""
    from legonet.remote.address import RemoteAddress
    from legonet.remote.manifest import POINTER, look
    from legonet.remote.place import Place
    from legonet.sharing.join import join, note

    folder, data = _remote(path), path.read_bytes()
    for each in (_GRAPH, _lock_text(), data):
        _put(folder, each)
    (folder / POINTER).write_bytes(_listed(data))
    root = path.with_name("pulled")
    shutil.rmtree(root, ignore_errors=True)
    place, workspace = Place(RemoteAddress.read(str(folder))), Workspace(root)
    found = look(place)
    assert found is not None  # noqa: S101 - it was put there
    join(place, found, workspace.own(root / found.manifest.graph), workspace)
    note(workspace, place.address, found.manifest)


def _parts() -> bytes:
    half = sha256(b"12345678")
    return json.dumps({"size": 16, "parts": [[half, 8], [half, 8]]}).encode()


def _read_parts(path: Path) -> None:
    import legonet.remote.patience as patience
    from legonet.remote.address import RemoteAddress
    from legonet.remote.objects import Objects
    from legonet.remote.place import Place

    patience.FIRST_PAUSE = 0.0001
    folder, whole = _remote(path), b"12345678" * 2
    _put(folder, whole[:8])
    _put(folder, path.read_bytes(), ".parts", sha256(whole))
    Objects(Place(RemoteAddress.read(str(folder)))).fetch(sha256(whole), None, path.with_suffix(".part"))


def _record() -> bytes:
    head = {
        "remote": "s3://bucket/zoo",
        "name": "zoo",
        "manifest": _SHA,
        "graph": [_SHA, 1],
        "lock": [_SHA, 1],
    }
    elsewhere = {"teachers/cat.safetensors": {"sha256": _SHA, "blobs": [_SHA]}}
    return json.dumps(head | {"blobs": {_SHA: 5}, "elsewhere": elsewhere}).encode()


def _read_record(path: Path) -> None:
    from legonet.store.elsewhere import record_path

    state = Workspace(path.with_name("pulled")).state("remotes")
    state.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, record_path(state, "zoo"))
    workspace = Workspace(path.with_name("pulled"))
    workspace.held(workspace.root / "teachers" / "cat.safetensors")


# What lies beside weights, and what others have measured


def _index() -> bytes:
    names = {"0.weight": "part-1.safetensors", "0.bias": "part-2.safetensors"}
    return json.dumps({"metadata": {"total_size": 12}, "weight_map": names}).encode()


def _read_index(path: Path) -> None:
    from legonet.teachers.weights.checkpoints import read_checkpoint

    for number in (1, 2):
        safetensors.torch.save_file(
            {str(number): torch.ones(1)}, path.with_name(f"part-{number}.safetensors")
        )
    read_checkpoint(path, "weights", follow=False)


def _hub() -> bytes:
    return json.dumps({"architecture": "test_resnet", "num_classes": 3, "pretrained_cfg": {}}).encode()


def _read_hub(path: Path) -> None:
    from legonet.teachers.models.fetched import CONFIG, _of_timm

    folder = _remote(path)
    shutil.copy(path, folder / CONFIG)
    _of_timm(f"file://{folder}", "a hub")


def _figures() -> bytes:
    row = {"path": "cat:classify", "measure": "error", "transplanted": 0.1, "teacher": 0.05, "unadapted": 0.5}
    return json.dumps({"rows": [row, row | {"path": "dog:classify", "unadapted": None}]}).encode()


def _read_figures(path: Path) -> None:
    from legonet.render.figures import read_figures

    for row in read_figures(path).values():  # as the studio takes them
        _ = [float(row[key]) for key in ("transplanted", "teacher") if row[key] is not None]


def _card() -> bytes:
    return json.dumps({"name": "zoo", "input": [3, 8, 8], "outputs": {"cat:classify": {}}}).encode()


def _read_card(path: Path) -> None:
    from legonet.compile.export import _was_exported
    from legonet.compile.export.pt2 import CARD

    shutil.copy(path, path.with_name(CARD))
    _was_exported(path.parent)


# What lies in `.legonet/`


def _unfinished() -> bytes:
    return json.dumps({"graph": "graphs/zoo.yaml", "files": ["blocks/net.yaml", "../beside/file"]}).encode()


def _read_unfinished(path: Path) -> None:
    from legonet.store.unfinished import left_over

    workspace = Workspace(path.with_name("pulled"))
    state = workspace.state("unfinished")
    state.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, state / "0.json")
    left_over(workspace)


def _run_lock() -> bytes:
    owner = {"pid": 1, "host": "here", "since": 1.0}
    return json.dumps(owner).encode() + b"\n" + json.dumps([_SHA]).encode() + b"\n"


def _read_run_lock(path: Path) -> None:
    from legonet.errors import StoreError
    from legonet.store.locks import RunLock, live_needs

    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        live_needs(path.parent)
        try:
            with RunLock(path):
                raise AssertionError("it was held")
        except StoreError as error:
            str(error)


def _line() -> tuple[nn.Linear, torch.Generator]:
    generator = torch.Generator().manual_seed(0)
    module = nn.Linear(2, 1)
    with torch.no_grad():
        module.weight.fill_(0.5)
    return module, generator


def _descend(folder: Path, steps: int) -> list[str]:
    from legonet.distill.fitting import checkpoint
    from legonet.distill.fitting.optimise import optimise

    checkpoint.EVERY = 0.0
    module, generator = _line()
    kept = checkpoint.Checkpoint(folder, _SHA)
    state = kept.descent(generator)

    def cut(done: int, total: int, loss: float) -> None:
        if done == steps:
            raise InterruptedError

    def loss() -> torch.Tensor:
        return module(torch.rand(3, 2, generator=generator)).square().mean()

    with suppress(InterruptedError):
        optimise(module, loss, 3, 0.1, decay=True, state=state, progress=cut)
    return kept.notes


def _descent() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        _descend(Path(folder), 2)
        (file,) = Path(folder).iterdir()
        return file.read_bytes()[64:]


def _read_descent(path: Path) -> None:
    """What a stranger writes is whole by its hash."""
    folder = _remote(path)
    data = path.read_bytes()
    (folder / f"{_SHA}-1.safetensors").write_bytes(hashlib.sha256(data).hexdigest().encode() + data)
    _descend(folder, 0)


# The studio, and servers


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

    text = _GRAPH.decode()
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

    from PIL import Image

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


def _header_and_bytes(seed: bytes, choose: random.Random) -> bytes:
    """A mutant of a file's bytes, or of the state that its header tells."""
    if choose.random() < 0.4:
        return mutant(seed, choose)
    size = int.from_bytes(seed[:8], "little")
    header = json.loads(seed[8 : 8 + size])
    if choose.random() < 0.7:
        header["__metadata__"]["legonet"] = json_mutant(
            header["__metadata__"]["legonet"].encode(), choose
        ).decode("utf-8", "replace")
        data = json.dumps(header).encode()
    else:
        data = json_mutant(json.dumps(header).encode(), choose)
    return len(data).to_bytes(8, "little") + data + seed[8 + size :]
