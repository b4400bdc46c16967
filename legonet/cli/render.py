"""`legonet render`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from legonet.cli.options import GraphFile, Paths

if TYPE_CHECKING:
    from legonet.network import Network


def render(
    graph: GraphFile,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The picture: .svg, .png, .pdf, .dot, .mmd or .html; default: GRAPH.svg.",
        ),
    ] = None,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan", help="Write on each path what would be done, for how long, between what shapes."
        ),
    ] = False,
    figures: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Figures to write on the paths: what `legonet evaluate --json` printed."
        ),
    ] = None,
    compiled: Annotated[
        bool,
        typer.Option("--compiled", help="Draw what a compiled network runs, as .svg, .png, .pdf or .dot."),
    ] = False,
    path: Paths = None,
) -> None:
    """Draw the network.

    The picture shows categories, tasks, adapters and teachers with their state; with --compiled, the calls
    that the paths are compiled to. With --path it shows some paths only.
    """
    import legonet

    network = legonet.load(graph)
    if compiled:
        from legonet.compile.picture import picture
        from legonet.render import render as draw

        program = network.compile(*(path or [])).program
        print(draw(picture(program, network.graph.name), output or graph.with_suffix(".compiled.svg")))
        return
    shown = _planned(network) if plan else _figures(figures)
    print(network.render(output or graph.with_suffix(".svg"), shown, ports=plan, paths=path or []))


def _planned(network: Network) -> dict[str, dict[str, float]]:
    """What is to be done for a path and for how many seconds, or operations, as its figure."""
    figures: dict[str, dict[str, float]] = {}
    for edge in network.plan().jobs:
        if edge.cost is not None and edge.cost.seconds is not None:
            figures[edge.path] = {f"{edge.action}, about s": edge.cost.seconds}
        elif edge.cost is not None and edge.cost.operations is not None:
            figures[edge.path] = {f"{edge.action}, about GFLOP": edge.cost.operations / 10**9}
    return figures


def _figures(path: Path | None) -> dict[str, dict[str, float]]:
    from legonet.render.figures import read_figures

    if path is None:
        return {}
    return {
        name: {row["measure"]: row["transplanted"]} | ({"teacher": row["teacher"]} if row["teacher"] else {})
        for name, row in read_figures(path).items()
    }
