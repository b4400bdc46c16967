"""`legonet compile`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from legonet.cli.options import GraphFile, Json, Paths
from legonet.cli.unbuilt import tell_unbuilt

Passes = Annotated[
    str,
    typer.Option(
        metavar="NAMES",
        help="The passes: all, none, exact, training, or names with commas between; see docs/compiler.md.",
    ),
]


def compile(  # noqa: A001 - the command's name
    graph: GraphFile,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="What to write: a .pt2 or an .onnx file, or a folder of plain Python; default: nothing.",
        ),
    ] = None,
    path: Paths = None,
    passes: Passes = "all",
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what was merged, folded and saved.")
    ] = False,
    aot: Annotated[
        bool,
        typer.Option(
            "--aot", help="Of a .pt2: machine code for processors like this one; needs a C++ compiler."
        ),
    ] = False,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8", help="Of a .pt2 or .onnx: weights of 8 bits; says what they cost in agreement."
        ),
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="With --aot or --int8: images that both forms are compared on; default: noise.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write some paths as one network that runs without legonet.

    What is written is loaded again and compared before the command says done.
    """
    import legonet
    from legonet.errors import ExportError

    for name, asked in (("--aot", aot), ("--int8", int8), ("--images", images is not None)):
        if asked and (output is None or not (aot or int8)):
            needed = "-o FILE" if output is None else "--aot or --int8"
            raise ExportError(f"{name}: found no {needed}; expected one; give it, or leave {name} out")
    names = passes if "," not in passes else [each.strip() for each in passes.split(",")]
    network = legonet.load(graph)
    app = network.compile(*(path or []), passes=names)
    tell_unbuilt(network, graph, path)
    data: dict[str, object] = {"paths": [each.name for each in app.paths]}
    lines = []
    if explain or output is None:
        explanation = app.explain()
        data |= {"explanation": explanation.data(), "table": str(explanation)}
        lines.append(str(explanation))
    if output is not None:
        from legonet.compile.export import export

        done = export(app, output, aot=aot, int8=int8, images=images)
        data |= {"output": str(done.path), "bytes": done.size, "difference": done.difference}
        paths = f"{len(app.paths)} path{'s' * (len(app.paths) > 1)}"
        cost = ", which is what weights of 8 bits cost" if int8 else ""
        lines.append(
            f"{done.path}: {paths}, {done.size / 2**10:,.0f} KiB; read again, its outputs differ by "
            f"{done.difference:.1e}{cost}"
        )
        if done.beside is not None:
            data |= {"beside": done.beside.data()}
            lines.append(str(done.beside))
    print(json.dumps(data, indent=2) if as_json else "\n".join(lines))
