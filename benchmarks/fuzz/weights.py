"""Files of weights, and modules in the store."""

from __future__ import annotations

import io
import pickle
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import nn

from benchmarks.fuzz.format import CANARY, Format
from benchmarks.fuzz.mutations import header_mutant, mutant


def formats(folder: Path) -> dict[str, Format]:
    """By name. Code of mutants would write `CANARY` into the folder."""
    gadgets = _gadgets(folder / CANARY)
    new, old = ([saved(each), _arrays(each)] for each in (True, False))
    return {
        "weights.safetensors": Format(".safetensors", [_tensors()], header_mutant, _read_weights),
        "weights.pt": Format(".pt", new, _zip_mutant(gadgets), _read_weights, 2.0),
        "weights-old.pt": Format(".pt", old, _old_mutant(gadgets), _read_weights, 2.0),
        "program.pt2": Format(".pt2", [_program()], _zip_mutant(gadgets), _read_weights, 0.5),
        "module-blob": Format("", [_blob()], header_mutant, _read_blob),
    }


def model() -> nn.Module:
    """What weights are for."""
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3))


def _read_weights(path: Path) -> None:
    from legonet.teachers.weights.checkpoints import fill_from

    with torch.device("meta"):
        target = model()
    fill_from(target, path, "teachers.cat", "model")


def _read_blob(path: Path) -> None:
    from legonet.ir.modules import load_module
    from legonet.ir.sizes import shapes_of

    shapes_of(load_module(path).graph, (1, 8, 8))


def _tensors() -> bytes:
    return safetensors.torch.save(dict(model().state_dict()), {"format": "pt"})


def saved(new: bool) -> bytes:
    """A checkpoint of torch.save, of the new form or the old."""
    file = io.BytesIO()
    torch.save({"state_dict": model().state_dict(), "epoch": 3}, file, _use_new_zipfile_serialization=new)
    return file.getvalue()


def _arrays(new: bool) -> bytes:
    """Of whoever kept NumPy's arrays: of several orders of bytes, and beside tensors."""
    file, held = io.BytesIO(), dict[str, Any]()
    for number, (name, value) in enumerate(model().state_dict().items()):
        array = value.numpy()
        held[name] = (value, array, array.astype(array.dtype.newbyteorder(">")))[number % 3]
    kept = {"model": held, "mean": np.float64(0.5), "names": np.array(["cat", "dog"]), "at": np.arange(3)}
    torch.save(kept, file, _use_new_zipfile_serialization=new)
    return file.getvalue()


def _program() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("p/archive_format", "pt2")
        archive.writestr("p/data.pkl", pickle.dumps({"a": 1}, 2))
    return file.getvalue()


def _blob() -> bytes:
    from legonet.blocks.build import lowered
    from legonet.ir.modules import write_module

    return write_module("category-module", lowered(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()).eval()))


def _zip_mutant(gadgets: list[bytes]) -> Callable[[bytes, random.Random], bytes]:
    def mutate(seed: bytes, choose: random.Random) -> bytes:
        """Half of the mutants are of the pickle inside, in an archive that is whole."""
        if choose.random() < 0.4:
            return mutant(seed, choose)
        file = io.BytesIO()
        method = choose.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
        with zipfile.ZipFile(io.BytesIO(seed)) as old, zipfile.ZipFile(file, "w", method) as new:
            for name in old.namelist():
                data = old.read(name)
                if name.endswith("/data.pkl"):
                    data = choose.choice(gadgets) if choose.random() < 0.2 else mutant(data, choose)
                new.writestr(name, data)
        return file.getvalue()

    return mutate


def _old_mutant(gadgets: list[bytes]) -> Callable[[bytes, random.Random], bytes]:
    def mutate(seed: bytes, choose: random.Random) -> bytes:
        return choose.choice(gadgets) if choose.random() < 0.1 else mutant(seed, choose)

    return mutate


def _gadgets(canary: Path) -> list[bytes]:
    """Pickles that make a file where they are run."""
    calls = (
        ("builtins", "open", (str(canary), "w")),
        ("os", "system", (f"touch {canary}",)),
        ("subprocess", "getoutput", (f"touch {canary}",)),
        ("builtins", "exec", (f"open({str(canary)!r}, 'w')",)),
        ("torch.storage", "_load_from_bytes", (b"",)),
        ("pathlib", "Path.touch", (str(canary),)),
    )
    return [each for call in calls for each in _called(*call)]


def _called(module: str, name: str, arguments: tuple[Any, ...]) -> Iterator[bytes]:
    given = pickle.dumps(arguments, 2)[2:-1]
    yield b"\x80\x02" + f"c{module}\n{name}\n".encode() + given + b"R."
    names = b"".join(b"\x8c" + bytes([len(each)]) + each.encode() for each in (module, name))
    yield b"\x80\x04" + names + b"\x93" + given + b"R."
    yield b"\x80\x02" + f"c{module}\n{name}\n".encode() + given + b"\x81}b."
