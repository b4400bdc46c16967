"""`python -m benchmarks speed`."""

from __future__ import annotations

from typing import Annotated

import typer

from benchmarks.cli.options import RESULTS, Results, Split, split_of
from benchmarks.cli.results import keep, print_figures, say
from legonet.cli.options import Json


def speed(
    steps: Annotated[int, typer.Option(min=1, help="Of back-distillation, which is compared with.")] = 1500,
    split: Split = "test",
    threads: Annotated[int | None, typer.Option(min=1, help="At the paper's width; default: all.")] = None,
    results: Results = RESULTS,
    as_json: Json = False,
) -> None:
    """Time the closed form against back-distillation.

    It is also compared with what the machine can do.
    """
    from benchmarks.speed import SPEED, run_speed

    found = run_speed(split_of(split), steps, threads, say)
    keep(results / SPEED, found.data())
    print_figures(found.figures, as_json)
