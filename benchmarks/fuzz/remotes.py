"""What a remote says that it holds, and what a hub has beside weights."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from benchmarks.fuzz.format import Format
from benchmarks.fuzz.mutations import json_mutant
from legonet.store.blobs import sha256
from legonet.store.workspace import Workspace

_SHA = "a" * 64
GRAPH = b"""\
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


def formats() -> dict[str, Format]:
    """By name."""
    found = {
        "remote-pointer": Format(".json", [_pointer()], json_mutant, _read_pointer, 0.7),
        "remote-list": Format(".json", [_manifest()], json_mutant, _read_manifest, 1.5),
        "remote-parts": Format(".parts", [_parts()], json_mutant, _read_parts, 0.7),
        "remote-record": Format(".json", [_record()], json_mutant, _read_record, 0.7),
        "weights-index": Format(".safetensors.index.json", [_index()], json_mutant, _read_index, 0.7),
    }
    if find_spec("timm") is not None:
        found["hub-config"] = Format(".json", [_hub()], json_mutant, _read_hub, 0.2)
    return found


def _put(folder: Path, data: bytes, suffix: str = "", sha: str = "") -> dict[str, Any]:
    sha = sha or sha256(data)
    file = folder / "objects" / sha[:2] / f"{sha}{suffix}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return {"sha256": sha, "size": len(data)}


def emptied(path: Path) -> Path:
    """A folder beside a file, with nothing in it."""
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
    graph, lock = GRAPH, _lock_text()
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

    folder = emptied(path)
    _put(folder, _manifest())
    shutil.copy(path, folder / POINTER)
    look(Place(RemoteAddress.read(str(folder))))


def _read_manifest(path: Path) -> None:
    """The list of a remote, as a pull takes it into a new workspace."""
    from legonet.remote.address import RemoteAddress
    from legonet.remote.manifest import POINTER, look
    from legonet.remote.place import Place
    from legonet.sharing.join import join, note

    folder, data = emptied(path), path.read_bytes()
    for each in (GRAPH, _lock_text(), data):
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
    folder, whole = emptied(path), b"12345678" * 2
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

    folder = emptied(path)
    shutil.copy(path, folder / CONFIG)
    _of_timm(f"file://{folder}", "a hub")
