"""`python -m benchmarks cells`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli.options import Seeds
from benchmarks.cli.results import say


def cells(
    seeds: Seeds = 5,
    teachers: Annotated[int, typer.Option(min=1, metavar="N", help="Seeds of the teachers.")] = 3,
    images: Annotated[
        list[str] | None,
        typer.Option(metavar="N", help="Unlabelled photos, or 'all'; default: 0, 10, 100, all."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Threads of a fit.")] = 2,
    stranger: Annotated[
        bool, typer.Option("--stranger", help="Category modules of EfficientNet-Lite1 into Lite0's.")
    ] = False,
    side: Annotated[int, typer.Option(min=64, max=256, metavar="PIXELS", help="Of the photos.")] = 128,
    results: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where teachers and results are kept.")
    ] = Path("build/cells"),
) -> None:
    """Join networks of solar cells' photos with the defaults of `auto`.

    Needs the extra `zoo`.
    """
    from benchmarks.cells import COUNTS, run_cells, table

    counts = COUNTS if images is None else tuple(None if each == "all" else int(each) for each in images)
    print(table(list(run_cells(results, seeds, teachers, counts, threads, say, int(stranger), side))))
