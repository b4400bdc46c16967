"""`legonet teacher`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from legonet.cli.options import Data, GraphFile, Help, Json

if TYPE_CHECKING:
    from torch import nn

Code = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-code",
        metavar="PACKAGE.MODULE:FUNCTION",
        help="Run this code, which makes the model; nothing else of the kind is run.",
    ),
]
Output = Annotated[
    str | None, typer.Option("--output", metavar="NAME", help="Which output, where the model gives several.")
]

app = typer.Typer(
    help="What the owner of a teacher does.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_help_option=False,
)


@app.callback()
def _teacher(show_help: Help = False) -> None:
    """What the owner of a teacher does."""


@app.command("record")
def record(
    graph: GraphFile,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="TEACHER...", help="Which teachers; default: all.")
    ] = None,
    data: Data = "animals",
) -> None:
    """Record statistics on the owner's images, so that transplanting needs none.

    They are written beside the weights and take at most a tenth of their size.
    """
    import legonet
    from legonet.data.source import open_source

    network = legonet.load(graph)
    source = open_source(data, network.graph.input.shape)
    for name in names or network.graph.teachers:
        path, count = network.record(name, lambda category: source.samples(category, split="train")[0])
        size = Path(path).stat().st_size
        print(f"{path}: {count} images, {size / 1024:.0f} KiB")


@app.command("inspect")
def inspect(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A block, torchvision:NAME, timm:NAME or package.module:function."
        ),
    ],
    shape: Annotated[
        str, typer.Option("--shape", metavar="C,H,W", help="Of one image: channels, height, width.")
    ] = "3,224,224",
    every: Annotated[bool, typer.Option("--all", help="Also places inside blocks.")] = False,
    output: Output = None,
    allow_code: Code = None,
    as_json: Json = False,
) -> None:
    """Show where a model can be cut: the places that a single tensor crosses, the recommended ones marked."""
    from dataclasses import asdict

    from legonet.cli.table import columns, show
    from legonet.teachers.cuts import ends, list_cuts
    from legonet.teachers.take_in import take_in

    size = _shape(shape)
    found = take_in(_model(model, allow_code), size, output=output, where=model)
    cuts = list_cuts(found.architecture, size, model)
    if as_json:
        print(json.dumps({"model": model, "cuts": [asdict(cut) for cut in cuts]}, indent=2))
        return
    chosen = cuts if every else ends(cuts)
    heading = ("", "cut", "shape", "weights below", "above", "multiplications below", "above")
    rows = [
        (
            "*" if cut.recommended else "",
            cut.module,
            "x".join(map(str, cut.shape)),
            *(f"{count:,}" for count in (*cut.parameters, *cut.operations)),
        )
        for cut in chosen
    ]
    for line, cut in zip(columns([heading, *rows], right=range(3, 7)), [None, *chosen], strict=True):
        show(line, "bold" if cut is None or cut.recommended else "")
    print(f"\n{len(cuts)} places, {len(chosen)} shown; * recommended.")


@app.command("add")
def add(
    graph: GraphFile,
    name: Annotated[str, typer.Option("--name", help="Of the teacher.")],
    category: Annotated[str, typer.Option("--category", help="That it was trained for.")],
    task: Annotated[str, typer.Option("--task", help="That it was trained for.")],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="A block, torchvision:NAME, timm:NAME or package.module:function.",
        ),
    ],
    weights: Annotated[
        Path,
        typer.Option(
            "--weights", metavar="FILE", help="safetensors, or .pt and .pth, of which no code is run."
        ),
    ],
    cut: Annotated[
        str, typer.Option("--cut", metavar="WHERE", help="A module, an operation, or a fraction such as 0.5.")
    ],
    output: Output = None,
    allow_code: Code = None,
) -> None:
    """Bring a model in as a teacher: the graph file gets its entry, its comments stay."""
    import legonet
    from legonet.teachers.checkpoints import fill, read_checkpoint

    network = legonet.load(graph)
    module = _model(model, allow_code, graph)
    fill(module, read_checkpoint(weights, f"teachers.{name}"), f"teachers.{name}: {weights}")
    network.add_teacher(name, module, category=category, task=task, cut=_cut(cut), output=output)
    network.save(graph)
    print(f"{graph}: teacher {name} added, cut at {network.graph.teachers[name].cut}.")
    print(f"Run: legonet plan {graph}")


def _model(reference: str, allowed: list[str] | None, graph: Path = Path("graphs")) -> nn.Module:
    from legonet.store.workspace import Workspace
    from legonet.teachers.references import find_model

    folder = graph if graph.suffix else graph / "any.yaml"
    return find_model(reference, Workspace.find(folder).block_folders, allowed or [])


def _cut(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _shape(text: str) -> tuple[int, ...]:
    from legonet.errors import TeacherError

    sizes = text.replace("x", ",").split(",")
    if len(sizes) != 3 or not all(size.isdigit() and int(size) for size in sizes):
        raise TeacherError(f"--shape {text}: expected channels,height,width, such as 3,224,224")
    return tuple(int(size) for size in sizes)
