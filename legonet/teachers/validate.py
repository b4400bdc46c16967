"""Everything that can be said of a graph file without running a network or loading weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from legonet.blocks.adapter_layers import MAPS
from legonet.blocks.files import list_blocks
from legonet.errors import LegonetError
from legonet.graph.check import check
from legonet.graph.load import read_graph
from legonet.graph.output import Maps
from legonet.graph.reading.findings import Finding
from legonet.graph.schema import Graph, Teacher
from legonet.graph.select import adapter_spec, givers
from legonet.ir.cuts import CutError
from legonet.ir.graph import Shape
from legonet.ir.several import maps_given
from legonet.ir.sizes import output_shape
from legonet.ops.shapes import show_shape
from legonet.store.workspace import Workspace
from legonet.teachers.feature_maps import expect_channels_first
from legonet.teachers.sources.file import FileTeacher
from legonet.teachers.sources.source import TeacherSource


def problems_of(path: Path) -> str:
    """Check one graph file.

    Args:
        path: The graph file.

    Returns:
        The report of all its problems, in file order; empty if it is valid.

    Raises:
        GraphError: The file cannot be read at all.
    """
    reading = read_graph(path)
    if reading.loaded is None or reading.problems:
        return reading.report()
    workspace = Workspace.find(path)
    blocks = list_blocks(workspace.block_folders)
    problems = check(reading.loaded, workspace, list(blocks))
    if not problems:
        graph, folder = reading.loaded.graph, path.absolute().parent
        teachers = graph.teachers.items()
        problems = list(
            shape_problems(
                graph, {name: FileTeacher(name, each, folder, workspace) for name, each in teachers}
            )
        )
    return reading.report(problems)


def shape_problems(graph: Graph, sources: Mapping[str, TeacherSource]) -> Iterator[Finding]:
    """What does not fit along the paths of a graph whose references are right.

    Shapes are found on torch's meta device: no weights, no computing.

    Args:
        graph: What the network is.
        sources: The network's teachers.
    """
    features: dict[str, Maps] = {}
    outputs: dict[str, Shape] = {}
    for name, teacher in graph.teachers.items():
        try:
            cut, image = sources[name].cut(), graph.input_of(teacher.category).shape
            shape = output_shape(cut.below, image, where="the category module")
            expect_channels_first(cut, shape, image)
            output = output_shape(cut.above, shape, where="the task module")
        except LegonetError as error:
            key = "cut" if isinstance(error, CutError) else "model"
            yield Finding(("teachers", name, key), str(error).removeprefix(f"teachers.{name}: "))
            continue
        features[name], outputs[name] = maps_given(cut.below) or (shape,), output
        wrong = _output_problem(graph, teacher, output)
        if wrong:
            yield Finding(("teachers", name, "model"), wrong)
    yield from _edge_problems(graph, features, outputs)


def _output_problem(graph: Graph, teacher: Teacher, shape: Shape) -> str:
    meaning = graph.tasks[teacher.task].output
    expected = meaning.shape(graph.input_of(teacher.category).shape)
    if shape == expected:
        return ""
    return (
        f"block '{teacher.model}' gives {show_shape(shape)}; task {teacher.task} ({meaning.kind}) expects "
        f"{show_shape(expected)}; {meaning.sharing()}; or correct the task's output"
    )


def _edge_problems(graph: Graph, features: dict[str, Maps], outputs: dict[str, Shape]) -> Iterator[Finding]:
    given = givers(graph)
    for name, teacher in graph.teachers.items():
        donor = given.tasks[teacher.task]
        if donor is None or name not in features or donor not in features or donor == name:
            continue
        sources, targets = features[name], features[donor]
        if outputs[name] != outputs[donor]:
            yield Finding(
                ("teachers", name, "task"),
                f"this teacher gives {show_shape(outputs[name])}, that of the task's module, {donor}, "
                f"{show_shape(outputs[donor])}, since their images differ in size",
                "expected one size for all teachers of a task",
                "give it a task of its own, or teachers whose maps have one size (`size`)",
            )
            continue
        if len(sources) != len(targets):
            yield Finding(
                ("teachers", name, "cut"),
                f"{len(sources)} maps cross there, {len(targets)} at the cut of {donor}, which gives the "
                "task's module; expected as many; cut both where as many cross",
            )
            continue
        source, target = sources[0], targets[0]
        if any(len(each) != 3 for each in (*sources, *targets)):
            yield Finding(
                ("teachers", name, "cut"),
                f"the category module gives {show_shape(source)}, the task module of {donor} takes "
                f"{show_shape(target)}; expected feature maps (channels, height, width) on both sides; "
                f"{MAPS}",
            )
            continue
        spec = adapter_spec(graph, teacher.category, teacher.task)
        path = f"{teacher.category}:{teacher.task}"
        if spec.channels is not None and (len(sources) > 1 or spec.channels != (source[0], target[0])):
            key = (
                ("adapters", path, "channels")
                if path in graph.adapters
                else ("tasks", teacher.task, "adapter")
            )
            yield Finding(
                key,
                f"{list(spec.channels)}; the modules that it joins have [{source[0]}, {target[0]}]; "
                "leave channels out, or correct them",
            )
