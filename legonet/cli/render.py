"""`legonet render`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from legonet.cli.options import GraphFile, Paths
from legonet.errors import SelectError


def render(
    graph: GraphFile,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The picture: .svg, .png, .pdf, .dot, .mmd or .html; default: GRAPH.svg"
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(help="Figures to write on the paths: what `legonet evaluate --json` printed."),
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compiled", help="Draw what a compiled network runs: svg, png, pdf or dot.")
    ] = False,
    path: Paths = None,
) -> None:
    """Draw the network: categories, tasks, adapters and teachers, with their state.

    With --compiled: the calls that its paths, or those of --path, are compiled to.
    """
    import legonet

    if compiled:
        from legonet.compile.picture import picture
        from legonet.render import render as draw

        network = legonet.load(graph)
        program = network.compile(*(path or [])).program
        target = output or graph.with_suffix(".compiled.svg")
        print(draw(picture(program, network.graph.name), target))
        return
    if path:
        raise SelectError("--path: only --compiled draws some paths; add --compiled, or leave --path out")
    drawn = legonet.load(graph).render(output or graph.with_suffix(".svg"), _figures(figures))
    print(drawn)


def _figures(path: Path | None) -> dict[str, dict[str, float]]:
    from legonet.errors import RenderError

    if path is None:
        return {}
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"]
        measures = {row["path"]: row["measure"] for row in reversed(rows)}
        return {
            row["path"]: {row["measure"]: row["transplanted"]}
            | ({"teacher": row["teacher"]} if row["teacher"] else {})
            for row in rows
            if row["measure"] == measures[row["path"]]
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RenderError(
            f"{path}: no figures; expected what `legonet evaluate --json` prints; make it anew"
        ) from error
