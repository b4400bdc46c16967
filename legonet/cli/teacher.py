"""`legonet teacher`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from legonet.cli.options import Data, GraphFile, Help, Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from legonet.teachers.cut_points import CutPoint

Code = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-code",
        metavar="CODE",
        help="Run this code, which makes the model: package.module:function, or a .pt2 file; nothing else of "
        "the kind is run. What .legonet/settings.yaml allows is run too.",
    ),
]
HERE = Path("graphs/any.yaml")  # a place in the workspace of the working folder
EXAMPLE = "The shape of the images that the model is traced with: channels, height, width"
MODEL = "A block, torchvision:NAME, timm:NAME, a .pt2 file or package.module:function."
Output = Annotated[
    str | None,
    typer.Option("--output", metavar="NAME", help="The output to take, where the model gives several."),
]

app = typer.Typer(
    help="Inspect, add and record teachers.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_help_option=False,
)


@app.callback()
def _teacher(show_help: Help = False) -> None:
    """Inspect, add and record teachers."""


@app.command("inspect")
def inspect(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help=MODEL),
    ],
    shape: Annotated[
        str | None,
        typer.Option(
            "--example-shape",
            "--shape",
            metavar="C,H,W",
            help=f"{EXAMPLE}; default: what a block names, else 3,224,224.",
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show places inside blocks too.")] = False,
    picture: Annotated[
        Path | None,
        typer.Option(
            "--picture", "-o", metavar="FILE", help="Draw the places too: .svg, .png, .pdf or .dot."
        ),
    ] = None,
    output: Output = None,
    allow_code: Code = None,
    as_json: Json = False,
) -> None:
    """Show where a model can be cut.

    Those are the places that a single tensor crosses; the recommended ones are marked.
    """
    from dataclasses import asdict

    from legonet.blocks.weightless import with_room
    from legonet.cli.table import show
    from legonet.errors import TeacherError
    from legonet.ir.cuts import NOWHERE
    from legonet.ir.sizes import output_shape
    from legonet.store.workspace import Workspace
    from legonet.tables import columns
    from legonet.teachers.cut_points import ends, list_cut_points, near
    from legonet.teachers.models.table import input_of
    from legonet.teachers.tracing.trace import trace

    named = input_of(model, Workspace.find(HERE).block_folders) if shape is None else _shape(shape)
    size = named or (3, 224, 224)
    found = trace(with_room(_model(model, allow_code)), size, output=output, where=model)
    cuts = list_cut_points(found.graph, size, model)
    if not cuts:
        raise TeacherError(f"{model}: {NOWHERE}")
    chosen = cuts if every else ends(cuts)
    if picture is not None:
        _draw(picture, model, size, chosen, output_shape(found.graph, size))
    if as_json:
        print(json.dumps({"model": model, "cuts": [asdict(cut) for cut in cuts]}, indent=2))
        return
    heading = ("", "cut", "shape", "weights below", "above", "multiplications below", "above", "")
    rows = [
        (
            "*" if cut.recommended else "",
            cut.module,
            _sizes(cut.shape),
            *(f"{count:,}" for count in (*cut.parameters, *cut.operations)),
            _also(cut, [] if every else near(cuts, cut)),
        )
        for cut in chosen
    ]
    for line, cut in zip(columns([heading, *rows], right=range(3, 7)), [None, *chosen], strict=True):
        show(line, "bold" if cut is None or cut.recommended else "")
    print(f"\n{len(cuts)} places, {len(chosen)} shown; * recommended, = another name, ~ no weight between.")
    if picture is not None:
        print(picture)


def _also(cut: CutPoint, others: Sequence[CutPoint]) -> str:
    """Other names of a place, and of those that only pooling, activations and the like lie between."""
    same = [f"= {name}" for name in cut.names if name != cut.module]
    return ", ".join([*same, *(f"~ {each.module} {_sizes(each.shape)}" for each in reversed(others))])


def _draw(
    file: Path, model: str, size: tuple[int, ...], cuts: Sequence[CutPoint], output: tuple[int, ...]
) -> None:
    from legonet.render import render
    from legonet.render.places import Place, picture

    before, places = 0, []
    for cut in cuts:
        share = cut.operations[0] / max(1, sum(cut.operations))
        places.append(
            Place(cut.module, _sizes(cut.shape), share, cut.parameters[0] - before, cut.recommended)
        )
        before = cut.parameters[0]
    above = cuts[-1].parameters[1] if cuts else 0
    render(picture(model, _sizes(size), places, f"{_sizes(output)} · {above:,} weights"), file)


def _sizes(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


@app.command("add")
def add(
    graph: GraphFile,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The teacher's name.")],
    category: Annotated[
        str, typer.Option("--category", metavar="CATEGORY", help="The category that it was trained for.")
    ],
    task: Annotated[str, typer.Option("--task", metavar="TASK", help="The task that it was trained for.")],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="MODEL",
            help=MODEL,
        ),
    ],
    cut: Annotated[
        str,
        typer.Option(
            "--cut",
            metavar="WHERE",
            help="Where to cut: after a module or an operation, or at a fraction such as 0.5.",
        ),
    ],
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            metavar="FILE",
            help="The weights: .safetensors, or .pt and .pth, without any code; a .pt2 file has its own.",
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="NAME",
            help="The set of weights to take, where the file has several, such as state_dict_ema.",
        ),
    ] = None,
    shape: Annotated[
        str | None,
        typer.Option("--example-shape", metavar="C,H,W", help=f"{EXAMPLE}; default: the network's."),
    ] = None,
    on_conflict: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="What becomes of a known category whose module is another one: keep, replace or variant.",
        ),
    ] = "keep",
    output: Output = None,
    allow_code: Code = None,
) -> None:
    """Bring a model in as a teacher.

    The graph file gets its entry, and keeps its comments.
    """
    import legonet
    from legonet.graph.editing.on_conflict import read_on_conflict
    from legonet.teachers.weights.checkpoints import fill_from

    network = legonet.load(graph)
    module = _model(model, allow_code, graph)
    where = f"teachers.{name}"
    fill_from(module, weights, where, model, key, lambda text: print(f"{text}; --key chooses."))
    network.add_teacher(
        name,
        module,
        category=category,
        task=task,
        cut=cut,
        output=output,
        on_conflict=read_on_conflict(on_conflict),
        example_shape=None if shape is None else _shape(shape),
        copy=False,  # a file's weights stay in the file
    )
    network.save(graph)
    added = network.graph.teachers[name]
    print(f"{graph}: teacher {name} added as {added.category}:{added.task}, cut at {added.cut}.")
    print(f"Run: legonet plan {graph}")


@app.command("record")
def record(
    graph: GraphFile,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="TEACHER", help="The teachers; default: all.")
    ] = None,
    data: Data = "animals",
) -> None:
    """Record teachers' statistics on their owner's images.

    Transplanting then needs no image. Statistics are written beside the weights and take at most a quarter
    of their size, but for small teachers with large features. The images are those that the network will
    meet: some that show the category and some that do not.
    """
    import legonet
    from legonet.data.source import open_source
    from legonet.teachers.recording import one_sided

    network = legonet.load(graph)
    source = open_source(data, network.graph.input.shape)
    for name in names or network.graph.teachers:
        path, count = network.record(name, lambda category: source.samples(category, split="train")[0])
        size = Path(path).stat().st_size
        print(f"{path}: {count} images, {size / 1024:.0f} KiB")
        lacking = one_sided(Path(path), network.graph.tasks[network.graph.teachers[name].task].output)
        if lacking:
            print(f"  note: {lacking}")


def _model(reference: str, allowed: list[str] | None, graph: Path = HERE) -> nn.Module:
    from legonet.store.workspace import Workspace
    from legonet.teachers.models.allowed import allowed_code
    from legonet.teachers.models.table import find_model

    workspace = Workspace.find(graph)
    known = (*(allowed or []), *allowed_code(workspace))
    return find_model(reference, workspace.block_folders, known)


def _shape(text: str) -> tuple[int, ...]:
    from legonet.errors import TeacherError

    sizes = text.replace("x", ",").split(",")
    if len(sizes) != 3 or not all(size.isdigit() and int(size) for size in sizes):
        raise TeacherError(f"--example-shape {text}: expected channels,height,width, such as 3,224,224")
    return tuple(int(size) for size in sizes)
