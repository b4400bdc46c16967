"""Files of torch.export become models: `.pt2`. Needs torch.

torch's own reader unpickles what is in such a file, and so can be made to run code. Hence it is asked only
where the user names the file as code that is allowed.
"""

from __future__ import annotations

import io
import json
import math
import warnings
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import SymInt, Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from legonet import foreign
from legonet.errors import TeacherError, first_line
from legonet.store.memory_map import map_bytes
from legonet.teachers.weights.mapped_tensors import part_of
from legonet.teachers.weights.zip_records import ZipRecords

SUFFIX = ".pt2"
_LARGEST_REST = 256 * 2**20  # bytes
_FOLDERS = {
    "data/weights": "weight",
    "data/constants": "tensor",
}  # and what torch's records in them begin with


class ProgramModel(nn.Module):
    """A program as a model: takes images, has a state dict, and needs no tracing.

    Args:
        program: Of one tensor, the batch of any size.

    Attributes:
        program: It is left as it is.
    """

    def __init__(self, program: ExportedProgram) -> None:
        super().__init__()
        self.program = program
        # Not registered: torch refuses to set the mode of such a module.
        self.__dict__["_run"] = program.module()

    def forward(self, images: Tensor) -> Any:
        """Compute what the program computes."""
        return self.__dict__["_run"](images)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The program's weights, under the names of the model that it was made from."""
        return dict(self.program.state_dict)


def read_program(path: Path, where: str) -> ProgramModel:
    """Read a file of torch.export.

    Raises:
        TeacherError: It cannot be read, takes something else than one tensor, or has a fixed batch.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, of its formats to come
            program = _read(path)
    except Exception as error:  # what a damaged archive leads to is not bounded
        raise TeacherError(
            f"{where}: cannot be read: {first_line(error)}; expected what torch.export.save wrote; "
            "export it again"
        ) from error
    example = _input(program)
    if example is None or not isinstance(example.shape[0], SymInt):
        found = "does not take a single tensor"
        if example is not None:
            found = f"was exported for {example.shape[0]} images at a time"
        raise TeacherError(
            f"{where}: {found}; expected a program of one tensor of any number of images; export it with "
            'dynamic_shapes=({0: torch.export.Dim("batch", min=1)},)'
        )
    return ProgramModel(program)


def _read(path: Path) -> ExportedProgram:
    """Read a program; its weights are mapped where they lie in the file as torch writes them today.

    torch reads a copy of the archive without them, in which they are on the meta device.
    """
    archive = ZipRecords(map_bytes(path, foreign.PROGRAM, follow=True))
    slim, rest, places = io.BytesIO(), set(archive.names()), dict[str, _Place]()
    with zipfile.ZipFile(slim, "w") as copy:
        for folder, prefix in _FOLDERS.items():
            name = f"{folder}/model_{folder[5:]}_config.json"
            if name not in rest:
                continue
            config = json.loads(bytes(archive.record(name)))
            found = {
                key: _Place.of(folder, entry) for key, entry in config["config"].items() if _plain(entry)
            }
            for number, key in enumerate(found):
                entry = config["config"][key]
                entry["path_name"] = f"{prefix}_meta_{number}"
                _take_away(entry["tensor_meta"])
                copy.writestr(f"slim/{folder}/{entry['path_name']}", b"")
            copy.writestr(f"slim/{name}", json.dumps(config))
            rest -= {name, *(place.record for place in found.values())}
            places |= found
        if sum(len(archive.record(name)) for name in rest) > _LARGEST_REST:
            raise ValueError(f"it has more than {_LARGEST_REST // 2**20} MiB beside its weights")
        for name in rest:
            copy.writestr(f"slim/{name}", archive.record(name))
    slim.seek(0)
    program = torch.export.load(slim)
    for state in (program.state_dict, program.constants):
        for name, tensor in state.items():
            if name in places and isinstance(tensor, Tensor):
                state[name] = _filled(tensor, archive, places[name])
    return program


class _Place(NamedTuple):
    """Where the values of a tensor are: the archive's record, and the tensor's steps in it."""

    record: str
    strides: list[int]
    offset: int

    @classmethod
    def of(cls, folder: str, entry: dict[str, Any]) -> _Place:
        form = entry["tensor_meta"]
        strides = [each["as_int"] for each in form["strides"]]
        return cls(f"{folder}/{entry['path_name']}", strides, form["storage_offset"]["as_int"])


def _plain(entry: dict[str, Any]) -> bool:
    """Whether a record is a tensor's bytes as they are."""
    form = entry["tensor_meta"]
    return not entry["use_pickle"] and form is not None and form["device"]["type"] == "cpu"


def _take_away(form: dict[str, Any]) -> None:
    """Put a tensor on the meta device, in a row."""
    sizes = [each["as_int"] for each in form["sizes"]]
    form["device"] = {"type": "meta", "index": None}
    form["strides"] = [{"as_int": math.prod(sizes[axis + 1 :])} for axis in range(len(sizes))]
    form["storage_offset"] = {"as_int": 0}


def _filled(tensor: Tensor, archive: ZipRecords, place: _Place) -> Tensor:
    value = part_of(archive.record(place.record), tensor.dtype, tensor.shape, place.strides, place.offset)
    return nn.Parameter(value, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else value


def _input(program: ExportedProgram) -> Tensor | None:
    """The example of the tensor that a program takes; None if it takes something else."""
    specs = program.graph_signature.input_specs
    names = [spec.arg.name for spec in specs if spec.kind == InputKind.USER_INPUT]
    examples = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    found = [examples[name] for name in names]
    return found[0] if len(found) == 1 and isinstance(found[0], Tensor) and found[0].ndim else None


def expect_input(program: ExportedProgram, input_shape: tuple[int, ...], where: str) -> None:
    """Refuse a program that was exported for images of another shape.

    Raises:
        TeacherError: It was.
    """
    example = _input(program)
    found = () if example is None else tuple(example.shape[1:])
    if len(found) != len(input_shape) or any(
        isinstance(size, int) and size != wanted for size, wanted in zip(found, input_shape, strict=True)
    ):
        raise TeacherError(
            f"{where}: was exported for images of shape {found}; expected {tuple(input_shape)}; export it "
            "again for those"
        )
