"""`legonet teacher`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from legonet.cli.completion import blocks, names_of
from legonet.cli.options import Data, GraphFile, Help, Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from legonet.teachers.cut_points import CutPoint

Code = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-code",
        metavar="CODE",
        help="Run this code, which makes the model: package.module:function, or a .pt2 file; nothing else of "
        "the kind is run. What legonet/allowed-code.yaml in your folder of settings allows is run too.",
    ),
]
HERE = Path("graphs/any.yaml")  # a place in the workspace of the working folder
EXAMPLE = "The shape of the images that the model is traced with: channels, height, width"
MODEL = "A block, torchvision:NAME, timm:NAME, a .pt2 file or package.module:function."
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        metavar="NAME",
        help="The output to take, where the model gives several; and last steps that it lacks, such as "
        "'features | mean 2 3': permute, flatten, mean, select, resize.",
    ),
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
        typer.Argument(metavar="MODEL", autocompletion=blocks, help=MODEL),
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

    Those are the places that a single tensor crosses, and where these are far apart, those that several maps
    cross; the recommended ones are marked.
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
    from legonet.teachers.tracing.outputs import read_output
    from legonet.teachers.tracing.plain import plain
    from legonet.teachers.tracing.trace import trace

    named = input_of(model, Workspace.find(HERE).block_folders) if shape is None else _shape(shape)
    size = named or (3, 224, 224)
    with plain(with_room(_model(model, allow_code)), model) as given:
        found = trace(given.module, size, output=read_output(output, model), where=model)
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
            _crosses(cut),
            *(f"{count:,}" for count in (*cut.parameters, *cut.operations)),
            _also(cut, [] if every else near(cuts, cut)),
        )
        for cut in chosen
    ]
    for line, cut in zip(columns([heading, *rows], right=range(3, 7)), [None, *chosen], strict=True):
        show(line, "bold" if cut is None or cut.recommended else "")
    print(f"\noutput {_meaning(output_shape(found.graph, size), size)}")
    print(f"{len(cuts)} places, {len(chosen)} shown; * recommended, = another name, ~ no weight between.")
    if picture is not None:
        print(picture)


def _meaning(shape: tuple[int, ...], size: tuple[int, ...]) -> str:
    """An output's shape, and the kind that a new task of it would have, or why there is none."""
    from legonet.errors import TeacherError
    from legonet.teachers.outputs import output_of

    shown = _sizes(shape) or "without axes"
    try:
        return f"{shown}: {output_of(shape, size, 'a new task')['kind']}"
    except TeacherError as error:
        return f"{shown}: {error}"


def _also(cut: CutPoint, others: Sequence[CutPoint]) -> str:
    """Other names of a place, and of those that only pooling, activations and the like lie between."""
    same = [f"= {name}" for name in cut.names if name != cut.module]
    return ", ".join([*same, *(f"~ {each.module} {_crosses(each)}" for each in reversed(others))])


def _draw(
    file: Path, model: str, size: tuple[int, ...], cuts: Sequence[CutPoint], output: tuple[int, ...]
) -> None:
    from legonet.render import render
    from legonet.render.places import Place, picture

    before, places = 0, []
    for cut in cuts:
        share = cut.operations[0] / max(1, sum(cut.operations))
        places.append(Place(cut.module, _crosses(cut), share, cut.parameters[0] - before, cut.recommended))
        before = cut.parameters[0]
    above = cuts[-1].parameters[1] if cuts else 0
    render(picture(model, _sizes(size), places, f"{_sizes(output)} · {above:,} weights"), file)


def _crosses(cut: CutPoint) -> str:
    return " + ".join(map(_sizes, cut.several or (cut.shape,)))


