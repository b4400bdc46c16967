"""`legonet teacher inspect`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from legonet.cli.completion import blocks
from legonet.cli.options import Json
from legonet.cli.teacher.options import EXAMPLE, MODEL, Code, Output, shape_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from legonet.teachers.cut_points import CutPoint


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
    from legonet.teachers.models.table import find_model, input_of
    from legonet.teachers.tracing.outputs import read_output
    from legonet.teachers.tracing.plain import plain
    from legonet.teachers.tracing.trace import trace

    workspace = Workspace.find(Path("graphs/any.yaml"))  # that of the working folder
    named = input_of(model, workspace.block_folders) if shape is None else shape_of(shape)
    size = named or (3, 224, 224)
    module = find_model(model, workspace.block_folders, allow_code or (), workspace.root)
    with plain(with_room(module), model) as given:
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
