"""`python -m benchmarks scenes`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.options import Counts, Graph, Rows, Split, split_of
from benchmarks.cli.results import keep, print_found, say
from legonet.cli.options import Json


def scenes(
    graph: Graph = Path("graphs/scenes.yaml"),
    images: Counts = None,
    split: Split = "test",
    draws: Annotated[int, typer.Option(min=1, help="Times that labelled scenes are drawn.")] = 1,
    path: Annotated[list[str] | None, typer.Option(help="Only these paths; default: all.")] = None,
    results: Rows = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw what teachers and network find.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Merge five detectors of one animal each, trained apart, and measure.

    The teachers are trained first if they are not there, which takes some minutes.
    """
    from dataclasses import asdict

    from benchmarks.scenes import Effort, draw, run_scenes
    from benchmarks.sides import table

    found = run_scenes(graph, Effort(), images or [0], say, split_of(split), draws, path or ())
    rows = [asdict(row) for row in found]
    if results is not None:
        keep(results, rows)
    if picture is not None:
        draw(graph).save(picture)
    print_found(rows, table(found), as_json)
