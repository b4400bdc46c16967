"""Any model becomes a graph of operations, by torch.export. Needs torch.

The model is traced in evaluation mode with a batch of any size, and not decomposed: the operations are those
that its own code calls. What does nothing then, such as dropout and stochastic depth, is left out; what
writes into its argument becomes its pure form; what follows neither the input nor a weight is computed once
and kept as a constant. `legonet.teachers.tracing.verify` compares the result with the model.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import (
    AbstractContextManager,
    contextmanager,
    nullcontext,
    redirect_stderr,
    redirect_stdout,
    suppress,
)
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import OutputKind, TensorArgument
from torch.utils import _pytree as pytree

from legonet.errors import TeacherError, first_line
from legonet.graph.suggest import did_you_mean, listed
from legonet.ir.cuts import needed
from legonet.ir.graph import restricted
from legonet.ir.recurrence import as_one_call
from legonet.ir.untold import untold
from legonet.ops.shapes import show_shape
from legonet.teachers.tracing.convert import Converter
from legonet.teachers.tracing.earlier import forget
from legonet.teachers.tracing.evaluation import evaluating, line_of, restoring
from legonet.teachers.tracing.meant import Detached, known_constants
from legonet.teachers.tracing.outputs import names_in, parts_of
from legonet.teachers.tracing.programs import ProgramModel, expect_input
from legonet.teachers.tracing.traced import Traced

BATCH = 2  # images while tracing; any number but one, which torch.export would take as fixed
_ATTEMPTS = 4  # once for what earlier calls left, for dataclasses that torch does not know, for constants
_BATCH_ONLY = "it computes for one batch size only (len(x) makes it so; x.shape[0] does not)"
_CONDITION = "a condition or a loop follows the values of a tensor"
_UNKNOWN_TYPE = "in output, which is not a known type"


def export(
    module: nn.Module, input_shape: tuple[int, ...], *, output: str | None = None, where: str = "model"
) -> Traced:
    """Trace a model.

    Args:
        module: Takes one tensor (batch, channels, height, width); it may be on the meta device.
        input_shape: Of one image: (channels, height, width).
        output: Which output, by its key or number, where the model gives several, or which ones are joined;
            default: the only one, or the one called `out`.
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
            program = _traced(module, input_shape, where, untold)
    numbers = [_output(program, each, where) for each in names_in(output)]
    try:
        found = Converter(program, where).convert(numbers)
    except TeacherError:
        if isinstance(module, ProgramModel):
            raise
        with evaluating(module):  # once more, for the line that is not understood
            program = _traced(module, input_shape, where, nullcontext)
        found = Converter(program, where).convert(numbers)
    whole = found.graph
    graph = restricted(whole, {name: whole.steps[name] for name in needed(whole, whole.output)}, whole.output)
    constants = {name: value for name, value in found.constants.items() if name in graph.tensors}
    return dataclasses.replace(found, graph=graph, constants=constants)


def _own_graph(program: ExportedProgram) -> ExportedProgram:
    """A copy whose graph may be changed; its tensors are the same ones."""
    tensors = [*program.state_dict.values(), *program.constants.values()]
    return copy.deepcopy(program, {id(each): each for each in tensors})


def _traced(
    module: nn.Module,
    input_shape: tuple[int, ...],
    where: str,
    lines: Callable[[], AbstractContextManager[None]],
) -> ExportedProgram:
    takes = _expect_one_input(module, where)
    place = next((each.device for each in module.parameters()), torch.device("cpu"))
    example = torch.zeros(BATCH, *input_shape, device=place)
    sizes: Any = {0: Dim("batch", min=1)}
    kept: list[str] = []
    constants: Any = nullcontext
    for attempt in range(_ATTEMPTS):
        try:
            with (
                warnings.catch_warnings(),
                _quiet(),
                restoring(module),
                as_one_call(),
                constants(),
                lines(),
                Detached(),
            ):
                warnings.simplefilter("ignore")
                if attempt and not kept:
                    with suppress(Exception):  # one that no other batch can be given to
                        kept = forget(module, input_shape)
                return torch.export.export(
                    module, (example,), dynamic_shapes=((sizes,) if takes else sizes,), strict=False
                )
        except Exception as error:  # whatever a model's own code raises
            known = _registered(module, example) if _UNKNOWN_TYPE in str(error) else False
            follows_batch = not attempt and _reason(error) == _BATCH_ONLY
            follows_constant = _reason(error) == _CONDITION and constants is nullcontext
            if follows_constant:
                constants = known_constants
            if attempt + 1 < _ATTEMPTS and (known or follows_batch or follows_constant):
                continue
            raise _refusal(module, input_shape, where, error, kept) from error
    raise AssertionError("the last attempt raises")