def _sizes(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


@app.command("add")
def add(
    graph: GraphFile,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The teacher's name.")],
    category: Annotated[
        str,
        typer.Option(
            "--category",
            metavar="CATEGORY",
            autocompletion=names_of("categories"),
            help="The category that it was trained for.",
        ),
    ],
    task: Annotated[
        str,
        typer.Option(
            "--task",
            metavar="TASK",
            autocompletion=names_of("tasks"),
            help="The task that it was trained for.",
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="MODEL",
            autocompletion=blocks,
            help=f"{MODEL} Or the address of a .pt2 file, or of a model of timm's on a hub, such as "
            "hf://timm/resnet18.a1_in1k.",
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
        str | None,
        typer.Option(
            "--weights",
            metavar="FILE",
            help="The weights: .safetensors, .pt or .pth, without any code, the address of such a file, or a "
            "folder of Hugging Face's; a .pt2 file has its own, and a function may load them.",
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
    image: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="MAPPING",
            help="The images that it takes, as in a graph file: '{shape: [3, 224, 224], resize: crop}'; "
            "default: the category's, or the network's.",
        ),
    ] = None,
    on_conflict: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="What becomes of a known category whose module is another one: keep, replace or variant.",
        ),
    ] = "keep",
    by_order: Annotated[
        bool,
        typer.Option(
            "--by-order",
            help="Take the weights in the file's order, whatever their names; all shapes have to agree.",
        ),
    ] = False,
    licence: Annotated[
        str | None,
        typer.Option(
            "--licence", "--license", metavar="NAME", help="The licence of its weights, such as MIT."
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="TEXT", help="Where it comes from: an address, or words."),
    ] = None,
    output: Output = None,
    allow_code: Code = None,
) -> None:
    """Bring a model in as a teacher.

    The graph file gets its entry, and keeps its comments.
    """
    import legonet
    from legonet.graph.address import without_secrets
    from legonet.graph.editing.on_conflict import read_on_conflict
    from legonet.progress import open_bars
    from legonet.store.workspace import Workspace
    from legonet.teachers.models.fetched import forget, given_model
    from legonet.teachers.weights.checkpoints import fill_from

    network, workspace = legonet.load(graph), Workspace.find(graph)
    where, shown = f"teachers.{name}", without_secrets(model)
    with open_bars("auto") as bars:

        def told(done: int, total: int | None) -> None:
            size = None if total is None else total / 2**20
            bars.show("", "fetching", total=size, done=done / 2**20, state="MiB")

        given = given_model(model, weights, allow_code or (), workspace, told)
    say = lambda text: print(f"{text}.")  # noqa: E731
    fill_from(given.module, given.weights, where, shown, key, say, by_order=by_order)
    notes = network.add_teacher(
        name,
        given.module,
        category=category,
        task=task,
        cut=cut,
        output=output,
        on_conflict=read_on_conflict(on_conflict),
        example_shape=None if shape is None else _shape(shape),
        copy=False,  # a file's weights stay in the file
        image=None if image is None else _image(image),
        licence=licence,
        source=source or given.source,
        source_sha256=given.sha256,
    )
    network.save(graph)
    if given.sha256 is not None:
        print(f"{where}: fetched from {given.source}, sha256 {given.sha256}.")
        forget(given)
    for note in notes:
        print(f"{where}: {note}.")
    added = network.graph.teachers[name]
    print(f"{graph}: teacher {name} added as {added.category}:{added.task}, cut at {added.cut}.")
    print(f"Run: legonet plan {graph}")


@app.command("record")
def record(
    graph: GraphFile,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEACHER", autocompletion=names_of("teachers"), help="The teachers; default: all."
        ),
    ] = None,
    data: Data = "animals",
) -> None:
    """Record teachers' statistics on their owner's images.

    Transplanting then needs no image. Statistics are written beside the weights and take at most a quarter
    of their size, but for small teachers with large features. The images are those that the network will
    meet: some that show the category and some that do not. In a folder of images, a category's are called by
    its name, else by its label; those of a variant such as cat@2 also as those of cat.
    """
    import legonet
    from legonet.data.source import open_source
    from legonet.graph.select import image_names
    from legonet.teachers.one_sided import ADVICE, one_sided

    network = legonet.load(graph)
    for name in names or network.graph.teachers:
        shown = ""

        def images(category: str) -> Tensor:
            nonlocal shown
            source = open_source(data, network.graph.input_of(category))
            shown = source.called(image_names(network.graph, category))
            return source.samples(shown, split="train")[0]

        path, count = network.record(name, images)
        size = Path(path).stat().st_size
        print(f"{path}: {count} images of '{shown}' and others, {size / 1024:.0f} KiB")
        meaning = network.graph.tasks[network.graph.teachers[name].task].output
        side = one_sided(Path(path).read_bytes(), meaning)
        if side:
            print(f"  note: all but a few scores are {side}: {ADVICE}")


def _model(
    reference: str, allowed: list[str] | None, graph: Path = HERE, *, own_weights: bool = False
) -> nn.Module:
    from legonet.store.workspace import Workspace
    from legonet.teachers.models.table import find_model

    workspace = Workspace.find(graph)
    return find_model(
        reference, workspace.block_folders, allowed or (), workspace.root, own_weights=own_weights
    )


def _image(text: str) -> dict[str, Any]:
    from legonet.errors import TeacherError
    from legonet.graph.reading.yaml import compose

    found, _ = compose(text, "--input").or_raise()
    if not isinstance(found, dict):
        raise TeacherError(f"--input {text}: expected a mapping, such as '{{shape: [3, 224, 224]}}'")
    return found


def _shape(text: str) -> tuple[int, ...]:
    from legonet.errors import TeacherError

    sizes = text.replace("x", ",").split(",")
    if len(sizes) != 3 or not all(size.isdigit() and int(size) for size in sizes):
        raise TeacherError(f"--example-shape {text}: expected channels,height,width, such as 3,224,224")
    return tuple(int(size) for size in sizes)
