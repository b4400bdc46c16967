"""What others have measured or exported, and what lies in `.legonet/`."""

from __future__ import annotations

import fcntl
import hashlib
import json
import random
import shutil
from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

from benchmarks.fuzz.format import Format
from benchmarks.fuzz.mutations import json_mutant, mutant
from benchmarks.fuzz.remotes import emptied
from legonet.store.workspace import Workspace

_SHA = "a" * 64


def formats() -> dict[str, Format]:
    """By name."""
    return {
        "figures": Format(".json", [_figures()], json_mutant, _read_figures, 0.5),
        "export-card": Format(".json", [_card()], json_mutant, _read_card, 0.3),
        "unfinished": Format(".json", [_unfinished()], json_mutant, _read_unfinished, 0.5),
        "run-lock": Format(".lock", [_run_lock()], mutant, _read_run_lock, 0.5),
        "descent": Format(".safetensors", [_descent()], _header_and_bytes, _read_descent, 1.0),
    }


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

    def cut(done: int, *_: object) -> None:
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
    folder = emptied(path)
    data = path.read_bytes()
    (folder / f"{_SHA}-1.safetensors").write_bytes(hashlib.sha256(data).hexdigest().encode() + data)
    _descend(folder, 0)


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
