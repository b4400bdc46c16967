"""`legonet teacher add`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from legonet.cli.completion import blocks, names_of
from legonet.cli.options import GraphFile
from legonet.cli.teacher.options import EXAMPLE, MODEL, Code, Output, shape_of


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
        example_shape=None if shape is None else shape_of(shape),
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


def _image(text: str) -> dict[str, Any]:
    from legonet.errors import TeacherError
    from legonet.graph.reading.yaml import compose

    found, _ = compose(text, "--input").or_raise()
    if not isinstance(found, dict):
        raise TeacherError(f"--input {text}: expected a mapping, such as '{{shape: [3, 224, 224]}}'")
    return found
