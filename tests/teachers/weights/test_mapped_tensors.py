"""Weights stay in their files: what is read is not held twice, whatever the form of the file."""

from __future__ import annotations

import gc
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.export import Dim

from legonet.teachers.tracing.programs import read_program
from legonet.teachers.weights.checkpoints import fill, read_checkpoint
from legonet.teachers.weights.scratch import Scratch


class Wide(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)


def written(model: nn.Module, form: str, path: Path) -> Path:
    state = model.state_dict()
    if form == "safetensors":
        safetensors.torch.save_file(state, path)
    elif form == "program":
        batch, width = {0: Dim("batch", min=1)}, state["fc.weight"].shape[1]
        torch.export.save(
            torch.export.export(model, (torch.zeros(2, width),), dynamic_shapes=(batch,)),
            path := path.with_suffix(".pt2"),
        )
    else:
        content = {name: value.half() for name, value in state.items()} if form == "half" else state
        torch.save({"state_dict": content}, path, _use_new_zipfile_serialization=form != "old")
    return path


def opened(path: Path, form: str, width: int) -> dict[str, Tensor]:
    if form == "program":
        return dict(read_program(path, "model").state_dict())
    scratch = Scratch(path.parent)
    with torch.device("meta"):
        model = Wide(width)
    fill(model, read_checkpoint(path, scratch=scratch), scratch=scratch)
    return model.state_dict()


def anonymous() -> int:
    """Bytes of this process's memory that no file stands behind."""
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon")
    )
    return 1024 * int(line.split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="asks for the process's memory as Linux tells it")
@pytest.mark.parametrize("form", ["safetensors", "zip", "old", "half", "program"])
def test_weights_take_no_memory(form: str, tmp_path: Path) -> None:
    small, width = Wide(8), 2000
    first = written(small, form, tmp_path / "small")  # what is imported and cached is not counted
    assert torch.equal(opened(first, form, 8)["fc.weight"], _as(form, small.fc.weight))
    model = Wide(width)
    path, total = written(model, form, tmp_path / "large"), model.fc.weight.detach().double().sum()
    expected = _as(form, model.fc.weight)[-1].clone()
    del model
    gc.collect()
    before = anonymous()
    state = opened(path, form, width)
    assert float(state["fc.weight"].detach().sum()) == pytest.approx(
        float(total), abs=0.1
    )  # all of it is looked at
    assert anonymous() - before < width * width  # a quarter of what it would take
    assert torch.equal(state["fc.weight"][-1], expected)


def _as(form: str, weight: Tensor) -> Tensor:
    return weight.detach().half().float() if form == "half" else weight.detach()


def strided() -> dict[str, Tensor]:
    torch.manual_seed(0)
    whole = torch.randn(6, 5)
    return {
        "transposed": whole.t(),
        "part": whole[2:4, 1:],
        "parameter": nn.Parameter(torch.randn(3)),
        "channels last": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "none": torch.zeros(0, 3),
        "one": torch.tensor(3),
        "truth": torch.tensor([True, False]),
        "bfloat16": torch.randn(5).bfloat16(),
    }


def test_tensors_that_share_memory(tmp_path: Path) -> None:
    torch.save(strided(), tmp_path / "w.pt")
    found = read_checkpoint(tmp_path / "w.pt")
    for name, value in strided().items():
        assert torch.equal(found[name], value)
        assert found[name].stride() == value.stride()


@pytest.mark.parametrize("how", ["compressed", "another machine's"])
def test_an_archive_that_cannot_be_mapped_is_read(how: str, tmp_path: Path) -> None:
    torch.save({"w": torch.arange(3.0)}, tmp_path / "w.pt")
    method = zipfile.ZIP_DEFLATED if how == "compressed" else zipfile.ZIP_STORED
    with zipfile.ZipFile(tmp_path / "w.pt") as old, zipfile.ZipFile(tmp_path / "new.pt", "w", method) as new:
        for name in old.namelist():
            data = old.read(name)
            if how != "compressed" and name.endswith("/byteorder"):
                data = b"big"
            if how != "compressed" and "/data/" in name:
                data = b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))
            if how == "compressed" or not name.endswith((".format_version", ".storage_alignment")):
                new.writestr(name, data)
    assert torch.equal(read_checkpoint(tmp_path / "new.pt")["w"], torch.arange(3.0))


class Tied(nn.Module):
    """Weights that are used twice, in part, in another order of memory, and constants."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.head, self.tied = nn.Linear(4, 4), nn.Linear(4, 4)
        self.tied.weight = self.head.weight
        self.register_buffer("fixed", torch.randn(4), persistent=False)
        self.scale = torch.randn(4)

    def forward(self, images: Tensor) -> Any:
        x = self.stem(images).mean((2, 3)) * self.scale + self.fixed
        return self.head(x) + self.tied(x)


def test_a_program_of_tied_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, images = Tied().eval(), torch.randn(2, 3, 8, 8)
    program = torch.export.export(model, (images,), dynamic_shapes=({0: Dim("batch", min=1)},))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of memory that is not in a row
        torch.export.save(program, tmp_path / "tied.pt2")
    found = read_program(tmp_path / "tied.pt2", "model")
    assert torch.equal(found(images), model(images))
    assert found.program.state_dict["stem.weight"].stride() == model.stem.weight.stride()
    state = found.state_dict()
    assert state["head.weight"].data_ptr() == state["tied.weight"].data_ptr()
