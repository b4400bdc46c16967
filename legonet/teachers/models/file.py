"""Files that people give as a model and that are none: each is called by name, with what to give instead."""

from __future__ import annotations

import zipfile
from pathlib import Path

from torch import nn

from legonet.errors import TeacherError
from legonet.teachers.models.source import Lookup, ModelSource

_WEIGHTS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".pkl")
_INSTEAD = (
    "expected what builds the model: a block, torchvision:NAME, timm:NAME, a .pt2 file of torch.export or "
    "package.module:function"
)


def _is_file(reference: str) -> bool:
    if ":" in reference:
        return False
    return reference.endswith((*_WEIGHTS, ".onnx")) or (bool(reference) and Path(reference).is_dir())


def _find(reference: str, lookup: Lookup) -> nn.Module:
    path = Path(reference)
    if path.is_dir() and (path / "config.json").is_file():
        what = "a Hugging Face folder, with weights and no code"
        advice = "write a function that gives the model by its class, and give the folder as --weights"
    elif path.is_dir():
        what, advice = "a folder", "name what builds the model"
    elif reference.endswith(".onnx"):
        what, advice = "an ONNX file", "give the PyTorch model that it was exported from"
    elif _is_torchscript(path):
        what = "a TorchScript file, which can run code"
        advice = "give the Python model that it was made from, and the weights of `scripted.state_dict()`"
    else:
        what, advice = "a file of weights", f"give it as --weights {reference}"
    raise TeacherError(f"model {reference}: is {what}; {_INSTEAD}; {advice}")


def _is_torchscript(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


FILE = ModelSource(_is_file, _find)
