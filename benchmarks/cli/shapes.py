"""`python -m benchmarks shapes`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.options import Seeds
from benchmarks.cli.results import say


def shapes(
    seeds: Seeds = 3,
    results: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where teachers and results are kept.")
    ] = Path("build/shapes"),
) -> None:
    """Join two ResNet-18s that know coloured shapes, from statistics with and without negatives."""
    from benchmarks.shapes import run_shapes, table
    from legonet.store.plain_files import write_file

    rows = list(run_shapes(results, seeds, say))
    write_file(
        results / "shapes.json", (json.dumps([asdict(each) for each in rows], indent=1) + "\n").encode()
    )
    print(table(rows))
