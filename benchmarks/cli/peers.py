"""`python -m benchmarks peers`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.options import Split, split_of
from benchmarks.cli.results import keep, say


def peers(
    seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Seeds of images and fits.")] = 3,
    split: Split = "test",
    only: Annotated[str, typer.Option(metavar="TEXT", help="Only peers whose name holds this.")] = "",
    results: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where rows are kept, as JSON.")
    ] = None,
) -> None:
    """Measure what people would do instead of transplanting.

    All get the animals' teachers of `classify`, and are measured on the same images.
    """
    from dataclasses import asdict

    from benchmarks.peers.run import run_peers, table

    rows = list(run_peers(seeds, split_of(split), only, say))
    if results is not None:
        keep(results, [asdict(row) for row in rows])
    print(table(rows))
