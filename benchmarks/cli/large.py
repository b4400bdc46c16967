"""`python -m benchmarks large`."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.cli.options import RESULTS, Results


def large(
    only: Annotated[str, typer.Option(help="Only networks with this in their names.")] = "",
    threads: Annotated[int, typer.Option(min=1, metavar="N", help="Threads of a fit.")] = 2,
    results: Results = RESULTS,
) -> None:
    """Fit adapters between ResNet-50s, ConvNeXts, Swins and ViTs of 224x224: time and memory.

    Needs the extra `zoo`.
    """
    from benchmarks.large import run_large, table

    print(table(list(run_large(results, threads, only))))
