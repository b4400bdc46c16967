"""`legonet render`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from legonet.cli.options import GraphFile

if TYPE_CHECKING:
    from legonet.network import Network


def render(
    graph: GraphFile,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The picture: .svg, .png, .pdf, .dot, .mmd or .html; default: GRAPH.svg"
        ),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Write on each path what would be done and how long it takes.")
    ] = False,
    figures: Annotated[
        Path | None,
        typer.Option(help="Figures to write on the paths: what `legonet evaluate --json` printed."),
    ] = None,
) -> None:
    """Draw the network: categories, tasks, adapters and teachers, with their state."""
    import legonet

    network = legonet.load(graph)
    shown = _planned(network) if plan else _figures(figures)
    path = network.render(output or graph.with_suffix(".svg"), shown)
    print(path)


def _planned(network: Network) -> dict[str, dict[str, float]]:
    """What is to be done for a path and for how many seconds, as its figure."""
    return {
        edge.path: {f"{edge.action}, about s": edge.cost.seconds}
        for edge in network.plan().jobs
        if edge.cost is not None
    }


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
