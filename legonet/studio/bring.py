"""Models and weights become teachers, as `legonet teacher` does it; no code is ever run. Needs torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from torch import nn

from legonet.blocks.libraries.table import LIBRARIES
from legonet.blocks.weightless import with_room
from legonet.errors import LegonetError, TeacherError
from legonet.graph.editing.build import read_input
from legonet.ir.cuts import NOWHERE
from legonet.ir.sizes import output_shape
from legonet.network import Network
from legonet.store.workspace import Workspace
from legonet.studio.models.teachers import CutData, Inspect, Inspected, NewTeacher
from legonet.teachers.cut_points import ends, list_cut_points
from legonet.teachers.models.library import with_argument
from legonet.teachers.models.table import find_model, input_of
from legonet.teachers.outputs import output_of
from legonet.teachers.tracing.outputs import read_output
from legonet.teachers.tracing.plain import plain
from legonet.teachers.tracing.trace import trace
from legonet.teachers.weights.checkpoints import OtherModelError, fill_from
from legonet.web.faults import FaultError, refuse

SHAPE = (3, 224, 224)
UPLOAD = "the upload"


@contextmanager
def _called(weights: Path | None, name: str = UPLOAD) -> Iterator[None]:
    """Messages about an upload name it so: whoever sent it does not know where it lies."""
    try:
        yield
    except LegonetError as error:
        if weights is None or isinstance(error, FaultError):
            raise
        said = [replace(each, found=each.found.replace(str(weights), name)) for each in error.problems]
        raise FaultError(422, *said) from error


def inspect(asked: Inspect, workspace: Workspace, weights: Path | None, name: str = UPLOAD) -> Inspected:
    """Where a model can be cut, and whether weights fit it.

    Args:
        asked: Which model.
        workspace: Where blocks are looked up.
        weights: To see whether they fit.
        name: What messages call them.

    Raises:
        LegonetError: There is no such model, it would run code, or the weights are others.
    """
    size = _shape(asked.example_shape) or input_of(asked.model, workspace.block_folders) or SHAPE
    notes: list[str] = []
    module = _model(asked.model, workspace)
    if weights is not None:
        try:
            with _called(weights, name):
                fill_from(module, weights, "weights", asked.model, None, notes.append, follow=False)
        except FaultError as error:
            width = error.__cause__.width if isinstance(error.__cause__, OtherModelError) else None
            wider = None if width is None else with_argument(asked.model, "num_classes", width)
            if wider is None:
                raise
            # Nearly all models that people have trained are of other classes than a library's are.
            found = inspect(asked.model_copy(update={"model": wider}), workspace, weights, name)
            note = (
                f"The weights are of {width} {'class' if width == 1 else 'classes'}, so the model is {wider}."
            )
            return found.model_copy(update={"notes": (note, *found.notes)})
    with plain(with_room(module), asked.model) as given:
        found = trace(given.module, size, output=read_output(asked.output, asked.model), where=asked.model)
    cuts = list_cut_points(found.graph, size, asked.model)
    if not cuts:
        raise TeacherError(f"{asked.model}: {NOWHERE}")
    gives, worth = output_shape(found.graph, size), {id(each) for each in ends(cuts)}
    problem, output = "", None
    try:
        output = output_of(gives, size, "a new task")
    except TeacherError as error:
        problem = str(error)
    return Inspected(
        model=asked.model,
        example_shape=tuple(size),
        output_shape=tuple(gives),
        output=output,
        output_problem=problem,
        cuts=tuple(
            CutData(
                module=each.module,
                names=each.names,
                shape=tuple(each.shape),
                parameters=each.parameters,
                operations=each.operations,
                recommended=each.recommended,
                end=id(each) in worth,
            )
            for each in cuts
        ),
        notes=tuple(each.replace(str(weights), name) for each in notes),
    )


def add(asked: NewTeacher, graph: Path, workspace: Workspace, weights: Path) -> None:
    """Add a teacher to a graph file, which keeps its comments.

    Args:
        asked: What it is.
        graph: The file.
        workspace: Where blocks are looked up.
        weights: Its weights; they are copied beside the graph file.

    Raises:
        LegonetError: It would run code, the weights are another model's, or the entry would not be valid.
    """
    network = Network.load(graph)
    module = _model(asked.model, workspace)
    where = f"teachers.{asked.name}"
    with _called(weights):
        fill_from(module, weights, where, asked.model, asked.key, None, by_order=asked.by_order, follow=False)
    image = None
    if asked.input is not None:
        read_input(network.graph, asked.input)  # says what is wrong with it before anything is done
        image = asked.input
    network.add_teacher(
        asked.name,
        module,
        category=asked.category,
        task=asked.task,
        cut=asked.cut,
        output=asked.output,
        on_conflict=asked.on_conflict,
        example_shape=_shape(asked.example_shape),
        copy=False,  # what is mapped stays in its file
        image=image,
    )
    network.save(graph)


def _model(name: str, workspace: Workspace) -> nn.Module:
    """A block's or a library's model; functions and files, which could be code, are not even looked for."""
    library, colon, _ = name.partition(":")
    if (colon and library not in LIBRARIES) or name.endswith((".pt2", ".pt", ".pth", ".py")):
        expected = f"expected a block, {' or '.join(f'{each}:NAME' for each in LIBRARIES)}"
        advice = "add what needs code on the command line, by `legonet teacher add`"
        raise refuse(422, f"model {name}: would be code", expected, advice, key="model")
    return find_model(name, workspace.block_folders)


def _shape(sizes: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if sizes is None else tuple(sizes)
