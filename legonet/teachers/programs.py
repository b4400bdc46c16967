"""Files of torch.export become models: `.pt2`. Needs torch.

torch's own reader unpickles what is in such a file, and so can be made to run code. Hence it is asked only
where the user names the file as code that is allowed.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import SymInt, Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from legonet.errors import TeacherError

SUFFIX = ".pt2"


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
            program = torch.export.load(path)
    except Exception as error:  # what a damaged archive leads to is not bounded
        line = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
        raise TeacherError(
            f"{where}: cannot be read: {line}; expected what torch.export.save wrote; export it again"
        ) from error
    example = _input(program)
    if example is None or not isinstance(example.shape[0], SymInt):
        found = "takes no single tensor"
        if example is not None:
            found = f"was exported for {example.shape[0]} images at a time"
        raise TeacherError(
            f"{where}: {found}; expected a program of one tensor of any number of images; export it with "
            'dynamic_shapes=({0: torch.export.Dim("batch", min=1)},)'
        )
    return ProgramModel(program)


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
