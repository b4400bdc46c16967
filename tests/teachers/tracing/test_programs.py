"""A file of torch.export is a model, with the names of the model that it was made from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from legonet.errors import TeacherError
from legonet.ir.interpreter import build_graph
from legonet.ir.split import cut_at
from legonet.teachers.from_module import from_module
from legonet.teachers.models.table import find_model
from legonet.teachers.new_teacher import NewTeacher
from legonet.teachers.tracing.programs import ProgramModel, read_program

SHAPE = (3, 8, 8)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
        self.head = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        x = self.stem(images)
        return self.head((x + x.flip(2)).mean((2, 3)))


def saved(path: Path, batch: bool = True, model: nn.Module | None = None) -> nn.Module:
    torch.manual_seed(0)
    model = (model or Net()).eval()
    dynamic = ({0: Dim("batch", min=1)},) if batch else None
    torch.export.save(torch.export.export(model, (torch.zeros(2, *SHAPE),), dynamic_shapes=dynamic), path)
    return model


def test_a_file_is_a_model(tmp_path: Path) -> None:
    model = saved(tmp_path / "net.pt2")
    found = find_model(str(tmp_path / "net.pt2"), [], [str(tmp_path / "net.pt2")])
    assert set(found.state_dict()) == set(model.state_dict())
    source, shape = from_module(NewTeacher("net", found, "cat", "classify", "stem"), SHAPE)
    assert shape == (2,)
    cut = source.cut()
    assert cut == cut_at(cut.graph, "stem")
    built = build_graph(cut.graph)
    built.load_state_dict({name: model.state_dict()[name] for name in cut.graph.tensors})
    images = torch.randn(3, *SHAPE)
    assert torch.equal(built(images), model(images))


def test_an_input_that_is_called_input(tmp_path: Path) -> None:
    saved(tmp_path / "net.pt2", model=nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten()))
    found = read_program(tmp_path / "net.pt2", "m")
    assert from_module(NewTeacher("net", found, "cat", "classify", "1"), SHAPE)[1] == (72,)


def test_it_is_read_only_where_it_is_allowed(tmp_path: Path) -> None:
    saved(tmp_path / "net.pt2")
    with pytest.raises(TeacherError, match=r"net\.pt2: torch reads such a file with pickle.*--allow-code"):
        find_model(str(tmp_path / "net.pt2"), [])
    with pytest.raises(TeacherError, match="no such file"):
        find_model("none.pt2", [], ["none.pt2"])


def test_what_is_no_use(tmp_path: Path) -> None:
    saved(tmp_path / "fixed.pt2", batch=False)
    with pytest.raises(TeacherError, match=r"^m: was exported for 2 images at a time; .* export it with dyn"):
        read_program(tmp_path / "fixed.pt2", "m")
    (tmp_path / "cut.pt2").write_bytes((tmp_path / "fixed.pt2").read_bytes()[:5000])
    with pytest.raises(
        TeacherError, match=r"^m: cannot be read: .*; expected what torch\.export\.save wrote"
    ):
        read_program(tmp_path / "cut.pt2", "m")
    saved(tmp_path / "net.pt2")
    new = NewTeacher("net", read_program(tmp_path / "net.pt2", "m"), "cat", "classify", "stem")
    with pytest.raises(
        TeacherError, match=r"was exported for images of shape \(3, 8, 8\); expected \(3, 9, 9"
    ):
        from_module(new, (3, 9, 9))


def test_a_program_in_half_precision_is_refused() -> None:
    sizes = ({0: torch.export.Dim("batch", min=1)},)
    half = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()).half().eval()
    program = torch.export.export(half, (torch.zeros(2, 3, 8, 8).half(),), dynamic_shapes=sizes)
    with pytest.raises(
        TeacherError, match=r"was exported with weights in float16, such as 0\.weight; expected"
    ):
        from_module(NewTeacher("net", ProgramModel(program), "cat", "classify", "0"), (3, 8, 8))