def _expect_one_input(module: nn.Module, where: str) -> bool:
    """Whether the forward pass takes `*args`; refuse one that needs something else than images."""
    try:
        parameters = list(inspect.signature(module.forward).parameters.values())
    except (TypeError, ValueError):  # a function without a signature
        return False
    needed = [
        each.name
        for each in parameters
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    by_place = [each for each in parameters if each.kind not in (each.KEYWORD_ONLY, each.VAR_KEYWORD)]
    if len(needed) > 1 or not by_place or [by_place[0].name] < needed:
        what = f"{len(needed)} arguments, {listed(needed, ' and ')}" if len(needed) > 1 else "no argument"
        passed = "images, …"
        if len(needed) == 1 or any(each.kind == each.VAR_KEYWORD for each in parameters):
            what = f"no argument but by name, {needed[0]}" if needed else "no argument but by name"
            passed = f"{needed[0] if needed else 'name'}=images"
        raise TeacherError(
            f"{where}: the forward pass of {type(module).__name__} takes {what}; expected images alone; "
            "give a module that takes those and passes the others on: `def forward(self, images): "
            f"return self.model({passed})`"
        )
    return by_place[0].kind == inspect.Parameter.VAR_POSITIONAL


def _registered(module: nn.Module, example: torch.Tensor) -> bool:
    """Make torch know the dataclasses that a model gives; whether there were any."""
    with torch.no_grad(), evaluating(module):
        kinds = {type(each) for each in _values(module(example)) if dataclasses.is_dataclass(each)}
    for kind in kinds:
        torch.export.register_dataclass(kind)
    return bool(kinds)


def _values(value: object) -> Iterator[object]:
    yield value
    for each in (parts_of(value) or {}).values():
        yield from _values(each)


def _refusal(
    module: nn.Module, input_shape: tuple[int, ...], where: str, error: Exception, kept: list[str]
) -> TeacherError:
    """What torch's error means for the one whose model it is."""
    if _UNKNOWN_TYPE in str(error):
        kind = str(error).partition("<class '")[2].partition("'")[0].rpartition(".")[2]
        return TeacherError(
            f"{where}: {type(module).__name__} gives {kind}; expected a tensor, or tensors in a dictionary, "
            "tuple or dataclass; give a module that returns the tensor"
        )
    if type(module).__module__.startswith("torchvision.models.detection"):
        return TeacherError(
            f"{where}: {type(module).__name__} is a detector, whose last step follows the values of boxes; "
            "expected what comes before it; give its `backbone` (output 0 to 3 or pool), or a module of "
            "`backbone` and `head` that returns one tensor"
        )
    line, advice = line_of(error), "rewrite that line, or choose another example shape"
    if not line:
        advice = "rewrite its forward pass, or choose another example shape"
    if _reason(error) == _BATCH_ONLY:
        advice = "correct that; if it was called before, give the model as it was built, with its weights"
    if kept:
        advice = (
            f"it keeps {listed(kept, ' and ')} from a call; give the model as it was before it was called"
        )
    return TeacherError(
        f"{where}: {type(module).__name__} cannot be traced{line}: {_reason(error)}; "
        f"expected a forward pass of one tensor {show_shape(input_shape)} for each image, without "
        f"conditions or loops that follow its values; {advice}"
    )


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
    text = str(error)
    if "data-dependent" in text or "GuardOnDataDependent" in type(error).__name__:
        return _CONDITION
    if "Constraints violated" in text or "not all values of batch" in text or "ConstraintViolation" in text:
        return _BATCH_ONLY
    if "unhashable" in text and "SymInt" in text:
        return "it keeps values for one number of images, which may be any"
    return first_line(error)


def _output(program: ExportedProgram, wanted: str | None, where: str) -> int:
    """The number of the output that counts."""
    specs = program.graph_signature.output_specs
    given = [each.arg for each in specs if each.kind == OutputKind.USER_OUTPUT]
    names = {
        name: number
        for number, name in enumerate(output_names(program))
        if isinstance(given[number], TensorArgument)  # not None, and no number
    }
    if wanted is None and len(names) > 1 and "out" in names:
        wanted = "out"
    if wanted is None and len(names) == 1:
        return next(iter(names.values()))
    if wanted in names:
        return names[wanted]
    if not names:
        raise TeacherError(f"{where}: it gives no tensor; expected one that follows the images; return it")
    known = list(names)
    if wanted is None:
        raise TeacherError(
            f"{where}: it gives {len(known)} outputs: {listed(known)}; expected one; name the one that "
            "counts as its output"
        )
    raise TeacherError(
        f"{where}: it has no output '{wanted}'; outputs are {listed(known)}.{did_you_mean(wanted, known)}"
    )


def output_names(program: ExportedProgram) -> list[str]:
    """The keys, fields or numbers of a model's outputs."""
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
    for key, each in (parts_of(value) or {}).items():
        yield from _named(each, f"{prefix}.{key}" if prefix else str(key))
