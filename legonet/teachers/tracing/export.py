"""Any model becomes a graph of operations, by torch.export. Needs torch.

The model is traced in evaluation mode with a batch of any size, and not decomposed: the operations are those
that its own code calls. What does nothing then, such as dropout and stochastic depth, is left out; what
writes into its argument becomes its pure form; what follows neither the input nor a weight is computed once
and kept as a constant. `legonet.teachers.tracing.verify` compares the result with the model.
"""

from __future__ import annotations

import copy
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.utils import _pytree as pytree

from legonet.errors import TeacherError
from legonet.graph.suggest import did_you_mean, listed
from legonet.ir.cuts import needed
from legonet.ir.graph import ModelGraph, restricted
from legonet.teachers.tracing.convert import Converted, Converter
from legonet.teachers.tracing.evaluation import evaluating, line_of
from legonet.teachers.tracing.programs import ProgramModel, expect_input

BATCH = 2  # images while tracing; any number but one, which torch.export would take as fixed


@dataclass(frozen=True)
class Exported:
    """A model as a graph of operations.

    Attributes:
        operations: The graph.
        constants: Tensors that no state dict of the model has, by their names in the graph.
        reordered: The model asks for an order of memory, such as channels last, which the graph does not.
    """

    operations: ModelGraph
    constants: dict[str, Tensor]
    reordered: bool = False


def export(
    module: nn.Module, input_shape: tuple[int, ...], *, output: str | None = None, where: str = "model"
) -> Exported:
    """Trace a model.

    Args:
        module: Takes one tensor (batch, channels, height, width); it may be on the meta device.
        input_shape: Of one image: (channels, height, width).
        output: Which output, by its key or number, where the model gives several; default: the only one, or
            the one called `out`.
        where: What messages call the model.

    Returns:
        Its operations. Weights keep their names.

    Raises:
        TeacherError: The model cannot be traced; says where in its code and why.
    """
    if isinstance(module, ProgramModel):
        expect_input(module.program, input_shape, where)
        program = _own_graph(module.program)
    else:
        with evaluating(module):
            program = _traced(module, input_shape, where)
    chosen = _output(program, output, where)
    return exported(program, chosen, where)


def _own_graph(program: ExportedProgram) -> ExportedProgram:
    """A copy whose graph may be changed; its tensors are the same ones."""
    tensors = [*program.state_dict.values(), *program.constants.values()]
    return copy.deepcopy(program, {id(each): each for each in tensors})


def exported(program: ExportedProgram, output: int, where: str) -> Exported:
    """Convert what torch.export traced.

    Args:
        program: With a batch of any size.
        output: The number of the output that counts.
        where: What messages call the model.

    Raises:
        TeacherError: It has an operation that is not on legonet's list.
    """
    converted: Converted = Converter(program, where).convert(output)
    operations = converted.operations
    steps = {name: operations.steps[name] for name in needed(operations, operations.output)}
    operations = restricted(operations, steps, operations.output)
    constants = {name: value for name, value in converted.constants.items() if name in operations.tensors}
    return Exported(operations, constants, converted.reordered)


def _traced(module: nn.Module, input_shape: tuple[int, ...], where: str) -> ExportedProgram:
    place = next((each.device for each in module.parameters()), torch.device("cpu"))
    example = torch.zeros(BATCH, *input_shape, device=place)
    try:
        with warnings.catch_warnings(), _quiet():
            warnings.simplefilter("ignore")
            return torch.export.export(
                module, (example,), dynamic_shapes=({0: Dim("batch", min=1)},), strict=False
            )
    except Exception as error:  # whatever a model's own code raises
        raise TeacherError(
            f"{where}: {type(module).__name__} cannot be traced{line_of(error)}: {_reason(error)}; "
            f"expected a forward pass of one tensor {_show(input_shape)} for each image, without "
            "conditions or loops that follow its values; rewrite that line, or choose another example shape"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Torch logs and prints what it tries; the error says it all."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _reason(error: Exception) -> str:
    text = str(error).strip()
    if "data-dependent" in text or "GuardOnDataDependent" in type(error).__name__:
        return "a condition or a loop follows the values of a tensor"
    if "Constraints violated" in text or "not all values of batch" in text or "ConstraintViolation" in text:
        return "it computes for one batch size only (len(x) makes it so; x.shape[0] does not)"
    return text.split("\n")[0].rstrip(".") or type(error).__name__


def _show(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))})"


def _output(program: ExportedProgram, wanted: str | None, where: str) -> int:
    """The number of the output that counts."""
    names = output_names(program)
    if wanted is None and len(names) > 1 and "out" in names:
        wanted = "out"
    if wanted is None and len(names) == 1:
        return 0
    if wanted in names:
        return names.index(wanted)
    if wanted is None:
        raise TeacherError(
            f"{where}: it gives {len(names)} outputs: {listed(names)}; expected one; name the one that "
            "counts as its output"
        )
    raise TeacherError(
        f"{where}: it has no output '{wanted}'; outputs are {listed(names)}.{did_you_mean(wanted, names)}"
    )


def output_names(program: ExportedProgram) -> list[str]:
    """The keys or numbers of a model's outputs."""
    spec = program.call_spec.out_spec
    names = []
    count = len(program.graph_signature.user_outputs)
    if spec is not None:
        flat = pytree.tree_unflatten(list(range(count)), spec)
        names = [name for name, _ in sorted(_named(flat), key=lambda pair: pair[1])]
    return names if len(names) == count else [str(number) for number in range(count)]


def _named(value: object, prefix: str = "") -> Iterator[tuple[str, int]]:
    if isinstance(value, int):
        yield prefix or "0", value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _named(each, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _named(each, f"{prefix}.{index}" if prefix else str(index))
